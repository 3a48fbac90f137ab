use super::{Gradients, Output, expect_reals, expect_same_shape, no_gradient, size};
use crate::graph::{Backward, Graph, GraphError, Lowered, Op, Tensor, TensorId};
use crate::kernel;
use crate::tensor::Element;

/// A copy into a tensor of the store.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Copy;

impl Op for Copy {
    fn name(&self) -> &'static str {
        "copy"
    }

    fn output(&self, inputs: &[&Tensor]) -> Output {
        expect_reals(self.name(), inputs)?;
        Ok((inputs[0].shape.clone(), Element::F32))
    }

    fn gradient(&self, graph: &mut Graph, at: &Backward) -> Gradients {
        no_gradient(self.name(), graph, at, "it writes to the store")
    }

    fn lower(&self, inputs: &[&Tensor], _: &[&Tensor]) -> Lowered {
        Lowered::Kernel(
            kernel::Copy {
                count: size(inputs[0].shape.len()),
            }
            .into(),
        )
    }
}

impl Graph {
    /// Copies `x` into the stored tensor `to`.
    ///
    /// # Errors
    /// If `to` is not stored, the shapes differ, or they hold integers.
    pub fn copy_to(&mut self, x: TensorId, to: TensorId) -> Result<(), GraphError> {
        expect_reals("copy", &[self.tensor(x), self.tensor(to)])?;
        expect_same_shape("copy", self.tensor(x), self.tensor(to))?;
        super::expect_stored("copy", self.tensor(to))?;
        self.push_node(Box::new(Copy), vec![x], vec![to])
    }
}

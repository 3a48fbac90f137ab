use super::{Gradients, Output, expect_reals, no_gradient, size};
use crate::graph::{Backward, Graph, GraphError, Lowered, Op, Tensor, TensorId};
use crate::kernel;
use crate::tensor::{Element, Shape};

/// The index of the first element that is not finite.
#[derive(Debug, Clone, Copy)]
struct Nonfinite;

impl Op for Nonfinite {
    fn name(&self) -> &'static str {
        "nonfinite"
    }

    fn output(&self, inputs: &[&Tensor]) -> Output {
        expect_reals(self.name(), inputs)?;
        Ok((Shape::from([1]), Element::U32))
    }

    fn gradient(&self, graph: &mut Graph, at: &Backward) -> Gradients {
        no_gradient(self.name(), graph, at, "its result is an index")
    }

    fn lower(&self, inputs: &[&Tensor], _: &[&Tensor]) -> Lowered {
        Lowered::Kernel(
            kernel::Nonfinite {
                count: size(inputs[0].shape.len()),
                offset: 0,
            }
            .into(),
        )
    }
}

impl Graph {
    /// The index `[1]` of the first NaN or infinity in `x`, or `u32::MAX` if all is finite.
    ///
    /// # Errors
    /// If `x` holds integers.
    pub fn nonfinite(&mut self, x: TensorId) -> Result<TensorId, GraphError> {
        self.apply(Nonfinite, &[x])
    }
}

use super::{Gradients, Output, expect_reals, expect_same_shape, no_gradient, size};
use crate::graph::{Backward, Graph, GraphError, Lowered, Op, Tensor, TensorId};
use crate::kernel::LerpUpdate;
use crate::tensor::Element;

/// A step of a tensor of the store towards another.
#[derive(Debug, Clone, Copy)]
struct Lerp {
    t: f64,
}

impl Op for Lerp {
    fn name(&self) -> &'static str {
        "lerp_update"
    }

    fn output(&self, inputs: &[&Tensor]) -> Output {
        expect_reals(self.name(), inputs)?;
        Ok((inputs[0].shape.clone(), Element::F32))
    }

    fn gradient(&self, graph: &mut Graph, at: &Backward) -> Gradients {
        no_gradient(self.name(), graph, at, "it writes to the store")
    }

    fn lower(&self, inputs: &[&Tensor], _: &[&Tensor]) -> Lowered {
        let count = size(inputs[0].shape.len());
        Lowered::Kernel(LerpUpdate { count, t: self.t }.into())
    }
}

impl Graph {
    /// Moves the stored tensor `to` towards `x` in place: `to += t (x - to)`. An exponential moving average of decay `d`
    /// is a step of `t = 1 - d`.
    ///
    /// # Errors
    /// If `to` is not stored, the shapes differ, or they hold integers.
    pub fn lerp_to(&mut self, x: TensorId, to: TensorId, t: f64) -> Result<(), GraphError> {
        let op = Lerp { t };
        expect_reals(op.name(), &[self.tensor(x), self.tensor(to)])?;
        expect_same_shape(op.name(), self.tensor(x), self.tensor(to))?;
        super::expect_stored(op.name(), self.tensor(to))?;
        self.push_node(Box::new(op), vec![x], vec![to])
    }
}

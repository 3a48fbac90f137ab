use super::{Gradients, Output, expect_reals, no_gradient, size};
use crate::graph::{Backward, Graph, GraphError, Lowered, Op, Tensor, TensorId};
use crate::kernel;
use crate::tensor::Element;

/// `y = x / total`, or 0 if the total is 0.
#[derive(Debug, Clone, Copy)]
struct Share;

impl Op for Share {
    fn name(&self) -> &'static str {
        "share"
    }

    fn output(&self, inputs: &[&Tensor]) -> Output {
        expect_reals(self.name(), inputs)?;
        if inputs[1].shape.len() != 1 {
            return Err(GraphError::ShapeMismatch {
                op: self.name(),
                lhs: inputs[0].shape.clone(),
                rhs: inputs[1].shape.clone(),
                expected: "the total is one number",
            });
        }
        Ok((inputs[0].shape.clone(), Element::F32))
    }

    fn gradient(&self, graph: &mut Graph, at: &Backward) -> Gradients {
        let reason = "it is of weights, which are given and not learnt";
        no_gradient(self.name(), graph, at, reason)
    }

    fn lower(&self, inputs: &[&Tensor], _: &[&Tensor]) -> Lowered {
        let count = size(inputs[0].shape.len());
        Lowered::Kernel(kernel::Share { count }.into())
    }
}

impl Graph {
    /// What each element of `x` is of `total`, one number: `x / total`, and 0 if the total is 0. It has no gradient.
    ///
    /// # Errors
    /// If one of them holds integers, or the total is more than one number.
    pub fn share(&mut self, x: TensorId, total: TensorId) -> Result<TensorId, GraphError> {
        self.apply(Share, &[x, total])
    }
}

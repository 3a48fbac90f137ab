use super::{Gradients, Output, expect_reals, second_derivative, size};
use crate::graph::{Backward, Graph, GraphError, Lowered, Op, Tensor, TensorId};
use crate::kernel;
use crate::tensor::Element;

/// Softmax along the last axis.
#[derive(Debug, Clone, Copy)]
struct Softmax;

impl Op for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn output(&self, inputs: &[&Tensor]) -> Output {
        expect_reals(self.name(), inputs)?;
        Ok((inputs[0].shape.clone(), Element::F32))
    }

    fn gradient(&self, graph: &mut Graph, at: &Backward) -> Gradients {
        Ok(vec![Some(graph.apply(SoftmaxGrad, &[at.output, at.dy])?)])
    }

    fn lower(&self, inputs: &[&Tensor], _: &[&Tensor]) -> Lowered {
        let [rows, columns] = inputs[0].shape.rows_columns().map(size);
        Lowered::Kernel(kernel::Softmax { rows, columns }.into())
    }
}

/// Its gradient, from its output.
#[derive(Debug, Clone, Copy)]
struct SoftmaxGrad;

impl Op for SoftmaxGrad {
    fn name(&self) -> &'static str {
        "softmax_grad"
    }

    fn output(&self, inputs: &[&Tensor]) -> Output {
        Ok((inputs[0].shape.clone(), Element::F32))
    }

    fn gradient(&self, graph: &mut Graph, at: &Backward) -> Gradients {
        second_derivative(self.name(), graph, at)
    }

    fn lower(&self, inputs: &[&Tensor], _: &[&Tensor]) -> Lowered {
        let [rows, columns] = inputs[0].shape.rows_columns().map(size);
        Lowered::Kernel(kernel::SoftmaxGrad { rows, columns }.into())
    }
}

impl Graph {
    /// Softmax along the last axis.
    ///
    /// # Errors
    /// If `x` holds integers.
    pub fn softmax(&mut self, x: TensorId) -> Result<TensorId, GraphError> {
        self.apply(Softmax, &[x])
    }
}

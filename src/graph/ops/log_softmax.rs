use super::{Gradients, Output, expect_reals, second_derivative, size};
use crate::graph::{Backward, Graph, GraphError, Lowered, Op, Tensor, TensorId};
use crate::kernel;
use crate::tensor::Element;

/// The logarithm of the softmax along the last axis.
#[derive(Debug, Clone, Copy)]
struct LogSoftmax;

impl Op for LogSoftmax {
    fn name(&self) -> &'static str {
        "log_softmax"
    }

    fn output(&self, inputs: &[&Tensor]) -> Output {
        expect_reals(self.name(), inputs)?;
        Ok((inputs[0].shape.clone(), Element::F32))
    }

    fn gradient(&self, graph: &mut Graph, at: &Backward) -> Gradients {
        Ok(vec![Some(
            graph.apply(LogSoftmaxGrad, &[at.output, at.dy])?,
        )])
    }

    fn lower(&self, inputs: &[&Tensor], _: &[&Tensor]) -> Lowered {
        let [rows, columns] = inputs[0].shape.rows_columns().map(size);
        Lowered::Kernel(kernel::LogSoftmax { rows, columns }.into())
    }
}

/// Its gradient, from its output.
#[derive(Debug, Clone, Copy)]
struct LogSoftmaxGrad;

impl Op for LogSoftmaxGrad {
    fn name(&self) -> &'static str {
        "log_softmax_grad"
    }

    fn output(&self, inputs: &[&Tensor]) -> Output {
        Ok((inputs[0].shape.clone(), Element::F32))
    }

    fn gradient(&self, graph: &mut Graph, at: &Backward) -> Gradients {
        second_derivative(self.name(), graph, at)
    }

    fn lower(&self, inputs: &[&Tensor], _: &[&Tensor]) -> Lowered {
        let [rows, columns] = inputs[0].shape.rows_columns().map(size);
        Lowered::Kernel(kernel::LogSoftmaxGrad { rows, columns }.into())
    }
}

impl Graph {
    /// The logarithm of the softmax along the last axis: log-probabilities.
    ///
    /// # Errors
    /// If `x` holds integers.
    pub fn log_softmax(&mut self, x: TensorId) -> Result<TensorId, GraphError> {
        self.apply(LogSoftmax, &[x])
    }
}

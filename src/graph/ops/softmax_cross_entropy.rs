use super::{Gradients, Output, expect_classes, second_derivative, size};
use crate::graph::{Backward, Graph, GraphError, Lowered, Op, Tensor, TensorId};
use crate::kernel;
use crate::tensor::Element;

/// The loss of each row, from logits `[rows, classes]` and class numbers `[rows]`.
#[derive(Debug, Clone, Copy)]
struct SoftmaxCrossEntropy;

impl Op for SoftmaxCrossEntropy {
    fn name(&self) -> &'static str {
        "softmax_cross_entropy"
    }

    fn output(&self, inputs: &[&Tensor]) -> Output {
        expect_classes(self.name(), inputs[0], inputs[1])?;
        Ok((inputs[1].shape.clone(), Element::F32))
    }

    fn gradient(&self, graph: &mut Graph, at: &Backward) -> Gradients {
        let dx = graph.apply(
            SoftmaxCrossEntropyGrad,
            &[at.inputs[0], at.inputs[1], at.dy],
        )?;
        Ok(vec![Some(dx), None])
    }

    fn lower(&self, inputs: &[&Tensor], _: &[&Tensor]) -> Lowered {
        let [rows, columns] = inputs[0].shape.rows_columns().map(size);
        Lowered::Kernel(kernel::SoftmaxCrossEntropy { rows, columns }.into())
    }
}

/// Its gradient at the logits.
#[derive(Debug, Clone, Copy)]
struct SoftmaxCrossEntropyGrad;

impl Op for SoftmaxCrossEntropyGrad {
    fn name(&self) -> &'static str {
        "softmax_cross_entropy_grad"
    }

    fn output(&self, inputs: &[&Tensor]) -> Output {
        Ok((inputs[0].shape.clone(), Element::F32))
    }

    fn gradient(&self, graph: &mut Graph, at: &Backward) -> Gradients {
        second_derivative(self.name(), graph, at)
    }

    fn lower(&self, inputs: &[&Tensor], _: &[&Tensor]) -> Lowered {
        let [rows, columns] = inputs[0].shape.rows_columns().map(size);
        Lowered::Kernel(kernel::SoftmaxCrossEntropyGrad { rows, columns }.into())
    }
}

impl Graph {
    /// Softmax cross-entropy of each row, in its log-sum-exp form: logits `[rows, classes]` and class numbers `[rows]`
    /// give losses `[rows]`.
    ///
    /// # Errors
    /// If the shapes or element types do not fit.
    pub fn softmax_cross_entropy(
        &mut self,
        logits: TensorId,
        target: TensorId,
    ) -> Result<TensorId, GraphError> {
        self.apply(SoftmaxCrossEntropy, &[logits, target])
    }
}

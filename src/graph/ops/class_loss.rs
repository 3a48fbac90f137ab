use super::{Gradients, Output, expect_classes, second_derivative, size};
use crate::graph::{Backward, Graph, GraphError, Lowered, Op, Tensor, TensorId};
use crate::kernel::{self, ClassLossKind};
use crate::tensor::Element;

/// The loss of each row, from outputs `[rows, classes]` and class numbers `[rows]`.
#[derive(Debug, Clone, Copy)]
struct ClassLoss(ClassLossKind);

impl Op for ClassLoss {
    fn name(&self) -> &'static str {
        match self.0 {
            ClassLossKind::Hinge => "hinge",
            ClassLossKind::NegativeLogLikelihood => "negative_log_likelihood",
        }
    }

    fn output(&self, inputs: &[&Tensor]) -> Output {
        expect_classes(self.name(), inputs[0], inputs[1])?;
        Ok((inputs[1].shape.clone(), Element::F32))
    }

    fn gradient(&self, graph: &mut Graph, at: &Backward) -> Gradients {
        let gradient = ClassLossGrad(self.0);
        let dx = graph.apply(gradient, &[at.inputs[0], at.inputs[1], at.dy])?;
        Ok(vec![Some(dx), None])
    }

    fn lower(&self, inputs: &[&Tensor], _: &[&Tensor]) -> Lowered {
        let [rows, columns] = inputs[0].shape.rows_columns().map(size);
        let kind = self.0;
        let kernel = kernel::ClassLoss {
            kind,
            rows,
            columns,
        };
        Lowered::Kernel(kernel.into())
    }
}

/// Its gradient at the outputs.
#[derive(Debug, Clone, Copy)]
struct ClassLossGrad(ClassLossKind);

impl Op for ClassLossGrad {
    fn name(&self) -> &'static str {
        "class_loss_grad"
    }

    fn output(&self, inputs: &[&Tensor]) -> Output {
        Ok((inputs[0].shape.clone(), Element::F32))
    }

    fn gradient(&self, graph: &mut Graph, at: &Backward) -> Gradients {
        second_derivative(self.name(), graph, at)
    }

    fn lower(&self, inputs: &[&Tensor], _: &[&Tensor]) -> Lowered {
        let [rows, columns] = inputs[0].shape.rows_columns().map(size);
        let kind = self.0;
        let kernel = kernel::ClassLossGrad {
            kind,
            rows,
            columns,
        };
        Lowered::Kernel(kernel.into())
    }
}

impl Graph {
    /// `Σ max(0, 1 - x[target] + x[j]) / classes` over the other classes `j`, of each row of outputs `[rows, classes]`:
    /// losses `[rows]`, whose mean is PyTorch's `MultiMarginLoss`. Exactly at the margin the gradient is 0.
    ///
    /// # Errors
    /// If the shapes or element types do not fit.
    pub fn hinge(&mut self, x: TensorId, target: TensorId) -> Result<TensorId, GraphError> {
        self.apply(ClassLoss(ClassLossKind::Hinge), &[x, target])
    }

    /// `-x[target]` of each row of log-probabilities `[rows, classes]`: losses `[rows]`, whose mean is PyTorch's `NLLLoss`.
    ///
    /// # Errors
    /// If the shapes or element types do not fit.
    pub fn negative_log_likelihood(
        &mut self,
        x: TensorId,
        target: TensorId,
    ) -> Result<TensorId, GraphError> {
        let loss = ClassLoss(ClassLossKind::NegativeLogLikelihood);
        self.apply(loss, &[x, target])
    }
}

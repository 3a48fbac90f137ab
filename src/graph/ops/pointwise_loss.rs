use super::{Gradients, Output, expect_reals, expect_same_shape, second_derivative, size};
use crate::graph::{Backward, Graph, GraphError, Lowered, Op, Tensor, TensorId};
use crate::kernel::{self, PointwiseLossKind};
use crate::tensor::Element;

/// The loss of each element, from a prediction and a target.
#[derive(Debug, Clone, Copy)]
struct PointwiseLoss(PointwiseLossKind);

impl Op for PointwiseLoss {
    fn name(&self) -> &'static str {
        match self.0 {
            PointwiseLossKind::SquaredError => "squared_error",
            PointwiseLossKind::SigmoidCrossEntropy => "sigmoid_cross_entropy",
            PointwiseLossKind::AbsoluteError => "absolute_error",
            PointwiseLossKind::Huber(_) => "huber",
            PointwiseLossKind::SmoothL1(_) => "smooth_l1",
            PointwiseLossKind::Divergence => "divergence",
        }
    }

    fn output(&self, inputs: &[&Tensor]) -> Output {
        expect_reals(self.name(), inputs)?;
        expect_same_shape(self.name(), inputs[0], inputs[1])?;
        Ok((inputs[0].shape.clone(), Element::F32))
    }

    fn gradient(&self, graph: &mut Graph, at: &Backward) -> Gradients {
        let mut at_operand = |at_target: bool| {
            let gradient = PointwiseLossGrad {
                kind: self.0,
                at_target,
            };
            let needed = at.needed[usize::from(at_target)];
            needed
                .then(|| graph.apply(gradient, &[at.inputs[0], at.inputs[1], at.dy]))
                .transpose()
        };
        Ok(vec![at_operand(false)?, at_operand(true)?])
    }

    fn lower(&self, inputs: &[&Tensor], _: &[&Tensor]) -> Lowered {
        Lowered::Kernel(
            kernel::PointwiseLoss {
                kind: self.0,
                count: size(inputs[0].shape.len()),
            }
            .into(),
        )
    }
}

/// Its gradient at the prediction or at the target.
#[derive(Debug, Clone, Copy)]
struct PointwiseLossGrad {
    kind: PointwiseLossKind,
    at_target: bool,
}

impl Op for PointwiseLossGrad {
    fn name(&self) -> &'static str {
        "pointwise_loss_grad"
    }

    fn output(&self, inputs: &[&Tensor]) -> Output {
        Ok((inputs[0].shape.clone(), Element::F32))
    }

    fn gradient(&self, graph: &mut Graph, at: &Backward) -> Gradients {
        second_derivative(self.name(), graph, at)
    }

    fn lower(&self, inputs: &[&Tensor], _: &[&Tensor]) -> Lowered {
        let (kind, at_target, count) = (self.kind, self.at_target, size(inputs[0].shape.len()));
        Lowered::Kernel(
            kernel::PointwiseLossGrad {
                kind,
                at_target,
                count,
            }
            .into(),
        )
    }
}

impl Graph {
    /// `(x - t)²` of each element; its mean is PyTorch's `MSELoss`.
    ///
    /// # Errors
    /// If the shapes differ.
    pub fn squared_error(&mut self, x: TensorId, t: TensorId) -> Result<TensorId, GraphError> {
        self.apply(PointwiseLoss(PointwiseLossKind::SquaredError), &[x, t])
    }

    /// Cross-entropy of `sigmoid(x)` and a target `t` between 0 and 1, from the logit `x`; its mean is PyTorch's
    /// `BCEWithLogitsLoss`.
    ///
    /// # Errors
    /// If the shapes differ.
    pub fn sigmoid_cross_entropy(
        &mut self,
        x: TensorId,
        t: TensorId,
    ) -> Result<TensorId, GraphError> {
        self.apply(
            PointwiseLoss(PointwiseLossKind::SigmoidCrossEntropy),
            &[x, t],
        )
    }

    /// `|x - t|` of each element; its mean is PyTorch's `L1Loss`. Where both are equal, the gradient is 0.
    ///
    /// # Errors
    /// If the shapes differ.
    pub fn absolute_error(&mut self, x: TensorId, t: TensorId) -> Result<TensorId, GraphError> {
        self.apply(PointwiseLoss(PointwiseLossKind::AbsoluteError), &[x, t])
    }

    /// `d² / 2` of each element where `d = |x - t|` is below `delta`, else `delta (d - delta / 2)`; its mean is PyTorch's
    /// `HuberLoss`.
    ///
    /// # Errors
    /// If the shapes differ, or `delta` is not a number above 0 that f32 holds.
    pub fn huber(&mut self, x: TensorId, t: TensorId, delta: f64) -> Result<TensorId, GraphError> {
        let delta = knee("huber", "delta", delta)?;
        self.apply(PointwiseLoss(PointwiseLossKind::Huber(delta)), &[x, t])
    }

    /// `d² / (2 beta)` of each element where `d = |x - t|` is below `beta`, else `d - beta / 2`; its mean is PyTorch's
    /// `SmoothL1Loss`. With a `beta` of 0 it is the absolute error.
    ///
    /// # Errors
    /// If the shapes differ, or `beta` is neither 0 nor a number above 0 that f32 holds.
    pub fn smooth_l1(
        &mut self,
        x: TensorId,
        t: TensorId,
        beta: f64,
    ) -> Result<TensorId, GraphError> {
        if beta == 0.0 {
            return self.absolute_error(x, t);
        }
        let beta = knee("smooth_l1", "beta", beta)?;
        self.apply(PointwiseLoss(PointwiseLossKind::SmoothL1(beta)), &[x, t])
    }

    /// `t (log t - x)` of each log-probability `x` and probability `t`, and 0 where `t` is 0; the sum over a row is the
    /// Kullback-Leibler divergence, PyTorch's `KLDivLoss`.
    ///
    /// # Errors
    /// If the shapes differ.
    pub fn divergence(&mut self, x: TensorId, t: TensorId) -> Result<TensorId, GraphError> {
        self.apply(PointwiseLoss(PointwiseLossKind::Divergence), &[x, t])
    }
}

/// Refuses a place that f32 does not hold.
fn knee(op: &'static str, name: &'static str, value: f64) -> Result<f64, GraphError> {
    if PointwiseLossKind::KNEES.contains(&value) {
        return Ok(value);
    }
    Err(GraphError::Value {
        op,
        name,
        value,
        expected: "a number above 0 within the range of f32",
    })
}

//! Losses and their gradients, and the metric that counts right answers.

use super::{Access, Binding, Limits, Parameters, Shader, Spec};
use crate::tensor::Element;

fn classes(rows: u32) -> Binding {
    Binding::new("target", Element::U32, Access::Read, rows as usize)
}

/// `loss[i] = log Σ exp(x[i, ·]) - x[i, target[i]]`, with the row's maximum taken out first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SoftmaxCrossEntropy {
    /// Rows.
    pub rows: u32,
    /// Classes.
    pub columns: u32,
}

impl Spec for SoftmaxCrossEntropy {
    fn name(&self) -> &'static str {
        "softmax_cross_entropy"
    }

    fn bindings(&self) -> Vec<Binding> {
        let rows = self.rows as usize;
        vec![
            Binding::read("x", rows * self.columns as usize),
            classes(self.rows),
            Binding::write("loss", rows),
        ]
    }

    fn parameters(&self) -> Parameters {
        Parameters::new()
            .u32("rows", self.rows)
            .u32("columns", self.columns)
    }

    fn turns(&self, _limits: &Limits) -> u64 {
        2 * u64::from(self.columns)
    }

    fn shader(&self, limits: &Limits) -> Shader {
        Shader::strided("softmax_cross_entropy", self.rows as usize, limits)
    }
}

/// `dx[i, j] = (softmax(x[i, ·])[j] - [j = target[i]]) dloss[i]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SoftmaxCrossEntropyGrad {
    /// Rows.
    pub rows: u32,
    /// Classes.
    pub columns: u32,
}

impl Spec for SoftmaxCrossEntropyGrad {
    fn name(&self) -> &'static str {
        "softmax_cross_entropy_grad"
    }

    fn bindings(&self) -> Vec<Binding> {
        let count = self.rows as usize * self.columns as usize;
        vec![
            Binding::read("x", count),
            classes(self.rows),
            Binding::read("dloss", self.rows as usize),
            Binding::write("dx", count),
        ]
    }

    fn parameters(&self) -> Parameters {
        Parameters::new()
            .u32("rows", self.rows)
            .u32("columns", self.columns)
    }

    fn turns(&self, _limits: &Limits) -> u64 {
        3 * u64::from(self.columns)
    }

    fn shader(&self, limits: &Limits) -> Shader {
        Shader::strided("softmax_cross_entropy_grad", self.rows as usize, limits)
    }
}

/// The losses of one prediction `x` and one target `t`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PointwiseLossKind {
    /// `(x - t)²`
    SquaredError,
    /// `max(x, 0) - x t + log(1 + exp(-|x|))`: cross-entropy of `sigmoid(x)`, from the logit.
    SigmoidCrossEntropy,
    /// `|x - t|`; its gradient is 0 where both are equal.
    AbsoluteError,
    /// `(x - t)² / 2` nearer than `delta`, which is above 0, and `delta (|x - t| - delta / 2)` from there on (Huber 1964).
    Huber(f64),
    /// `(x - t)² / (2 beta)` nearer than `beta`, which is above 0, and `|x - t| - beta / 2` from there on.
    SmoothL1(f64),
    /// `t (log t - x)` of a log-probability `x`, and 0 where `t` is 0: what an outcome has of the Kullback-Leibler
    /// divergence. At a `t` of 0 it has no gradient at the target, and 0 stands for it.
    Divergence,
}

impl PointwiseLossKind {
    const fn constant(self) -> &'static str {
        match self {
            Self::SquaredError => "SQUARED_ERROR",
            Self::SigmoidCrossEntropy => "SIGMOID_CROSS_ENTROPY",
            Self::AbsoluteError => "ABSOLUTE_ERROR",
            Self::Huber(_) => "HUBER",
            Self::SmoothL1(_) => "SMOOTH_L1",
            Self::Divergence => "DIVERGENCE",
        }
    }

    /// Where the shape of a loss may change: f32 holds the number and its half.
    pub const KNEES: std::ops::RangeInclusive<f64> = 1e-30..=1e30;

    /// Where the shape of the loss changes, if it has such a place; else 0.
    pub(crate) const fn knee(self) -> f64 {
        match self {
            Self::Huber(knee) | Self::SmoothL1(knee) => knee,
            _ => 0.0,
        }
    }
}

/// `loss[i] = f(x[i], t[i])`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PointwiseLoss {
    /// The loss.
    pub kind: PointwiseLossKind,
    /// Elements.
    pub count: u32,
}

impl Spec for PointwiseLoss {
    fn name(&self) -> &'static str {
        "pointwise_loss"
    }

    fn bindings(&self) -> Vec<Binding> {
        let count = self.count as usize;
        vec![
            Binding::read("x", count),
            Binding::read("t", count),
            Binding::write("loss", count),
        ]
    }

    fn parameters(&self) -> Parameters {
        Parameters::new()
            .u32("count", self.count)
            .f32("knee", self.kind.knee())
    }

    fn shader(&self, limits: &Limits) -> Shader {
        Shader::strided("pointwise_loss", self.count as usize, limits)
            .with("KIND", self.kind.constant())
    }
}

/// `dx[i] = dloss[i] ∂f/∂x`, or `∂f/∂t` if `at_target`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PointwiseLossGrad {
    /// The loss.
    pub kind: PointwiseLossKind,
    /// The gradient at the target, not at the prediction.
    pub at_target: bool,
    /// Elements.
    pub count: u32,
}

impl Spec for PointwiseLossGrad {
    fn name(&self) -> &'static str {
        "pointwise_loss_grad"
    }

    fn bindings(&self) -> Vec<Binding> {
        let count = self.count as usize;
        vec![
            Binding::read("x", count),
            Binding::read("t", count),
            Binding::read("dloss", count),
            Binding::write("dx", count),
        ]
    }

    fn parameters(&self) -> Parameters {
        Parameters::new()
            .u32("count", self.count)
            .f32("knee", self.kind.knee())
    }

    fn shader(&self, limits: &Limits) -> Shader {
        Shader::strided("pointwise_loss_grad", self.count as usize, limits)
            .with("KIND", self.kind.constant())
            .with_bool("AT_TARGET", self.at_target)
    }
}

/// `y[i] = 1` if the first largest of `x[i, ·]` is at `target[i]`, else 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Correct {
    /// Rows.
    pub rows: u32,
    /// Classes.
    pub columns: u32,
}

impl Spec for Correct {
    fn name(&self) -> &'static str {
        "correct"
    }

    fn bindings(&self) -> Vec<Binding> {
        let rows = self.rows as usize;
        vec![
            Binding::read("x", rows * self.columns as usize),
            classes(self.rows),
            Binding::write("y", rows),
        ]
    }

    fn parameters(&self) -> Parameters {
        Parameters::new()
            .u32("rows", self.rows)
            .u32("columns", self.columns)
    }

    fn turns(&self, _limits: &Limits) -> u64 {
        u64::from(self.columns)
    }

    fn shader(&self, limits: &Limits) -> Shader {
        Shader::strided("correct", self.rows as usize, limits)
    }
}

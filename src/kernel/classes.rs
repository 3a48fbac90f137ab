//! Losses of rows with a class each, beside the softmax cross-entropy: margins, log-probabilities, smoothed labels. And
//! what they are made with: the logarithm of the softmax, and the shares that rows with weights have in a mean.

use super::{Access, Binding, Limits, Parameters, Shader, Spec};
use crate::tensor::Element;

fn classes(rows: u32) -> Binding {
    Binding::new("target", Element::U32, Access::Read, rows as usize)
}

/// The losses of a row of outputs `x` and a class `t`, of `n` classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ClassLossKind {
    /// `Σ max(0, 1 - x[t] + x[j]) / n` over the other classes `j` (Crammer and Singer 2001, with the sum of Weston and
    /// Watkins 1999): PyTorch's `MultiMarginLoss`.
    Hinge,
    /// `-x[t]`, of log-probabilities `x`: PyTorch's `NLLLoss`.
    NegativeLogLikelihood,
}

impl ClassLossKind {
    const fn constant(self) -> &'static str {
        match self {
            Self::Hinge => "HINGE",
            Self::NegativeLogLikelihood => "NEGATIVE_LOG_LIKELIHOOD",
        }
    }
}

/// `loss[i] = f(x[i, ·], target[i])`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClassLoss {
    /// The loss.
    pub kind: ClassLossKind,
    /// Rows.
    pub rows: u32,
    /// Classes.
    pub columns: u32,
}

impl Spec for ClassLoss {
    fn name(&self) -> &'static str {
        "class_loss"
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
        u64::from(self.columns)
    }

    fn shader(&self, limits: &Limits) -> Shader {
        Shader::strided("class_loss", self.rows as usize, limits).with("KIND", self.kind.constant())
    }
}

/// `dx[i, j] = dloss[i] ∂f/∂x[j]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClassLossGrad {
    /// The loss.
    pub kind: ClassLossKind,
    /// Rows.
    pub rows: u32,
    /// Classes.
    pub columns: u32,
}

impl Spec for ClassLossGrad {
    fn name(&self) -> &'static str {
        "class_loss_grad"
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
        u64::from(self.columns)
    }

    fn shader(&self, limits: &Limits) -> Shader {
        Shader::strided("class_loss_grad", self.rows as usize, limits)
            .with("KIND", self.kind.constant())
    }
}

/// Softmax cross-entropy of smoothed labels with a weight for each class: with `n[j] = log Σ exp(x[i, ·]) - x[i, j]`, `C`
/// classes and the smoothing `ε`,
/// `loss[i] = (1 - ε) weights[target[i]] n[target[i]] + ε / C Σ weights[j] n[j]`, as in PyTorch's `CrossEntropyLoss`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SmoothedCrossEntropy {
    /// Rows.
    pub rows: u32,
    /// Classes.
    pub columns: u32,
    /// What is taken from the label and given to all classes alike: from 0 to 1.
    pub smoothing: f64,
}

/// The parameters of both kernels: what the label keeps, and what each class gets.
fn smoothed(rows: u32, columns: u32, smoothing: f64) -> Parameters {
    Parameters::new()
        .u32("rows", rows)
        .u32("columns", columns)
        .f32("keep", 1.0 - smoothing)
        .f32("spread", smoothing / f64::from(columns))
}

impl Spec for SmoothedCrossEntropy {
    fn name(&self) -> &'static str {
        "smoothed_cross_entropy"
    }

    fn bindings(&self) -> Vec<Binding> {
        let (rows, columns) = (self.rows as usize, self.columns as usize);
        vec![
            Binding::read("x", rows * columns),
            classes(self.rows),
            Binding::read("weights", columns),
            Binding::write("loss", rows),
        ]
    }

    fn parameters(&self) -> Parameters {
        smoothed(self.rows, self.columns, self.smoothing)
    }

    fn turns(&self, _limits: &Limits) -> u64 {
        3 * u64::from(self.columns)
    }

    fn shader(&self, limits: &Limits) -> Shader {
        Shader::strided("smoothed_cross_entropy", self.rows as usize, limits)
    }
}

/// Its gradient: with `W = Σ weights` and `w = weights[target[i]]`,
/// `dx[i, j] = (softmax(x[i, ·])[j] ((1 - ε) w + ε / C W) - (1 - ε) w [j = target[i]] - ε / C weights[j]) dloss[i]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SmoothedCrossEntropyGrad {
    /// Rows.
    pub rows: u32,
    /// Classes.
    pub columns: u32,
    /// What is taken from the label and given to all classes alike: from 0 to 1.
    pub smoothing: f64,
}

impl Spec for SmoothedCrossEntropyGrad {
    fn name(&self) -> &'static str {
        "smoothed_cross_entropy_grad"
    }

    fn bindings(&self) -> Vec<Binding> {
        let (rows, columns) = (self.rows as usize, self.columns as usize);
        vec![
            Binding::read("x", rows * columns),
            classes(self.rows),
            Binding::read("weights", columns),
            Binding::read("dloss", rows),
            Binding::write("dx", rows * columns),
        ]
    }

    fn parameters(&self) -> Parameters {
        smoothed(self.rows, self.columns, self.smoothing)
    }

    fn turns(&self, _limits: &Limits) -> u64 {
        3 * u64::from(self.columns)
    }

    fn shader(&self, limits: &Limits) -> Shader {
        Shader::strided("smoothed_cross_entropy_grad", self.rows as usize, limits)
    }
}

/// `y[i, j] = x[i, j] - log Σ exp(x[i, ·])`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogSoftmax {
    /// Rows.
    pub rows: u32,
    /// Elements in a row.
    pub columns: u32,
}

impl Spec for LogSoftmax {
    fn name(&self) -> &'static str {
        "log_softmax"
    }

    fn bindings(&self) -> Vec<Binding> {
        let count = self.rows as usize * self.columns as usize;
        vec![Binding::read("x", count), Binding::write("y", count)]
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
        Shader::strided("log_softmax", self.rows as usize, limits)
    }
}

/// `dx[i, j] = dy[i, j] - exp(y[i, j]) Σ dy[i, ·]`, from the output `y`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogSoftmaxGrad {
    /// Rows.
    pub rows: u32,
    /// Elements in a row.
    pub columns: u32,
}

impl Spec for LogSoftmaxGrad {
    fn name(&self) -> &'static str {
        "log_softmax_grad"
    }

    fn bindings(&self) -> Vec<Binding> {
        let count = self.rows as usize * self.columns as usize;
        vec![
            Binding::read("y", count),
            Binding::read("dy", count),
            Binding::write("dx", count),
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
        Shader::strided("log_softmax_grad", self.rows as usize, limits)
    }
}

/// `y[i] = x[i] / total`, or 0 if the total is 0: what each row has of a mean with weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Elements.
    pub count: u32,
}

impl Spec for Share {
    fn name(&self) -> &'static str {
        "share"
    }

    fn bindings(&self) -> Vec<Binding> {
        let count = self.count as usize;
        vec![
            Binding::read("x", count),
            Binding::read("total", 1),
            Binding::write("y", count),
        ]
    }

    fn parameters(&self) -> Parameters {
        Parameters::new().u32("count", self.count)
    }

    fn shader(&self, limits: &Limits) -> Shader {
        Shader::strided("share", self.count as usize, limits)
    }
}

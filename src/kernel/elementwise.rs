//! Kernels that compute each element, or each row, on its own.

use super::{Binding, Limits, Parameters, Shader, Spec};

/// `y[g, i, j] = x[g, i, j] + b[g, j]`: `x` and `y` are `[groups, rows, columns]`, `b` is `[groups, columns]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BiasAdd {
    /// Independent layers.
    pub groups: u32,
    /// Rows in a group.
    pub rows: u32,
    /// Length of a row.
    pub columns: u32,
}

impl Spec for BiasAdd {
    fn name(&self) -> &'static str {
        "bias_add"
    }

    fn bindings(&self) -> Vec<Binding> {
        let (groups, rows, columns) = (
            self.groups as usize,
            self.rows as usize,
            self.columns as usize,
        );
        let count = groups * rows * columns;
        vec![
            Binding::read("x", count),
            Binding::read("b", groups * columns),
            Binding::write("y", count),
        ]
    }

    fn parameters(&self) -> Parameters {
        Parameters::new()
            .u32("groups", self.groups)
            .u32("rows", self.rows)
            .u32("columns", self.columns)
    }

    fn shader(&self, limits: &Limits) -> Shader {
        let count = self.groups as usize * self.rows as usize * self.columns as usize;
        Shader::strided_wide("bias_add", count, self.columns, "f32", limits)
    }
}

/// What [`Binary`] does with its two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BinaryKind {
    /// `a + b`
    Add,
    /// `a - b`
    Sub,
    /// `a * b`
    Mul,
}

/// `y[i] = a[i] + b[i]`, or the difference, or the product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binary {
    /// The operation.
    pub kind: BinaryKind,
    /// Elements.
    pub count: u32,
}

impl Spec for Binary {
    fn name(&self) -> &'static str {
        "binary"
    }

    fn bindings(&self) -> Vec<Binding> {
        let count = self.count as usize;
        vec![
            Binding::read("a", count),
            Binding::read("b", count),
            Binding::write("y", count),
        ]
    }

    fn parameters(&self) -> Parameters {
        Parameters::new().u32("count", self.count)
    }

    fn shader(&self, limits: &Limits) -> Shader {
        let kind = match self.kind {
            BinaryKind::Add => "ADD",
            BinaryKind::Sub => "SUB",
            BinaryKind::Mul => "MUL",
        };
        Shader::strided("binary", self.count as usize, limits).with("KIND", kind)
    }
}

/// `y[i] = factor * x[i]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    /// Elements.
    pub count: u32,
    /// The factor.
    pub factor: f64,
}

impl Spec for Scale {
    fn name(&self) -> &'static str {
        "scale"
    }

    fn bindings(&self) -> Vec<Binding> {
        vec![
            Binding::read("x", self.count as usize),
            Binding::write("y", self.count as usize),
        ]
    }

    fn parameters(&self) -> Parameters {
        Parameters::new()
            .u32("count", self.count)
            .f32("factor", self.factor)
    }

    fn shader(&self, limits: &Limits) -> Shader {
        Shader::strided("scale", self.count as usize, limits)
    }
}

/// The functions of one variable that [`Activation`] applies. The formulas are those of PyTorch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ActivationKind {
    /// `x`
    Identity,
    /// `1 / (1 + exp(-x))`
    Sigmoid,
    /// `tanh(x)`
    Tanh,
    /// `max(x, 0)`; its gradient at 0 is 0.
    Relu,
    /// `x` if positive, else `alpha x`
    LeakyRelu,
    /// `x` if positive, else `alpha (exp(x) - 1)`
    Elu,
    /// `x Φ(x)`, with the normal distribution function
    Gelu,
    /// `0.5 x (1 + tanh(sqrt(2/π) (x + 0.044715 x³)))`
    GeluTanh,
    /// `x sigmoid(x)`
    Silu,
    /// `log(1 + exp(x))`
    Softplus,
}

impl ActivationKind {
    /// Whether the gradient is computed from the output `y`, not from the input `x`, so that `x` need not be kept.
    pub const fn saves_output(self) -> bool {
        matches!(self, Self::Sigmoid | Self::Tanh | Self::Relu)
    }

    pub(super) const fn constant(self) -> &'static str {
        match self {
            Self::Identity => "IDENTITY",
            Self::Sigmoid => "SIGMOID",
            Self::Tanh => "TANH",
            Self::Relu => "RELU",
            Self::LeakyRelu => "LEAKY_RELU",
            Self::Elu => "ELU",
            Self::Gelu => "GELU",
            Self::GeluTanh => "GELU_TANH",
            Self::Silu => "SILU",
            Self::Softplus => "SOFTPLUS",
        }
    }
}

/// One of two files: for any count, or for counts that divide by 4.
fn strided_by_four(any: &'static str, wide: &'static str, count: u32, limits: &Limits) -> Shader {
    if count.is_multiple_of(4) {
        Shader::strided(wide, count as usize / 4, limits)
    } else {
        Shader::strided(any, count as usize, limits)
    }
}

/// `y[i] = f(x[i])`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Activation {
    /// The function.
    pub kind: ActivationKind,
    /// Elements.
    pub count: u32,
    /// Slope of leaky ReLU, or the `alpha` of ELU; unused by the others.
    pub alpha: f64,
}

impl Spec for Activation {
    fn name(&self) -> &'static str {
        "activation"
    }

    fn bindings(&self) -> Vec<Binding> {
        vec![
            Binding::read("x", self.count as usize),
            Binding::write("y", self.count as usize),
        ]
    }

    fn parameters(&self) -> Parameters {
        Parameters::new()
            .u32("count", self.count)
            .f32("alpha", self.alpha)
    }

    fn shader(&self, limits: &Limits) -> Shader {
        strided_by_four("activation", "activation_wide", self.count, limits)
            .with("KIND", self.kind.constant())
    }
}

/// `dx[i] = f'(x[i]) dy[i]`, where `saved` is `y` if [`ActivationKind::saves_output`], else `x`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ActivationGrad {
    /// The function.
    pub kind: ActivationKind,
    /// Elements.
    pub count: u32,
    /// As in [`Activation`].
    pub alpha: f64,
}

impl Spec for ActivationGrad {
    fn name(&self) -> &'static str {
        "activation_grad"
    }

    fn bindings(&self) -> Vec<Binding> {
        let count = self.count as usize;
        vec![
            Binding::read("saved", count),
            Binding::read("dy", count),
            Binding::write("dx", count),
        ]
    }

    fn parameters(&self) -> Parameters {
        Parameters::new()
            .u32("count", self.count)
            .f32("alpha", self.alpha)
    }

    fn shader(&self, limits: &Limits) -> Shader {
        strided_by_four(
            "activation_grad",
            "activation_grad_wide",
            self.count,
            limits,
        )
        .with("KIND", self.kind.constant())
    }
}

/// Softmax of each row: `y[i, j] = exp(x[i, j] - max_i) / Σ exp(x[i, ·] - max_i)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Softmax {
    /// Rows.
    pub rows: u32,
    /// Length of a row.
    pub columns: u32,
}

impl Spec for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
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
        Shader::strided("softmax", self.rows as usize, limits)
    }
}

/// `dx[i, j] = y[i, j] (dy[i, j] - Σ dy[i, ·] y[i, ·])`, from the softmax's output `y`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SoftmaxGrad {
    /// Rows.
    pub rows: u32,
    /// Length of a row.
    pub columns: u32,
}

impl Spec for SoftmaxGrad {
    fn name(&self) -> &'static str {
        "softmax_grad"
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
        Shader::strided("softmax_grad", self.rows as usize, limits)
    }
}

/// Inverted dropout: `y[i] = x[i] * factor` if element `i` is kept, else 0, with `factor = 1 / (1 - p)`.
///
/// Element `i` is kept if its random bits (see [`crate::random`]) are at least `threshold = round(p * 2^32)`. With
/// the same seed, stream and step the gradient is the same kernel applied to `dy`, so no mask is stored.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Dropout {
    /// Elements.
    pub count: u32,
    /// The number of the first of them, which decides its random bits: not 0 in a piece of a larger tensor.
    pub offset: u32,
    /// `round(p * 2^32)`.
    pub threshold: u32,
    /// `1 / (1 - p)`.
    pub factor: f64,
    /// The run's seed.
    pub seed: u64,
    /// The stream of this layer.
    pub stream: u32,
    /// The training step: decided by the [`super::Tick`].
    pub step: u32,
}

impl Spec for Dropout {
    fn name(&self) -> &'static str {
        "dropout"
    }

    fn bindings(&self) -> Vec<Binding> {
        vec![
            Binding::read("x", self.count as usize),
            Binding::write("y", self.count as usize),
        ]
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "the seed is sent in two halves"
    )]
    fn parameters(&self) -> Parameters {
        Parameters::new()
            .u32("count", self.count)
            .u32("offset", self.offset)
            .u32("threshold", self.threshold)
            .f32("factor", self.factor)
            .u32("seed_low", self.seed as u32)
            .u32("seed_high", (self.seed >> 32) as u32)
            .u32("stream", self.stream)
            .u32("step", self.step)
    }

    fn shader(&self, limits: &Limits) -> Shader {
        Shader::strided("dropout", self.count as usize, limits)
    }
}

//! What is fused into a product: what becomes of its sums before they are stored.

use super::ActivationKind;

/// An activation function and the number it may take: slope of leaky ReLU, or the `alpha` of ELU.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Function {
    /// The function.
    pub kind: ActivationKind,
    /// Unused by most.
    pub alpha: f64,
}

impl Function {
    /// `f(x) = x`.
    pub const IDENTITY: Self = Self {
        kind: ActivationKind::Identity,
        alpha: 0.0,
    };
}

/// What becomes of each sum `s` of a product before it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Finish {
    /// `y = s`
    #[default]
    None,
    /// `y = f(s + bias)`, with a row of `bias` `[groups, n]` to each row: a layer's forward pass.
    Bias(Function),
    /// `y = f'(saved) s`, with `saved` `[groups, m, n]` as in [`super::ActivationGrad`]: a layer's backward pass.
    Gradient(Function),
    /// `y -= learning_rate (s + weight_decay y)`, in place, and the same with the sums of the rows and what they were: as
    /// [`super::SgdUpdate`] does, without momentum. A gradient that becomes its parameter's update.
    Sgd {
        /// Decided by the [`super::Tick`].
        learning_rate: f64,
        /// L2 penalty, added to the gradient.
        weight_decay: f64,
    },
}

impl Finish {
    /// The function, if there is one.
    pub const fn function(&self) -> Option<Function> {
        match self {
            Self::None | Self::Sgd { .. } => None,
            Self::Bias(function) | Self::Gradient(function) => Some(*function),
        }
    }
}

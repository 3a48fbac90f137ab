//! Rules that divide each step by the size of the gradients before. In all, `g = gradient + weight_decay w`.

use serde::{Deserialize, Serialize};

use super::rule::{Allowed, Number, Rule, RuleUpdate};
use crate::kernel::Parameters;

/// `RMSprop` (Hinton 2012), as `torch.optim.RMSprop`:
///
/// - `square = alpha square + (1 - alpha) g²`;
/// - centered: `average += (1 - alpha) (g - average)` and `spread = square - average²`, else `spread = square`;
/// - `step = g / (sqrt(spread) + epsilon)`, with momentum `velocity = momentum velocity + step` in its place;
/// - `w -= learning_rate step`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rmsprop {
    /// Decay of the mean square.
    pub alpha: f64,
    /// Added to the denominator.
    pub epsilon: f64,
    /// How much of the last velocity is kept; 0 for none.
    pub momentum: f64,
    /// Whether the mean is taken out of the mean square.
    pub centered: bool,
    /// L2 penalty.
    pub weight_decay: f64,
}

impl Default for Rmsprop {
    fn default() -> Self {
        Self {
            alpha: 0.99,
            epsilon: 1e-8,
            momentum: 0.0,
            centered: false,
            weight_decay: 0.0,
        }
    }
}

/// [`Rmsprop`] in place.
pub type RmspropUpdate = RuleUpdate<Rmsprop>;

impl Rule for Rmsprop {
    const NAME: &'static str = "rmsprop_update";

    fn states(&self) -> &'static [&'static str] {
        match (self.centered, self.momentum == 0.0) {
            (false, true) => &["square"],
            (false, false) => &["square", "velocity"],
            (true, true) => &["square", "average"],
            (true, false) => &["square", "average", "velocity"],
        }
    }

    fn parts(&self) -> &'static [&'static str] {
        match (self.centered, self.momentum == 0.0) {
            (false, true) => &["rmsprop_plain", "rmsprop_still"],
            (false, false) => &["rmsprop_plain", "rmsprop_momentum"],
            (true, true) => &["rmsprop_centered", "rmsprop_still"],
            (true, false) => &["rmsprop_centered", "rmsprop_momentum"],
        }
    }

    fn constants(update: &RuleUpdate<Self>, parameters: Parameters) -> Parameters {
        let Self {
            alpha,
            epsilon,
            momentum,
            weight_decay,
            ..
        } = update.rule;
        parameters
            .f32("learning_rate", update.learning_rate)
            .f32("alpha", alpha)
            .f32("one_minus_alpha", 1.0 - alpha)
            .f32("epsilon", epsilon)
            .f32("momentum", momentum)
            .f32("weight_decay", weight_decay)
    }

    fn numbers(&self) -> Vec<Number> {
        vec![
            ("alpha", self.alpha, Allowed::Fraction),
            ("epsilon", self.epsilon, Allowed::Divisor),
            ("momentum", self.momentum, Allowed::Fraction),
            ("weight_decay", self.weight_decay, Allowed::Positive),
        ]
    }

    fn weight_decay(&mut self) -> &mut f64 {
        &mut self.weight_decay
    }

    fn momentum(&mut self) -> Option<&mut f64> {
        (self.momentum != 0.0).then_some(&mut self.momentum)
    }
}

/// `Adagrad` (Duchi, Hazan and Singer 2011), as `torch.optim.Adagrad`: `total += g²`, and
/// `w -= learning_rate / (1 + (t - 1) decay) g / (sqrt(total) + epsilon)`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Adagrad {
    /// How the learning rate falls with each update.
    pub decay: f64,
    /// The first value of the sum of squares.
    pub initial: f64,
    /// Added to the denominator.
    pub epsilon: f64,
    /// L2 penalty.
    pub weight_decay: f64,
}

impl Default for Adagrad {
    fn default() -> Self {
        Self {
            decay: 0.0,
            initial: 0.0,
            epsilon: 1e-10,
            weight_decay: 0.0,
        }
    }
}

/// [`Adagrad`] in place.
pub type AdagradUpdate = RuleUpdate<Adagrad>;

impl RuleUpdate<Adagrad> {
    /// `learning_rate / (1 + (t - 1) decay)`
    pub fn rate(&self) -> f64 {
        let before = f64::from(self.step.saturating_sub(1));
        self.learning_rate / (1.0 + before * self.rule.decay)
    }
}

impl Rule for Adagrad {
    const NAME: &'static str = "adagrad_update";

    fn states(&self) -> &'static [&'static str] {
        &["total"]
    }

    fn constants(update: &RuleUpdate<Self>, parameters: Parameters) -> Parameters {
        parameters
            .f32("rate", update.rate())
            .f32("epsilon", update.rule.epsilon)
            .f32("weight_decay", update.rule.weight_decay)
    }

    fn numbers(&self) -> Vec<Number> {
        vec![
            ("decay of the learning rate", self.decay, Allowed::Positive),
            ("initial sum of squares", self.initial, Allowed::Positive),
            ("epsilon", self.epsilon, Allowed::Divisor),
            ("weight_decay", self.weight_decay, Allowed::Positive),
        ]
    }

    fn weight_decay(&mut self) -> &mut f64 {
        &mut self.weight_decay
    }

    fn counts(&self) -> bool {
        self.decay != 0.0
    }
}

/// `Adadelta` (Zeiler 2012), as `torch.optim.Adadelta`:
///
/// - `square = rho square + (1 - rho) g²`;
/// - `step = sqrt(delta + epsilon) / sqrt(square + epsilon) g`;
/// - `delta = rho delta + (1 - rho) step²` and `w -= learning_rate step`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Adadelta {
    /// Decay of both mean squares.
    pub rho: f64,
    /// Added to both.
    pub epsilon: f64,
    /// L2 penalty.
    pub weight_decay: f64,
}

impl Default for Adadelta {
    fn default() -> Self {
        Self {
            rho: 0.9,
            epsilon: 1e-6,
            weight_decay: 0.0,
        }
    }
}

/// [`Adadelta`] in place.
pub type AdadeltaUpdate = RuleUpdate<Adadelta>;

impl Rule for Adadelta {
    const NAME: &'static str = "adadelta_update";

    fn states(&self) -> &'static [&'static str] {
        &["square", "delta"]
    }

    fn constants(update: &RuleUpdate<Self>, parameters: Parameters) -> Parameters {
        let Self {
            rho,
            epsilon,
            weight_decay,
        } = update.rule;
        parameters
            .f32("learning_rate", update.learning_rate)
            .f32("rho", rho)
            .f32("one_minus_rho", 1.0 - rho)
            .f32("epsilon", epsilon)
            .f32("weight_decay", weight_decay)
    }

    fn numbers(&self) -> Vec<Number> {
        vec![
            ("rho", self.rho, Allowed::Fraction),
            ("epsilon", self.epsilon, Allowed::Divisor),
            ("weight_decay", self.weight_decay, Allowed::Positive),
        ]
    }

    fn weight_decay(&mut self) -> &mut f64 {
        &mut self.weight_decay
    }
}

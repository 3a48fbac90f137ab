//! Updates of the parameters, in place. The formulas and defaults are those of PyTorch's `torch.optim`.

mod adaptive;
mod moments;
mod rule;

pub use adaptive::{Adadelta, AdadeltaUpdate, Adagrad, AdagradUpdate, Rmsprop, RmspropUpdate};
pub use moments::{
    Adamax, AdamaxUpdate, Betas, Lion, LionUpdate, Nadam, NadamUpdate, Radam, RadamUpdate,
};
pub use rule::{Allowed, Number, Rule, RuleUpdate};

use super::{Binding, Limits, Parameters, Scaler, Shader, Spec, Tick};

/// Stochastic gradient descent. With `g = gradient + weight_decay w`:
///
/// - plain, if `momentum` is 0: `w -= learning_rate g`, and `velocity` is not bound;
/// - else `velocity = momentum velocity + g` and `w -= learning_rate velocity`;
/// - Nesterov: `w -= learning_rate (g + momentum velocity)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SgdUpdate {
    /// Elements.
    pub count: u32,
    /// Decided by the [`Tick`].
    pub learning_rate: f64,
    /// What the tick's learning rate is multiplied by.
    pub factor: f64,
    /// How much of the last velocity is kept.
    pub momentum: f64,
    /// Nesterov's form.
    pub nesterov: bool,
    /// L2 penalty, added to the gradient.
    pub weight_decay: f64,
    /// Whether the gradient is scaled, and a [`super::Scaler`]'s verdict is bound that may skip the update.
    pub scaled: bool,
}

/// What an update reads.
pub(super) fn gradient(count: usize, scaled: bool) -> Vec<Binding> {
    let verdict = scaled.then_some(Binding::read("verdict", Scaler::VERDICT));
    std::iter::once(Binding::read("gradient", count))
        .chain(verdict)
        .collect()
}

/// The file that says what the verdict is.
pub(super) const fn verdict(scaled: bool) -> &'static str {
    if scaled { "verdict" } else { "verdict_none" }
}

impl SgdUpdate {
    pub(super) const fn at(&mut self, tick: &Tick) {
        self.learning_rate = self.factor * tick.learning_rate;
        // Plain descent has none to change.
        if let (Some(momentum), true) = (tick.momentum, self.momentum != 0.0) {
            self.momentum = momentum;
        }
    }
}

impl Spec for SgdUpdate {
    fn name(&self) -> &'static str {
        "sgd_update"
    }

    fn bindings(&self) -> Vec<Binding> {
        let count = self.count as usize;
        let mut bindings = gradient(count, self.scaled);
        bindings.push(Binding::in_place("w", count));
        if self.momentum != 0.0 {
            bindings.push(Binding::in_place("velocity", count));
        }
        bindings
    }

    fn parameters(&self) -> Parameters {
        Parameters::new()
            .u32("count", self.count)
            .f32("learning_rate", self.learning_rate)
            .f32("momentum", self.momentum)
            .f32("weight_decay", self.weight_decay)
    }

    fn shader(&self, limits: &Limits) -> Shader {
        let count = self.count as usize;
        let shader = if self.momentum == 0.0 {
            Shader::strided_wide("sgd_update", count, self.count, "f32", limits)
        } else {
            Shader::strided_wide("sgd_update_momentum", count, self.count, "f32", limits)
                .with_bool("NESTEROV", self.nesterov)
        };
        shader.join(verdict(self.scaled))
    }
}

/// Adam (Kingma and Ba, 2015), or AdamW (Loshchilov and Hutter, 2019) if `decoupled`:
///
/// - `w *= 1 - learning_rate weight_decay` if decoupled, else `g = gradient + weight_decay w`;
/// - `mean += (1 - beta1) (g - mean)` and `square = beta2 square + (1 - beta2) g²`;
/// - `w -= learning_rate / (1 - beta1^t) mean / (sqrt(square) / sqrt(1 - beta2^t) + epsilon)`.
///
/// The bias corrections are computed on the host, in f64; or, if the gradient is scaled, by the [`super::Scaler`], from
/// its own count of updates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamUpdate {
    /// Elements.
    pub count: u32,
    /// Decided by the [`Tick`].
    pub learning_rate: f64,
    /// What the tick's learning rate is multiplied by.
    pub factor: f64,
    /// Decay of the mean.
    pub beta1: f64,
    /// Decay of the mean square.
    pub beta2: f64,
    /// Added to the denominator.
    pub epsilon: f64,
    /// L2 penalty, or the decay if decoupled.
    pub weight_decay: f64,
    /// AdamW.
    pub decoupled: bool,
    /// The update's number `t`, from 1: decided by the [`Tick`]. Of no account if the gradient is scaled.
    pub step: u32,
    /// Whether the gradient is scaled, and a [`super::Scaler`]'s verdict is bound that may skip the update.
    pub scaled: bool,
}

impl AdamUpdate {
    pub(super) const fn at(&mut self, tick: &Tick) {
        self.learning_rate = self.factor * tick.learning_rate;
        self.step = tick.step;
        if let Some(beta1) = tick.momentum {
            self.beta1 = beta1;
        }
    }

    /// `learning_rate / (1 - beta1^t)`; the learning rate alone if the verdict corrects it.
    pub fn step_size(&self) -> f64 {
        if self.scaled {
            return self.learning_rate;
        }
        self.learning_rate / (1.0 - self.beta1.powf(f64::from(self.step)))
    }

    /// `sqrt(1 - beta2^t)`; 1 if the verdict has it.
    pub fn square_correction(&self) -> f64 {
        if self.scaled {
            return 1.0;
        }
        (1.0 - self.beta2.powf(f64::from(self.step))).sqrt()
    }

    /// What is added to the gradient for each unit of weight: nothing if decoupled.
    pub const fn l2(&self) -> f64 {
        if self.decoupled {
            0.0
        } else {
            self.weight_decay
        }
    }

    /// What a weight is multiplied by first: 1 unless decoupled.
    pub fn keep(&self) -> f64 {
        if self.decoupled {
            1.0 - self.learning_rate * self.weight_decay
        } else {
            1.0
        }
    }
}

impl Spec for AdamUpdate {
    fn name(&self) -> &'static str {
        "adam_update"
    }

    fn bindings(&self) -> Vec<Binding> {
        let count = self.count as usize;
        let mut bindings = gradient(count, self.scaled);
        bindings.extend(["w", "mean", "square"].map(|name| Binding::in_place(name, count)));
        bindings
    }

    /// `1 - beta` is sent beside `beta`: computed on the device it would lose four digits.
    fn parameters(&self) -> Parameters {
        Parameters::new()
            .u32("count", self.count)
            .f32("step_size", self.step_size())
            .f32("square_correction", self.square_correction())
            .f32("one_minus_beta1", 1.0 - self.beta1)
            .f32("beta2", self.beta2)
            .f32("one_minus_beta2", 1.0 - self.beta2)
            .f32("epsilon", self.epsilon)
            .f32("l2", self.l2())
            .f32("keep", self.keep())
    }

    fn shader(&self, limits: &Limits) -> Shader {
        Shader::strided_wide(
            "adam_update",
            self.count as usize,
            self.count,
            "f32",
            limits,
        )
        .join(verdict(self.scaled))
    }
}

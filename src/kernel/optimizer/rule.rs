//! What the update rules beside SGD and Adam have in common: the gradient with its weight decay, the verdict of mixed
//! precision, the parameters, and states of their size.

use super::{gradient, verdict};
use crate::kernel::{Binding, Limits, Parameters, Shader, Spec, Tick};

/// Which values a number of a rule may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowed {
    /// At least 0 and below 1.
    Fraction,
    /// Finite, and at least 0.
    Positive,
    /// More than 0 in f32: a gradient of 0, as between the parameters in their block, would become 0 / 0.
    Divisor,
}

/// A number of a rule: its name, its value, and what it may be.
pub type Number = (&'static str, f64, Allowed);

/// The numbers of an update rule.
pub trait Rule: Copy + PartialEq + std::fmt::Debug + Send + Sync + 'static {
    /// The kernel's name.
    const NAME: &'static str;
    /// The names of the states, each as large as the parameters.
    fn states(&self) -> &'static [&'static str];
    /// The files of functions that a variant joins.
    fn parts(&self) -> &'static [&'static str] {
        &[]
    }
    /// What the shader gets behind the number of elements.
    fn constants(update: &RuleUpdate<Self>, parameters: Parameters) -> Parameters;
    /// All numbers, for whoever checks them.
    fn numbers(&self) -> Vec<Number>;
    /// L2 penalty, or the decay if decoupled.
    fn weight_decay(&mut self) -> &mut f64;
    /// What a schedule of the momentum changes: the momentum, or the decay of the mean.
    fn momentum(&mut self) -> Option<&mut f64> {
        None
    }
    /// Whether the update depends on its number in another way than by `1 - beta1^t`, which the verdict of mixed precision
    /// does not have.
    fn counts(&self) -> bool {
        false
    }
}

/// An update by a rule, in place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RuleUpdate<R> {
    /// Elements.
    pub count: u32,
    /// Decided by the [`Tick`].
    pub learning_rate: f64,
    /// What the tick's learning rate is multiplied by.
    pub factor: f64,
    /// The update's number, from 1: decided by the [`Tick`].
    pub step: u32,
    /// The rule.
    pub rule: R,
    /// Whether the gradient is scaled, and a [`super::super::Scaler`]'s verdict is bound that may skip the update.
    pub scaled: bool,
}

impl<R: Rule> RuleUpdate<R> {
    pub(in crate::kernel) fn at(&mut self, tick: &Tick) {
        self.learning_rate = self.factor * tick.learning_rate;
        self.step = tick.step;
        if let (Some(momentum), Some(own)) = (tick.momentum, self.rule.momentum()) {
            *own = momentum;
        }
    }

    /// `1 - beta^t`; 1 if the verdict corrects in its place.
    pub fn correction(&self, beta: f64) -> f64 {
        if self.scaled {
            return 1.0;
        }
        1.0 - beta.powf(f64::from(self.step))
    }

    /// How many tensors it binds.
    pub fn operands(&self) -> usize {
        2 + usize::from(self.scaled) + self.rule.states().len()
    }
}

impl<R: Rule> Spec for RuleUpdate<R> {
    fn name(&self) -> &'static str {
        R::NAME
    }

    fn bindings(&self) -> Vec<Binding> {
        let count = self.count as usize;
        let mut bindings = gradient(count, self.scaled);
        bindings.push(Binding::in_place("w", count));
        let states = self.rule.states().iter();
        bindings.extend(states.map(|state| Binding::in_place(state, count)));
        bindings
    }

    fn parameters(&self) -> Parameters {
        R::constants(self, Parameters::new().u32("count", self.count))
    }

    fn shader(&self, limits: &Limits) -> Shader {
        let count = self.count as usize;
        let shader = Shader::strided_wide(R::NAME, count, self.count, "f32", limits);
        let parts = self.rule.parts().iter();
        parts.fold(shader.join(verdict(self.scaled)), |shader, part| {
            shader.join(part)
        })
    }
}

//! Rules that follow a mean of the gradients. In all but Lion, `g = gradient + weight_decay w`, and
//! `mean += (1 - beta1) (g - mean)`.

use serde::{Deserialize, Serialize};

use super::rule::{Allowed, Number, Rule, RuleUpdate};
use crate::kernel::Parameters;

/// The numbers of `Adamax` and `RAdam`. The defaults are PyTorch's.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Betas {
    /// Decay of the mean.
    pub beta1: f64,
    /// Decay of the mean square, or of the norm.
    pub beta2: f64,
    /// Keeps the denominator from 0.
    pub epsilon: f64,
    /// L2 penalty.
    pub weight_decay: f64,
}

impl Default for Betas {
    fn default() -> Self {
        Self {
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.0,
        }
    }
}

impl Betas {
    fn numbers(&self) -> Vec<Number> {
        vec![
            ("beta1", self.beta1, Allowed::Fraction),
            ("beta2", self.beta2, Allowed::Fraction),
            ("epsilon", self.epsilon, Allowed::Divisor),
            ("weight_decay", self.weight_decay, Allowed::Positive),
        ]
    }

    const fn constants(&self, parameters: Parameters) -> Parameters {
        parameters
            .f32("one_minus_beta1", 1.0 - self.beta1)
            .f32("beta2", self.beta2)
            .f32("one_minus_beta2", 1.0 - self.beta2)
            .f32("epsilon", self.epsilon)
            .f32("weight_decay", self.weight_decay)
    }
}

/// `Adamax` (Kingma and Ba 2015, section 7.1), as `torch.optim.Adamax`: `norm = max(beta2 norm, |g| + epsilon)` and
/// `w -= learning_rate / (1 - beta1^t) mean / norm`.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Adamax {
    /// Its numbers.
    #[serde(flatten)]
    pub moments: Betas,
}

/// [`Adamax`] in place.
pub type AdamaxUpdate = RuleUpdate<Adamax>;

impl RuleUpdate<Adamax> {
    /// `learning_rate / (1 - beta1^t)`; the learning rate alone if the verdict corrects it.
    pub fn step_size(&self) -> f64 {
        self.learning_rate / self.correction(self.rule.moments.beta1)
    }
}

impl Rule for Adamax {
    const NAME: &'static str = "adamax_update";

    fn states(&self) -> &'static [&'static str] {
        &["mean", "norm"]
    }

    fn constants(update: &RuleUpdate<Self>, parameters: Parameters) -> Parameters {
        let moments = update.rule.moments;
        parameters
            .f32("step_size", update.step_size())
            .f32("one_minus_beta1", 1.0 - moments.beta1)
            .f32("beta2", moments.beta2)
            .f32("epsilon", moments.epsilon)
            .f32("weight_decay", moments.weight_decay)
    }

    fn numbers(&self) -> Vec<Number> {
        self.moments.numbers()
    }

    fn weight_decay(&mut self) -> &mut f64 {
        &mut self.moments.weight_decay
    }

    fn momentum(&mut self) -> Option<&mut f64> {
        Some(&mut self.moments.beta1)
    }
}

/// `NAdam` (Dozat 2016), as `torch.optim.NAdam`. With `mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2)`, the product `M` of
/// `mu_1` to `mu_t`, and `square = beta2 square + (1 - beta2) g²`:
///
/// `w -= learning_rate ((1 - mu_t) / (1 - M) g + mu_(t+1) / (1 - M mu_(t+1)) mean) / (sqrt(square / (1 - beta2^t)) + epsilon)`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Nadam {
    /// Its numbers.
    #[serde(flatten)]
    pub moments: Betas,
    /// How fast the momentum nears its full strength.
    pub momentum_decay: f64,
}

impl Default for Nadam {
    fn default() -> Self {
        Self {
            moments: Betas::default(),
            momentum_decay: 0.004,
        }
    }
}

/// [`Nadam`] in place.
pub type NadamUpdate = RuleUpdate<Nadam>;

impl RuleUpdate<Nadam> {
    /// What the gradient and the mean are multiplied by.
    pub fn step_sizes(&self) -> [f64; 2] {
        let Nadam {
            moments,
            momentum_decay,
        } = self.rule;
        let mu = |t: u32| {
            let strength = 1.0 - 0.5 * 0.96_f64.powf(f64::from(t) * momentum_decay);
            moments.beta1 * strength
        };
        let mut product = 1.0;
        for t in 1..=self.step {
            product *= mu(t);
            // Beside 1 it is nothing any more.
            if product < 1e-30 {
                break;
            }
        }
        let (now, next) = (mu(self.step), mu(self.step.saturating_add(1)));
        let rate = self.learning_rate;
        [
            rate * (1.0 - now) / (1.0 - product),
            rate * next / (1.0 - product * next),
        ]
    }

    /// `sqrt(1 - beta2^t)`
    pub fn square_correction(&self) -> f64 {
        self.correction(self.rule.moments.beta2).sqrt()
    }
}

impl Rule for Nadam {
    const NAME: &'static str = "nadam_update";

    fn states(&self) -> &'static [&'static str] {
        &["mean", "square"]
    }

    fn constants(update: &RuleUpdate<Self>, parameters: Parameters) -> Parameters {
        let [gradient, mean] = update.step_sizes();
        let parameters = parameters
            .f32("gradient_step", gradient)
            .f32("mean_step", mean)
            .f32("square_correction", update.square_correction());
        update.rule.moments.constants(parameters)
    }

    fn numbers(&self) -> Vec<Number> {
        let mut numbers = self.moments.numbers();
        numbers.push(("momentum_decay", self.momentum_decay, Allowed::Positive));
        numbers
    }

    fn weight_decay(&mut self) -> &mut f64 {
        &mut self.moments.weight_decay
    }

    fn momentum(&mut self) -> Option<&mut f64> {
        Some(&mut self.moments.beta1)
    }

    fn counts(&self) -> bool {
        true
    }
}

/// `RAdam` (Liu et al. 2020), as `torch.optim.RAdam`. With `square = beta2 square + (1 - beta2) g²`,
/// `n = 2 / (1 - beta2) - 1` and `r = n - 2 t beta2^t / (1 - beta2^t)`:
///
/// - if `r > 5`, the step of Adam times `sqrt((r - 4) (r - 2) n / ((n - 4) (n - 2) r))`, where `epsilon` is added to
///   `sqrt(square)`;
/// - else `w -= learning_rate / (1 - beta1^t) mean`.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Radam {
    /// Its numbers.
    #[serde(flatten)]
    pub moments: Betas,
}

/// [`Radam`] in place.
pub type RadamUpdate = RuleUpdate<Radam>;

impl RuleUpdate<Radam> {
    /// What the mean is multiplied by, and whether it is divided by the root of the mean square.
    pub fn step_size(&self) -> (f64, bool) {
        let Betas { beta1, beta2, .. } = self.rule.moments;
        let t = f64::from(self.step);
        let plain = self.learning_rate / (1.0 - beta1.powf(t));
        let (power, left) = (beta2.powf(t), 1.0 - beta2.powf(t));
        let n = 2.0 / (1.0 - beta2) - 1.0;
        let r = n - 2.0 * t * power / left;
        if r > 5.0 {
            let rectified = (r - 4.0) * (r - 2.0) * n / ((n - 4.0) * (n - 2.0) * r);
            (plain * rectified.sqrt() * left.sqrt(), true)
        } else {
            (plain, false)
        }
    }
}

impl Rule for Radam {
    const NAME: &'static str = "radam_update";

    fn states(&self) -> &'static [&'static str] {
        &["mean", "square"]
    }

    fn constants(update: &RuleUpdate<Self>, parameters: Parameters) -> Parameters {
        let (step_size, rectified) = update.step_size();
        let parameters = parameters
            .f32("step_size", step_size)
            .u32("rectified", u32::from(rectified));
        update.rule.moments.constants(parameters)
    }

    fn numbers(&self) -> Vec<Number> {
        self.moments.numbers()
    }

    fn weight_decay(&mut self) -> &mut f64 {
        &mut self.moments.weight_decay
    }

    fn momentum(&mut self) -> Option<&mut f64> {
        Some(&mut self.moments.beta1)
    }

    fn counts(&self) -> bool {
        true
    }
}

/// `Lion` (Chen et al. 2023, algorithm 2): `w -= learning_rate (sign(beta1 mean + (1 - beta1) g) + weight_decay w)`, and then
/// `mean = beta2 mean + (1 - beta2) g`. The sign of 0 is 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Lion {
    /// How much of the mean there is in a step.
    pub beta1: f64,
    /// Decay of the mean.
    pub beta2: f64,
    /// The decay, which does not pass through the gradient.
    pub weight_decay: f64,
}

impl Default for Lion {
    fn default() -> Self {
        Self {
            beta1: 0.9,
            beta2: 0.99,
            weight_decay: 0.0,
        }
    }
}

/// [`Lion`] in place.
pub type LionUpdate = RuleUpdate<Lion>;

impl RuleUpdate<Lion> {
    /// What a weight is multiplied by first.
    pub fn keep(&self) -> f64 {
        1.0 - self.learning_rate * self.rule.weight_decay
    }
}

impl Rule for Lion {
    const NAME: &'static str = "lion_update";

    fn states(&self) -> &'static [&'static str] {
        &["mean"]
    }

    fn constants(update: &RuleUpdate<Self>, parameters: Parameters) -> Parameters {
        let Self { beta1, beta2, .. } = update.rule;
        parameters
            .f32("learning_rate", update.learning_rate)
            .f32("beta1", beta1)
            .f32("one_minus_beta1", 1.0 - beta1)
            .f32("beta2", beta2)
            .f32("one_minus_beta2", 1.0 - beta2)
            .f32("keep", update.keep())
    }

    fn numbers(&self) -> Vec<Number> {
        vec![
            ("beta1", self.beta1, Allowed::Fraction),
            ("beta2", self.beta2, Allowed::Fraction),
            ("weight_decay", self.weight_decay, Allowed::Positive),
        ]
    }

    fn weight_decay(&mut self) -> &mut f64 {
        &mut self.weight_decay
    }

    fn momentum(&mut self) -> Option<&mut f64> {
        Some(&mut self.beta1)
    }
}

//! How the learning rate goes over a run. The formulas, names and defaults are those of `torch.optim.lr_scheduler`.

mod check;
mod one_cycle;
mod plateau;
mod text;

pub use one_cycle::OneCycle;
pub use plateau::Plateau;
pub(super) use plateau::PlateauState;

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

/// How the learning rate goes: a curve, what it counts, and a linear warm-up that multiplies it.
///
/// ```
/// use thalweg::train::Schedule;
///
/// let schedule: Schedule = "cosine:t_max=50,warmup=10".parse()?;
/// assert_eq!(schedule.to_string(), "cosine:t_max=50,warmup=10");
/// # Ok::<(), thalweg::train::TrainError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// The curve.
    pub curve: Curve,
    /// What the curve counts: PyTorch's `scheduler.step()` stands behind every training step, or behind every epoch.
    pub per: Per,
    /// Training steps until the rate is whole; 0 for no warm-up. As `LinearLR`, chained with the curve.
    pub warmup: u64,
    /// The share of the rate at which the warm-up begins.
    pub warmup_start: f64,
}

/// What a curve counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Per {
    /// Training steps.
    Step,
    /// Epochs.
    Epoch,
}

/// How the learning rate depends on `t`, the steps or epochs that were done before. `rate` is the optimiser's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Curve {
    /// `rate`
    Constant,
    /// `StepLR`: `rate gamma^floor(t / step_size)`
    Step {
        /// How long a rate lasts.
        step_size: u64,
        /// What it is multiplied by then.
        gamma: f64,
    },
    /// `MultiStepLR`: `rate gamma^(milestones that were reached)`
    MultiStep {
        /// When the rate changes, in rising order.
        milestones: Vec<u64>,
        /// What it is multiplied by then.
        gamma: f64,
    },
    /// `ExponentialLR`: `rate gamma^t`
    Exponential {
        /// What it is multiplied by every time.
        gamma: f64,
    },
    /// `CosineAnnealingLR`: `eta_min + (rate - eta_min) (1 + cos(pi t / t_max)) / 2`
    Cosine {
        /// When the least rate is reached; the run's end if it is not given.
        t_max: Option<u64>,
        /// The least rate.
        eta_min: f64,
    },
    /// `CosineAnnealingWarmRestarts` (Loshchilov and Hutter, 2017): the same over and over, from `t_0` long on, each time
    /// `t_mult` times as long.
    CosineRestarts {
        /// How long the first one is.
        t_0: u64,
        /// How many times as long the next one is.
        t_mult: u64,
        /// The least rate.
        eta_min: f64,
    },
    /// `LinearLR`: from `rate start_factor` to `rate end_factor` in `total_iters`.
    Linear {
        /// The share of the rate at the beginning.
        start_factor: f64,
        /// The share of the rate at the end.
        end_factor: f64,
        /// How long it takes.
        total_iters: u64,
    },
    /// `OneCycleLR` (Smith and Topin, 2018): up from `rate / div_factor` to `rate`, then down to
    /// `rate / div_factor / final_div_factor`, and the momentum (Adam's `beta1`) the other way.
    OneCycle(OneCycle),
    /// `ReduceLROnPlateau`, by the validation loss, or without validation rows by the training loss, after every epoch.
    Plateau(Plateau),
}

/// Where a run is, for its schedule.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// Training steps that were done.
    pub(super) steps: u64,
    /// Epochs that were done.
    pub(super) epochs: u64,
    /// Training steps of the run, and epochs.
    pub(super) total: [u64; 2],
}

/// What a schedule says of a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rate {
    /// The learning rate.
    pub(super) learning_rate: f64,
    /// The momentum, or Adam's `beta1`, if the schedule changes it.
    pub(super) momentum: Option<f64>,
}

impl Default for Schedule {
    fn default() -> Self {
        Curve::Constant.into()
    }
}

impl From<Curve> for Schedule {
    fn from(curve: Curve) -> Self {
        let per = match curve {
            Curve::Step { .. }
            | Curve::MultiStep { .. }
            | Curve::Exponential { .. }
            | Curve::CosineRestarts { .. }
            | Curve::Plateau(_) => Per::Epoch,
            Curve::Constant | Curve::Cosine { .. } | Curve::Linear { .. } | Curve::OneCycle(_) => {
                Per::Step
            }
        };
        Self {
            curve,
            per,
            warmup: 0,
            warmup_start: 1.0 / 3.0,
        }
    }
}

impl Schedule {
    /// The rate of the next step. A plateau's is in its state.
    #[expect(
        clippy::cast_precision_loss,
        reason = "runs have far fewer than 2^53 steps"
    )]
    pub(super) fn rate(&self, base: f64, at: Moment, plateau: &PlateauState) -> Rate {
        let (t, total) = match self.per {
            Per::Step => (at.steps, at.total[0]),
            Per::Epoch => (at.epochs, at.total[1]),
        };
        let mut momentum = None;
        let rate = match &self.curve {
            Curve::Constant => base,
            Curve::Step { step_size, gamma } => base * power(*gamma, t / step_size),
            Curve::MultiStep { milestones, gamma } => {
                let reached = milestones.iter().filter(|m| **m <= t).count();
                base * power(*gamma, reached as u64)
            }
            Curve::Exponential { gamma } => base * power(*gamma, t),
            Curve::Cosine { t_max, eta_min } => {
                let t_max = t_max.unwrap_or(total).max(1);
                cosine(base, *eta_min, t as f64 / t_max as f64)
            }
            Curve::CosineRestarts {
                t_0,
                t_mult,
                eta_min,
            } => cosine(base, *eta_min, since_restart(t, *t_0, *t_mult)),
            Curve::Linear {
                start_factor,
                end_factor,
                total_iters,
            } => {
                let share = t.min(*total_iters) as f64 / *total_iters as f64;
                base * (start_factor + (end_factor - start_factor) * share)
            }
            Curve::OneCycle(cycle) => {
                let (rate, other) = cycle.at(base, t, cycle.total_steps.unwrap_or(total));
                momentum = other;
                rate
            }
            Curve::Plateau(_) => plateau.rate(),
        };
        Rate {
            learning_rate: rate * self.warm(at.steps),
            momentum,
        }
    }

    /// The share of the rate that the warm-up lets through.
    #[expect(
        clippy::cast_precision_loss,
        reason = "runs have far fewer than 2^53 steps"
    )]
    fn warm(&self, steps: u64) -> f64 {
        if steps >= self.warmup {
            return 1.0;
        }
        self.warmup_start + (1.0 - self.warmup_start) * steps as f64 / self.warmup as f64
    }

    /// The state at the beginning of a run.
    pub(super) const fn begin(&self, base: f64) -> PlateauState {
        PlateauState::new(base)
    }

    /// Takes note of an epoch's loss.
    pub(super) fn note(&self, loss: f64, state: &mut PlateauState) {
        if let Curve::Plateau(plateau) = &self.curve {
            plateau.note(loss, state);
        }
    }
}

/// `gamma^times`, also where `times` is beyond an `i32`.
fn power(gamma: f64, times: u64) -> f64 {
    gamma.powi(i32::try_from(times).unwrap_or(i32::MAX))
}

/// Half a cosine from `from`, at share 0, to `to`, at share 1.
fn cosine(from: f64, to: f64, share: f64) -> f64 {
    to + (from - to) * (1.0 + (PI * share).cos()) / 2.0
}

/// How far a cosine that restarts has gone, from 0 to 1.
#[expect(
    clippy::cast_precision_loss,
    reason = "runs have far fewer than 2^53 steps"
)]
const fn since_restart(t: u64, t_0: u64, t_mult: u64) -> f64 {
    let (mut start, mut length) = (0_u64, t_0);
    if t_mult <= 1 {
        start = t / t_0 * t_0;
    } else {
        // Each is at least twice as long, so few are passed.
        while t - start >= length {
            start += length;
            length = length.saturating_mul(t_mult);
        }
    }
    (t - start) as f64 / length as f64
}

//! How the learning rate goes over a run. The formulas, names and defaults are those of `torch.optim.lr_scheduler`.

mod text;

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use super::TrainError;

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

/// The numbers of [`Curve::OneCycle`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct OneCycle {
    /// Its length; that of the run if it is not given.
    pub total_steps: Option<u64>,
    /// The share of it that goes up.
    pub pct_start: f64,
    /// The rate is so many times the first one.
    pub div_factor: f64,
    /// The first one is so many times the last one.
    pub final_div_factor: f64,
    /// Whether it goes in straight lines; in cosines if not.
    pub linear: bool,
    /// Whether it first goes down as it went up, and then to the last rate in a third phase.
    pub three_phase: bool,
    /// The least momentum and the most, if the momentum goes the other way.
    pub momentum: Option<[f64; 2]>,
}

/// The numbers of [`Curve::Plateau`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Plateau {
    /// What the rate is multiplied by.
    pub factor: f64,
    /// Epochs without a better loss that are let pass.
    pub patience: u64,
    /// A loss is better if it is below the best one by this share of it.
    pub threshold: f64,
    /// Epochs after a change in which none is counted.
    pub cooldown: u64,
    /// The least rate.
    pub min_lr: f64,
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

/// What a plateau schedule has seen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct PlateauState {
    best: Option<f64>,
    bad_epochs: u64,
    cooldown: u64,
    rate: f64,
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

impl Default for OneCycle {
    fn default() -> Self {
        Self {
            total_steps: None,
            pct_start: 0.3,
            div_factor: 25.0,
            final_div_factor: 1e4,
            linear: false,
            three_phase: false,
            momentum: Some([0.85, 0.95]),
        }
    }
}

impl Default for Plateau {
    fn default() -> Self {
        Self {
            factor: 0.1,
            patience: 10,
            threshold: 1e-4,
            cooldown: 0,
            min_lr: 0.0,
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
            Curve::Plateau(_) => plateau.rate,
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
        PlateauState {
            best: None,
            bad_epochs: 0,
            cooldown: 0,
            rate: base,
        }
    }

    /// Takes note of an epoch's loss.
    pub(super) fn note(&self, loss: f64, state: &mut PlateauState) {
        if let Curve::Plateau(plateau) = &self.curve {
            plateau.note(loss, state);
        }
    }

    /// Refuses numbers that make no sense.
    pub(super) fn check(&self) -> Result<(), TrainError> {
        let refuse = |name, found: f64, expected| {
            Err(TrainError::Option {
                name,
                found: found.to_string(),
                expected,
            })
        };
        let (zero, positive) = ("0", "at least 1");
        let length = |name, value: u64| match value {
            0 => Err(TrainError::Option {
                name,
                found: zero.to_owned(),
                expected: positive,
            }),
            _ => Ok(()),
        };
        let rate = |name, value: f64| match value {
            v if v.is_finite() && v >= 0.0 => Ok(()),
            v => refuse(name, v, "a finite number of at least 0"),
        };
        let share = |name, value: f64| match value {
            v if (0.0..=1.0).contains(&v) => Ok(()),
            v => refuse(name, v, "a number from 0 to 1"),
        };
        share("warmup_start of the schedule", self.warmup_start)?;
        match &self.curve {
            Curve::Constant => Ok(()),
            Curve::Step { step_size, gamma } => {
                length("step_size of the schedule", *step_size)?;
                rate("gamma of the schedule", *gamma)
            }
            Curve::MultiStep { milestones, gamma } => {
                if milestones.is_empty() || !milestones.is_sorted() {
                    return Err(TrainError::Option {
                        name: "milestones of the schedule",
                        found: format!("{milestones:?}"),
                        expected: "at least one, in rising order",
                    });
                }
                rate("gamma of the schedule", *gamma)
            }
            Curve::Exponential { gamma } => rate("gamma of the schedule", *gamma),
            Curve::Cosine { t_max, eta_min } => {
                length("t_max of the schedule", t_max.unwrap_or(1))?;
                rate("eta_min of the schedule", *eta_min)
            }
            Curve::CosineRestarts {
                t_0,
                t_mult,
                eta_min,
            } => {
                length("t_0 of the schedule", *t_0)?;
                length("t_mult of the schedule", *t_mult)?;
                rate("eta_min of the schedule", *eta_min)
            }
            Curve::Linear {
                start_factor,
                end_factor,
                total_iters,
            } => {
                length("total_iters of the schedule", *total_iters)?;
                share("start_factor of the schedule", *start_factor)?;
                share("end_factor of the schedule", *end_factor)
            }
            Curve::OneCycle(cycle) => cycle.check(),
            Curve::Plateau(plateau) => {
                if !(0.0..1.0).contains(&plateau.factor) {
                    let expected = "at least 0 and below 1";
                    return refuse("factor of the schedule", plateau.factor, expected);
                }
                rate("threshold of the schedule", plateau.threshold)?;
                rate("min_lr of the schedule", plateau.min_lr)?;
                if self.per == Per::Step {
                    return Err(TrainError::Option {
                        name: "per of the schedule",
                        found: "step".to_owned(),
                        expected: "epoch: a plateau is judged after each epoch",
                    });
                }
                Ok(())
            }
        }
    }
}

impl OneCycle {
    /// The rate and the momentum at `t` of `total`.
    #[expect(
        clippy::cast_precision_loss,
        reason = "runs have far fewer than 2^53 steps"
    )]
    fn at(&self, most: f64, t: u64, total: u64) -> (f64, Option<f64>) {
        let (first, end) = (most / self.div_factor, total as f64 - 1.0);
        let last = first / self.final_div_factor;
        let [low, high] = self.momentum.unwrap_or_default();
        let rises = self.pct_start * total as f64 - 1.0;
        // Where each phase ends, its rates and its momenta, from and to.
        let phases = if self.three_phase {
            vec![
                (rises, [first, most], [high, low]),
                (2.0 * rises, [most, first], [low, high]),
                (end, [first, last], [high, high]),
            ]
        } else {
            vec![
                (rises, [first, most], [high, low]),
                (end, [most, last], [low, high]),
            ]
        };
        let (t, mut start) = (t as f64, 0.0);
        let mut phase = (0.0, [last; 2], [high; 2]);
        for next in phases {
            if t <= next.0 {
                phase = next;
                break;
            }
            start = next.0;
        }
        let length = phase.0 - start;
        let share = if length > 0.0 {
            (t - start) / length
        } else {
            1.0
        };
        let along = |[from, to]: [f64; 2]| {
            if self.linear {
                from + (to - from) * share
            } else {
                cosine(from, to, share)
            }
        };
        (along(phase.1), self.momentum.map(|_| along(phase.2)))
    }

    fn check(&self) -> Result<(), TrainError> {
        let refuse = |name, found: f64, expected| {
            Err(TrainError::Option {
                name,
                found: found.to_string(),
                expected,
            })
        };
        if self.total_steps == Some(0) {
            return refuse("total_steps of the schedule", 0.0, "at least 1");
        }
        if !(0.0..=1.0).contains(&self.pct_start) {
            return refuse(
                "pct_start of the schedule",
                self.pct_start,
                "a number from 0 to 1",
            );
        }
        let factors = [
            ("div_factor of the schedule", self.div_factor),
            ("final_div_factor of the schedule", self.final_div_factor),
        ];
        for (name, factor) in factors {
            if !factor.is_finite() || factor <= 0.0 {
                return refuse(name, factor, "a finite number above 0");
            }
        }
        for momentum in self.momentum.into_iter().flatten() {
            if !(0.0..1.0).contains(&momentum) {
                let name = "momentum of the schedule";
                return refuse(name, momentum, "at least 0 and below 1");
            }
        }
        Ok(())
    }
}

impl Plateau {
    fn note(&self, loss: f64, state: &mut PlateauState) {
        /// A change that is smaller is none.
        const EPSILON: f64 = 1e-8;
        let better = state
            .best
            .is_none_or(|best| loss < best * (1.0 - self.threshold));
        if better {
            state.best = Some(loss);
            state.bad_epochs = 0;
        } else {
            state.bad_epochs += 1;
        }
        if state.cooldown > 0 {
            state.cooldown -= 1;
            state.bad_epochs = 0;
        }
        if state.bad_epochs > self.patience {
            let rate = (state.rate * self.factor).max(self.min_lr);
            if state.rate - rate > EPSILON {
                state.rate = rate;
            }
            state.cooldown = self.cooldown;
            state.bad_epochs = 0;
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

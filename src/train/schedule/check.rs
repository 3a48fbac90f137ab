//! What numbers of a schedule make sense.

use super::{Curve, OneCycle, Per, Plateau, Schedule};
use crate::train::TrainError;

type Checked = Result<(), TrainError>;

fn refuse(name: &'static str, found: impl ToString, expected: &'static str) -> Checked {
    Err(TrainError::Option {
        name,
        found: found.to_string(),
        expected,
    })
}

fn length(name: &'static str, value: u64) -> Checked {
    match value {
        0 => refuse(name, 0, "at least 1"),
        _ => Ok(()),
    }
}

fn rate(name: &'static str, value: f64) -> Checked {
    if value.is_finite() && value >= 0.0 {
        return Ok(());
    }
    refuse(name, value, "a finite number of at least 0")
}

fn share(name: &'static str, value: f64) -> Checked {
    if (0.0..=1.0).contains(&value) {
        return Ok(());
    }
    refuse(name, value, "a number from 0 to 1")
}

impl Schedule {
    /// Refuses numbers that make no sense.
    pub(in crate::train) fn check(&self) -> Checked {
        share("warmup_start of the schedule", self.warmup_start)?;
        if let (Curve::Plateau(_), Per::Step) = (&self.curve, self.per) {
            let expected = "epoch: a plateau is judged after each epoch";
            return refuse("per of the schedule", "step", expected);
        }
        self.curve.check()
    }
}

impl Curve {
    fn check(&self) -> Checked {
        match self {
            Self::Constant => Ok(()),
            Self::Step { step_size, gamma } => {
                length("step_size of the schedule", *step_size)?;
                rate("gamma of the schedule", *gamma)
            }
            Self::MultiStep { milestones, gamma } => {
                if milestones.is_empty() || !milestones.is_sorted() {
                    let (found, expected) = (format!("{milestones:?}"), "some in rising order");
                    return refuse("milestones of the schedule", found, expected);
                }
                rate("gamma of the schedule", *gamma)
            }
            Self::Exponential { gamma } => rate("gamma of the schedule", *gamma),
            Self::Cosine { t_max, eta_min } => {
                length("t_max of the schedule", t_max.unwrap_or(1))?;
                rate("eta_min of the schedule", *eta_min)
            }
            Self::CosineRestarts {
                t_0,
                t_mult,
                eta_min,
            } => {
                length("t_0 of the schedule", *t_0)?;
                length("t_mult of the schedule", *t_mult)?;
                rate("eta_min of the schedule", *eta_min)
            }
            Self::Linear {
                start_factor,
                end_factor,
                total_iters,
            } => {
                length("total_iters of the schedule", *total_iters)?;
                share("start_factor of the schedule", *start_factor)?;
                share("end_factor of the schedule", *end_factor)
            }
            Self::OneCycle(cycle) => cycle.check(),
            Self::Plateau(plateau) => plateau.check(),
        }
    }
}

impl OneCycle {
    fn check(&self) -> Checked {
        length("total_steps of the schedule", self.total_steps.unwrap_or(1))?;
        share("pct_start of the schedule", self.pct_start)?;
        let factors = [
            ("div_factor of the schedule", self.div_factor),
            ("final_div_factor of the schedule", self.final_div_factor),
        ];
        for (name, factor) in factors {
            if !factor.is_finite() || factor <= 0.0 {
                return refuse(name, factor, "a finite number above 0");
            }
        }
        let mut momenta = self.momentum.into_iter().flatten();
        match momenta.find(|m| !(0.0..1.0).contains(m)) {
            Some(found) => refuse("momentum of the schedule", found, "at least 0 and below 1"),
            None => Ok(()),
        }
    }
}

impl Plateau {
    fn check(&self) -> Checked {
        if !(0.0..1.0).contains(&self.factor) {
            let expected = "at least 0 and below 1";
            return refuse("factor of the schedule", self.factor, expected);
        }
        rate("threshold of the schedule", self.threshold)?;
        rate("min_lr of the schedule", self.min_lr)
    }
}

//! How many training steps go into one submission, and how long one takes.

use std::time::Instant;

/// How many steps one submission holds: about 50 ms of them, and at most [`Pace::MOST`].
#[derive(Debug)]
pub(super) struct Pace {
    per_step: Option<f64>,
    samples: Vec<f64>,
}

impl Pace {
    /// Most steps between two checks.
    pub(super) const MOST: usize = 100;
    const SECONDS: f64 = 0.05;

    pub(super) const fn new() -> Self {
        Self {
            per_step: None,
            samples: Vec::new(),
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped just before"
    )]
    pub(super) fn steps(&self) -> usize {
        match self.per_step {
            None => 1,
            Some(seconds) => {
                (Self::SECONDS / seconds.max(1e-9)).clamp(1.0, Self::MOST as f64) as usize
            }
        }
    }

    /// Notes that `steps` steps took the time since `start`. The first is not counted: it warms up.
    pub(super) fn note(&mut self, start: Instant, steps: usize) {
        let seconds = start.elapsed().as_secs_f64() / steps as f64;
        if self.per_step.is_some() && self.samples.len() < 100_000 {
            self.samples.push(seconds);
        }
        self.per_step = Some(seconds);
    }

    /// The median time of a step, in seconds.
    pub(super) fn median(&self) -> Option<f64> {
        let mut samples = self.samples.clone();
        samples.sort_by(f64::total_cmp);
        samples.get(samples.len() / 2).copied().or(self.per_step)
    }
}

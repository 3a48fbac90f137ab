//! The host's clock around the steps of a plan.

use std::time::Instant;

use super::{StepTime, StepTimes};

/// Reads the host's clock before and after each step.
pub(crate) struct HostClock {
    begun: Instant,
    steps: Vec<StepTime>,
}

impl HostClock {
    /// A clock that starts now, with room for so many steps.
    pub(crate) fn new(steps: usize) -> Self {
        Self {
            begun: Instant::now(),
            steps: Vec::with_capacity(steps),
        }
    }

    /// Runs the next step.
    pub(crate) fn time<R>(&mut self, step: impl FnOnce() -> R) -> R {
        let start = Instant::now();
        let result = step();
        self.steps.push(StepTime {
            start: (start - self.begun).as_secs_f64(),
            seconds: start.elapsed().as_secs_f64(),
        });
        result
    }

    /// What was read.
    pub(crate) fn times(self) -> StepTimes {
        StepTimes {
            steps: self.steps,
            by_device: false,
        }
    }
}

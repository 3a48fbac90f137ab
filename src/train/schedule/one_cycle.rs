//! One cycle: the learning rate up and down, and the momentum the other way.

use serde::{Deserialize, Serialize};

use super::cosine;

/// The numbers of [`Curve::OneCycle`](super::Curve::OneCycle).
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

impl OneCycle {
    /// The rate and the momentum at `t` of `total`.
    #[expect(
        clippy::cast_precision_loss,
        reason = "runs have far fewer than 2^53 steps"
    )]
    pub(super) fn at(&self, most: f64, t: u64, total: u64) -> (f64, Option<f64>) {
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
}

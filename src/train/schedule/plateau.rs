//! A learning rate that goes down when the loss does so no more.

use serde::{Deserialize, Serialize};

/// The numbers of [`Curve::Plateau`](super::Curve::Plateau).
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

/// What a plateau schedule has seen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(in crate::train) struct PlateauState {
    best: Option<f64>,
    bad_epochs: u64,
    cooldown: u64,
    rate: f64,
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

impl PlateauState {
    /// Before the first epoch.
    pub(super) const fn new(rate: f64) -> Self {
        Self {
            best: None,
            bad_epochs: 0,
            cooldown: 0,
            rate,
        }
    }

    /// The learning rate as it is now.
    pub(super) const fn rate(&self) -> f64 {
        self.rate
    }
}

impl Plateau {
    pub(super) fn note(&self, loss: f64, state: &mut PlateauState) {
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

//! The loss scale, as the host sees it: it lives on the device.

use super::TrainError;
use super::session::Session;
use crate::graph::ops::Scaling;

/// The loss scale of a run under mixed precision.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LossScale {
    /// The scale that the next step's loss has.
    pub scale: f64,
    /// Good steps in a row.
    pub row: u64,
    /// Updates done.
    pub updates: u64,
    /// Steps skipped, because a gradient or the loss was not finite.
    pub skipped: u64,
}

impl Session {
    /// The loss scale as it is now; nothing in single precision.
    ///
    /// # Errors
    /// If the device failed.
    pub fn loss_scale(&mut self) -> Result<Option<LossScale>, TrainError> {
        if self.recipe.mixed.is_none() || self.training.is_none() {
            return Ok(None);
        }
        let mut read = |name| self.executor.read_stored(&self.store, name);
        let (scale, counts) = (
            read(Scaling::SCALE)?.to_f64(),
            read(Scaling::COUNTS)?.to_f64(),
        );
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "counts are whole numbers below 2^25"
        )]
        let count = |i: usize| counts[i] as u64;
        Ok(Some(LossScale {
            scale: scale[0],
            row: count(0),
            updates: count(1),
            skipped: count(2),
        }))
    }
}

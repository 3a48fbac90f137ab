//! What a run has come to so far.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::evaluation::Totals;
use super::feed::Feed;
use super::guard::Guard;
use super::pace::Pace;
use super::session::Position;
use super::snapshot::{Best, Standing};
use super::submission::Sent;
use super::{Evaluation, Inspection, Model, Options, Stopping, Summary};

/// What a run has come to so far.
pub(super) struct Progress {
    pub(super) begun: Instant,
    pub(super) first_step_seconds: Option<f64>,
    /// How far it is. Its steps are those that were submitted, its samples those whose losses have come back.
    pub(super) at: Standing,
    /// Training steps of the run, and those of an epoch.
    pub(super) total: u64,
    pub(super) in_epoch: u64,
    pub(super) pace: Pace,
    pub(super) guard: Guard,
    /// What brings the rows, if not all are on the device.
    pub(super) feed: Option<Feed>,
    pub(super) interrupted: bool,
    /// Whether gradients were gathered that no update has used yet.
    pub(super) open: bool,
    /// The submission whose losses are on their way, and when those of the one before came.
    pub(super) sent: Option<Sent>,
    pub(super) received: Instant,
    /// The best epoch's model, where it may be wanted again.
    pub(super) best: Option<Arc<Model>>,
    /// The learning rate of this epoch, if a callback has given one.
    pub(super) fixed_rate: Option<f64>,
    /// When the last snapshot was taken, or the run began.
    pub(super) saved: Instant,
    /// What this epoch's inspection found, if there was one.
    pub(super) inspection: Option<Inspection>,
    /// Seconds that passed before the run was resumed.
    pub(super) before: f64,
}

impl Progress {
    /// Seconds of the run, those before it was resumed among them.
    pub(super) fn seconds(&self) -> f64 {
        self.before + self.begun.elapsed().as_secs_f64()
    }

    /// How many steps may be submitted until a snapshot is due.
    pub(super) fn until_snapshot(&self, options: &Options) -> usize {
        options.checkpoint_steps.map_or(usize::MAX, |every| {
            let group = options.rules.group();
            let batches = (every - self.at.steps % every).saturating_mul(group);
            usize::try_from(batches - self.at.batches % group).unwrap_or(usize::MAX)
        })
    }

    /// Whether a snapshot is due after the steps that were just submitted.
    pub(super) fn is_due(&self, options: &Options) -> bool {
        let steps = options
            .checkpoint_steps
            .is_some_and(|every| !self.open && self.at.steps.is_multiple_of(every));
        let time = options
            .checkpoint_seconds
            .is_some_and(|every| self.saved.elapsed() >= Duration::from_secs_f64(every));
        steps || time || (options.takes_snapshots() && self.at.steps >= self.total)
    }

    /// The first batch of the next epoch, or the one after those that were done.
    pub(super) fn next(&self, batches: &[Position]) -> (u64, usize) {
        let done = usize::try_from(self.at.batches).unwrap_or(usize::MAX);
        match batches.get(done) {
            Some(batch) => (self.at.epoch, batch.start as usize),
            None => (self.at.epoch + 1, 0),
        }
    }

    /// Goes on to the next epoch.
    pub(super) const fn next_epoch(&mut self) {
        self.at.epoch += 1;
        self.at.batches = 0;
    }

    /// Judges an epoch, and says whether it is the best so far.
    pub(super) fn judge(&mut self, judged: f64, least: f64) -> bool {
        let better = self.at.best.is_none_or(|best| judged < best.judged - least);
        if better {
            self.at.best = Some(Best {
                epoch: self.at.epoch,
                steps: self.at.steps,
                judged,
            });
        }
        better
    }

    /// Whether there was no better epoch for as long as is waited for one.
    pub(super) fn is_exhausted(&self, stopping: &Stopping) -> bool {
        let best = self.at.best.map_or(0, |best| best.epoch);
        self.at.epoch - best >= stopping.patience
    }

    pub(super) fn totals(&self, metric: super::Metric) -> Totals {
        Totals::resume(metric, self.at.sums.clone())
    }

    pub(super) fn summary(
        &self,
        train: Evaluation,
        validation: Option<Evaluation>,
        interrupted: bool,
    ) -> Summary {
        let seconds = self.seconds();
        let passed = self.begun.elapsed().as_secs_f64();
        Summary {
            epochs: self.at.epoch,
            steps: self.at.steps,
            samples: self.at.samples,
            train,
            validation,
            seconds,
            first_step_seconds: self.first_step_seconds.unwrap_or(passed),
            step_seconds: self.pace.median().unwrap_or(passed),
            interrupted,
            stopped_early: false,
            best: self.at.best,
            loss_scale: None,
        }
    }
}

//! Submissions of training steps. While the losses of one come back from the device, the next is under way.

use std::time::Instant;

use super::TrainError;
use super::callback::StepsReport;
use super::evaluation::Totals;
use super::fit::Fit;
use super::progress::Progress;
use super::session::{Position, Purpose};
use super::tables::Tables;
use crate::executor::Reading;
use crate::kernel::Tick;

/// Training steps that were submitted, and whose losses are on their way.
pub(super) struct Sent {
    /// The number of the first, from 1; of its update, where one has several batches.
    first: u64,
    /// Batches of the epoch before the first.
    before: u64,
    /// Rows of each batch.
    rows: usize,
    steps: usize,
    /// How many of them were timed, one by one.
    timed: usize,
    /// When the host began with them, and with those that are not timed.
    submitted: Instant,
    start: Instant,
    tables: Tables,
    logs: [Reading; 2],
}

impl Fit<'_> {
    /// One submission: batches of the same size. Then the losses of the submission before are received, for which the device
    /// need not stand still; where there is no device to wait for, also its own.
    pub(super) fn steps(
        &mut self,
        tables: &Tables,
        batches: &[Position],
        totals: &mut Totals,
        progress: &mut Progress,
    ) -> Result<(), TrainError> {
        let rows = batches[0].rows;
        let group = self.options.rules.group();
        let pending = progress.at.batches % group;
        // Batches are numbered through where an update has several: each drops units of its own.
        let numbered = if group == 1 {
            progress.at.steps + 1
        } else {
            let epochs = (progress.at.epoch - 1).saturating_mul(progress.in_epoch);
            self.batches_of(epochs, tables, progress.in_epoch) + progress.at.batches + 1
        };
        let number =
            |slot: u32| u32::try_from(numbered).map_or(u32::MAX, |n| n.saturating_add(slot));
        let place = |&b: &Position| progress.feed.as_ref().map_or(b.start, |feed| feed.place(b));
        let tick = |(slot, b): (u32, &Position)| {
            let updates = (pending + u64::from(slot)) / group;
            let rate = self.rate(progress, progress.at.steps + updates);
            Tick {
                step: number(slot),
                start: place(b),
                slot,
                learning_rate: rate.learning_rate,
                momentum: rate.momentum,
            }
        };
        let ticks: Vec<_> = (0..).zip(batches).map(tick).collect();

        let ready = self.session.plan(Purpose::Training(rows))?;
        let profile = self.callback.profile();
        let due = profile.is_some_and(|profile| profile.is_due(ticks.len()));
        if due {
            // What is timed stands alone.
            self.receive(totals, progress)?;
        }
        let submitted = Instant::now();
        if let Some(profile) = self.callback.profile().filter(|_| due) {
            profile.time(&mut self.session, &ready, &ticks[0], group)?;
        }
        let timed = usize::from(due);
        let mut start = Instant::now();
        let (first, before) = (progress.at.steps + 1, progress.at.batches);
        if group > 1 {
            start += self.accumulate(tables, rows, (&ticks, timed), progress)?;
        } else if timed < ticks.len() {
            self.session.executor.run(ready.handle, &ticks[timed..])?;
        }
        let logs = self.session.begin_logs(tables)?;
        if let Some(feed) = &mut progress.feed {
            feed.prefetch(&mut self.session)?;
        }
        if group == 1 {
            progress.guard.note(rows, &ticks);
            progress.at.steps += ticks.len() as u64;
        }
        progress.at.batches += ticks.len() as u64;
        let done = matches!(logs[0], Reading::Done(_));
        let sent = Sent {
            first,
            before,
            rows,
            steps: ticks.len(),
            timed,
            submitted,
            start,
            tables: tables.clone(),
            logs,
        };
        let before = progress.sent.replace(sent);
        if let Some(before) = before {
            self.take(before, totals, progress)?;
        }
        if done {
            self.receive(totals, progress)?;
        }
        Ok(())
    }

    /// Waits for the losses that are on their way.
    pub(super) fn receive(
        &mut self,
        totals: &mut Totals,
        progress: &mut Progress,
    ) -> Result<(), TrainError> {
        match progress.sent.take() {
            Some(sent) => self.take(sent, totals, progress),
            None => Ok(()),
        }
    }

    /// The losses of a submission: judged, added up and told.
    fn take(
        &mut self,
        sent: Sent,
        totals: &mut Totals,
        progress: &mut Progress,
    ) -> Result<(), TrainError> {
        let Sent {
            first,
            before,
            rows,
            steps,
            ..
        } = sent;
        let logged = self.session.end_logs(sent.logs, &sent.tables, steps)?;
        // It began when the one before was done, if that was later than it was submitted. A timed step is slow, and is not
        // what a step takes.
        if sent.timed < steps {
            let start = sent.start.max(progress.received);
            progress.pace.note(start, steps - sent.timed);
        }
        let start = sent.submitted.max(progress.received);
        progress.received = Instant::now();
        self.note(|| format!("training steps: {steps}"), start);
        progress
            .first_step_seconds
            .get_or_insert_with(|| progress.begun.elapsed().as_secs_f64());

        let mixed = self.session.recipe.mixed.is_some();
        let losses = logged.losses.clone();
        // Under mixed precision such a step was skipped, and says nothing of the epoch.
        let logged = if mixed { logged.finite() } else { logged };
        if logged.losses.iter().any(|loss| !loss.is_finite()) {
            return Err(progress.guard.diagnose(&mut self.session)?);
        }
        totals.add(&logged, rows);
        progress.at.samples += (steps * rows) as u64;
        let mut here = Totals::new(sent.tables.metric());
        let losses = if self.options.rules.accumulates() {
            self.updates((&logged, rows), before, &sent.tables, &mut here, progress)
        } else {
            here.add(&logged, rows);
            losses
        };
        if losses.is_empty() {
            return Ok(());
        }
        let accuracy = here.evaluation(false, None).accuracy;
        let (samples, total) = (progress.at.samples, progress.total);
        let report = StepsReport {
            epoch: progress.at.epoch,
            first,
            losses: &losses,
            accuracy,
            samples,
            total,
        };
        Ok(self.callback.steps(&report)?)
    }
}

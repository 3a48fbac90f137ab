//! Updates after several batches, by the mean gradient over all their rows.
//!
//! A training step on a batch adds its gradient, times its rows, to a block of the store; behind the last of a group stands
//! an update of a plan of its own, which divides by the rows of the group and leaves zeros. Groups end with the epoch.

use std::time::{Duration, Instant};

use super::evaluation::Totals;
use super::fit::Fit;
use super::logs::Logged;
use super::progress::Progress;
use super::session::Purpose;
use super::tables::Tables;
use super::{Recipe, Rules, TrainError};
use crate::graph::{Graph, GraphError, Store};
use crate::kernel::Tick;
use crate::network::PARAMETERS;

impl Rules {
    /// The ending of the block in which gradients are gathered.
    pub const GRADIENT: &'static str = "gradient";

    /// Batches to an update.
    pub(super) fn group(&self) -> u64 {
        self.accumulate.map_or(1, |batches| batches.max(1) as u64)
    }

    /// Whether an update has more than one batch.
    pub(super) fn accumulates(&self) -> bool {
        self.group() > 1
    }

    /// Rows of a whole group of batches of so many.
    pub(super) fn group_rows(&self, batch_size: usize) -> usize {
        batch_size.saturating_mul(usize::try_from(self.group()).unwrap_or(usize::MAX))
    }
}

impl Recipe {
    /// The update behind a group of batches of so many rows together.
    ///
    /// # Errors
    /// If the store lacks what it changes.
    #[expect(
        clippy::cast_precision_loss,
        reason = "data sets have far fewer than 2^53 rows"
    )]
    pub fn update(&self, store: &Store, rows: usize) -> Result<Graph, GraphError> {
        let mut graph = Graph::new();
        let ruled = self.rules.in_runs(store, &self.optimizer)?;
        graph.accumulated_update(store, PARAMETERS, &ruled, 1.0 / rows as f64)?;
        self.rules.average(&mut graph, store)?;
        Ok(graph)
    }
}

impl Fit<'_> {
    /// Batches of so many updates.
    pub(super) fn batches_of(&self, updates: u64, tables: &Tables, in_epoch: u64) -> u64 {
        let batches = tables.rows().div_ceil(self.options.batch_size) as u64;
        let rest = (updates % in_epoch).saturating_mul(self.options.rules.group());
        (updates / in_epoch)
            .saturating_mul(batches)
            .saturating_add(rest)
    }

    /// Batches of the same size, so many of which were run already to time them, with an update behind each group that they
    /// complete. Gives how long it took to time an update, which is not what one takes.
    pub(super) fn accumulate(
        &mut self,
        tables: &Tables,
        rows: usize,
        (mut ticks, mut timed): (&[Tick], usize),
        progress: &mut Progress,
    ) -> Result<Duration, TrainError> {
        let mut timing = Duration::ZERO;
        let mut times_update = timed > 0;
        let batch = self.options.batch_size;
        let (group, whole) = (
            self.options.rules.group(),
            self.options.rules.group_rows(batch),
        );
        let in_epoch = tables.rows().div_ceil(batch) as u64;
        let ready = self.session.plan(Purpose::Training(rows))?;
        let mut done = progress.at.batches;
        while !ticks.is_empty() {
            let end = (done / group + 1).saturating_mul(group).min(in_epoch);
            let now = usize::try_from(end - done).unwrap_or(usize::MAX);
            let (now, rest) = ticks.split_at(now.min(ticks.len()));
            let untimed = &now[timed..];
            timed = 0;
            if !untimed.is_empty() {
                self.session.executor.run(ready.handle, untimed)?;
            }
            let number = progress.at.steps + 1;
            for tick in now {
                let purpose = Purpose::Training(rows);
                progress.guard.note_as(purpose, *tick, number);
            }
            ticks = rest;
            done += now.len() as u64;
            progress.open = done < end;
            if progress.open {
                return Ok(timing);
            }
            let groups = usize::try_from((end - 1) / group).unwrap_or(usize::MAX);
            let before = groups.saturating_mul(whole);
            let rate = self.rate(progress, progress.at.steps);
            let tick = Tick {
                step: u32::try_from(number).unwrap_or(u32::MAX),
                learning_rate: rate.learning_rate,
                momentum: rate.momentum,
                ..Tick::default()
            };
            let purpose = Purpose::Update((tables.rows() - before).min(whole));
            let update = self.session.plan(purpose)?;
            let profile = self.callback.profile().filter(|_| times_update);
            match profile.filter(|profile| profile.is_update_due()) {
                Some(profile) => {
                    let start = Instant::now();
                    profile.time_update(&mut self.session, &update, &tick, group)?;
                    timing += start.elapsed();
                }
                None => self.session.executor.run(update.handle, &[tick])?,
            }
            times_update = false;
            progress.guard.note_as(purpose, tick, number);
            progress.at.steps = number;
        }
        Ok(timing)
    }

    /// The losses of the updates whose last batch is among those that were logged: means over the rows of all their batches.
    /// What these came to is added to `told`, and what the batches behind the last update came to is kept for the next.
    pub(super) fn updates(
        &self,
        (logged, rows): (&Logged, usize),
        before: u64,
        tables: &Tables,
        told: &mut Totals,
        progress: &mut Progress,
    ) -> Vec<f64> {
        let group = self.options.rules.group();
        let in_epoch = tables.rows().div_ceil(self.options.batch_size) as u64;
        let mut losses = Vec::new();
        let mut open = Totals::resume(tables.metric(), std::mem::take(&mut progress.at.open));
        for (batch, done) in (0..logged.losses.len()).zip(before + 1..) {
            open.add(&logged.of(batch), rows);
            if done.is_multiple_of(group) || done == in_epoch {
                losses.push(open.mean_loss());
                told.merge(&open);
                open = Totals::new(tables.metric());
            }
        }
        progress.at.open = open.sums().clone();
        losses
    }
}

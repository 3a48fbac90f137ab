//! The training loop.

use std::sync::Arc;
use std::time::Instant;

use super::callback::{Callback, EpochReport};
use super::evaluation::Totals;
use super::feed::Feed;
use super::guard::Guard;
use super::pace::Pace;
use super::progress::Progress;
use super::room::Rows;
use super::schedule::{Moment, Rate};
use super::session::{Position, Session, batches};
use super::tables::Tables;
use super::{Best, Evaluation, LossScale, Model, Options, Snapshot, Standing, TrainError};
use crate::executor::Data;

/// What a training run came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Epochs begun.
    pub epochs: u64,
    /// Training steps done.
    pub steps: u64,
    /// Rows seen.
    pub samples: u64,
    /// Over the last epoch's own batches, while the parameters changed.
    pub train: Evaluation,
    /// Over the validation rows, after the last step.
    pub validation: Option<Evaluation>,
    /// The whole run, in seconds.
    pub seconds: f64,
    /// From the beginning to the end of the first training step.
    pub first_step_seconds: f64,
    /// The median time of a training step once warm, without validation, in seconds; of one of its batches, where an update
    /// has several.
    pub step_seconds: f64,
    /// Whether a callback ended it.
    pub interrupted: bool,
    /// Whether it ended because there was no better epoch for long.
    pub stopped_early: bool,
    /// The best epoch.
    pub best: Option<Best>,
    /// What became of the loss scale, under mixed precision.
    pub loss_scale: Option<LossScale>,
}

/// One training run over a session.
pub(super) struct Fit<'a> {
    pub(super) session: Session,
    pub(super) options: &'a Options,
    pub(super) rows: Rows<'a>,
    pub(super) units: Option<&'a [f64]>,
    pub(super) callback: &'a mut dyn Callback,
}

impl Fit<'_> {
    /// Trains, from the parameters as they are, and from where the snapshot was taken if there is one.
    pub(super) fn run(
        &mut self,
        begun: Instant,
        from: Option<Snapshot>,
    ) -> Result<(Model, Summary), TrainError> {
        // Rows that stream are read by a thread, which ends when nobody wants more.
        std::thread::scope(|scope| {
            let data = self.rows.training;
            let tables = self.tables();
            let batch = self.options.batch_size;
            let batches = batches(tables.rows(), batch);
            let in_epoch = (batches.len() as u64).div_ceil(self.options.rules.group());
            let mut progress = self.begin(begun, &tables, in_epoch, from)?;
            let total = progress.total;
            let rest = (total % in_epoch).saturating_mul(batch as u64);
            let rest = rest.saturating_mul(self.options.rules.group());
            let rows = (total / in_epoch).saturating_mul(data.rows() as u64);
            let rows = rows.saturating_add(rest);
            let next = progress.next(&batches);
            progress.feed = Feed::start(scope, data, &tables, self.options.order(), next, rows);
            self.train(&tables, &batches, progress)
        })
    }

    fn tables(&self) -> Tables {
        let tables = self.session.training.clone();
        tables.expect("the training rows are set before the run")
    }

    fn begin(
        &self,
        begun: Instant,
        tables: &Tables,
        in_epoch: u64,
        from: Option<Snapshot>,
    ) -> Result<Progress, TrainError> {
        let epochs = self.options.epochs.saturating_mul(in_epoch);
        let base = self.options.optimizer.learning_rate;
        let fresh = || {
            let sums = Totals::new(tables.metric()).sums().clone();
            Standing::new(sums, self.options.schedule.begin(base))
        };
        let (at, best) = match from {
            Some(snapshot) => (snapshot.standing, snapshot.best),
            None => (fresh(), None),
        };
        Ok(Progress {
            begun,
            first_step_seconds: None,
            before: at.seconds,
            at,
            total: self.options.steps.unwrap_or(epochs),
            in_epoch,
            pace: Pace::new(),
            guard: Guard::default(),
            feed: None,
            interrupted: false,
            open: false,
            sent: None,
            received: begun,
            best,
            saved: begun,
            fixed_rate: None,
            inspection: None,
        })
    }

    fn train(
        &mut self,
        tables: &Tables,
        batches: &[Position],
        mut progress: Progress,
    ) -> Result<(Model, Summary), TrainError> {
        progress.guard.begin(&mut self.session, progress.at.steps)?;
        loop {
            self.shuffle(tables, progress.at.epoch)?;
            progress.fixed_rate = self.callback.epoch_begins(progress.at.epoch)?;
            if let Some(rate) = progress.fixed_rate.filter(|r| !r.is_finite() || *r < 0.0) {
                return Err(TrainError::Option {
                    name: "the learning rate that a callback gave",
                    found: rate.to_string(),
                    expected: "a finite number of at least 0",
                });
            }
            let train = self.epoch(tables, batches, &mut progress)?;
            if progress.interrupted && self.callback.keeps_snapshots() {
                // The rest of the epoch, and its end, come when the run is resumed.
                let model = self.session.model(false)?;
                return self.end(&progress, model, train, None);
            }
            let (model, validation) = self.finish_epoch(&train, &mut progress)?;
            let exhausted = (self.options.stopping.as_ref())
                .is_some_and(|stopping| progress.is_exhausted(stopping));
            let stops = exhausted || self.callback.stops();
            let over = progress.at.steps >= progress.total || stops;
            progress.interrupted |= !over && self.callback.interrupted();
            if over || progress.interrupted {
                let (mut model, mut summary) = self.end(&progress, model, train, validation)?;
                summary.stopped_early = stops && progress.at.steps < progress.total;
                let restores = self.options.stopping.is_some_and(|s| s.restore_best);
                if let Some(best) = progress.best.take_if(|_| over && restores) {
                    model = Arc::unwrap_or_clone(best);
                    summary.validation = progress.at.best_validation.take();
                }
                if progress.interrupted && self.callback.keeps_snapshots() {
                    progress.next_epoch();
                    let totals = Totals::new(tables.metric());
                    self.snapshot(&totals, &mut progress)?;
                }
                return Ok((model, summary));
            }
            progress.next_epoch();
            progress.at.sums = Totals::new(tables.metric()).sums().clone();
        }
    }

    fn end(
        &mut self,
        progress: &Progress,
        model: Model,
        train: Evaluation,
        validation: Option<Evaluation>,
    ) -> Result<(Model, Summary), TrainError> {
        let mut summary = progress.summary(train, validation, progress.interrupted);
        summary.loss_scale = self.session.loss_scale()?;
        Ok((model, summary))
    }

    /// Writes the row order of an epoch: the same on every device. Rows that stream come in their order.
    fn shuffle(&mut self, tables: &Tables, epoch: u64) -> Result<(), TrainError> {
        if !self.options.shuffle || tables.streamed().is_some() {
            return Ok(());
        }
        let start = Instant::now();
        let order = self.options.order().of(self.rows.training);
        let order = order.epoch(tables.rows(), epoch);
        let Session {
            executor, store, ..
        } = &mut self.session;
        executor.write_stored(store, &tables.part("order"), &Data::U32(order))?;
        self.note(|| "shuffle".to_owned(), start);
        Ok(())
    }

    /// The batches of one epoch that were not done yet, as many as the run still wants.
    fn epoch(
        &mut self,
        tables: &Tables,
        batches: &[Position],
        progress: &mut Progress,
    ) -> Result<Evaluation, TrainError> {
        let mut totals = progress.totals(tables.metric());
        let done = usize::try_from(progress.at.batches).unwrap_or(usize::MAX);
        let all = batches;
        let mut batches = &batches[done.min(batches.len())..];
        let left = progress.total.saturating_sub(progress.at.steps);
        let group = self.options.rules.group();
        let left = left
            .saturating_mul(group)
            .saturating_sub(progress.at.batches % group);
        let left = usize::try_from(left).unwrap_or(usize::MAX);
        batches = &batches[..batches.len().min(left)];
        while let Some(first) = batches.first() {
            let same = batches.iter().take_while(|b| b.rows == first.rows).count();
            let unchecked = Pace::MOST - progress.guard.unchecked();
            let here = self.enter(*first, progress)?;
            let most = progress.pace.steps().min(unchecked).min(here);
            let most = most.min(progress.until_snapshot(self.options));
            let (now, rest) = batches.split_at(same.min(most));
            self.steps(tables, now, &mut totals, progress)?;
            batches = rest;
            // Steps are only ever run again while their rows are there.
            let chunk_ends = match (&progress.feed, batches.first()) {
                (Some(feed), Some(next)) => feed.begins(*next),
                _ => false,
            };
            if chunk_ends || progress.guard.unchecked() >= Pace::MOST {
                self.check(&mut totals, progress)?;
            }
            progress.interrupted |= self.callback.interrupted();
            if self.callback.keeps_snapshots()
                && (progress.interrupted || progress.is_due(self.options))
            {
                self.check(&mut totals, progress)?;
                self.snapshot(&totals, progress)?;
            }
            if progress.interrupted {
                break;
            }
        }
        self.check(&mut totals, progress)?;
        self.inspect(all, progress)?;
        Ok(totals.evaluation(self.session.recipe.objective.is_squared_error(), self.units))
    }

    /// Looks into the network on the epoch's first batch, or where rows stream on its last, if the callback wants that. To be
    /// called when all steps are checked, and before other rows come.
    fn inspect(&mut self, batches: &[Position], progress: &mut Progress) -> Result<(), TrainError> {
        progress.inspection = None;
        if progress.interrupted || !self.callback.inspects(progress.at.epoch) {
            return Ok(());
        }
        let start = Instant::now();
        let done = usize::try_from(progress.at.batches).unwrap_or(usize::MAX);
        let batch = match &progress.feed {
            None => batches.first().copied(),
            Some(feed) => batches[..done.min(batches.len())]
                .last()
                .map(|&last| Position {
                    start: feed.place(last),
                    ..last
                }),
        };
        if let Some(batch) = batch {
            progress.inspection = self.session.inspect(batch)?;
            self.note(|| "inspection".to_owned(), start);
        }
        Ok(())
    }

    /// Hands the run as it is, all steps received and found good, to the callback.
    fn snapshot(&mut self, totals: &Totals, progress: &mut Progress) -> Result<(), TrainError> {
        let start = Instant::now();
        progress.at.sums.clone_from(totals.sums());
        progress.at.seconds = progress.seconds();
        let snapshot = Snapshot {
            standing: progress.at.clone(),
            tensors: self.session.kept()?,
            best: progress.best.clone(),
        };
        self.callback.snapshot(snapshot)?;
        progress.saved = Instant::now();
        self.note(|| "snapshot".to_owned(), start);
        Ok(())
    }

    /// Sees to it that the rows from a position on are on the device, and gives how many batches of them are.
    fn enter(&mut self, first: Position, progress: &mut Progress) -> Result<usize, TrainError> {
        let epoch = progress.at.epoch;
        let Some(feed) = &mut progress.feed else {
            return Ok(usize::MAX);
        };
        let start = Instant::now();
        let waits = !feed.is_at(epoch, first);
        let rows = feed
            .enter(&mut self.session, epoch, first)
            .map_err(|error| progress.guard.lost_rows(&mut self.session, error))?;
        if waits {
            self.note(|| "next chunk of rows".to_owned(), start);
        }
        Ok(rows.div_ceil(first.rows))
    }

    /// Looks for numbers that are not finite.
    fn check(&mut self, totals: &mut Totals, progress: &mut Progress) -> Result<(), TrainError> {
        self.receive(totals, progress)?;
        if progress.guard.unchecked() == 0 {
            // Nothing has changed since, as at the end of an epoch behind a snapshot.
            return Ok(());
        }
        let start = Instant::now();
        progress.guard.check(&mut self.session)?;
        self.note(|| "check".to_owned(), start);
        Ok(())
    }

    /// Notes what the host did since `start` in the profile, if there is one.
    pub(super) fn note(&mut self, name: impl FnOnce() -> String, start: Instant) {
        if let Some(profile) = self.callback.profile() {
            profile.note(name, start);
        }
    }

    /// Evaluates, and tells the callback.
    fn finish_epoch(
        &mut self,
        train: &Evaluation,
        progress: &mut Progress,
    ) -> Result<(Model, Option<Evaluation>), TrainError> {
        let mut validation = None;
        let start = Instant::now();
        let epoch = progress.at.epoch;
        if let Some(data) = self.rows.validation {
            let batch_size = Evaluation::batch_size(self.options.batch_size);
            let mut evaluation = self
                .session
                .evaluate_rows(data, batch_size, self.units)
                .map_err(|error| progress.guard.lost_rows(&mut self.session, error))?;
            evaluation.complete(data);
            if !evaluation.loss.is_finite() {
                return Err(progress
                    .guard
                    .bad_validation(&mut self.session, evaluation.loss)?);
            }
            validation = Some(evaluation);
            self.note(|| "validation".to_owned(), start);
        }
        let evaluation = validation.as_ref().unwrap_or(train);
        let judged = self.options.monitor.judge(evaluation)?;
        let least = self.options.stopping.map_or(0.0, |s| s.min_delta);
        let best = progress.judge(judged, least);
        let learning_rate = self
            .rate(progress, progress.at.steps.saturating_sub(1))
            .learning_rate;
        (self.options.schedule).note(evaluation.loss, &mut progress.at.plateau);
        let model = self.session.model(false)?;
        let report = EpochReport {
            epoch,
            steps: progress.at.steps,
            samples: progress.at.samples,
            train,
            validation: validation.as_ref(),
            best,
            learning_rate,
            seconds: progress.seconds(),
            model: &model,
            inspection: progress.inspection.as_ref(),
        };
        let start = Instant::now();
        self.callback.epoch(&report)?;
        self.note(|| format!("end of epoch {epoch}"), start);
        if best && self.options.keeps_best() {
            progress.best = Some(Arc::new(model.clone()));
            progress.at.best_validation.clone_from(&validation);
        }
        Ok((model, validation))
    }

    /// The learning rate of the step behind so many others, in the epoch that is under way.
    pub(super) fn rate(&self, progress: &Progress, steps: u64) -> Rate {
        let moment = Moment {
            steps,
            epochs: progress.at.epoch - 1,
            total: [progress.total, progress.total.div_ceil(progress.in_epoch)],
        };
        let Options {
            optimizer,
            schedule,
            ..
        } = self.options;
        let rate = schedule.rate(optimizer.learning_rate, moment, &progress.at.plateau);
        Rate {
            learning_rate: progress.fixed_rate.unwrap_or(rate.learning_rate),
            ..rate
        }
    }
}

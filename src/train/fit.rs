//! The training loop.

use std::time::Instant;

use super::LossScale;
use super::evaluation::Totals;
use super::feed::Feed;
use super::guard::Guard;
use super::observer::{EpochReport, Observer};
use super::pace::Pace;
use super::room::Rows;
use super::session::{Position, Session, batches};
use super::submission::Sent;
use super::tables::Tables;
use super::{Evaluation, Model, Options, TrainError};
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
    /// The median time of a training step once warm, without validation, in seconds.
    pub step_seconds: f64,
    /// Whether an observer ended it.
    pub interrupted: bool,
    /// What became of the loss scale, under mixed precision.
    pub loss_scale: Option<LossScale>,
}

/// One training run over a session.
pub(super) struct Fit<'a> {
    pub(super) session: Session,
    pub(super) options: &'a Options,
    pub(super) rows: Rows<'a>,
    pub(super) units: Option<&'a [f64]>,
    pub(super) observer: &'a mut dyn Observer,
}

/// What a run has come to so far.
pub(super) struct Progress {
    pub(super) begun: Instant,
    pub(super) first_step_seconds: Option<f64>,
    /// Steps that were submitted.
    pub(super) steps: u64,
    /// Rows whose losses have come back.
    pub(super) samples: u64,
    pub(super) total: u64,
    pub(super) pace: Pace,
    pub(super) guard: Guard,
    best: f64,
    /// What brings the rows, if not all are on the device.
    pub(super) feed: Option<Feed>,
    interrupted: bool,
    /// The submission whose losses are on their way, and when those of the one before came.
    pub(super) sent: Option<Sent>,
    pub(super) received: Instant,
}

impl Fit<'_> {
    /// Trains, from the parameters as they are.
    pub(super) fn run(self, begun: Instant) -> Result<(Model, Summary), TrainError> {
        // Rows that stream are read by a thread, which ends when nobody wants more.
        std::thread::scope(|scope| {
            let data = self.rows.training;
            let tables = self.tables();
            let batch = self.options.batch_size;
            let in_epoch = data.rows().div_ceil(batch) as u64;
            let total = self.total(in_epoch);
            let rest = (total % in_epoch).saturating_mul(batch as u64);
            let rows = (total / in_epoch).saturating_mul(data.rows() as u64);
            let rows = rows.saturating_add(rest);
            let feed = Feed::start(scope, data, &tables, self.options.order(), rows);
            self.train(begun, &tables, feed)
        })
    }

    fn tables(&self) -> Tables {
        let tables = self.session.training.clone();
        tables.expect("the training rows are set before the run")
    }

    /// Training steps of the run, where an epoch has so many.
    fn total(&self, in_epoch: u64) -> u64 {
        let epochs = self.options.epochs.saturating_mul(in_epoch);
        self.options.steps.unwrap_or(epochs)
    }

    fn train(
        mut self,
        begun: Instant,
        tables: &Tables,
        feed: Option<Feed>,
    ) -> Result<(Model, Summary), TrainError> {
        let batches = batches(tables.rows(), self.options.batch_size);
        let total = self.total(batches.len() as u64);
        let guard = Guard::new(&mut self.session)?;
        let (pace, best) = (Pace::new(), f64::INFINITY);
        let mut progress = Progress {
            begun,
            first_step_seconds: None,
            steps: 0,
            samples: 0,
            total,
            pace,
            guard,
            best,
            feed,
            interrupted: false,
            sent: None,
            received: begun,
        };
        let mut epoch = 0;
        loop {
            epoch += 1;
            self.shuffle(tables, epoch)?;
            let train = self.epoch(epoch, tables, &batches, &mut progress)?;
            let (model, validation) = self.finish_epoch(epoch, &train, &mut progress)?;
            let interrupted = progress.interrupted || self.observer.interrupted();
            if progress.steps >= total || interrupted {
                let mut summary = progress.summary(epoch, train, validation, interrupted);
                summary.loss_scale = self.session.loss_scale()?;
                return Ok((model, summary));
            }
        }
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

    /// The batches of one epoch, as many as the run still wants.
    fn epoch(
        &mut self,
        epoch: u64,
        tables: &Tables,
        batches: &[Position],
        progress: &mut Progress,
    ) -> Result<Evaluation, TrainError> {
        let mut totals = Totals::new(tables.metric());
        let left = usize::try_from(progress.total - progress.steps).unwrap_or(usize::MAX);
        let mut batches = &batches[..batches.len().min(left)];
        while let Some(first) = batches.first() {
            let same = batches.iter().take_while(|b| b.rows == first.rows).count();
            let unchecked = Pace::MOST - progress.guard.unchecked();
            let here = self.enter(epoch, *first, progress)?;
            let most = progress.pace.steps().min(unchecked).min(here);
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
            if self.observer.interrupted() {
                progress.interrupted = true;
                break;
            }
        }
        self.check(&mut totals, progress)?;
        Ok(totals.evaluation(self.session.recipe.objective.is_squared_error(), self.units))
    }

    /// Sees to it that the rows from a position on are on the device, and gives how many batches of them are.
    fn enter(
        &mut self,
        epoch: u64,
        first: Position,
        progress: &mut Progress,
    ) -> Result<usize, TrainError> {
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
        let start = Instant::now();
        progress.guard.check(&mut self.session)?;
        self.note(|| "check".to_owned(), start);
        Ok(())
    }

    /// Notes what the host did since `start` in the profile, if there is one.
    pub(super) fn note(&mut self, name: impl FnOnce() -> String, start: Instant) {
        if let Some(profile) = self.observer.profile() {
            profile.note(name, start);
        }
    }

    /// Evaluates, and tells the observer.
    fn finish_epoch(
        &mut self,
        epoch: u64,
        train: &Evaluation,
        progress: &mut Progress,
    ) -> Result<(Model, Option<Evaluation>), TrainError> {
        let mut validation = None;
        let start = Instant::now();
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
        let judged = validation.as_ref().unwrap_or(train).loss;
        let best = judged < progress.best;
        progress.best = progress.best.min(judged);
        let model = self.session.model(false)?;
        let report = EpochReport {
            epoch,
            steps: progress.steps,
            samples: progress.samples,
            train,
            validation: validation.as_ref(),
            best,
            seconds: progress.begun.elapsed().as_secs_f64(),
            model: &model,
        };
        let start = Instant::now();
        self.observer.epoch(&report)?;
        self.note(|| format!("end of epoch {epoch}"), start);
        Ok((model, validation))
    }
}

impl Progress {
    fn summary(
        &self,
        epochs: u64,
        train: Evaluation,
        validation: Option<Evaluation>,
        interrupted: bool,
    ) -> Summary {
        let seconds = self.begun.elapsed().as_secs_f64();
        Summary {
            epochs,
            steps: self.steps,
            samples: self.samples,
            train,
            validation,
            seconds,
            first_step_seconds: self.first_step_seconds.unwrap_or(seconds),
            step_seconds: self.pace.median().unwrap_or(seconds),
            interrupted,
            loss_scale: None,
        }
    }
}

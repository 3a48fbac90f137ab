//! Losses and metrics on their way back from the logs in the store.

use super::TrainError;
use super::session::Session;
use super::tables::Tables;
use crate::executor::{PlanHandle, Reading};
use crate::plan::Place;

/// The losses and metrics of some batches.
#[derive(Debug, Clone, Default)]
pub struct Logged {
    /// The loss of each batch.
    pub losses: Vec<f64>,
    /// The metric of each batch.
    pub metrics: Vec<Vec<f64>>,
    /// The sum of the weights of each batch's rows, where rows have weights; else nothing.
    pub weights: Vec<f64>,
    /// The loss of each output, for each batch, where it is told in units that outputs have; else nothing.
    pub by_output: Vec<Vec<f64>>,
    /// The power of an output's unit in which that loss is.
    pub power: i32,
}

impl Logged {
    /// What one batch alone came to.
    pub(super) fn of(&self, batch: usize) -> Self {
        fn one<T: Clone>(values: &[T], batch: usize) -> Vec<T> {
            values.get(batch).cloned().into_iter().collect()
        }
        Self {
            losses: one(&self.losses, batch),
            metrics: one(&self.metrics, batch),
            weights: one(&self.weights, batch),
            by_output: one(&self.by_output, batch),
            power: self.power,
        }
    }

    /// Those batches whose loss is finite.
    pub(super) fn finite(self) -> Self {
        fn kept<T>(finite: &[bool], values: Vec<T>) -> Vec<T> {
            let pairs = values.into_iter().zip(finite);
            pairs.filter(|pair| *pair.1).map(|pair| pair.0).collect()
        }
        let finite: Vec<bool> = self.losses.iter().map(|loss| loss.is_finite()).collect();
        Self {
            losses: kept(&finite, self.losses),
            metrics: kept(&finite, self.metrics),
            weights: kept(&finite, self.weights),
            by_output: kept(&finite, self.by_output),
            power: self.power,
        }
    }
}

impl Session {
    /// The first `count` rows of the logs.
    pub(super) fn read_logs(
        &mut self,
        tables: &Tables,
        count: usize,
    ) -> Result<Logged, TrainError> {
        let logs = self.begin_logs(tables)?;
        self.end_logs(logs, tables, count)
    }

    /// Begins to read the logs as they are after all work before, and does not wait.
    pub(super) fn begin_logs(&mut self, tables: &Tables) -> Result<[Reading; 2], TrainError> {
        let mut begin = |part: &str| {
            let place = Place::stored(&self.store, &tables.part(part))?;
            // The place is the store's, so the plan does not matter.
            self.executor.begin_read(PlanHandle(0), place)
        };
        Ok([begin("log.loss")?, begin("log.metric")?])
    }

    /// The first `count` rows of logs that were begun to be read.
    pub(super) fn end_logs(
        &mut self,
        [losses, metrics]: [Reading; 2],
        tables: &Tables,
        count: usize,
    ) -> Result<Logged, TrainError> {
        let told = self.executor.end_read(losses)?.to_f64();
        let metrics = self.executor.end_read(metrics)?.to_f64();
        let metrics = metrics
            .chunks(tables.metric().columns())
            .take(count)
            .map(<[f64]>::to_vec)
            .collect();
        Ok(tables.logged(&told, metrics))
    }
}

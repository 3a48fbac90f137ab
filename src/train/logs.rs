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
}

impl Logged {
    /// Those batches whose loss is finite.
    pub(super) fn finite(self) -> Self {
        let pairs = self.losses.into_iter().zip(self.metrics);
        let (losses, metrics) = pairs.filter(|(loss, _)| loss.is_finite()).unzip();
        Self { losses, metrics }
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
        let losses = self.executor.end_read(losses)?.to_f64();
        let metrics = self.executor.end_read(metrics)?.to_f64();
        let metrics = metrics
            .chunks(tables.metric().columns())
            .take(count)
            .map(<[f64]>::to_vec)
            .collect();
        Ok(Logged {
            losses: losses[..count].to_vec(),
            metrics,
        })
    }
}

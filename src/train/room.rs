//! How a run is made to fit: with all rows on the device, or with rows that stream through it.

use std::fmt;

use super::ring::{Ring, Share};
use super::tables::Tables;
use super::{Evaluation, Options, Session, TrainError};
use crate::data::{Dataset, Order};
use crate::graph::{Block, GraphError, Store};
use crate::plan::PlanError;

/// The rows of a run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows<'a> {
    pub(super) training: &'a Dataset,
    pub(super) validation: Option<&'a Dataset>,
}

/// Rows that stream: a chunk of them is on the device, the next one on its way, and the others are elsewhere. Or rows that
/// are not in memory.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Streamed {
    /// `training` or `validation`.
    pub rows: &'static str,
    /// How many there are.
    pub count: usize,
    /// How many a chunk has; all, if the device holds them.
    pub chunk: usize,
    /// Whether they are read from their file, or made, whenever they are wanted.
    pub stored: bool,
    /// How many are shuffled together, if not all.
    pub window: Option<usize>,
}

impl fmt::Display for Streamed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            rows, count, chunk, ..
        } = self;
        write!(f, "the {count} {rows} rows ")?;
        if self.stored {
            f.write_str("are not held in memory, and ")?;
        }
        if chunk < count {
            write!(
                f,
                "stream: {chunk} of them are on the device, and as many on their way"
            )?;
        } else {
            f.write_str("are all on the device")?;
        }
        match self.window {
            Some(window) => write!(f, "; they are shuffled within windows of {window}"),
            None => Ok(()),
        }
    }
}

impl Session {
    /// Declares all that a run needs, in place of what was declared before. Nothing may be allocated yet.
    fn declare_run(
        &mut self,
        rows: Rows<'_>,
        batch_size: usize,
        share: Share,
    ) -> Result<(), TrainError> {
        self.forget_built();
        self.store = Store::new();
        self.recipe.network.declare(&mut self.store)?;
        self.recipe.declare_training(&mut self.store)?;
        self.training = Some(self.tables("train", rows.training, (batch_size, share))?);
        let batch_size = Evaluation::batch_size(batch_size);
        self.validation = match rows.validation {
            Some(rows) => Some(self.tables("validation", rows, (batch_size, share))?),
            None => None,
        };
        Ok(())
    }

    fn tables(
        &mut self,
        name: &'static str,
        data: &Dataset,
        (batch, share): (usize, Share),
    ) -> Result<Tables, TrainError> {
        let (network, objective) = (&self.recipe.network, &self.recipe.objective);
        let ring = Tables::ring(data, objective, batch, share);
        Tables::declare_within(name, data, (network, objective), ring, &mut self.store)
    }

    /// Declares a run so that it fits, with as many rows on the device as the options let, and else with fewer. Gives why
    /// even the least does not fit, if so.
    pub(super) fn declare_fitting(
        &mut self,
        rows: Rows<'_>,
        options: &Options,
        kept: u64,
    ) -> Result<Option<String>, TrainError> {
        let mut found = None;
        let mut before: Option<[Option<Ring>; 2]> = None;
        for share in Share::all(options.stream, self.executor.limits()) {
            self.declare_run(rows, options.batch_size, share)?;
            let rings = [&self.training, &self.validation];
            let rings = rings.map(|tables| tables.as_ref().and_then(Tables::streamed));
            if before.replace(rings) == Some(rings) {
                continue;
            }
            found = self.lack(options, kept)?;
            if found.is_none() {
                return Ok(None);
            }
        }
        Ok(found)
    }

    /// Declares a run, and refuses what there is no memory for before any is allocated: a system that promises memory which
    /// it does not have would kill the process later.
    ///
    /// # Errors
    /// If it does not fit, with the largest batch that does.
    pub(super) fn require_room(
        &mut self,
        rows: Rows<'_>,
        options: &Options,
        kept: u64,
    ) -> Result<(), TrainError> {
        let Some(cause) = self.declare_fitting(rows, options, kept)? else {
            return Ok(());
        };
        let streamed = self.streamed(options).iter().any(|s| s.chunk < s.count);
        // The largest batch that fits lies from `fits` on, and below `fails`.
        let batch = options.batch_size.min(rows.training.rows());
        let (mut fits, mut fails) = (0, batch);
        while fails - fits > 1 {
            let batch_size = fits + (fails - fits) / 2;
            let smaller = Options {
                batch_size,
                ..options.clone()
            };
            if self.declare_fitting(rows, &smaller, kept)?.is_none() {
                fits = batch_size;
            } else {
                fails = batch_size;
            }
        }
        // For whoever asks what it would have taken.
        self.declare_fitting(rows, options, kept)?;
        Err(TrainError::Memory {
            device: self.executor.device().name.clone(),
            batch,
            streamed,
            cause,
            largest: (fits > 0).then_some(fits),
        })
    }

    /// The rows of which only a part is on the device, or that are not in memory.
    pub(super) fn streamed(&self, options: &Options) -> Vec<Streamed> {
        let tables = [
            ("training", &self.training, options.order()),
            ("validation", &self.validation, Order::AS_THEY_ARE),
        ];
        let streamed = tables.into_iter().filter_map(|(rows, tables, order)| {
            let tables = tables.as_ref()?;
            let (count, stored) = (tables.rows(), tables.stored_row_bytes());
            if tables.streamed().is_none() && stored.is_none() {
                return None;
            }
            let window = order.of_stored(stored).window_rows(count);
            Some(Streamed {
                rows,
                count,
                chunk: tables.streamed().map_or(count, |ring| ring.chunk),
                stored: stored.is_some(),
                window: (order.shuffle && window < count).then_some(window),
            })
        });
        streamed.collect()
    }

    /// Why a run with these options does not fit, or `None` if it does.
    fn lack(&mut self, options: &Options, kept: u64) -> Result<Option<String>, TrainError> {
        let limit = self.executor.limits().buffer;
        let mut blocks = self.store.blocks().iter();
        let size = |block: &Block| self.executor.buffer_bytes(block.element, block.len);
        if let Some(block) = blocks.find(|block| size(block) > limit) {
            let (name, bytes) = (&block.name, size(block));
            return Ok(Some(format!(
                "`{name}` takes {bytes} bytes, and no buffer of more than {limit} is available"
            )));
        }
        let footprint = match self.footprint(options, kept) {
            Ok(footprint) => footprint,
            Err(
                error @ (TrainError::Plan(
                    PlanError::TooLarge { .. }
                    | PlanError::TooLong { .. }
                    | PlanError::Buffer { .. },
                )
                | TrainError::Graph(GraphError::TooLarge { .. })),
            ) => return Ok(Some(error.to_string())),
            Err(error) => return Err(error),
        };
        let (needed, available) = (footprint.to_come(), self.executor.available_memory());
        Ok(available
            .filter(|&bytes| needed > bytes)
            .map(|available| format!("it needs {needed} bytes, and {available} are available")))
    }
}

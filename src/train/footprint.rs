//! What a training run needs of memory, known before any of it is allocated.

use super::{Evaluation, Options, Purpose, Session, TrainError};
use crate::data::Dataset;
use crate::graph::GraphError;
use crate::plan::PlanError;

/// Something that takes memory.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Item {
    /// What it is.
    pub name: String,
    /// Its bytes.
    pub bytes: u64,
}

/// The memory of a training run.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Footprint {
    /// On the device: the blocks of the store, which last.
    pub store: Vec<Item>,
    /// On the device: the passing tensors of each plan.
    pub plans: Vec<Item>,
    /// On the host, beside the rows: what training itself holds there.
    pub host: Vec<Item>,
    /// On the host: the rows, which are there before training begins.
    pub rows: Vec<Item>,
}

/// What is known of a run before it begins.
#[derive(Debug)]
pub struct Foretold {
    /// The memory it would take.
    pub footprint: Footprint,
    /// What there is of it, if that is known.
    pub available: Option<u64>,
    /// Why the run would be refused, if it would.
    pub lack: Option<TrainError>,
}

fn sum(items: &[Item]) -> u64 {
    items.iter().map(|item| item.bytes).sum()
}

impl Footprint {
    /// Bytes on the device: what [`Executor::allocated`](crate::executor::Executor::allocated) says when all is there.
    pub fn device_bytes(&self) -> u64 {
        sum(&self.store) + sum(&self.plans)
    }

    /// Bytes that are yet to be allocated when training begins.
    pub fn to_come(&self) -> u64 {
        self.device_bytes() + sum(&self.host)
    }

    /// All bytes.
    pub fn bytes(&self) -> u64 {
        self.to_come() + sum(&self.rows)
    }
}

/// The sizes of the batches of an epoch of at most `most` steps: one, or two if the last is smaller.
pub(super) fn sizes(rows: usize, batch_size: usize, most: u64) -> Vec<usize> {
    let (whole, rest) = (rows / batch_size, rows % batch_size);
    let mut sizes = Vec::new();
    if whole > 0 {
        sizes.push(batch_size);
    }
    if rest > 0 && most > whole as u64 {
        sizes.push(rest);
    }
    sizes
}

/// What a run with these options loads, if all goes well.
fn purposes(options: &Options, training: usize, validation: Option<usize>) -> Vec<Purpose> {
    let batch = options.batch_size;
    let most = options.steps.unwrap_or(u64::MAX);
    let mut purposes: Vec<_> = sizes(training, batch, most)
        .into_iter()
        .map(Purpose::Training)
        .collect();
    purposes.extend([Purpose::Keep, Purpose::Check]);
    if let Some(rows) = validation {
        let sizes = sizes(rows, Evaluation::batch_size(batch), u64::MAX);
        purposes.extend(sizes.into_iter().map(Purpose::Validation));
    }
    purposes
}

impl Session {
    /// What a run with these options over the rows that were declared will take. `kept` is what an observer holds beside.
    ///
    /// # Errors
    /// If a plan cannot be made for the device.
    ///
    /// # Panics
    /// If no training rows were declared.
    pub(super) fn footprint(
        &mut self,
        options: &Options,
        kept: u64,
    ) -> Result<Footprint, TrainError> {
        let training = self
            .training
            .as_ref()
            .expect("the rows are declared before");
        let validation = self.validation.as_ref().map(super::Tables::rows);
        let purposes = purposes(options, training.rows(), validation);
        let mut found = Footprint::default();
        for block in self.store.blocks() {
            let bytes = self.executor.buffer_bytes(block.element, block.len);
            let name = block.name.clone();
            found.store.push(Item { name, bytes });
        }
        for purpose in purposes {
            let (plan, _) = self.built(purpose)?;
            let bytes = self.executor.plan_bytes(&plan);
            let name = match purpose.rows() {
                Some(rows) => format!("{} ({rows} rows)", plan.name),
                None => plan.name.clone(),
            };
            found.plans.push(Item { name, bytes });
        }
        let host = [("model", self.model_bytes()), ("model files", kept)];
        let host = host.map(|(name, bytes)| (name.to_owned(), bytes));
        found.host = items(host.into());
        Ok(found)
    }

    /// Refuses what there is no memory for, before any is allocated: a system that promises memory which it does not have
    /// would kill the process later.
    ///
    /// # Errors
    /// If it does not fit, with the largest batch that does.
    pub(super) fn require_room(&mut self, options: &Options, kept: u64) -> Result<(), TrainError> {
        let Some(cause) = self.lack(options, kept)? else {
            return Ok(());
        };
        // The largest batch that fits lies from `fits` on, and below `fails`.
        let (mut fits, mut fails) = (0, options.batch_size.min(self.rows()));
        while fails - fits > 1 {
            let batch_size = fits + (fails - fits) / 2;
            let smaller = Options {
                batch_size,
                ..*options
            };
            if self.lack(&smaller, kept)?.is_none() {
                fits = batch_size;
            } else {
                fails = batch_size;
            }
            // Those that were tried are not needed.
            self.forget_built();
        }
        let device = self.executor.device().name.clone();
        let (batch, largest) = (
            options.batch_size.min(self.rows()),
            (fits > 0).then_some(fits),
        );
        Err(TrainError::Memory {
            device,
            batch,
            cause,
            largest,
        })
    }

    fn rows(&self) -> usize {
        self.training.as_ref().map_or(1, super::Tables::rows)
    }

    /// Why a run with these options does not fit, or `None` if it does.
    fn lack(&mut self, options: &Options, kept: u64) -> Result<Option<String>, TrainError> {
        let limit = self.executor.limits().buffer;
        let mut blocks = self.store.blocks().iter();
        let size =
            |block: &crate::graph::Block| self.executor.buffer_bytes(block.element, block.len);
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

/// Those that take any memory.
fn items(list: Vec<(String, u64)>) -> Vec<Item> {
    let items = list.into_iter().map(|(name, bytes)| Item { name, bytes });
    items.filter(|item| item.bytes > 0).collect()
}

/// The rows on the host.
pub(super) fn rows(training: &Dataset, validation: Option<&Dataset>) -> Vec<Item> {
    let validation = validation.map_or(0, Dataset::bytes);
    items(vec![
        ("training rows".to_owned(), training.bytes()),
        ("validation rows".to_owned(), validation),
    ])
}

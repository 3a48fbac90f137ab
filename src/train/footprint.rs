//! What a training run needs of memory, known before any of it is allocated.

use super::feed::CHUNKS;
use super::room::Streamed;
use super::{Evaluation, Options, Purpose, Session, Tables, TrainError};
use crate::data::{Dataset, Order};

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
    /// Which rows stream, or are not in memory.
    pub streamed: Vec<Streamed>,
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
    if options.rules.accumulates() {
        let groups = sizes(training, options.rules.group_rows(batch), most);
        purposes.extend(groups.into_iter().map(Purpose::Update));
    }
    purposes.extend([Purpose::Keep, Purpose::Check]);
    if let Some(rows) = validation {
        let sizes = sizes(rows, Evaluation::batch_size(batch), u64::MAX);
        purposes.extend(sizes.into_iter().map(Purpose::Validation));
    }
    purposes
}

impl Session {
    /// What looks into the network take on the device; nothing where there is no room for them, or the loss has no gradient
    /// outside training: then the run goes without.
    ///
    /// # Errors
    /// If the device cannot be asked.
    ///
    /// # Panics
    /// If no training rows were declared.
    pub(super) fn inspection_item(
        &mut self,
        batch_size: usize,
    ) -> Result<Option<Item>, TrainError> {
        let training = self.training.as_ref();
        let training = training.expect("the rows are declared before");
        // The first batch, or of rows that stream the last one.
        let rows = match (training.streamed(), training.rows() % batch_size) {
            (Some(_), rest) if rest > 0 => rest,
            _ => training.rows().min(batch_size),
        };
        let Ok((plan, _)) = self.built(Purpose::Inspection(rows)) else {
            return Ok(None);
        };
        self.executor.prepare(&plan)?;
        let bytes = self.executor.plan_bytes(&plan);
        let name = format!("{} ({rows} rows)", plan.name);
        Ok((bytes > 0).then_some(Item { name, bytes }))
    }

    /// What a run with these options over the rows that were declared will take. `kept` is what a callback holds beside.
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
        let validation = self.validation.as_ref().map(Tables::rows);
        let purposes = purposes(options, training.rows(), validation);
        let mut found = Footprint::default();
        for block in self.store.blocks() {
            let bytes = self.executor.buffer_bytes(block.element, block.len);
            let name = block.name.clone();
            found.store.push(Item { name, bytes });
        }
        for purpose in purposes {
            let (plan, _) = self.built(purpose)?;
            self.executor.prepare(&plan)?;
            let bytes = self.executor.plan_bytes(&plan);
            let name = match purpose.rows() {
                Some(rows) => format!("{} ({rows} rows)", plan.name),
                None => plan.name.clone(),
            };
            found.plans.push(Item { name, bytes });
        }
        let mut host = vec![
            ("model".to_owned(), self.model_bytes()),
            ("model files".to_owned(), kept),
        ];
        if options.keeps_best() {
            host.push(("best model".to_owned(), self.model_bytes()));
        }
        if options.takes_snapshots() {
            // One that is written, one that waits, and the best epoch's model file.
            let bytes = 2 * self.kept_bytes() + self.model_bytes();
            host.push(("checkpoints".to_owned(), bytes));
        }
        let tables = [
            ("training", &self.training, options.order()),
            ("validation", &self.validation, Order::AS_THEY_ARE),
        ];
        for (name, tables, order) in tables {
            if let Some(tables) = tables.as_ref().filter(|t| t.streamed().is_some()) {
                let chunks = CHUNKS * tables.chunk_bytes();
                let stored = tables.stored_row_bytes();
                let window = order.of_stored(stored).window_rows(tables.rows()) as u64;
                host.push((format!("chunks of {name} rows"), chunks));
                host.push((format!("order of {name} rows"), 4 * window));
                // One that is shuffled, and one that is read meanwhile.
                let windows = 2 * window * stored.unwrap_or(0);
                host.push((format!("windows of {name} rows"), windows));
            }
        }
        found.host = items(host);
        found.streamed = self.streamed(options);
        Ok(found)
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

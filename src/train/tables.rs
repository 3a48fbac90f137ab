//! A data set in the store, in its own element type, and the logs that are kept of it.

use super::feed::CHUNKS;
use super::ring::{Measure, Ring, Share};
use super::suit::check;
use super::told::{power_of_two, scaled_weights};
use super::{Objective, TrainError};
use crate::data::{Dataset, Inputs, Order, Stored, Targets, Value};
use crate::executor::{Data, Executor};
use crate::graph::{Graph, GraphError, Store, TensorId};
use crate::network::Network;
use crate::tensor::Element;

/// Rows of the logs: most steps between two readings.
pub const SLOTS: u32 = 128;

/// What is counted beside the loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// How many rows are classified right.
    Correct,
    /// The mean squared error of each output.
    SquaredErrors {
        /// How many outputs.
        outputs: usize,
    },
    /// Nothing: a loss of one's own, and a network whose outputs are not the targets'.
    Nothing,
}

impl Metric {
    /// Numbers a step.
    pub const fn columns(self) -> usize {
        match self {
            Self::Correct | Self::Nothing => 1,
            Self::SquaredErrors { outputs } => outputs,
        }
    }
}

/// A data set in the store: `NAME.inputs`, `NAME.order`, `NAME.labels` or `NAME.targets` (both for a loss that wants
/// classes as one-hot rows), `NAME.weights` if rows have weights, `NAME.class_weights` if classes have, and the logs
/// `NAME.log.loss` and `NAME.log.metric`.
///
/// A row of the loss's log is the loss; then, if rows or classes have weights, the sum of the weights of the batch; then,
/// where a loss is told in the units of the outputs and the metric does not tell it, the loss of each output.
#[derive(Debug, Clone)]
pub struct Tables {
    name: &'static str,
    rows: usize,
    /// Whether there are fewer rows on the device, and how many.
    ring: Option<Ring>,
    /// Bytes of a row, its number included.
    row_bytes: u64,
    /// Bytes of a row's inputs on the host, if these are not in memory.
    stored: Option<u64>,
    /// What a byte of the inputs is multiplied by.
    scale: f64,
    /// What is counted.
    metric: Metric,
    /// Whether the loss takes `NAME.labels` or `NAME.targets`.
    by_class: bool,
    /// What the weights of rows are multiplied by, if rows have any.
    pub(super) weights: Option<f32>,
    /// The weights of the classes, if these have any.
    pub(super) class_weights: Option<Vec<f32>>,
    /// How many outputs are in the log of the loss, and the power of their units.
    pub(super) told: Option<(usize, i32)>,
}

/// Elements that are copied at once on their way to the device: a whole data set is never held twice for that. A multiple
/// of 4, as devices write whole words.
const PIECE: usize = 1 << 20;

/// What writes a tensor of the store in pieces.
struct Filling<'a> {
    store: &'a Store,
    executor: &'a mut dyn Executor,
    name: String,
}

impl Filling<'_> {
    fn all<T: Clone>(&mut self, values: &[T], data: fn(Vec<T>) -> Data) -> Result<(), TrainError> {
        for (index, piece) in values.chunks(PIECE).enumerate() {
            self.part(index * PIECE, &data(piece.to_vec()))?;
        }
        Ok(())
    }

    /// Rows that are not in memory, in pieces of whole words.
    fn stored<T: Value>(
        &mut self,
        rows: &Stored<T>,
        data: fn(Vec<T>) -> Data,
    ) -> Result<(), TrainError> {
        let piece = (PIECE / rows.features()).max(1).next_multiple_of(4);
        for first in (0..rows.rows()).step_by(piece) {
            let mut values = Vec::new();
            rows.read(first..rows.rows().min(first + piece), &mut values)?;
            self.part(first * rows.features(), &data(values))?;
        }
        Ok(())
    }

    fn part(&mut self, first: usize, data: &Data) -> Result<(), TrainError> {
        let Self {
            store,
            executor,
            name,
        } = self;
        Ok(executor.write_part(store, name, first, data)?)
    }
}

/// One batch in a graph.
#[derive(Debug, Clone, Copy)]
pub struct Batch {
    /// `[rows, features]`
    pub x: TensorId,
    /// What the loss takes: class numbers `[rows]` or numbers `[rows, outputs]`.
    pub target: TensorId,
    /// Class numbers `[rows]`, if there are classes.
    pub labels: Option<TensorId>,
    /// A weight a row `[rows]`, if rows have any.
    pub weights: Option<TensorId>,
    /// A weight a class `[classes]`, if classes have any.
    pub class_weights: Option<TensorId>,
}

impl Tables {
    /// Declares the tables of a data set in the store, for all its rows. Their values come with [`Tables::fill`].
    ///
    /// # Errors
    /// If the data do not fit the network or the loss.
    pub fn declare(
        name: &'static str,
        data: &Dataset,
        network: &Network,
        objective: &Objective,
        store: &mut Store,
    ) -> Result<Self, TrainError> {
        Self::declare_within(name, data, (network, objective), None, store)
    }

    /// The same for the rows of a ring, if one is given.
    pub(super) fn declare_within(
        name: &'static str,
        data: &Dataset,
        (network, objective): (&Network, &Objective),
        ring: Option<Ring>,
        store: &mut Store,
    ) -> Result<Self, TrainError> {
        check(data, network, objective)?;
        let rows = ring.map_or(data.rows(), |ring| ring.capacity);
        let outputs = data.outputs();
        let (element, scale) = match data.inputs().byte_scale() {
            None => (Element::F32, 1.0),
            Some(scale) => (Element::U8, f64::from(scale)),
        };
        let mut declare = |part: &str, shape: &[usize], element| {
            store.declare(&format!("{name}.{part}"), shape, element)
        };
        declare("inputs", &[rows, data.features()], element)?;
        declare("order", &[rows], Element::U32)?;
        let by_class = by_class(data, objective);
        let metric = match data.targets() {
            Targets::Classes { .. } => {
                declare("labels", &[rows], Element::U32)?;
                if !by_class {
                    declare("targets", &[rows, outputs], Element::F32)?;
                }
                Metric::Correct
            }
            Targets::Numbers { .. } => {
                declare("targets", &[rows, outputs], Element::F32)?;
                Metric::SquaredErrors { outputs }
            }
            Targets::None => unreachable!("`check` refuses data without targets"),
        };
        let metric = if outputs == network.outputs() {
            metric
        } else {
            Metric::Nothing
        };
        let weights = data.weights().map(power_of_two);
        if weights.is_some() {
            declare("weights", &[rows], Element::F32)?;
        }
        let class_weights = objective.class_weights().map(scaled_weights);
        if let Some(weights) = &class_weights {
            declare("class_weights", &[weights.len()], Element::F32)?;
        }
        let weighed = weights.is_some() || class_weights.is_some();
        let told = objective.told_power(metric, weighed);
        let told = told.map(|power| (outputs, power));
        let slots = SLOTS as usize;
        let columns = 1 + usize::from(weighed) + told.map_or(0, |(outputs, _)| outputs);
        declare("log.loss", &[slots, columns], Element::F32)?;
        declare("log.metric", &[slots, metric.columns()], Element::F32)?;
        Ok(Self {
            name,
            weights,
            class_weights,
            told,
            rows: data.rows(),
            ring,
            stored: data.stored_row_bytes(),
            row_bytes: row_bytes(data, by_class).iter().sum::<u64>() + 4,
            scale,
            metric,
            by_class,
        })
    }

    /// What a share of the device makes of the tables for a data set that is used in batches of `batch` rows.
    pub(super) fn ring(
        data: &Dataset,
        objective: &Objective,
        batch: usize,
        share: Share,
    ) -> Option<Ring> {
        let [inputs, targets] = row_bytes(data, by_class(data, objective));
        let batch = batch.clamp(1, data.rows());
        let whole = |times: &usize| (inputs * (batch * times) as u64).is_multiple_of(4);
        let measure = Measure {
            rows: data.rows(),
            batch,
            widest: inputs.max(targets),
            bytes: inputs + targets + 4,
            words: [1, 2].into_iter().find(whole).unwrap_or(4),
        };
        Ring::new(measure, share)
    }

    /// Bytes that they take on the device, and chunks and windows of them on the host.
    pub(super) fn bytes(data: &Dataset, objective: &Objective, ring: Option<Ring>) -> u64 {
        let [inputs, targets] = row_bytes(data, by_class(data, objective));
        let row = inputs + targets + 4;
        let Some(ring) = ring else {
            return data.rows() as u64 * row;
        };
        let stored = data.stored_row_bytes();
        let window = Order::AS_THEY_ARE
            .of_stored(stored)
            .window_rows(data.rows());
        let windows = 2 * window as u64 * stored.unwrap_or(0);
        (ring.capacity as u64 + CHUNKS * ring.chunk as u64) * row + windows
    }

    /// Writes the rows of the data set that was declared, in file order. Of a ring only the order is written: its rows
    /// come in chunks.
    ///
    /// # Errors
    /// If the device cannot hold them.
    pub fn fill(
        &self,
        data: &Dataset,
        store: &Store,
        executor: &mut dyn Executor,
    ) -> Result<(), TrainError> {
        let mut put = Filling {
            store,
            executor,
            name: String::new(),
        };
        if let Some(weights) = &self.class_weights {
            put.name = self.part("class_weights");
            put.all(weights, Data::F32)?;
        }
        put.name = self.part("order");
        let held = self.ring.map_or(self.rows, |ring| ring.capacity);
        let mut numbers = row_numbers(held);
        for first in (0..held).step_by(PIECE) {
            put.part(first, &Data::U32(numbers.by_ref().take(PIECE).collect()))?;
        }
        if self.ring.is_some() {
            return Ok(());
        }
        put.name = self.part("inputs");
        match data.inputs() {
            Inputs::F32(values) => put.all(values, Data::F32)?,
            Inputs::U8 { pixels, .. } => put.all(pixels, Data::U8)?,
            Inputs::StoredF32(rows) => put.stored(rows, Data::F32)?,
            Inputs::StoredU8 { rows, .. } => put.stored(rows, Data::U8)?,
        }
        match data.targets() {
            Targets::Classes { labels, classes } => {
                put.name = self.part("labels");
                put.all(labels, Data::U32)?;
                if !self.by_class {
                    put.name = self.part("targets");
                    for (index, labels) in labels.chunks(PIECE.div_ceil(*classes)).enumerate() {
                        let first = index * PIECE.div_ceil(*classes) * classes;
                        let mut rows = Vec::new();
                        one_hot(labels, *classes, &mut rows);
                        put.part(first, &Data::F32(rows))?;
                    }
                }
            }
            Targets::Numbers { values, .. } => {
                put.name = self.part("targets");
                put.all(values, Data::F32)?;
            }
            Targets::None => {}
        }
        if let (Some(weights), Some(scale)) = (data.weights(), self.weights) {
            put.name = self.part("weights");
            for (index, piece) in weights.chunks(PIECE).enumerate() {
                let piece = piece.iter().map(|w| w * scale).collect();
                put.part(index * PIECE, &Data::F32(piece))?;
            }
        }
        Ok(())
    }

    /// How many rows there are, on the device or not.
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// The ring through which the rows come, if not all are on the device.
    pub const fn streamed(&self) -> Option<Ring> {
        self.ring
    }

    /// Bytes of a chunk on the host.
    pub(super) fn chunk_bytes(&self) -> u64 {
        self.ring
            .map_or(0, |ring| ring.chunk as u64 * self.row_bytes)
    }

    /// Bytes of a row's inputs on the host, if these are read only when they are wanted.
    pub(super) const fn stored_row_bytes(&self) -> Option<u64> {
        self.stored
    }

    /// Whether the loss takes class numbers.
    pub(super) const fn by_class(&self) -> bool {
        self.by_class
    }

    /// What the weights of rows are multiplied by on their way to the device, if rows have any.
    pub(super) const fn weights(&self) -> Option<f32> {
        self.weights
    }

    /// What is counted beside the loss.
    pub const fn metric(&self) -> Metric {
        self.metric
    }

    /// The name in the store of a part.
    pub fn part(&self, part: &str) -> String {
        format!("{}.{part}", self.name)
    }

    /// The next `rows` rows, by the order and the tick.
    ///
    /// # Errors
    /// If the store does not hold the tables.
    pub fn batch(
        &self,
        graph: &mut Graph,
        store: &Store,
        rows: usize,
    ) -> Result<Batch, GraphError> {
        let order = graph.stored(store, &self.part("order"))?;
        let mut gather = |part: &str, scale: f64| {
            let table = graph.stored(store, &self.part(part))?;
            let batch = graph.batch(table, order, rows, scale)?;
            graph.rename(batch, format!("batch.{part}"));
            Ok::<_, GraphError>(batch)
        };
        let x = gather("inputs", self.scale)?;
        let labels = if self.by_class || self.metric == Metric::Correct {
            Some(gather("labels", 1.0)?)
        } else {
            None
        };
        let target = match labels {
            Some(labels) if self.by_class => labels,
            _ => gather("targets", 1.0)?,
        };
        let weights = match self.weights {
            Some(_) => Some(gather("weights", 1.0)?),
            None => None,
        };
        let class_weights = match self.class_weights {
            Some(_) => Some(graph.stored(store, &self.part("class_weights"))?),
            None => None,
        };
        Ok(Batch {
            x,
            target,
            labels,
            weights,
            class_weights,
        })
    }
}

/// The numbers of all rows. A data set has fewer than 2^32.
pub(super) fn row_numbers(rows: usize) -> impl Iterator<Item = u32> {
    (0_u32..).take(rows)
}

/// A row for each class number, in place of what was there.
pub(super) fn one_hot(labels: &[u32], classes: usize, rows: &mut Vec<f32>) {
    rows.clear();
    rows.resize(labels.len() * classes, 0.0);
    for (row, &label) in rows.chunks_exact_mut(classes).zip(labels) {
        row[label as usize] = 1.0;
    }
}

/// Bytes of the inputs and of the targets of a row.
fn row_bytes(data: &Dataset, by_class: bool) -> [u64; 2] {
    let element = match data.inputs().byte_scale() {
        None => Element::F32,
        Some(_) => Element::U8,
    };
    let targets = match data.targets() {
        Targets::Classes { .. } if by_class => 1,
        Targets::Classes { classes, .. } => 1 + classes,
        _ => data.outputs(),
    };
    let targets = targets + usize::from(data.weights().is_some());
    [data.features() * element.size(), 4 * targets].map(|bytes| bytes as u64)
}

/// Whether the loss takes class numbers, or one-hot rows.
fn by_class(data: &Dataset, objective: &Objective) -> bool {
    match (data.targets(), objective) {
        (Targets::Classes { .. }, Objective::Loss { loss, .. }) => loss.takes_classes(),
        (targets, _) => matches!(targets, Targets::Classes { .. }),
    }
}

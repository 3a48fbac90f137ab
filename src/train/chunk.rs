//! A chunk of rows on its way to the device.

use super::TrainError;
use super::tables::{Tables, one_hot};
use crate::data::{DataError, Dataset, ReadInto, Reader, Targets, gather};
use crate::executor::{Data, Executor};
use crate::graph::Store;

/// Rows in the order of an epoch, ready to be written. The memory is used again for the next chunk.
#[derive(Debug)]
pub(super) struct Chunk {
    /// The epoch, from 1.
    pub(super) epoch: u64,
    /// The position in the epoch of the first row.
    pub(super) first: usize,
    numbers: Vec<u32>,
    inputs: Data,
    labels: Data,
    targets: Data,
    weights: Data,
    /// Elements of a row of each.
    widths: [usize; 4],
    /// Elements of the inputs of a whole chunk.
    room: usize,
}

impl Chunk {
    /// One with room for as many rows as chunks of these tables have.
    pub(super) fn new(tables: &Tables, data: &Dataset) -> Self {
        let rows = tables.streamed().map_or(0, |ring| ring.chunk);
        let values = rows * data.features();
        let inputs = match data.inputs().byte_scale() {
            None => Data::F32(Vec::with_capacity(values)),
            Some(_) => Data::U8(Vec::with_capacity(values)),
        };
        let (label, target) = match data.targets() {
            Targets::Classes { .. } if tables.by_class() => (1, 0),
            Targets::Classes { classes, .. } => (1, *classes),
            Targets::Numbers { outputs, .. } => (0, *outputs),
            Targets::None => (0, 0),
        };
        let weight = usize::from(tables.weights().is_some());
        Self {
            epoch: 0,
            first: 0,
            numbers: Vec::with_capacity(rows),
            inputs,
            labels: Data::U32(Vec::with_capacity(rows * label)),
            targets: Data::F32(Vec::with_capacity(rows * target)),
            weights: Data::F32(Vec::with_capacity(rows * weight)),
            widths: [data.features(), label, target, weight],
            room: values,
        }
    }

    /// Puts the next `count` rows of an epoch into it, in place of what was there.
    pub(super) fn fill(
        &mut self,
        count: usize,
        reader: &mut Reader<'_>,
        tables: &Tables,
        data: &Dataset,
    ) -> Result<(), DataError> {
        let Self {
            numbers,
            inputs,
            labels,
            targets,
            weights,
            room,
            ..
        } = self;
        numbers.clear();
        match inputs {
            Data::F32(values) => {
                values.clear();
                reader.take(count, &mut ReadInto::F32(values), numbers)?;
            }
            Data::U8(pixels) => {
                pixels.clear();
                reader.take(count, &mut ReadInto::U8(pixels), numbers)?;
                // A device writes whole words, and behind the last chunk of an epoch there is room for that.
                let words = pixels.len().next_multiple_of(4);
                if words <= *room {
                    pixels.resize(words, 0);
                }
            }
            _ => unreachable!("inputs are numbers or bytes"),
        }
        let (Data::U32(labels), Data::F32(targets)) = (labels, targets) else {
            unreachable!("labels are integers, and targets reals");
        };
        labels.clear();
        targets.clear();
        match data.targets() {
            Targets::Classes {
                labels: of,
                classes,
            } => {
                gather(of, 1, numbers, labels);
                if !tables.by_class() {
                    one_hot(labels, *classes, targets);
                }
            }
            Targets::Numbers { values, outputs } => gather(values, *outputs, numbers, targets),
            Targets::None => {}
        }
        if let (Data::F32(weights), Some(of), Some(scale)) =
            (weights, data.weights(), tables.weights())
        {
            weights.clear();
            weights.extend(numbers.iter().map(|&row| of[row as usize] * scale));
        }
        Ok(())
    }

    /// Writes it to the tables, from a row on. A device may still be working; it takes the rows when it is done.
    pub(super) fn write(
        &self,
        row: usize,
        tables: &Tables,
        store: &Store,
        executor: &mut dyn Executor,
    ) -> Result<(), TrainError> {
        let parts = [
            ("inputs", &self.inputs),
            ("labels", &self.labels),
            ("targets", &self.targets),
            ("weights", &self.weights),
        ];
        for ((part, values), width) in parts.into_iter().zip(self.widths) {
            if width > 0 {
                executor.write_part(store, &tables.part(part), row * width, values)?;
            }
        }
        Ok(())
    }
}

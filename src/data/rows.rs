//! Reading the rows of a data set in an order, for whoever takes them to a device.

use std::mem::swap;
use std::ops::Range;

use super::dataset::{Dataset, Inputs};
use super::error::DataError;
use super::order::Order;
use super::stored::{Stored, Value};

/// Where inputs are put, behind what is there.
#[derive(Debug)]
pub(crate) enum ReadInto<'a> {
    /// Numbers.
    F32(&'a mut Vec<f32>),
    /// Bytes.
    U8(&'a mut Vec<u8>),
}

/// Where the inputs are.
#[derive(Debug)]
enum Source<'a> {
    F32(&'a [f32]),
    U8(&'a [u8]),
    StoredF32(Windows<'a, f32>),
    StoredU8(Windows<'a, u8>),
}

/// The rows of one epoch after the other, as they come.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    source: Source<'a>,
    rows: usize,
    features: usize,
    order: Order,
    /// The window that is being read, and its epoch.
    window: Range<usize>,
    epoch: u64,
    /// The order of the rows in it, and how many of them were read.
    within: Vec<u32>,
    read: usize,
    /// The windows that are yet to come, the next one last; and their epoch.
    coming: Vec<Range<usize>>,
    coming_epoch: u64,
    last_epoch: u64,
}

impl<'a> Reader<'a> {
    /// Begins with the epoch `first`, from 1, and ends with the epoch `last`. Rows that are not in memory are read ahead, a
    /// window of them.
    pub(crate) fn new(data: &'a Dataset, order: Order, first: u64, last: u64) -> Self {
        let source = match data.inputs() {
            Inputs::F32(values) => Source::F32(values),
            Inputs::U8 { pixels, .. } => Source::U8(pixels),
            Inputs::StoredF32(rows) => Source::StoredF32(Windows::new(rows)),
            Inputs::StoredU8 { rows, .. } => Source::StoredU8(Windows::new(rows)),
        };
        Self {
            source,
            rows: data.rows(),
            features: data.features(),
            order,
            window: 0..0,
            epoch: 0,
            within: Vec::new(),
            read: 0,
            coming: Vec::new(),
            coming_epoch: first - 1,
            last_epoch: last,
        }
    }

    /// Passes over the next `count` rows of an epoch that has just begun. Whole windows of them are not read.
    pub(crate) fn skip(&mut self, mut count: usize) -> Result<(), DataError> {
        self.look_ahead();
        while let Some(window) = self.coming.last().filter(|window| window.len() <= count) {
            count -= window.len();
            self.coming.pop();
            self.look_ahead();
        }
        if count > 0 {
            self.next_window()?;
            self.read = count;
            match &mut self.source {
                Source::StoredF32(windows) => windows.ahead(count)?,
                Source::StoredU8(windows) => windows.ahead(count)?,
                Source::F32(_) | Source::U8(_) => {}
            }
        }
        Ok(())
    }

    /// Reads the next `count` rows: their inputs, and their numbers.
    pub(crate) fn take(
        &mut self,
        count: usize,
        inputs: &mut ReadInto<'_>,
        numbers: &mut Vec<u32>,
    ) -> Result<(), DataError> {
        let (mut left, width) = (count, self.features);
        while left > 0 {
            if self.read == self.within.len() {
                self.next_window()?;
            }
            let places = &self.within[self.read..];
            let places = &places[..left.min(places.len())];
            let from = numbers.len();
            let first = u32::try_from(self.window.start).expect("rows are counted in u32");
            numbers.extend(places.iter().map(|place| first + place));
            let rows = &numbers[from..];
            match (&mut self.source, &mut *inputs) {
                (Source::F32(values), ReadInto::F32(to)) => gather(values, width, rows, to),
                (Source::U8(pixels), ReadInto::U8(to)) => gather(pixels, width, rows, to),
                (Source::StoredF32(windows), ReadInto::F32(to)) => windows.take(places, to)?,
                (Source::StoredU8(windows), ReadInto::U8(to)) => windows.take(places, to)?,
                _ => unreachable!("inputs are read as what they are"),
            }
            self.read += places.len();
            left -= places.len();
        }
        Ok(())
    }

    fn next_window(&mut self) -> Result<(), DataError> {
        self.look_ahead();
        let window = self.coming.pop();
        self.window = window.expect("no more rows are read than there are");
        self.epoch = self.coming_epoch;
        self.look_ahead();
        let next = self.coming.last().cloned().unwrap_or(0..0);
        match &mut self.source {
            Source::StoredF32(windows) => windows.turn(&self.window, next)?,
            Source::StoredU8(windows) => windows.turn(&self.window, next)?,
            Source::F32(_) | Source::U8(_) => {}
        }
        self.within = self.order.within(&self.window, self.rows, self.epoch);
        self.read = 0;
        Ok(())
    }

    /// Sees to it that the next window is known.
    fn look_ahead(&mut self) {
        if self.coming.is_empty() && self.coming_epoch < self.last_epoch {
            self.coming_epoch += 1;
            self.coming = self.order.windows(self.rows, self.coming_epoch);
            self.coming.reverse();
        }
    }
}

/// A window of rows in memory, and a part of the next one: for every row that is taken, one is read ahead.
#[derive(Debug)]
struct Windows<'a, T> {
    rows: &'a Stored<T>,
    now: Vec<T>,
    next: Vec<T>,
    /// The rows of `next` that were not read yet.
    left: Range<usize>,
}

impl<'a, T: Value> Windows<'a, T> {
    const fn new(rows: &'a Stored<T>) -> Self {
        Self {
            rows,
            now: Vec::new(),
            next: Vec::new(),
            left: 0..0,
        }
    }

    /// Goes on to the next window, which is `now`; then comes `next`.
    fn turn(&mut self, now: &Range<usize>, next: Range<usize>) -> Result<(), DataError> {
        if self.left.is_empty() && self.next.is_empty() {
            self.left = now.clone();
        }
        let all = self.left.len();
        self.ahead(all)?;
        swap(&mut self.now, &mut self.next);
        self.next.clear();
        self.left = next;
        // In one go: to grow by and by would take half as much again.
        self.next
            .reserve_exact(self.left.len() * self.rows.features());
        Ok(())
    }

    fn ahead(&mut self, rows: usize) -> Result<(), DataError> {
        let end = self.left.start + rows.min(self.left.len());
        self.rows.read(self.left.start..end, &mut self.next)?;
        self.left.start = end;
        Ok(())
    }

    fn take(&mut self, places: &[u32], to: &mut Vec<T>) -> Result<(), DataError> {
        gather(&self.now, self.rows.features(), places, to);
        self.ahead(places.len())
    }
}

/// Rows of a table, in the order of their numbers.
pub(crate) fn gather<T: Copy>(table: &[T], width: usize, rows: &[u32], to: &mut Vec<T>) {
    for &row in rows {
        to.extend_from_slice(&table[row as usize * width..][..width]);
    }
}

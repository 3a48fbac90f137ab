//! Reading the rows of a data set in an order, for whoever takes them to a device.

use std::ops::Range;

use super::dataset::{Dataset, Inputs};
use super::error::DataError;
use super::order::Order;

/// Where inputs are put, behind what is there.
#[derive(Debug)]
pub(crate) enum ReadInto<'a> {
    /// Numbers.
    F32(&'a mut Vec<f32>),
    /// Bytes.
    U8(&'a mut Vec<u8>),
}

/// The rows of one epoch, as they come.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    data: &'a Dataset,
    order: Order,
    epoch: u64,
    /// The windows that are yet to come.
    windows: std::vec::IntoIter<Range<usize>>,
    /// The first row of the window that is being read.
    first: usize,
    /// The order of the rows in it, and how many of them were read.
    within: Vec<u32>,
    read: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(data: &'a Dataset, order: Order, epoch: u64) -> Self {
        Self {
            data,
            order,
            epoch,
            windows: order.windows(data.rows(), epoch).into_iter(),
            first: 0,
            within: Vec::new(),
            read: 0,
        }
    }

    /// Reads the next `count` rows: their inputs, and their numbers.
    pub(crate) fn take(
        &mut self,
        count: usize,
        inputs: &mut ReadInto<'_>,
        numbers: &mut Vec<u32>,
    ) -> Result<(), DataError> {
        let mut left = count;
        while left > 0 {
            if self.read == self.within.len() {
                self.next_window()?;
            }
            let places = &self.within[self.read..];
            let places = &places[..left.min(places.len())];
            let from = numbers.len();
            let first = u32::try_from(self.first).expect("a data set has fewer than 2^32 rows");
            numbers.extend(places.iter().map(|place| first + place));
            let features = self.data.features();
            match (self.data.inputs(), &mut *inputs) {
                (Inputs::F32(values), ReadInto::F32(to)) => {
                    gather(values, features, &numbers[from..], to);
                }
                (Inputs::U8 { pixels, .. }, ReadInto::U8(to)) => {
                    gather(pixels, features, &numbers[from..], to);
                }
                _ => unreachable!("inputs are read as what they are"),
            }
            self.read += places.len();
            left -= places.len();
        }
        Ok(())
    }

    fn next_window(&mut self) -> Result<(), DataError> {
        let window = (self.windows.next()).expect("no more rows are read than there are");
        self.within = self.order.within(&window, self.data.rows(), self.epoch);
        (self.first, self.read) = (window.start, 0);
        Ok(())
    }
}

/// Rows of a table, in the order of their numbers.
pub(crate) fn gather<T: Copy>(table: &[T], width: usize, rows: &[u32], to: &mut Vec<T>) {
    for &row in rows {
        to.extend_from_slice(&table[row as usize * width..][..width]);
    }
}

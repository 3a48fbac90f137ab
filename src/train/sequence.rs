//! Rows that batches go through in one order after the other, where one that begins in one order may end in the next.

use crate::data::Order;

/// An endless sequence of row numbers.
#[derive(Debug)]
pub(super) struct Sequence {
    rows: Vec<u32>,
    order: Order,
    epoch: u64,
    /// The order of the present epoch, and how far it is through.
    places: Vec<u32>,
    at: usize,
}

impl Sequence {
    /// That of these rows, shuffled by a seed as a run's are, or as they are.
    pub(super) fn new(seed: u64, rows: Vec<u32>, shuffle: bool) -> Self {
        let order = Order {
            seed,
            shuffle,
            window: None,
        };
        Self {
            places: order.epoch(rows.len(), 1),
            rows,
            order,
            epoch: 1,
            at: 0,
        }
    }

    /// The same behind so many rows.
    pub(super) fn behind(mut self, rows: u64) -> Self {
        let all = self.rows.len() as u64;
        self.epoch = 1 + rows / all;
        self.places = self.order.epoch(self.rows.len(), self.epoch);
        self.at = usize::try_from(rows % all).expect("it is less than the rows");
        self
    }

    /// The next row.
    pub(super) fn next(&mut self) -> u32 {
        if self.at == self.places.len() {
            self.epoch += 1;
            self.places = self.order.epoch(self.rows.len(), self.epoch);
            self.at = 0;
        }
        self.at += 1;
        self.rows[self.places[self.at - 1] as usize]
    }
}

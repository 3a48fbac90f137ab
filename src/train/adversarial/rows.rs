//! What a game draws on the host: the order of the rows, and noise for whoever wants to see generated rows.

use crate::random::{Random, stream};
use crate::train::sequence::Sequence;

/// Entries of the order that are on the device at once, about.
const ORDERED: usize = 1 << 16;

/// The rows of the data in one shuffled order after the other.
pub(super) struct Rows {
    sequence: Sequence,
    batch: usize,
    /// Entries of the order on the device, which are whole batches, and how many of them are used up.
    entries: usize,
    used: usize,
}

impl Rows {
    pub(super) fn new(seed: u64, count: usize, batch: usize) -> Self {
        let entries = batch * (ORDERED / batch).max(1);
        Self {
            sequence: Sequence::new(seed, None, count, true, 0),
            batch,
            entries,
            used: entries,
        }
    }

    /// Entries that the device holds.
    pub(super) const fn entries(&self) -> usize {
        self.entries
    }

    /// The next entries for the device, if those that it has are used up.
    pub(super) fn refill(&mut self) -> Option<Vec<u32>> {
        if self.used < self.entries {
            return None;
        }
        self.used = 0;
        Some((0..self.entries).map(|_| self.sequence.next()).collect())
    }

    /// Where the next batch begins.
    pub(super) fn next_batch(&mut self) -> u32 {
        let start = self.used;
        self.used += self.batch;
        u32::try_from(start).unwrap_or(u32::MAX)
    }
}

/// So many normal numbers.
#[expect(
    clippy::cast_possible_truncation,
    reason = "rounding to single precision is what is meant"
)]
pub(super) fn noise(seed: u64, draw: u32, count: usize) -> Vec<f32> {
    let random = Random::new(seed, stream::LATENT | 2, draw);
    (0..count as u64).map(|i| random.normal(i) as f32).collect()
}

//! In which order the rows of a data set come: as they are, shuffled, or shuffled within windows.

use std::ops::Range;

use super::dataset::Dataset;
use crate::random::{Random, stream};

/// Rows that are numbered at once where nothing is shuffled.
const PIECE: usize = 1 << 16;
/// Most windows of a data set: each has a stream of random numbers of its own, and one more decides their order.
const MOST_WINDOWS: usize = 0xff_ffff;

/// The order of the rows in every epoch, which is the same on every device and for every size of chunks.
///
/// Shuffled, the rows come in windows of `window` rows that follow one another in the data set. The windows are taken in
/// random order, and the rows of each in random order. One window that holds all rows is a shuffle as usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// Decides the order.
    pub seed: u64,
    /// Whether the rows are shuffled at all.
    pub shuffle: bool,
    /// Rows of a window; all rows if it is not given.
    pub window: Option<usize>,
}

impl Order {
    /// The order in which the rows are.
    pub const AS_THEY_ARE: Self = Self {
        seed: 0,
        shuffle: false,
        window: None,
    };

    /// The same for a data set whose rows may not be in memory: then, if no window is given, it has as many rows as take
    /// 128 MiB, or 8 MiB if they are not shuffled.
    #[must_use]
    pub fn of(self, data: &Dataset) -> Self {
        self.of_stored(data.stored_row_bytes())
    }

    /// The same, where a row of what is not in memory takes so many bytes.
    pub(crate) fn of_stored(self, row_bytes: Option<u64>) -> Self {
        let bytes: u64 = if self.shuffle { 128 << 20 } else { 8 << 20 };
        let rows = |row: u64| usize::try_from(bytes / row.max(1)).unwrap_or(usize::MAX);
        Self {
            window: self.window.or_else(|| Some(rows(row_bytes?).max(1))),
            ..self
        }
    }

    /// Rows of the windows of a data set of `rows` rows; the last may have fewer.
    pub fn window_rows(&self, rows: usize) -> usize {
        let most = if self.shuffle { rows } else { PIECE };
        let window = self.window.unwrap_or(most).min(most);
        window.max(rows.div_ceil(MOST_WINDOWS)).max(1)
    }

    /// The windows of an epoch, in the order in which they come.
    pub fn windows(&self, rows: usize, epoch: u64) -> Vec<Range<usize>> {
        let size = self.window_rows(rows);
        let count = rows.div_ceil(size);
        let window = |index: usize| index * size..rows.min((index + 1) * size);
        if !self.shuffle || count < 2 {
            return (0..count).map(window).collect();
        }
        let order = self.random(MOST_WINDOWS, epoch).permutation(count);
        order
            .into_iter()
            .map(|index| window(index as usize))
            .collect()
    }

    /// The places within a window, in the order in which its rows come.
    pub fn within(&self, window: &Range<usize>, rows: usize, epoch: u64) -> Vec<u32> {
        if !self.shuffle {
            return (0_u32..).take(window.len()).collect();
        }
        let index = window.start / self.window_rows(rows);
        self.random(index, epoch).permutation(window.len())
    }

    /// The numbers of all rows in the order in which they come.
    pub fn epoch(&self, rows: usize, epoch: u64) -> Vec<u32> {
        let windows = self.windows(rows, epoch);
        if let [window] = windows.as_slice() {
            return self.within(window, rows, epoch);
        }
        let mut order = Vec::with_capacity(rows);
        for window in windows {
            let first = u32::try_from(window.start).expect("a data set has fewer than 2^32 rows");
            let within = self.within(&window, rows, epoch);
            order.extend(within.into_iter().map(|place| first + place));
        }
        order
    }

    fn random(&self, index: usize, epoch: u64) -> Random {
        let index = u32::try_from(index).expect("there are fewer than 2^24 windows");
        let step = u32::try_from(epoch).unwrap_or(u32::MAX);
        Random::new(self.seed, stream::SHUFFLE | index, step)
    }
}

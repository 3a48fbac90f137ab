//! What a missing number counts as.

use crate::data::error::DataError;
use crate::data::numbers::Numbers;
use crate::data::table::Table;

/// The mean of the training rows that have a value, or nothing if none has.
pub(super) fn mean_of_present(values: &Numbers, rows: &[u32]) -> Option<f64> {
    let mut mean = Mean::default();
    for &row in rows {
        mean.add(values.get(row as usize));
    }
    mean.get()
}

/// The mean of numbers as they come, of which some are missing.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Mean {
    origin: f64,
    sum: f64,
    count: usize,
}

impl Mean {
    pub(super) fn add(&mut self, value: f64) {
        if value.is_nan() {
            return;
        }
        // Of differences, so that a large offset takes no digits.
        if self.count == 0 {
            self.origin = value;
        }
        self.sum += value - self.origin;
        self.count += 1;
    }

    pub(super) fn get(self) -> Option<f64> {
        (self.count > 0).then(|| self.origin + self.sum / self.count as f64)
    }
}

/// The error for a column that has no value in any training row.
pub(super) fn empty(table: &Table, column: &str) -> DataError {
    DataError::malformed(
        format!("{}, column {column:?}", table.source()),
        "no value in any training row",
        "a value to take the mean of",
        format!("leave the column out with `--drop {column}`"),
    )
}

/// The error for a missing value where training had filled in none.
pub(super) fn unfilled(at: String, column: &str) -> DataError {
    DataError::malformed(
        format!("{at}, column {column:?}"),
        "a missing value",
        "a number, since none was learnt to be filled in",
        "fill in a value or remove the row",
    )
}

//! How columns of numbers are shifted and scaled.

use std::convert::Infallible;

use serde::{Deserialize, Serialize};

use super::Normalize;
use crate::data::error::DataError;
use crate::data::numbers::{Numbers, is_exact, rounded, with_values};

/// Columns whose values differ by less are constant: the squares of smaller numbers vanish, even in f64.
const SMALLEST_RANGE: f64 = 1e-140;

/// Less than this share of the mean as standard deviation, and rounding to f32 (2^-24 of the mean) shows in the data.
const LEAST_SPREAD: f64 = 1e-5;

/// Shows the columns and values of all rows, in the same order each time.
pub(super) type Each<'a, E> = &'a mut dyn FnMut(&mut dyn FnMut(usize, f64)) -> Result<(), E>;

/// `prepared = (raw - offset) / scale`, one pair a column; in f64, so that nothing is lost to a large offset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Scaling {
    pub(super) offset: Vec<f64>,
    pub(super) scale: Vec<f64>,
}

impl Scaling {
    /// Leaves `columns` columns as they are.
    pub(super) fn identity(columns: usize) -> Self {
        Self {
            offset: vec![0.0; columns],
            scale: vec![1.0; columns],
        }
    }

    /// Learns from the given rows of a row-major matrix with `columns` columns. A number that is missing counts as that of
    /// its column in `fills`; where none is missing there need be none.
    pub(super) fn fit<T: Copy + Into<f64>>(
        values: &[T],
        columns: usize,
        rows: &[u32],
        how: Normalize,
        fills: &[f64],
    ) -> Self {
        let learnt = Self::learn(columns, rows.len(), how, &mut |visit| {
            for &row in rows {
                let start = row as usize * columns;
                for (column, &value) in values[start..start + columns].iter().enumerate() {
                    let value = value.into();
                    let missing = value.is_nan();
                    visit(column, if missing { fills[column] } else { value });
                }
            }
            Ok::<_, Infallible>(())
        });
        match learnt {
            Ok(learnt) => learnt,
            Err(never) => match never {},
        }
    }

    /// Learns from the columns of `rows` rows that `each` shows, which has to show the same numbers in the same order
    /// whenever it is asked. The sums are made in that order, so that the numbers' place, in memory or not, changes nothing.
    ///
    /// `Standard` takes mean and population standard deviation (divided by n, as scikit-learn's `StandardScaler`),
    /// `MinMax` takes smallest value and range. A constant column becomes 0: its scale is 1.
    pub(super) fn learn<E>(
        columns: usize,
        rows: usize,
        how: Normalize,
        each: Each<'_, E>,
    ) -> Result<Self, E> {
        if how == Normalize::None {
            return Ok(Self::identity(columns));
        }
        let n = rows as f64;
        let mut low = vec![f64::INFINITY; columns];
        let mut high = vec![f64::NEG_INFINITY; columns];
        // Sums of differences from some value of the column: a large offset would take their last digits.
        let mut origin = vec![f64::NAN; columns];
        let mut mean = vec![0.0; columns];
        each(&mut |column, x| {
            if origin[column].is_nan() {
                origin[column] = x;
            }
            low[column] = low[column].min(x);
            high[column] = high[column].max(x);
            mean[column] += (x - origin[column]) / n;
        })?;
        for (mean, origin) in mean.iter_mut().zip(&origin) {
            *mean += origin;
        }
        let mut variance = vec![0.0; columns];
        each(&mut |column, x| variance[column] += (x - mean[column]) * (x - mean[column]) / n)?;

        let mut fitted = Self::identity(columns);
        for column in 0..columns {
            // Equal values, not a small variance, say that a column is constant: rounding leaves a variance of its own.
            let constant = high[column] - low[column] < SMALLEST_RANGE;
            (fitted.offset[column], fitted.scale[column]) = match how {
                _ if constant => (low[column], 1.0),
                Normalize::MinMax => (low[column], high[column] - low[column]),
                _ => (mean[column], variance[column].sqrt()),
            };
        }
        Ok(fitted)
    }

    /// As [`fit`](Self::fit), and refuses columns that are left as they are though f32 would round what differs in them.
    /// `name` says what a column is called.
    pub(super) fn fit_numbers(
        values: &Numbers,
        columns: usize,
        rows: &[u32],
        (how, fills): (Normalize, &[f64]),
        name: impl Fn(usize) -> String,
    ) -> Result<Self, DataError> {
        if let (Numbers::F64(values), Normalize::None) = (values, how) {
            let spread = Self::fit(values, columns, rows, Normalize::Standard, fills);
            for column in 0..columns {
                let of_column = values.iter().skip(column).step_by(columns);
                if of_column.copied().any(|x| !is_exact(x)) {
                    spread.require_spread(column, || name(column))?;
                }
            }
        }
        Ok(with_values!(values, values => Self::fit(values, columns, rows, how, fills)))
    }

    /// Refuses a column with this mean and deviation if f32 would round what differs in it.
    pub(super) fn require_spread(
        &self,
        column: usize,
        name: impl Fn() -> String,
    ) -> Result<(), DataError> {
        let (mean, deviation) = (self.offset[column], self.scale[column]);
        if deviation >= LEAST_SPREAD * mean.abs() {
            return Ok(());
        }
        Err(DataError::malformed(
            name(),
            format!("numbers around {mean} that differ by about {deviation}"),
            "numbers that f32 tells apart, since they are not normalised",
            "normalise by auto, standard or minmax, or subtract an offset from the column",
        ))
    }

    /// One value of a column, prepared.
    pub(super) fn apply(&self, column: usize, value: f64) -> f32 {
        rounded((value - self.offset[column]) / self.scale[column])
    }

    /// A row-major matrix, prepared.
    pub(super) fn apply_all<T: Copy + Into<f64>>(&self, values: &[T]) -> Vec<f32> {
        let columns = self.offset.len();
        let mut out = Vec::with_capacity(values.len());
        for row in values.chunks_exact(columns) {
            out.extend(
                row.iter()
                    .enumerate()
                    .map(|(column, &value)| self.apply(column, value.into())),
            );
        }
        out
    }

    /// As [`apply_all`](Self::apply_all), where the values are.
    pub(super) fn apply_in_place(&self, values: &mut [f32]) {
        for row in values.chunks_exact_mut(self.offset.len()) {
            for (column, value) in row.iter_mut().enumerate() {
                *value = self.apply(column, (*value).into());
            }
        }
    }

    /// As [`apply_all`](Self::apply_all).
    pub(super) fn apply_numbers(&self, values: &Numbers) -> Vec<f32> {
        with_values!(values, values => self.apply_all(values))
    }

    /// Whether it belongs to `columns` columns and divides by nothing that is 0 or not a number: what a file says may
    /// be anything.
    pub(super) fn is_valid(&self, columns: usize) -> bool {
        self.offset.len() == columns
            && self.scale.len() == columns
            && self.offset.iter().all(|x| x.is_finite())
            && self.scale.iter().all(|x| x.is_finite() && *x > 0.0)
    }
}

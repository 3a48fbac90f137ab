//! How columns of numbers are shifted and scaled.

use serde::{Deserialize, Serialize};

use super::Normalize;

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

    /// Learns from the given rows of a row-major matrix with `columns` columns.
    ///
    /// `Standard` takes mean and population standard deviation (divided by n, as scikit-learn's `StandardScaler`),
    /// `MinMax` takes smallest value and range. A constant column becomes 0: its scale is 1.
    pub(super) fn fit<T: Copy + Into<f64>>(
        values: &[T],
        columns: usize,
        rows: &[u32],
        how: Normalize,
    ) -> Self {
        if how == Normalize::None {
            return Self::identity(columns);
        }
        let each = |visit: &mut dyn FnMut(usize, f64)| {
            for &row in rows {
                let start = row as usize * columns;
                for (column, &value) in values[start..start + columns].iter().enumerate() {
                    visit(column, value.into());
                }
            }
        };
        let n = rows.len() as f64;
        let mut low = vec![f64::INFINITY; columns];
        let mut high = vec![f64::NEG_INFINITY; columns];
        let mut mean = vec![0.0; columns];
        each(&mut |column, x| {
            low[column] = low[column].min(x);
            high[column] = high[column].max(x);
            mean[column] += x / n;
        });
        let mut variance = vec![0.0; columns];
        each(&mut |column, x| variance[column] += (x - mean[column]) * (x - mean[column]) / n);

        let mut fitted = Self::identity(columns);
        for column in 0..columns {
            // Equal values, not a small variance, say that a column is constant: rounding leaves a variance of its own.
            let constant = low[column] >= high[column];
            (fitted.offset[column], fitted.scale[column]) = match how {
                _ if constant => (low[column], 1.0),
                Normalize::MinMax => (low[column], high[column] - low[column]),
                _ => (mean[column], variance[column].sqrt()),
            };
        }
        fitted
    }

    /// One value of a column, prepared.
    pub(super) fn apply(&self, column: usize, value: f64) -> f32 {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "rounding to the type that networks compute in"
        )]
        let prepared = ((value - self.offset[column]) / self.scale[column]) as f32;
        prepared
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

    /// Whether it belongs to `columns` columns and divides by nothing that is 0 or not a number: what a file says may
    /// be anything.
    pub(super) fn is_valid(&self, columns: usize) -> bool {
        self.offset.len() == columns
            && self.scale.len() == columns
            && self.offset.iter().all(|x| x.is_finite())
            && self.scale.iter().all(|x| x.is_finite() && *x > 0.0)
    }
}

//! The bootstrap: how a figure varies over data sets that are drawn from the rows themselves.

use rayon::iter::{IntoParallelIterator, ParallelIterator};

use super::told;
use crate::random::{Random, stream};

/// Rows drawn with replacement, as many as there are, and the figure of each such data set (Efron 1979).
///
/// The interval is that of the percentiles, moved by what the resamples are off in the mean: a resample repeats rows, and so
/// has a larger calibration error than the rows have. A figure that is the same in all resamples has no interval: the rows
/// do not say how sure it is. The cost is bounded: of many rows a random part is resampled, and the interval is narrowed by
/// the root of its share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bootstrap {
    /// How many data sets are drawn; 0 for none, and no intervals.
    pub resamples: u32,
    /// Decides the draws.
    pub seed: u64,
    /// Most rows that are resampled, for figures that look at one number a row.
    pub most_rows: usize,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self {
            resamples: 1000,
            seed: 0,
            most_rows: 100_000,
        }
    }
}

/// Numbers that a resample looks at, at most: rows times classes or outputs.
const MOST_NUMBERS: usize = 200_000;
/// Rows that are always resampled, if there are so many.
const LEAST_ROWS: usize = 1000;
/// The element of the stream from which the part of the rows is drawn: behind those of all resamples.
const PART: u32 = u32::MAX;

impl Bootstrap {
    /// None: figures without intervals.
    pub const NONE: Self = Self {
        resamples: 0,
        seed: 0,
        most_rows: 0,
    };

    /// How many of the rows are resampled, where a row has `width` numbers.
    pub(super) fn rows(&self, rows: usize, width: usize) -> usize {
        let most = (MOST_NUMBERS / width.max(1)).max(LEAST_ROWS);
        rows.min(most).min(self.most_rows)
    }

    /// The rows that are resampled, in rising order; nothing if all are.
    pub(super) fn part(&self, rows: usize, width: usize) -> Option<Vec<u32>> {
        let count = self.rows(rows, width);
        if count == rows {
            return None;
        }
        let mut order = Random::new(self.seed, stream::BOOTSTRAP, PART).permutation(rows);
        order.truncate(count);
        order.sort_unstable();
        Some(order)
    }

    /// The intervals of figures. `figures` are those of all `rows`; `of` gives the same of the rows that are resampled, where
    /// each counts so often.
    pub(super) fn intervals(
        &self,
        figures: &[f64],
        rows: usize,
        resampled: usize,
        of: impl Fn(&[u32]) -> Vec<f64> + Sync,
    ) -> Vec<Option<[f64; 2]>> {
        if self.resamples == 0 || resampled < 2 {
            return vec![None; figures.len()];
        }
        let draw = |number: u32| of(&self.counts(number, resampled));
        let drawn: Vec<Vec<f64>> = (0..self.resamples).into_par_iter().map(draw).collect();
        #[expect(
            clippy::cast_precision_loss,
            reason = "there are far fewer than 2^53 rows"
        )]
        let narrower = (resampled as f64 / rows as f64).sqrt();
        let interval = |(index, figure): (usize, &f64)| {
            let values: Vec<f64> = drawn.iter().filter_map(|f| told(f[index])).collect();
            let enough = 2 * values.len() >= drawn.len();
            let figure = told(*figure).filter(|_| enough)?;
            around(figure, values, narrower)
        };
        figures.iter().enumerate().map(interval).collect()
    }

    /// How often each row comes in a resample.
    fn counts(&self, resample: u32, rows: usize) -> Vec<u32> {
        let random = Random::new(self.seed, stream::BOOTSTRAP, resample);
        let below = u64::try_from(rows).expect("rows are counted in u32");
        let mut counts = vec![0; rows];
        for block in 0..below.div_ceil(4) {
            let left = below - 4 * block;
            for word in random.block(block).iter().take(left.min(4) as usize) {
                counts[((u64::from(*word) * below) >> 32) as usize] += 1;
            }
        }
        counts
    }
}

/// The percentiles of what was drawn, around the figure.
fn around(figure: f64, mut values: Vec<f64>, narrower: f64) -> Option<[f64; 2]> {
    values.sort_by(f64::total_cmp);
    let (first, last) = (*values.first()?, *values.last()?);
    if first >= last {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "there are few resamples")]
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let ends = [0.025, 0.975].map(|share| percentile(&values, share));
    Some(ends.map(|end| figure + (end - mean) * narrower))
}

/// Between the two values beside it, as `numpy.percentile` does.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a place among few values"
)]
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (sorted[above] - sorted[below]) * (place - place.floor())
}

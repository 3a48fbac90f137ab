//! Means and variances, and sums over the rows of a matrix in stripes of columns, whose numbers stay in registers; see
//! [`crate::kernel::Moments`] for the words.

use super::math::narrow;
use super::reduce::total;
use super::threads::{LIGHT, Rows, Threads, bodies};
use crate::kernel::{Moments, RunningMoments};

/// Columns of a stripe.
pub(super) const STRIPE: usize = 64;
/// Rows that are summed by themselves before they are added to the rest, which bounds the rounding error.
const TERM_ROWS: usize = 256;
/// Elements of a row that are summed by themselves.
pub(super) const TERMS: usize = 256;

pub(super) type Stripe = [f32; STRIPE];

/// The part of a row of `columns` that is the stripe of `width` columns from `at` on.
#[inline(always)]
pub(super) fn stripe(
    values: &[f32],
    row: usize,
    columns: usize,
    at: usize,
    width: usize,
) -> &[f32] {
    &values[row * columns + at..][..width]
}

/// Threads share columns, which pays only where each still reads whole cache lines.
pub(super) const fn column_work(rows: usize, columns: usize) -> (usize, usize) {
    let work = if columns < 4 * STRIPE {
        0
    } else {
        rows * columns
    };
    (work, LIGHT)
}

/// [`Moments`]: the mean of each group, and the mean of the squared distances from it.
pub(super) fn moments(threads: &Threads, kernel: &Moments, x: &[f32], moments: &mut [f32]) {
    let (rows, columns) = (kernel.rows as usize, kernel.columns as usize);
    let [groups, _] = kernel.groups().map(|extent| extent as usize);
    let factor = narrow(kernel.factor());
    let (means, variances) = moments.split_at_mut(groups);
    if kernel.by_row {
        let pieces = (Rows::new(x, columns), means, variances);
        threads.rows(rows, (x.len(), LIGHT), pieces, factor, moments_of_rows);
    } else {
        let size = column_work(rows, columns);
        let parameters = (x, (rows, columns), factor);
        threads.rows(
            columns,
            size,
            (means, variances),
            parameters,
            moments_of_columns,
        );
    }
}

type RowMoments<'a> = (Rows<&'a [f32]>, &'a mut [f32], &'a mut [f32]);
type ColumnMoments<'a> = (&'a [f32], (usize, usize), f32);

bodies! {
    fn moments_of_rows(_first, (x, means, variances): RowMoments<'_>, factor: f32) {
        let rows = x.values.chunks_exact(x.columns);
        for ((mean, variance), x) in means.iter_mut().zip(variances).zip(rows) {
            let mut sum = 0.0;
            for x in x.chunks(TERMS) {
                sum += total(x);
            }
            *mean = factor * sum;
            let mut squares = 0.0;
            for x in x.chunks(TERMS) {
                let mut distances = [0.0; TERMS];
                for (d, x) in distances.iter_mut().zip(x) {
                    *d = (x - *mean) * (x - *mean);
                }
                squares += total(&distances[..x.len()]);
            }
            *variance = factor * squares;
        }
    }

    fn moments_of_columns(
        first,
        (means, variances): (&mut [f32], &mut [f32]),
        (x, (rows, columns), factor): ColumnMoments<'_>
    ) {
        let stripes = means.chunks_mut(STRIPE).zip(variances.chunks_mut(STRIPE));
        for (index, (means, variances)) in stripes.enumerate() {
            let at = first + index * STRIPE;
            if means.len() == STRIPE {
                moments_of_stripe((x, rows, columns), (at, STRIPE), factor, (means, variances));
            } else {
                let width = means.len();
                moments_of_stripe((x, rows, columns), (at, width), factor, (means, variances));
            }
        }
    }
}

#[inline(always)]
fn moments_of_stripe(
    (x, rows, columns): (&[f32], usize, usize),
    (at, width): (usize, usize),
    factor: f32,
    (means, variances): (&mut [f32], &mut [f32]),
) {
    let sums = over_rows(rows, width, |row, part: &mut Stripe| {
        for (part, x) in part.iter_mut().zip(stripe(x, row, columns, at, width)) {
            *part += x;
        }
    });
    let mut mean = [0.0; STRIPE];
    for (mean, sum) in mean.iter_mut().zip(sums) {
        *mean = factor * sum;
    }
    let squares = over_rows(rows, width, |row, part: &mut Stripe| {
        let x = stripe(x, row, columns, at, width);
        for ((part, x), mean) in part.iter_mut().zip(x).zip(mean) {
            *part += (x - mean) * (x - mean);
        }
    });
    means.copy_from_slice(&mean[..width]);
    for (variance, square) in variances.iter_mut().zip(squares) {
        *variance = factor * square;
    }
}

/// Adds all rows up, [`TERM_ROWS`] by themselves.
#[inline(always)]
pub(super) fn over_rows(rows: usize, width: usize, add: impl Fn(usize, &mut Stripe)) -> Stripe {
    let mut sums = [0.0; STRIPE];
    let mut row = 0;
    while row < rows {
        let end = (row + TERM_ROWS).min(rows);
        let mut part = [0.0; STRIPE];
        while row < end {
            add(row, &mut part);
            row += 1;
        }
        for (sum, part) in sums[..width].iter_mut().zip(part) {
            *sum += part;
        }
    }
    sums
}

/// [`RunningMoments`]: the running statistics of batch normalisation, in place.
pub(super) fn running_moments(
    kernel: &RunningMoments,
    moments: &[f32],
    mean: &mut [f32],
    variance: &mut [f32],
) {
    let [momentum, correction] = [narrow(kernel.momentum), narrow(kernel.correction)];
    let (means, variances) = moments.split_at(moments.len() / 2);
    for (mean, new) in mean.iter_mut().zip(means) {
        *mean += momentum * (new - *mean);
    }
    for (variance, new) in variance.iter_mut().zip(variances) {
        *variance += momentum * (correction * new - *variance);
    }
}

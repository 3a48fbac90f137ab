//! Batch and layer normalisation; see [`crate::kernel::Moments`] for the words. Columns are worked on in stripes, whose
//! numbers stay in registers over the rows.

use super::math::narrow;
use super::reduce::total;
use super::threads::{LIGHT, Rows, Threads, bodies};
use crate::kernel::{
    BatchNormGrad, LayerNormGrad, Moments, Normalize, NormalizeSums, RunningMoments,
};

/// Columns of a stripe.
const STRIPE: usize = 64;
/// Rows that are summed by themselves before they are added to the rest, which bounds the rounding error.
const TERM_ROWS: usize = 256;
/// Elements of a row that are summed by themselves.
const TERMS: usize = 256;

type Stripe = [f32; STRIPE];

/// The part of a row of `columns` that is the stripe of `width` columns from `at` on.
#[inline(always)]
fn stripe(values: &[f32], row: usize, columns: usize, at: usize, width: usize) -> &[f32] {
    &values[row * columns + at..][..width]
}

/// Threads share columns, which pays only where each still reads whole cache lines.
const fn column_work(rows: usize, columns: usize) -> (usize, usize) {
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
fn over_rows(rows: usize, width: usize, add: impl Fn(usize, &mut Stripe)) -> Stripe {
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

/// One over the square root of each variance and epsilon.
#[inline(always)]
fn inverses(variances: &[f32], epsilon: f32) -> Stripe {
    let mut inverse = [0.0; STRIPE];
    for (inverse, variance) in inverse.iter_mut().zip(variances) {
        *inverse = 1.0 / (variance + epsilon).sqrt();
    }
    inverse
}

/// What normalisation reads beside its rows: the moments, gamma, and beta or the sums.
type Around<'a> = (&'a [f32], &'a [f32], &'a [f32]);

/// [`Normalize`]: `y[i, j] = gamma[j] x̂[i, j] + beta[j]`.
pub(super) fn normalize(
    threads: &Threads,
    kernel: &Normalize,
    x: &[f32],
    around: Around<'_>,
    y: &mut [f32],
) {
    let columns = kernel.columns as usize;
    let size = (y.len(), LIGHT);
    let pieces = (Rows::new(x, columns), Rows::new(y, columns));
    let parameters = (around, narrow(kernel.epsilon));
    let rows = kernel.rows as usize;
    if kernel.by_row {
        threads.rows(rows, size, pieces, parameters, normalize_rows);
    } else {
        threads.rows(rows, size, pieces, parameters, normalize_columns);
    }
}

type InAndOut<'a> = (Rows<&'a [f32]>, Rows<&'a mut [f32]>);

bodies! {
    fn normalize_rows(
        first,
        (x, y): InAndOut<'_>,
        ((moments, gamma, beta), epsilon): (Around<'_>, f32)
    ) {
        let (means, variances) = moments.split_at(moments.len() / 2);
        let rows = (y.values.chunks_exact_mut(y.columns)).zip(x.values.chunks_exact(x.columns));
        for (i, (y, x)) in rows.enumerate() {
            let mean = means[first + i];
            let inverse = 1.0 / (variances[first + i] + epsilon).sqrt();
            for ((y, x), (gamma, beta)) in y.iter_mut().zip(x).zip(gamma.iter().zip(beta)) {
                *y = (x - mean) * inverse * gamma + beta;
            }
        }
    }

    fn normalize_columns(
        _first,
        (x, y): InAndOut<'_>,
        ((moments, gamma, beta), epsilon): (Around<'_>, f32)
    ) {
        let columns = x.columns;
        let (means, variances) = moments.split_at(columns);
        for at in (0..columns).step_by(STRIPE) {
            let end = columns.min(at + STRIPE);
            let (means, gamma, beta) = (&means[at..end], &gamma[at..end], &beta[at..end]);
            let inverse = inverses(&variances[at..end], epsilon);
            let rows = (y.values.chunks_exact_mut(columns)).zip(x.values.chunks_exact(columns));
            for (y, x) in rows {
                let of_column = means.iter().zip(inverse).zip(gamma.iter().zip(beta));
                let elements = y[at..end].iter_mut().zip(&x[at..end]);
                for ((y, x), ((mean, inverse), (gamma, beta))) in elements.zip(of_column) {
                    *y = (x - mean) * inverse * gamma + beta;
                }
            }
        }
    }
}

/// [`NormalizeSums`]: `sums[0, j] = Σ_i dy[i, j]` and `sums[1, j] = Σ_i dy[i, j] x̂[i, j]`.
pub(super) fn normalize_sums(
    threads: &Threads,
    kernel: &NormalizeSums,
    (x, moments, dy): (&[f32], &[f32], &[f32]),
    sums: &mut [f32],
) {
    let (rows, columns) = (kernel.rows as usize, kernel.columns as usize);
    let size = column_work(rows, columns);
    let read = Summed {
        x,
        moments,
        dy,
        rows,
        columns,
        epsilon: narrow(kernel.epsilon),
    };
    let pieces = sums.split_at_mut(columns);
    if kernel.by_row {
        threads.rows(columns, size, pieces, read, sums_by_row);
    } else {
        threads.rows(columns, size, pieces, read, sums_by_column);
    }
}

/// What the sums are of.
#[derive(Clone, Copy)]
struct Summed<'a> {
    x: &'a [f32],
    moments: &'a [f32],
    dy: &'a [f32],
    rows: usize,
    columns: usize,
    epsilon: f32,
}

impl Summed<'_> {
    /// A stripe of one row of `x` and of `dy`.
    #[inline(always)]
    fn row(&self, row: usize, at: usize, width: usize) -> impl Iterator<Item = (&f32, &f32)> {
        let x = stripe(self.x, row, self.columns, at, width);
        x.iter().zip(stripe(self.dy, row, self.columns, at, width))
    }

    #[inline(always)]
    fn plain(&self, at: usize, width: usize) -> Stripe {
        over_rows(self.rows, width, |row, part: &mut Stripe| {
            for (part, (_, dy)) in part.iter_mut().zip(self.row(row, at, width)) {
                *part += dy;
            }
        })
    }

    #[inline(always)]
    fn hats_by_column(&self, at: usize, width: usize) -> Stripe {
        let means = &self.moments[at..at + width];
        let inverse = inverses(&self.moments[self.columns + at..][..width], self.epsilon);
        let mut hats = over_rows(self.rows, width, |row, part: &mut Stripe| {
            for ((part, (x, dy)), mean) in part.iter_mut().zip(self.row(row, at, width)).zip(means)
            {
                *part += dy * (x - mean);
            }
        });
        for (hat, inverse) in hats.iter_mut().zip(inverse) {
            *hat *= inverse;
        }
        hats
    }

    #[inline(always)]
    fn hats_by_row(&self, at: usize, width: usize) -> Stripe {
        over_rows(self.rows, width, |row, part: &mut Stripe| {
            let mean = self.moments[row];
            let inverse = 1.0 / (self.moments[self.rows + row] + self.epsilon).sqrt();
            for (part, (x, dy)) in part.iter_mut().zip(self.row(row, at, width)) {
                *part += dy * ((x - mean) * inverse);
            }
        })
    }
}

bodies! {
    fn sums_by_row(first, (plain, hats): (&mut [f32], &mut [f32]), read: Summed<'_>) {
        let stripes = plain.chunks_mut(STRIPE).zip(hats.chunks_mut(STRIPE));
        for (index, (plain, hats)) in stripes.enumerate() {
            let (at, width) = (first + index * STRIPE, plain.len());
            plain.copy_from_slice(&read.plain(at, width)[..width]);
            hats.copy_from_slice(&read.hats_by_row(at, width)[..width]);
        }
    }

    fn sums_by_column(first, (plain, hats): (&mut [f32], &mut [f32]), read: Summed<'_>) {
        let stripes = plain.chunks_mut(STRIPE).zip(hats.chunks_mut(STRIPE));
        for (index, (plain, hats)) in stripes.enumerate() {
            let (at, width) = (first + index * STRIPE, plain.len());
            plain.copy_from_slice(&read.plain(at, width)[..width]);
            hats.copy_from_slice(&read.hats_by_column(at, width)[..width]);
        }
    }
}

/// [`BatchNormGrad`]: the gradient of batch normalisation at its input.
pub(super) fn batch_norm_grad(
    threads: &Threads,
    kernel: &BatchNormGrad,
    (x, dy): (&[f32], &[f32]),
    around: Around<'_>,
    dx: &mut [f32],
) {
    let columns = kernel.columns as usize;
    let size = (dx.len(), LIGHT);
    let pieces = (
        Rows::new(x, columns),
        Rows::new(dy, columns),
        Rows::new(dx, columns),
    );
    let numbers = [narrow(kernel.epsilon), narrow(kernel.factor)];
    let rows = kernel.rows as usize;
    threads.rows(rows, size, pieces, (around, numbers), batch_norm_grad_loop);
}

type Backward<'a> = (Rows<&'a [f32]>, Rows<&'a [f32]>, Rows<&'a mut [f32]>);

bodies! {
    fn batch_norm_grad_loop(
        _first,
        (x, dy, dx): Backward<'_>,
        ((moments, gamma, sums), [epsilon, factor]): (Around<'_>, [f32; 2])
    ) {
        let columns = x.columns;
        let (means, variances) = moments.split_at(columns);
        for at in (0..columns).step_by(STRIPE) {
            let end = columns.min(at + STRIPE);
            let means = &means[at..end];
            let inverse = inverses(&variances[at..end], epsilon);
            // dx = slope (dy - level - (x - mean) tilt)
            let (mut slope, mut level, mut tilt) = ([0.0; STRIPE], [0.0; STRIPE], [0.0; STRIPE]);
            for j in 0..end - at {
                slope[j] = gamma[at + j] * inverse[j];
                level[j] = factor * sums[at + j];
                tilt[j] = factor * sums[columns + at + j] * inverse[j];
            }
            let inputs = x.values.chunks_exact(columns).zip(dy.values.chunks_exact(columns));
            for (dx, (x, dy)) in dx.values.chunks_exact_mut(columns).zip(inputs) {
                let elements = dx[at..end].iter_mut().zip(x[at..end].iter().zip(&dy[at..end]));
                let of_column = means.iter().zip(slope).zip(level.iter().zip(tilt));
                for ((dx, (x, dy)), ((mean, slope), (level, tilt))) in elements.zip(of_column) {
                    *dx = slope * (dy - level - (x - mean) * tilt);
                }
            }
        }
    }
}

/// [`LayerNormGrad`]: the gradient of layer normalisation at its input.
pub(super) fn layer_norm_grad(
    threads: &Threads,
    kernel: &LayerNormGrad,
    (x, dy): (&[f32], &[f32]),
    (moments, gamma): (&[f32], &[f32]),
    dx: &mut [f32],
) {
    let columns = kernel.columns as usize;
    let size = (dx.len(), LIGHT);
    let pieces = (
        Rows::new(x, columns),
        Rows::new(dy, columns),
        Rows::new(dx, columns),
    );
    let numbers = [
        narrow(kernel.epsilon),
        narrow(1.0 / f64::from(kernel.columns)),
    ];
    let rows = kernel.rows as usize;
    threads.rows(
        rows,
        size,
        pieces,
        ((moments, gamma), numbers),
        layer_norm_grad_loop,
    );
}

bodies! {
    /// The products are put into `dx` to be summed, so that all loops are over whole vectors.
    fn layer_norm_grad_loop(
        first,
        (x, dy, dx): Backward<'_>,
        ((moments, gamma), [epsilon, factor]): ((&[f32], &[f32]), [f32; 2])
    ) {
        let columns = x.columns;
        let (means, variances) = moments.split_at(moments.len() / 2);
        let inputs = x.values.chunks_exact(columns).zip(dy.values.chunks_exact(columns));
        for (i, (dx, (x, dy))) in dx.values.chunks_exact_mut(columns).zip(inputs).enumerate() {
            let mean = means[first + i];
            let inverse = 1.0 / (variances[first + i] + epsilon).sqrt();
            for ((dx, x), (dy, gamma)) in dx.iter_mut().zip(x).zip(dy.iter().zip(gamma)) {
                *dx = gamma * dy * ((x - mean) * inverse);
            }
            let mean_of_hats = factor * sum_of(dx);
            for (dx, (dy, gamma)) in dx.iter_mut().zip(dy.iter().zip(gamma)) {
                *dx = gamma * dy;
            }
            let mean_of_d = factor * sum_of(dx);
            for (dx, x) in dx.iter_mut().zip(x) {
                let hat = (x - mean) * inverse;
                *dx = inverse * (*dx - mean_of_d - hat * mean_of_hats);
            }
        }
    }
}

/// The sum of a row, in parts.
#[inline(always)]
fn sum_of(row: &[f32]) -> f32 {
    let mut sum = 0.0;
    for part in row.chunks(TERMS) {
        sum += total(part);
    }
    sum
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

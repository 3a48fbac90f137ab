//! Batch and layer normalisation, from the moments; see [`crate::kernel::Moments`] for the words.

use super::math::narrow;
use super::moments::{STRIPE, Stripe, TERMS, column_work, over_rows, stripe};
use super::reduce::total;
use super::threads::{LIGHT, Rows, Threads, bodies};
use crate::kernel::{BatchNormGrad, LayerNormGrad, Normalize, NormalizeSums};

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

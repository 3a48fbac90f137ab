//! Batch and layer normalisation; see [`crate::kernel::Moments`] for the words.

use super::Real;
use crate::kernel::{
    BatchNormGrad, LayerNormGrad, Moments, Normalize, NormalizeSums, RunningMoments,
};

/// `(x - mean[g]) / sqrt(variance[g] + epsilon)`, and what it is divided by.
fn hat<T: Real>(x: T, moments: &[T], g: usize, epsilon: f64) -> (T, T) {
    let groups = moments.len() / 2;
    let deviation = (moments[groups + g] + T::parameter(epsilon)).sqrt();
    ((x - moments[g]) / deviation, deviation)
}

/// The mean of each group, and the mean of the squared distances from it; see [`Moments`].
pub fn moments<T: Real>(p: &Moments, x: &[T], moments: &mut [T]) {
    let columns = p.columns as usize;
    let [groups, terms] = p.groups().map(|extent| extent as usize);
    let factor = T::parameter(p.factor());
    assert_eq!(moments.len(), 2 * groups, "two numbers a group");
    for g in 0..groups {
        let of_group = || {
            (0..terms).map(|a| {
                let (i, j) = if p.by_row { (g, a) } else { (a, g) };
                x[i * columns + j]
            })
        };
        let mean = factor * T::sum(of_group());
        moments[g] = mean;
        moments[groups + g] = factor * T::sum(of_group().map(|x| (x - mean) * (x - mean)));
    }
}

/// `y[i, j] = gamma[j] x̂[i, j] + beta[j]`; see [`Normalize`].
pub fn normalize<T: Real>(
    p: &Normalize,
    (x, moments): (&[T], &[T]),
    gamma: &[T],
    beta: &[T],
    y: &mut [T],
) {
    let columns = p.columns as usize;
    assert_eq!(y.len(), p.rows as usize * columns, "length of the result");
    for (at, y) in y.iter_mut().enumerate() {
        let (i, j) = (at / columns, at % columns);
        let g = if p.by_row { i } else { j };
        *y = gamma[j] * hat(x[at], moments, g, p.epsilon).0 + beta[j];
    }
}

/// `sums[0, j] = Σ_i dy[i, j]` and `sums[1, j] = Σ_i dy[i, j] x̂[i, j]`; see [`NormalizeSums`].
pub fn normalize_sums<T: Real>(
    p: &NormalizeSums,
    (x, moments): (&[T], &[T]),
    dy: &[T],
    sums: &mut [T],
) {
    let [rows, columns] = [p.rows, p.columns].map(|extent| extent as usize);
    assert_eq!(sums.len(), 2 * columns, "two sums a column");
    for j in 0..columns {
        sums[j] = T::sum((0..rows).map(|i| dy[i * columns + j]));
        sums[columns + j] = T::sum((0..rows).map(|i| {
            let (at, g) = (i * columns + j, if p.by_row { i } else { j });
            dy[at] * hat(x[at], moments, g, p.epsilon).0
        }));
    }
}

/// The gradient of batch normalisation at its input; see [`BatchNormGrad`].
pub fn batch_norm_grad<T: Real>(
    p: &BatchNormGrad,
    (x, moments): (&[T], &[T]),
    gamma: &[T],
    (dy, sums): (&[T], &[T]),
    dx: &mut [T],
) {
    let columns = p.columns as usize;
    let factor = T::parameter(p.factor);
    assert_eq!(dx.len(), p.rows as usize * columns, "length of the result");
    for (at, dx) in dx.iter_mut().enumerate() {
        let j = at % columns;
        let (hat, deviation) = hat(x[at], moments, j, p.epsilon);
        let through = factor * (sums[j] + hat * sums[columns + j]);
        *dx = gamma[j] / deviation * (dy[at] - through);
    }
}

/// The gradient of layer normalisation at its input; see [`LayerNormGrad`].
pub fn layer_norm_grad<T: Real>(
    p: &LayerNormGrad,
    (x, moments): (&[T], &[T]),
    gamma: &[T],
    dy: &[T],
    dx: &mut [T],
) {
    let [rows, columns] = [p.rows, p.columns].map(|extent| extent as usize);
    let factor = T::parameter(1.0 / f64::from(p.columns));
    assert_eq!(dx.len(), rows * columns, "length of the result");
    for i in 0..rows {
        let d = |j: usize| gamma[j] * dy[i * columns + j];
        let of = |j: usize| hat(x[i * columns + j], moments, i, p.epsilon);
        let mean = factor * T::sum((0..columns).map(d));
        let mean_of_hats = factor * T::sum((0..columns).map(|j| d(j) * of(j).0));
        for j in 0..columns {
            let (hat, deviation) = of(j);
            dx[i * columns + j] = (d(j) - mean - hat * mean_of_hats) / deviation;
        }
    }
}

/// The running statistics of batch normalisation; see [`RunningMoments`].
pub fn running_moments<T: Real>(
    p: &RunningMoments,
    moments: &[T],
    mean: &mut [T],
    variance: &mut [T],
) {
    let columns = p.columns as usize;
    let [momentum, correction] = [p.momentum, p.correction].map(T::parameter);
    assert_eq!(mean.len(), columns, "one mean a column");
    for j in 0..columns {
        mean[j] = mean[j] + momentum * (moments[j] - mean[j]);
        let unbiased = correction * moments[columns + j];
        variance[j] = variance[j] + momentum * (unbiased - variance[j]);
    }
}

//! What is done to gradients before an update, and to weights behind it.

use super::optimizer::rules::sign;
use super::{Real, fill};
use crate::executor::View;
use crate::kernel::{
    Accumulate, ClipNorm, ClipValue, Kernel, L1Gradient, MaxNormUpdate, SquareSum,
};

/// Runs the kernel that it is.
pub(super) fn run<T: Real>(kernel: &Kernel, inputs: &[View<'_, T>], y: &mut [T]) {
    let real = |i: usize| inputs[i].real();
    let verdict = |scaled: bool| scaled.then(|| real(1));
    match kernel {
        Kernel::Accumulate(p) => accumulate(p, real(0), y),
        Kernel::SquareSum(p) => square_sum(p, real(0), y),
        Kernel::L1Gradient(p) => {
            let w = real(1 + usize::from(p.scaled));
            l1_gradient(p, (real(0), verdict(p.scaled), w), y);
        }
        Kernel::ClipNorm(p) => {
            let total = real(1 + usize::from(p.scaled));
            clip_norm(p, (real(0), verdict(p.scaled), total), y);
        }
        Kernel::ClipValue(p) => clip_value(p, (real(0), verdict(p.scaled)), y),
        Kernel::MaxNormUpdate(p) => max_norm_update(p, real(0), y),
        other => panic!("{} is no rule for gradients or weights", other.name()),
    }
}

/// `y[r] = Σ_c x[r, c]²`; see [`SquareSum`].
pub fn square_sum<T: Real>(p: &SquareSum, x: &[T], y: &mut [T]) {
    let columns = p.columns as usize;
    fill(y, p.rows, |r| {
        T::sum(x[r * columns..][..columns].iter().map(|&x| x * x))
    });
}

/// The gradient's inverse scale: 1 if there is no verdict.
fn inverse<T: Real>(verdict: Option<&[T]>) -> T {
    verdict.map_or(T::ONE, |verdict| verdict[1])
}

/// `y = gradient + l1 sign(w)`; see [`L1Gradient`].
pub fn l1_gradient<T: Real>(
    p: &L1Gradient,
    (gradient, verdict, w): (&[T], Option<&[T]>, &[T]),
    y: &mut [T],
) {
    let l1 = T::parameter(p.l1) / inverse(verdict);
    fill(y, p.count, |i| gradient[i] + l1 * sign(w[i]));
}

/// `y = gradient min(1, limit / (norm + 1e-6))`; see [`ClipNorm`].
pub fn clip_norm<T: Real>(
    p: &ClipNorm,
    (gradient, verdict, total): (&[T], Option<&[T]>, &[T]),
    y: &mut [T],
) {
    let norm = inverse(verdict) * total[0].sqrt();
    let factor = T::parameter(p.limit) / (norm + T::parameter(ClipNorm::EPSILON));
    let factor = (T::ONE - factor).if_negative(T::ONE, factor);
    fill(y, p.count, |i| factor * gradient[i]);
}

/// `y = gradient`, between `-limit` and `limit`; see [`ClipValue`].
pub fn clip_value<T: Real>(p: &ClipValue, (gradient, verdict): (&[T], Option<&[T]>), y: &mut [T]) {
    let limit = T::parameter(p.limit) / inverse(verdict);
    fill(y, p.count, |i| {
        let g = gradient[i];
        let below = (limit - g).if_negative(limit, g);
        (g + limit).if_negative(-limit, below)
    });
}

/// Scales down the rows that are too long; see [`MaxNormUpdate`].
pub fn max_norm_update<T: Real>(p: &MaxNormUpdate, squares: &[T], w: &mut [T]) {
    let (limit, limit_square) = (T::parameter(p.limit), T::parameter(p.limit * p.limit));
    for (row, &square) in w.chunks_exact_mut(p.columns as usize).zip(squares) {
        let excess = limit_square - square;
        for w in row {
            *w = excess.if_negative(*w * (limit / square.sqrt()), *w);
        }
    }
}

/// `y += factor x`; see [`Accumulate`].
pub fn accumulate<T: Real>(p: &Accumulate, x: &[T], y: &mut [T]) {
    let factor = T::parameter(p.factor);
    for (y, &x) in y.iter_mut().zip(x) {
        *y = *y + factor * x;
    }
}

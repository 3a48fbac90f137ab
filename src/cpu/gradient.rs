//! What is done to gradients before an update, and to weights behind it.

use super::math::narrow;
use super::optimizer::Gradient;
use super::optimizer::rules::sign;
use super::threads::{LIGHT, Rows, Threads, bodies};
use super::verdict;
use crate::executor::View;
use crate::kernel::{
    Accumulate, ClipNorm, ClipValue, Kernel, L1Gradient, MaxNormUpdate, SquareSum,
};

/// Runs the kernel that it is.
pub(super) fn run(threads: &Threads, kernel: &Kernel, inputs: &[View<'_, f32>], y: &mut [f32]) {
    let x = |i: usize| inputs[i].real();
    let given = |scaled| (x(0), verdict(scaled, inputs));
    match kernel {
        Kernel::Accumulate(k) => accumulate(threads, k, x(0), y),
        Kernel::SquareSum(k) => square_sum(threads, k, x(0), y),
        Kernel::L1Gradient(k) => {
            let w = x(1 + usize::from(k.scaled));
            l1_gradient(threads, k, (given(k.scaled), w), y);
        }
        Kernel::ClipNorm(k) => {
            let total = x(1 + usize::from(k.scaled));
            clip_norm(threads, k, (given(k.scaled), total), y);
        }
        Kernel::ClipValue(k) => clip_value(threads, k, given(k.scaled), y),
        Kernel::MaxNormUpdate(k) => max_norm_update(threads, k, x(0), y),
        other => panic!("{} is no rule for gradients or weights", other.name()),
    }
}

/// Partial sums of a row: a vector of the widest machine.
const LANES: usize = 16;
/// Terms that are summed by themselves before they are added to the rest.
const TERMS: usize = 4096;

/// The sum of the squares of a slice.
#[inline(always)]
fn squares(x: &[f32]) -> f32 {
    let mut sums = [0.0_f32; LANES];
    let (chunks, rest) = x.as_chunks::<LANES>();
    for chunk in chunks {
        for l in 0..LANES {
            sums[l] += chunk[l] * chunk[l];
        }
    }
    for (sum, x) in sums.iter_mut().zip(rest) {
        *sum += x * x;
    }
    let mut width = LANES / 2;
    while width > 0 {
        for l in 0..width {
            sums[l] += sums[l + width];
        }
        width /= 2;
    }
    sums[0]
}

/// [`SquareSum`]: `y[r] = Σ_c x[r, c]²`.
fn square_sum(threads: &Threads, kernel: &SquareSum, x: &[f32], y: &mut [f32]) {
    let rows = kernel.rows as usize;
    let pieces = (Rows::new(x, kernel.columns as usize), y);
    threads.rows(rows, (x.len(), LIGHT), pieces, (), square_sum_loop);
}

bodies! {
    fn square_sum_loop(_first, (x, y): (Rows<&[f32]>, &mut [f32]), (): ()) {
        for (y, x) in y.iter_mut().zip(x.values.chunks_exact(x.columns)) {
            *y = 0.0;
            for x in x.chunks(TERMS) {
                *y += squares(x);
            }
        }
    }
}

/// [`L1Gradient`]: `y = gradient + l1 sign(w)`.
fn l1_gradient(
    threads: &Threads,
    kernel: &L1Gradient,
    ((gradient, [_, inverse, ..]), w): (Gradient<'_>, &[f32]),
    y: &mut [f32],
) {
    let size = (y.len(), LIGHT);
    let l1 = narrow(kernel.l1 / f64::from(inverse));
    threads.rows(y.len(), size, (gradient, w, y), l1, l1_loop);
}

bodies! {
    fn l1_loop(_first, (g, w, y): (&[f32], &[f32], &mut [f32]), l1: f32) {
        for ((y, g), w) in y.iter_mut().zip(g).zip(w) {
            *y = g + l1 * sign(*w);
        }
    }
}

/// [`ClipNorm`]: `y = gradient min(1, limit / (norm + 1e-6))`.
fn clip_norm(
    threads: &Threads,
    kernel: &ClipNorm,
    ((gradient, [_, inverse, ..]), total): (Gradient<'_>, &[f32]),
    y: &mut [f32],
) {
    let norm = f64::from(inverse) * f64::from(total[0]).sqrt();
    let factor = narrow(kernel.limit / (norm + ClipNorm::EPSILON));
    // So NaN stays.
    let factor = if factor > 1.0 { 1.0 } else { factor };
    let size = (y.len(), LIGHT);
    threads.rows(y.len(), size, (gradient, y), factor, scale_loop);
}

bodies! {
    fn scale_loop(_first, (g, y): (&[f32], &mut [f32]), factor: f32) {
        for (y, g) in y.iter_mut().zip(g) {
            *y = factor * g;
        }
    }
}

/// [`ClipValue`]: `y = gradient`, between `-limit` and `limit`.
fn clip_value(
    threads: &Threads,
    kernel: &ClipValue,
    (gradient, [_, inverse, ..]): Gradient<'_>,
    y: &mut [f32],
) {
    let size = (y.len(), LIGHT);
    let limit = narrow(kernel.limit / f64::from(inverse));
    threads.rows(y.len(), size, (gradient, y), limit, clamp_loop);
}

bodies! {
    /// NaN stays.
    fn clamp_loop(_first, (g, y): (&[f32], &mut [f32]), limit: f32) {
        for (y, &g) in y.iter_mut().zip(g) {
            let below = if g > limit { limit } else { g };
            *y = if below < -limit { -limit } else { below };
        }
    }
}

/// [`MaxNormUpdate`]: scales down the rows that are too long.
fn max_norm_update(threads: &Threads, kernel: &MaxNormUpdate, squares: &[f32], w: &mut [f32]) {
    let size = (w.len(), LIGHT);
    let limits = (narrow(kernel.limit), narrow(kernel.limit * kernel.limit));
    let pieces = (squares, Rows::new(w, kernel.columns as usize));
    threads.rows(kernel.rows as usize, size, pieces, limits, max_norm_loop);
}

bodies! {
    fn max_norm_loop(
        _first,
        (squares, w): (&[f32], Rows<&mut [f32]>),
        (limit, limit_square): (f32, f32)
    ) {
        for (row, &square) in w.values.chunks_exact_mut(w.columns).zip(squares) {
            if square > limit_square {
                let factor = limit / square.sqrt();
                for w in row {
                    *w *= factor;
                }
            }
        }
    }
}

/// [`Accumulate`]: `y += factor x`.
fn accumulate(threads: &Threads, kernel: &Accumulate, x: &[f32], y: &mut [f32]) {
    let factor = narrow(kernel.factor);
    threads.rows(y.len(), (y.len(), LIGHT), (x, y), factor, accumulate_loop);
}

bodies! {
    fn accumulate_loop(_first, (x, y): (&[f32], &mut [f32]), factor: f32) {
        for (y, x) in y.iter_mut().zip(x) {
            *y += factor * x;
        }
    }
}

//! Sums along an axis, and their gradient. The order of every sum is fixed by its length alone.

use super::math::narrow;
use super::threads::{LIGHT, Rows, Threads, bodies};
use crate::kernel::{Broadcast, Sum};

/// Partial sums of a contiguous sum: a vector of the widest machine.
const LANES: usize = 16;
/// Terms that are summed by themselves before they are added to the rest, in a contiguous sum and in one of rows.
/// Both bound the rounding error, and let threads share one long sum.
const TERMS: usize = 4096;
const TERM_ROWS: usize = 256;
/// Columns summed together: their sums stay in registers.
const COLUMNS: usize = 64;

/// The sum of a slice: [`LANES`] partial sums, halved until one is left.
#[inline(always)]
pub(super) fn total(x: &[f32]) -> f32 {
    if x.len() < 2 * LANES {
        let mut sum = 0.0;
        for x in x {
            sum += x;
        }
        return sum;
    }
    let mut sums = [0.0_f32; LANES];
    let (chunks, rest) = x.as_chunks::<LANES>();
    for chunk in chunks {
        for l in 0..LANES {
            sums[l] += chunk[l];
        }
    }
    for (sum, x) in sums.iter_mut().zip(rest) {
        *sum += x;
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

/// The largest of a slice; NaN is passed over.
#[inline(always)]
pub(super) fn maximum(x: &[f32]) -> f32 {
    let mut most = f32::NEG_INFINITY;
    let (chunks, rest) = x.as_chunks::<LANES>();
    if !chunks.is_empty() {
        let mut lanes = [f32::NEG_INFINITY; LANES];
        for chunk in chunks {
            for l in 0..LANES {
                lanes[l] = if chunk[l] > lanes[l] {
                    chunk[l]
                } else {
                    lanes[l]
                };
            }
        }
        for &lane in &lanes {
            most = if lane > most { lane } else { most };
        }
    }
    for &x in rest {
        most = if x > most { x } else { most };
    }
    most
}

/// [`Sum`]: `y[o, i] = factor Σ_a x[o, a, i]`.
pub(super) fn sum(threads: &Threads, kernel: &Sum, x: &[f32], y: &mut [f32]) {
    let (axis, inner) = (kernel.axis as usize, kernel.inner as usize);
    let factor = narrow(kernel.factor);
    if inner > 1 {
        // Threads share columns, which pays only where each still reads whole cache lines.
        let work = if y.len() < 4 * COLUMNS { 0 } else { x.len() };
        threads.rows(
            y.len(),
            (work, LIGHT),
            y,
            (axis, inner, factor, x),
            sum_rows,
        );
    } else if y.len() == 1 && axis > LIGHT {
        y[0] = factor * sum_long(threads, x);
    } else {
        let pieces = (Rows::new(x, axis), y);
        let rows = kernel.outer as usize;
        threads.rows(rows, (x.len(), LIGHT), pieces, factor, sum_contiguous);
    }
}

bodies! {
    fn sum_contiguous(_first, (x, y): (Rows<&[f32]>, &mut [f32]), factor: f32) {
        for (y, x) in y.iter_mut().zip(x.values.chunks_exact(x.columns)) {
            let mut sum = 0.0;
            for x in x.chunks(TERMS) {
                sum += total(x);
            }
            *y = factor * sum;
        }
    }
}

/// One sum of many terms, in at most 64 parts whose limits depend on its length alone.
fn sum_long(threads: &Threads, x: &[f32]) -> f32 {
    let mut parts = [0.0_f32; 64];
    let part = x.len().div_ceil(parts.len()).next_multiple_of(TERMS);
    let count = x.len().div_ceil(part);
    let pieces = (Rows::new(x, part), &mut parts[..count]);
    threads.rows(count, (x.len(), LIGHT), pieces, (), sum_parts);
    parts[..count].iter().sum()
}

bodies! {
    fn sum_parts(_first, (x, sums): (Rows<&[f32]>, &mut [f32]), (): ()) {
        for (sum, x) in sums.iter_mut().zip(x.values.chunks(x.columns)) {
            *sum = 0.0;
            for x in x.chunks(TERMS) {
                *sum += total(x);
            }
        }
    }
}

bodies! {
    /// Sums of columns: `y` is the part of the result that begins at element `first`.
    fn sum_rows(first, y: &mut [f32], (axis, inner, factor, x): (usize, usize, f32, &[f32])) {
        let mut done = 0;
        while done < y.len() {
            let (outer, column) = ((first + done) / inner, (first + done) % inner);
            let columns = COLUMNS.min(inner - column).min(y.len() - done);
            let x = &x[outer * axis * inner..][..axis * inner];
            let y = &mut y[done..][..columns];
            if columns == COLUMNS {
                let sums = column_sums(x, inner, column, COLUMNS);
                for (y, sum) in y.iter_mut().zip(sums) {
                    *y = factor * sum;
                }
            } else {
                let sums = column_sums(x, inner, column, columns);
                for (y, sum) in y.iter_mut().zip(sums) {
                    *y = factor * sum;
                }
            }
            done += columns;
        }
    }
}

/// The sums of `columns` columns from `column` on. Each is summed in the same order, wherever in the tile it lies.
#[inline(always)]
fn column_sums(x: &[f32], inner: usize, column: usize, columns: usize) -> [f32; COLUMNS] {
    let mut sums = [0.0; COLUMNS];
    for block in x.chunks(TERM_ROWS * inner) {
        let mut part = [0.0; COLUMNS];
        for row in block.chunks_exact(inner) {
            for (part, x) in part.iter_mut().zip(&row[column..][..columns]) {
                *part += x;
            }
        }
        for (sum, part) in sums.iter_mut().zip(part) {
            *sum += part;
        }
    }
    sums
}

/// [`Broadcast`]: `y[o, a, i] = factor x[o, i]`.
pub(super) fn broadcast(threads: &Threads, kernel: &Broadcast, x: &[f32], y: &mut [f32]) {
    let (axis, inner) = (kernel.axis as usize, kernel.inner as usize);
    let parameters = (axis, narrow(kernel.factor), x);
    let rows = kernel.outer as usize * axis;
    let size = (y.len(), LIGHT);
    threads.rows(rows, size, Rows::new(y, inner), parameters, broadcast_loop);
}

bodies! {
    fn broadcast_loop(first, y: Rows<&mut [f32]>, (axis, factor, x): (usize, f32, &[f32])) {
        let inner = y.columns;
        let mut row = first;
        let mut rest = y.values;
        while !rest.is_empty() {
            // All repetitions of one row of x that lie in this piece.
            let outer = row / axis;
            let repeats = ((outer + 1) * axis - row).min(rest.len() / inner);
            let (repeated, others) = rest.split_at_mut(repeats * inner);
            let x = &x[outer * inner..][..inner];
            if inner == 1 {
                repeated.fill(factor * x[0]);
            } else {
                for y in repeated.chunks_exact_mut(inner) {
                    for (y, x) in y.iter_mut().zip(x) {
                        *y = factor * x;
                    }
                }
            }
            row += repeats;
            rest = others;
        }
    }
}

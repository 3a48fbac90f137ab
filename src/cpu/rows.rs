//! Kernels that move rows and ranges about.

use super::math::narrow;
use super::threads::{Body, LIGHT, Rows, Threads, bodies};
use crate::kernel::{Concat, Gather, GatherGrad, Pad, Slice};

/// What is gathered: the rows that the table has.
type Table<'a, T> = (&'a [T], &'a [u32]);

/// The index of the rows that this run gathers; shorter if the index ends before.
fn used<'a>(kernel: &Gather, index: &'a [u32]) -> &'a [u32] {
    let start = (kernel.start as usize).min(index.len());
    &index[start..]
}

/// [`Gather`] from a table of reals or of integers: `y[i, ·] = table[index[start + i], ·]`.
pub(super) fn gather<T: Copy + Default + Send + Sync>(
    threads: &Threads,
    kernel: &Gather,
    (table, index): Table<'_, T>,
    y: &mut [T],
) {
    let rows = kernel.rows as usize;
    let size = (y.len(), LIGHT);
    let pieces = Rows::new(y, kernel.columns as usize);
    let parameters = (table, used(kernel, index), kernel.first_row);
    threads.rows(rows, size, pieces, parameters, GatherRows);
}

/// Row `index[i]` of a table whose first row is `first_row`, if there is one.
#[inline(always)]
fn row<'a, T>(
    table: &'a [T],
    columns: usize,
    first_row: u32,
    index: Option<&u32>,
) -> Option<&'a [T]> {
    let start = index?.checked_sub(first_row)? as usize * columns;
    table.get(start..start + columns)
}

#[derive(Clone, Copy)]
struct GatherRows;

impl<T: Copy + Default> Body<Rows<&mut [T]>, (&[T], &[u32], u32)> for GatherRows {
    #[inline(always)]
    fn run(self, first: usize, y: Rows<&mut [T]>, (table, index, first_row): (&[T], &[u32], u32)) {
        for (i, rows) in y.values.chunks_exact_mut(y.columns).enumerate() {
            match row(table, y.columns, first_row, index.get(first + i)) {
                Some(row) => rows.copy_from_slice(row),
                None if first_row == 0 => rows.fill(T::default()),
                None => {}
            }
        }
    }
}

/// [`Gather`] from a table of bytes: `y[i, ·] = factor table[index[start + i], ·]`.
pub(super) fn gather_bytes(
    threads: &Threads,
    kernel: &Gather,
    (table, index): Table<'_, u8>,
    y: &mut [f32],
) {
    let rows = kernel.rows as usize;
    let size = (y.len(), LIGHT);
    let pieces = Rows::new(y, kernel.columns as usize);
    let parameters = (
        table,
        used(kernel, index),
        (kernel.first_row, narrow(kernel.factor)),
    );
    threads.rows(rows, size, pieces, parameters, gather_bytes_loop);
}

bodies! {
    fn gather_bytes_loop(
        first,
        y: Rows<&mut [f32]>,
        (table, index, (first_row, factor)): (&[u8], &[u32], (u32, f32))
    ) {
        for (i, y) in y.values.chunks_exact_mut(y.columns).enumerate() {
            match row(table, y.len(), first_row, index.get(first + i)) {
                Some(row) => {
                    for (y, &x) in y.iter_mut().zip(row) {
                        *y = factor * f32::from(x);
                    }
                }
                None if first_row == 0 => y.fill(0.0),
                None => {}
            }
        }
    }
}

/// [`GatherGrad`]: `dtable[r, ·] = Σ dy[i, ·]` over the `i` with `index[i] = r`, in the order of `i`.
pub(super) fn gather_grad(
    threads: &Threads,
    kernel: &GatherGrad,
    (dy, index): Table<'_, f32>,
    dtable: &mut [f32],
) {
    let columns = kernel.columns as usize;
    let size = (dy.len().max(dtable.len()), LIGHT);
    let rows = kernel.table_rows as usize;
    let pieces = Rows::new(dtable, columns);
    let parameters = (dy, index, kernel.first_row as usize);
    threads.rows(rows, size, pieces, parameters, gather_grad_loop);
}

bodies! {
    /// Each piece of the table looks through the whole index for its own rows.
    fn gather_grad_loop(
        first,
        dtable: Rows<&mut [f32]>,
        (dy, index, first_row): (&[f32], &[u32], usize)
    ) {
        let columns = dtable.columns;
        dtable.values.fill(0.0);
        for (dy, &row) in dy.chunks_exact(columns).zip(index) {
            let Some(row) = (row as usize).checked_sub(first_row + first) else {
                continue;
            };
            if let Some(sum) = dtable.values.get_mut(row * columns..(row + 1) * columns) {
                for (sum, dy) in sum.iter_mut().zip(dy) {
                    *sum += dy;
                }
            }
        }
    }
}

/// [`Slice`]: `y[o, a, i] = x[o, start + a, i]`.
pub(super) fn slice(threads: &Threads, kernel: &Slice, x: &[f32], y: &mut [f32]) {
    let (axis, inner) = (kernel.axis as usize, kernel.inner as usize);
    let (start, len) = (kernel.start as usize * inner, kernel.len as usize * inner);
    let size = (y.len(), LIGHT);
    let pieces = (Rows::new(x, axis * inner), Rows::new(y, len));
    threads.rows(kernel.outer as usize, size, pieces, start, slice_loop);
}

type Moved<'a> = (Rows<&'a [f32]>, Rows<&'a mut [f32]>);

bodies! {
    fn slice_loop(_first, (x, y): Moved<'_>, start: usize) {
        let rows = x.values.chunks_exact(x.columns);
        for (y, x) in y.values.chunks_exact_mut(y.columns).zip(rows) {
            y.copy_from_slice(&x[start..][..y.len()]);
        }
    }
}

/// [`Pad`]: `dx[o, a, i] = dy[o, a - start, i]` where `start <= a < start + len`, else 0.
pub(super) fn pad(threads: &Threads, kernel: &Pad, dy: &[f32], dx: &mut [f32]) {
    let (axis, inner) = (kernel.axis as usize, kernel.inner as usize);
    let (start, len) = (kernel.start as usize * inner, kernel.len as usize * inner);
    let size = (dx.len(), LIGHT);
    let pieces = (Rows::new(dy, len), Rows::new(dx, axis * inner));
    threads.rows(kernel.outer as usize, size, pieces, start, pad_loop);
}

bodies! {
    fn pad_loop(_first, (dy, dx): Moved<'_>, start: usize) {
        let rows = dy.values.chunks_exact(dy.columns);
        for (dx, dy) in dx.values.chunks_exact_mut(dx.columns).zip(rows) {
            dx[..start].fill(0.0);
            dx[start..][..dy.len()].copy_from_slice(dy);
            dx[start + dy.len()..].fill(0.0);
        }
    }
}

/// [`Concat`]: `y = [a, b]` along an axis.
pub(super) fn concat(threads: &Threads, kernel: &Concat, a: &[f32], b: &[f32], y: &mut [f32]) {
    let inner = kernel.inner as usize;
    let (in_a, in_b) = (
        kernel.axis_a as usize * inner,
        kernel.axis_b as usize * inner,
    );
    let size = (y.len(), LIGHT);
    let pieces = (
        Rows::new(a, in_a),
        Rows::new(b, in_b),
        Rows::new(y, in_a + in_b),
    );
    threads.rows(kernel.outer as usize, size, pieces, (), concat_loop);
}

type Joined<'a> = (Rows<&'a [f32]>, Rows<&'a [f32]>, Rows<&'a mut [f32]>);

bodies! {
    fn concat_loop(_first, (a, b, y): Joined<'_>, (): ()) {
        let pairs = a
            .values
            .chunks_exact(a.columns)
            .zip(b.values.chunks_exact(b.columns));
        for (y, (a, b)) in y.values.chunks_exact_mut(y.columns).zip(pairs) {
            y[..a.len()].copy_from_slice(a);
            y[a.len()..].copy_from_slice(b);
        }
    }
}

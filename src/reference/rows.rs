//! Kernels that move rows and ranges about.

use super::Real;
use crate::executor::{View, ViewMut};
use crate::kernel::{Concat, Gather, GatherGrad, Pad, Slice};

/// `y[i, ·] = table[index[start + i], ·]`; see [`Gather`].
pub fn gather<T: Real>(p: &Gather, table: View<'_, T>, index: &[u32], y: &mut ViewMut<'_, T>) {
    let factor = T::parameter(p.factor);
    match table {
        View::Real(table) => gather_rows(p, index, y.real(), T::ZERO, |at| table[at]),
        View::U32(table) => gather_rows(p, index, y.u32(), 0, |at| table[at]),
        View::U8(table) => gather_rows(p, index, y.real(), T::ZERO, |at| {
            factor * T::from_f32(f32::from(table[at]))
        }),
    }
}

fn gather_rows<V: Copy>(
    p: &Gather,
    index: &[u32],
    y: &mut [V],
    zero: V,
    element: impl Fn(usize) -> V,
) {
    let [rows, columns, start] = [p.rows, p.columns, p.start].map(|extent| extent as usize);
    assert_eq!(y.len(), rows * columns, "length of the rows gathered");
    for i in 0..rows {
        let row = index[start + i].checked_sub(p.first_row);
        let row = row.filter(|&row| row < p.table_rows);
        for j in 0..columns {
            match row {
                Some(row) => y[i * columns + j] = element(row as usize * columns + j),
                None if p.first_row == 0 => y[i * columns + j] = zero,
                None => {}
            }
        }
    }
}

/// `dtable[r, ·] = Σ dy[i, ·]` over the `i` with `index[i] = r`; see [`GatherGrad`].
pub fn gather_grad<T: Real>(p: &GatherGrad, dy: &[T], index: &[u32], dtable: &mut [T]) {
    let [rows, columns] = [p.rows, p.columns].map(|extent| extent as usize);
    assert_eq!(
        dtable.len(),
        p.table_rows as usize * columns,
        "length of the table's gradient"
    );
    for r in 0..p.table_rows {
        let gathered: Vec<usize> = (0..rows)
            .filter(|&i| index[i].checked_sub(p.first_row) == Some(r))
            .collect();
        for j in 0..columns {
            let terms = gathered.iter().map(|i| dy[i * columns + j]);
            dtable[r as usize * columns + j] = T::sum(terms);
        }
    }
}

/// `y[o, a, i] = x[o, start + a, i]`; see [`Slice`].
pub fn slice<T: Real>(p: &Slice, x: &[T], y: &mut [T]) {
    let [outer, axis, inner] = [p.outer, p.axis, p.inner].map(|extent| extent as usize);
    let [start, len] = [p.start, p.len].map(|extent| extent as usize);
    assert_eq!(y.len(), outer * len * inner, "length of the range");
    for o in 0..outer {
        for a in 0..len {
            for i in 0..inner {
                y[(o * len + a) * inner + i] = x[(o * axis + start + a) * inner + i];
            }
        }
    }
}

/// `dx[o, a, i] = dy[o, a - start, i]` where `start <= a < start + len`, else 0; see [`Pad`].
pub fn pad<T: Real>(p: &Pad, dy: &[T], dx: &mut [T]) {
    let [outer, axis, inner] = [p.outer, p.axis, p.inner].map(|extent| extent as usize);
    let [start, len] = [p.start, p.len].map(|extent| extent as usize);
    assert_eq!(dx.len(), outer * axis * inner, "length of the gradient");
    for o in 0..outer {
        for a in 0..axis {
            for i in 0..inner {
                dx[(o * axis + a) * inner + i] = if start <= a && a < start + len {
                    dy[(o * len + a - start) * inner + i]
                } else {
                    T::ZERO
                };
            }
        }
    }
}

/// `y[o, ·, i] = [a[o, ·, i], b[o, ·, i]]`; see [`Concat`].
pub fn concat<T: Real>(p: &Concat, a: &[T], b: &[T], y: &mut [T]) {
    let [outer, axis_a, axis_b, inner] =
        [p.outer, p.axis_a, p.axis_b, p.inner].map(|extent| extent as usize);
    let axis = axis_a + axis_b;
    assert_eq!(y.len(), outer * axis * inner, "length of both together");
    for o in 0..outer {
        for at in 0..axis {
            for i in 0..inner {
                y[(o * axis + at) * inner + i] = if at < axis_a {
                    a[(o * axis_a + at) * inner + i]
                } else {
                    b[(o * axis_b + at - axis_a) * inner + i]
                };
            }
        }
    }
}

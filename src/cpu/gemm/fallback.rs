//! The product by the crate `gemm`, where there is no kernel of our own.

use gemm::Parallelism;

use super::{Finish, Matrix};

/// `y = a b`, with `y` stored row after row.
///
/// gemm divides rows and columns among threads, never the sum, so that the bits do not depend on their number
/// (tested). It uses the rayon pool of the calling thread.
pub(super) fn product<F: Finish>(
    y: &mut [f32],
    (a, b): (Matrix<'_>, Matrix<'_>),
    threads: usize,
    finish: F,
) {
    let (m, n, k) = (a.rows, b.columns, a.columns);
    let parallelism = if threads > 1 {
        Parallelism::Rayon(threads)
    } else {
        Parallelism::None
    };
    let signed = |(row, column): (usize, usize)| (row.cast_signed(), column.cast_signed());
    let (a_row, a_column) = signed(a.strides());
    let (b_row, b_column) = signed(b.strides());
    // SAFETY: the lengths are those that extents and strides reach (checked by the caller); `y` is borrowed mutably, so
    // nothing else reads or writes it; gemm does not read it, since `read_dst` is false.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            y.as_mut_ptr(),
            1,
            n.cast_signed(),
            false,
            a.values.as_ptr(),
            a_column,
            a_row,
            b.values.as_ptr(),
            b_column,
            b_row,
            0.0,
            1.0,
            false,
            false,
            false,
            parallelism,
        );
    }
    if F::NEEDED {
        for (row, y) in y.chunks_exact_mut(n).enumerate() {
            finish.finish(row, 0, y);
        }
    }
}

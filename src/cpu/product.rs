//! The product of two matrices by the crate `gemm`: the only unsafe code of this executor.
#![allow(unsafe_code, reason = "gemm takes pointers and strides")]

use gemm::Parallelism;

/// A matrix `[rows, columns]`, stored row after row, or transposed: column after column.
#[derive(Clone, Copy)]
pub(super) struct Matrix<'a> {
    pub(super) values: &'a [f32],
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) transposed: bool,
}

impl Matrix<'_> {
    /// Distance from one row to the next, and from one column to the next.
    const fn strides(&self) -> (isize, isize) {
        if self.transposed {
            (1, self.rows.cast_signed())
        } else {
            (self.columns.cast_signed(), 1)
        }
    }
}

/// `y = a b`, with `y` stored row after row.
///
/// gemm divides rows and columns among threads, never the sum, so that the bits do not depend on their number
/// (tested). It uses the rayon pool of the calling thread.
pub(super) fn product(y: &mut [f32], a: Matrix<'_>, b: Matrix<'_>, threads: usize) {
    let (m, n, k) = (a.rows, b.columns, a.columns);
    assert_eq!(k, b.rows, "the product's inner extents differ");
    assert_eq!(a.values.len(), m * k, "the length of the left matrix");
    assert_eq!(b.values.len(), k * n, "the length of the right matrix");
    assert_eq!(y.len(), m * n, "the length of the product");
    let parallelism = if threads > 1 {
        Parallelism::Rayon(threads)
    } else {
        Parallelism::None
    };
    let (a_row, a_column) = a.strides();
    let (b_row, b_column) = b.strides();
    // SAFETY: the lengths are those that extents and strides reach (checked above); `y` is borrowed mutably, so
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
}

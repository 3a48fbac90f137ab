//! The product by the crate `gemm`, where there is no kernel of our own.

use gemm::Parallelism;

use super::super::threads::{Body, HEAVY, Rows, Threads};
use super::{Finish, Matrix, Store};

/// `y = a b`, or what else `store` makes of it, with `y` stored row after row.
///
/// gemm divides rows and columns among threads, never the sum, so that the bits do not depend on their number
/// (tested). It uses the rayon pool of the calling thread.
pub(super) fn product<F: Finish>(
    (threads, count): (&Threads, usize),
    (y, store): (&mut [f32], Store),
    (a, b): (Matrix<'_>, Matrix<'_>),
    finish: F,
) {
    let (m, n, k) = (a.rows, b.columns, a.columns);
    let parallelism = if count > 1 {
        Parallelism::Rayon(count)
    } else {
        Parallelism::None
    };
    let signed = |(row, column): (usize, usize)| (row.cast_signed(), column.cast_signed());
    let (a_row, a_column) = signed(a.strides());
    let (b_row, b_column) = signed(b.strides());
    // What `y` is multiplied by, and the product.
    let (keep, factor) = match store {
        Store::Set => (0.0, 1.0),
        Store::Add => (1.0, 1.0),
        Store::Descend { rate, decay } => (1.0 - rate * decay, -rate),
    };
    // SAFETY: the lengths are those that extents and strides reach (checked by the caller); `y` is borrowed mutably, so
    // nothing else reads or writes it.
    let mut call = || unsafe {
        gemm::gemm(
            m,
            n,
            k,
            y.as_mut_ptr(),
            1,
            n.cast_signed(),
            store != Store::Set,
            a.values.as_ptr(),
            a_column,
            a_row,
            b.values.as_ptr(),
            b_column,
            b_row,
            keep,
            factor,
            false,
            false,
            false,
            parallelism,
        );
    };
    if count > 1 {
        threads.enter(call);
    } else {
        call();
    }
    if F::NEEDED {
        let grain = if count > 1 { HEAVY } else { y.len() };
        threads.rows(m, (y.len(), grain), Rows::new(y, n), finish, Finishing);
    }
}

/// Finishes whole rows.
#[derive(Clone, Copy)]
struct Finishing;

impl<F: Finish> Body<Rows<&mut [f32]>, F> for Finishing {
    #[inline(always)]
    fn run(self, first: usize, y: Rows<&mut [f32]>, finish: F) {
        for (i, row) in y.values.chunks_exact_mut(y.columns).enumerate() {
            finish.finish(first + i, 0, row);
        }
    }
}

//! The product of two matrices, `y = a b`: the only unsafe code of this executor.
//!
//! Built as BLIS is (Van Zee and van de Geijn, *BLIS: A Framework for Rapidly Instantiating BLAS Functionality*, 2015): a
//! tile of `y` stays in registers while a loop runs along k over a panel of `a` (a few rows) and one of `b` (two or three
//! vectors of columns), each copied into the order in which it is read: `a` beforehand, `b` mostly while the tiles of the
//! panel before are computed. Panels that are read once, or are small, are read where they lie. On machines without AVX2 the crate `gemm` does the work.
//!
//! Every sum is taken in the order of k, in blocks that k alone decides, by fused multiply-add: so neither the number of
//! threads nor the vectors' width changes a bit.
#![allow(unsafe_code, reason = "vectors, and tiles of y that threads share out")]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod fallback;
#[cfg(target_arch = "x86_64")]
mod job;
#[cfg(target_arch = "x86_64")]
mod meanwhile;
#[cfg(target_arch = "x86_64")]
mod pieces;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod work;

use super::threads::Threads;
#[cfg(target_arch = "x86_64")]
use job::{Cell, Job};

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
    const fn strides(&self) -> (usize, usize) {
        if self.transposed {
            (1, self.rows)
        } else {
            (self.columns, 1)
        }
    }
}

/// What becomes of a sum `s` where `y` is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Store {
    /// `y = s`
    Set,
    /// `y += s`
    Add,
    /// `y -= rate (s + decay y)`
    Descend {
        /// The learning rate.
        rate: f32,
        /// The L2 penalty.
        decay: f32,
    },
}

impl Store {
    /// What becomes of the terms that come later, when a sum is taken in parts.
    const fn next(self) -> Self {
        match self {
            Self::Set | Self::Add => Self::Add,
            Self::Descend { rate, .. } => Self::Descend { rate, decay: 0.0 },
        }
    }
}

/// What is done with the results while they are in the nearest cache. A type for the reason that
/// [`Body`](super::threads::Body) is one.
pub(super) trait Finish: Copy + Send + Sync {
    /// Whether there is anything to do.
    const NEEDED: bool = true;

    /// Works on the piece of row `row` that begins at `column`; marked `#[inline(always)]`.
    fn finish(self, row: usize, column: usize, y: &mut [f32]);
}

/// Nothing is done.
#[derive(Clone, Copy)]
pub(super) struct Plain;

impl Finish for Plain {
    const NEEDED: bool = false;

    #[inline(always)]
    fn finish(self, _row: usize, _column: usize, _y: &mut [f32]) {}
}

/// The vectors that products are computed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Vectors {
    /// The crate `gemm`.
    Other,
    /// 8 lanes, 16 registers.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// 16 lanes, 32 registers.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Vectors {
    /// All that this machine has, the best first.
    pub(super) fn available() -> impl Iterator<Item = Self> {
        #[cfg(target_arch = "x86_64")]
        let own = [
            avx512::is_there().then_some(Self::Avx512),
            avx2::is_there().then_some(Self::Avx2),
        ];
        #[cfg(not(target_arch = "x86_64"))]
        let own: [Option<Self>; 0] = [];
        own.into_iter().flatten().chain([Self::Other])
    }

    fn best() -> Self {
        Self::available().next().unwrap_or(Self::Other)
    }
}

/// `y = a b`, or what else `store` makes of it, with `y` stored row after row, and `finish` run on every piece of it.
pub(super) fn product(
    threads: &Threads,
    count: usize,
    y: (&mut [f32], Store),
    factors: (Matrix<'_>, Matrix<'_>),
    finish: impl Finish,
) {
    product_with(Vectors::best(), (threads, count), y, factors, finish);
}

fn product_with(
    vectors: Vectors,
    (threads, count): (&Threads, usize),
    (y, store): (&mut [f32], Store),
    (a, b): (Matrix<'_>, Matrix<'_>),
    finish: impl Finish,
) {
    let (m, n, k) = (a.rows, b.columns, a.columns);
    assert_eq!(k, b.rows, "the product's inner extents differ");
    assert_eq!(a.values.len(), m * k, "the length of the left matrix");
    assert_eq!(b.values.len(), k * n, "the length of the right matrix");
    assert_eq!(y.len(), m * n, "the length of the product");
    if y.is_empty() {
        return;
    }
    match vectors {
        #[cfg(target_arch = "x86_64")]
        Vectors::Avx512 => {
            let job = Job::new::<avx512::Avx512>(&a, &b, (y, store));
            divide(threads, count, &job, |from, to| {
                // SAFETY: this machine has the vectors (`Vectors::available`); the parts are disjoint.
                unsafe { avx512::work(&job, from, to, finish) }
            });
        }
        #[cfg(target_arch = "x86_64")]
        Vectors::Avx2 => {
            let job = Job::new::<avx2::Avx2>(&a, &b, (y, store));
            divide(threads, count, &job, |from, to| {
                // SAFETY: this machine has the vectors (`Vectors::available`); the parts are disjoint.
                unsafe { avx2::work(&job, from, to, finish) }
            });
        }
        Vectors::Other => fallback::product((threads, count), (y, store), (a, b), finish),
    }
}

/// Gives every thread a part of the cells, of the same weight.
#[cfg(target_arch = "x86_64")]
fn divide(threads: &Threads, count: usize, job: &Job<'_>, work: impl Fn(Cell, Cell) + Copy + Sync) {
    threads.parts(count, |part| {
        work(job.cut(part, count), job.cut(part + 1, count));
    });
}

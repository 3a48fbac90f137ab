//! The product of matrices, in groups.

use super::gemm::{Matrix, Plain, product};
use super::threads::{Rows, Threads, bodies};
use crate::kernel::Matmul;

/// Multiply-adds below which a product is left to one thread: 20 µs on one Zen 4 core.
const PARALLEL: usize = 1 << 20;

/// [`Matmul`]: `y[g] = op(a[g]) op(b[g])`.
pub(super) fn matmul(threads: &Threads, kernel: &Matmul, a: &[f32], b: &[f32], y: &mut [f32]) {
    let (groups, m, n, k) = (
        kernel.groups as usize,
        kernel.m as usize,
        kernel.n as usize,
        kernel.k as usize,
    );
    let work = m * n * k;
    if groups > 1 && work < PARALLEL * threads.count() {
        // Small products: whole groups to a thread.
        let pieces = (
            Rows::new(y, m * n),
            Rows::new(a, m * k),
            Rows::new(b, k * n),
        );
        threads.rows(
            groups,
            (groups * work, PARALLEL),
            pieces,
            (threads, *kernel),
            products,
        );
        return;
    }
    let count = if work < PARALLEL { 1 } else { threads.count() };
    let mut all = || {
        for (g, y) in y.chunks_exact_mut(m * n).enumerate() {
            let (a, b) = (&a[g * m * k..][..m * k], &b[g * k * n..][..k * n]);
            one(threads, kernel, a, b, y, count);
        }
    };
    if count > 1 {
        threads.enter(all);
    } else {
        all();
    }
}

type Products<'a> = (Rows<&'a mut [f32]>, Rows<&'a [f32]>, Rows<&'a [f32]>);

bodies! {
    fn products(_first, (y, a, b): Products<'_>, (threads, kernel): (&Threads, Matmul)) {
        let pairs = (a.values.chunks_exact(a.columns)).zip(b.values.chunks_exact(b.columns));
        for (y, (a, b)) in y.values.chunks_exact_mut(y.columns).zip(pairs) {
            one(threads, &kernel, a, b, y, 1);
        }
    }
}

fn one(threads: &Threads, kernel: &Matmul, a: &[f32], b: &[f32], y: &mut [f32], count: usize) {
    let (m, n, k) = (kernel.m as usize, kernel.n as usize, kernel.k as usize);
    let a = Matrix {
        values: a,
        rows: m,
        columns: k,
        transposed: kernel.transpose_a,
    };
    let b = Matrix {
        values: b,
        rows: k,
        columns: n,
        transposed: kernel.transpose_b,
    };
    product(threads, count, y, (a, b), Plain);
}

//! The product of matrices, in groups.

use std::cell::RefCell;

use super::finish::{Finished, Grouped, finished};
use super::gemm::{self, Matrix, Store};
use super::math::narrow;
use super::reduce;
use super::threads::{Body, Rows, Threads};
use crate::kernel::{Finish, Matmul};

/// Multiply-adds that are worth a thread: 18 µs on one Zen 4 core. Handing work over takes 0.3 µs there, or 1 µs where the
/// two cores share no cache, and what one has written the other then fetches: products half as large gained nothing from
/// two threads in the first case, and took twice as long in the second.
const PARALLEL: usize = 1 << 20;

/// [`Matmul`]: `y[g] = finish(op(a[g]) op(b[g]))`, and the sums of the rows of `op(a[g])`.
pub(super) fn matmul(
    threads: &Threads,
    kernel: &Matmul,
    [a, b, fused]: [&[f32]; 3],
    y: &mut [f32],
    sums: Option<&mut [f32]>,
) {
    let products = Products {
        threads,
        kernel,
        a,
        b,
        y,
    };
    finished(kernel, fused, products);
    let Some(sums) = sums else { return };
    match kernel.finish {
        Finish::Sgd {
            learning_rate,
            weight_decay,
        } => {
            // Taken out: while it waits for others, a thread of the pool may begin with another caller's kernel.
            let mut gradient = ROW_SUMS.take();
            gradient.resize(sums.len(), 0.0);
            reduce::sum(threads, &kernel.row_sum(), a, &mut gradient);
            let (rate, decay) = (narrow(learning_rate), narrow(weight_decay));
            for (w, &g) in sums.iter_mut().zip(gradient.iter()) {
                *w -= rate * (g + decay * *w);
            }
            ROW_SUMS.set(gradient);
        }
        _ => reduce::sum(threads, &kernel.row_sum(), a, sums),
    }
}

thread_local! {
    /// The gradient of a bias that is updated at once.
    static ROW_SUMS: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

struct Products<'a> {
    threads: &'a Threads,
    kernel: &'a Matmul,
    a: &'a [f32],
    b: &'a [f32],
    y: &'a mut [f32],
}

impl Finished for Products<'_> {
    fn with(self, finish: impl Grouped) {
        let Self {
            threads,
            kernel,
            a,
            b,
            y,
        } = self;
        let (groups, m, n, k) = (
            kernel.groups as usize,
            kernel.m as usize,
            kernel.n as usize,
            kernel.k as usize,
        );
        let work = m * n * k;
        if groups > 1 && work < PARALLEL * threads.count() {
            // Small products: whole groups to a thread.
            let size = (groups * work, PARALLEL);
            let pieces = (
                Rows::new(y, m * n),
                Rows::new(a, m * k),
                Rows::new(b, k * n),
            );
            threads.rows(groups, size, pieces, (threads, kernel, finish), WholeGroups);
            return;
        }
        let count = (work / PARALLEL).clamp(1, threads.count());
        let pairs = a.chunks_exact(m * k).zip(b.chunks_exact(k * n));
        for (g, (y, (a, b))) in y.chunks_exact_mut(m * n).zip(pairs).enumerate() {
            one(threads, count, kernel, (a, b), y, finish.of_group(g));
        }
    }
}

/// Each group on one thread.
#[derive(Clone, Copy)]
struct WholeGroups;

type Groups<'a> = (Rows<&'a mut [f32]>, Rows<&'a [f32]>, Rows<&'a [f32]>);

impl<F: Grouped> Body<Groups<'_>, (&Threads, &Matmul, F)> for WholeGroups {
    #[inline(always)]
    fn run(
        self,
        first: usize,
        (y, a, b): Groups<'_>,
        (threads, kernel, finish): (&Threads, &Matmul, F),
    ) {
        let pairs = (a.values.chunks_exact(a.columns)).zip(b.values.chunks_exact(b.columns));
        for (g, (y, (a, b))) in y.values.chunks_exact_mut(y.columns).zip(pairs).enumerate() {
            one(threads, 1, kernel, (a, b), y, finish.of_group(first + g));
        }
    }
}

fn one(
    threads: &Threads,
    count: usize,
    kernel: &Matmul,
    (a, b): (&[f32], &[f32]),
    y: &mut [f32],
    finish: impl gemm::Finish,
) {
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
    let store = match kernel.finish {
        Finish::Sgd {
            learning_rate,
            weight_decay,
        } => Store::Descend {
            rate: narrow(learning_rate),
            decay: narrow(weight_decay),
        },
        _ => Store::Set,
    };
    gemm::product(threads, count, (y, store), (a, b), finish);
}

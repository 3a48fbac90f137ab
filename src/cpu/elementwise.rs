//! Kernels that compute each element, or each row, on its own.

use super::activation as f;
use super::math::{self, narrow};
use super::philox;
use super::reduce::{maximum, total};
use super::threads::{Body, HEAVY, LIGHT, Rows, Threads, bodies};
use crate::kernel::{
    Activation, ActivationGrad, ActivationKind, BiasAdd, Binary, BinaryKind, Dropout, Scale,
    Softmax, SoftmaxGrad,
};

/// A function of `N` numbers and a parameter, as a type, for the reason that [`Body`] is one.
pub(super) trait Function<const N: usize>: Copy + Send + Sync {
    /// The function, marked `#[inline(always)]`.
    fn at(self, x: [f32; N], parameter: f32) -> f32;
}

/// Makes types that are a [`Function`].
macro_rules! functions {
    ($($(#[$doc:meta])* $name:ident[$($x:ident),+; $parameter:ident] $body:block)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub(super) struct $name;

        impl $crate::cpu::elementwise::Function<{ [$(stringify!($x)),+].len() }> for $name {
            #[inline(always)]
            fn at(self, [$($x),+]: [f32; [$(stringify!($x)),+].len()], $parameter: f32) -> f32 $body
        }
    )+};
}

pub(super) use functions;

#[derive(Clone, Copy)]
struct Map<F>(F);

/// `y[i] = f(x[i], parameter)`
fn map(
    threads: &Threads,
    grain: usize,
    x: &[f32],
    y: &mut [f32],
    (parameter, f): (f32, impl Function<1>),
) {
    threads.rows(y.len(), (y.len(), grain), (x, y), parameter, Map(f));
}

impl<F: Function<1>> Body<(&[f32], &mut [f32]), f32> for Map<F> {
    #[inline(always)]
    fn run(self, _first: usize, (x, y): (&[f32], &mut [f32]), parameter: f32) {
        for (y, &x) in y.iter_mut().zip(x) {
            *y = self.0.at([x], parameter);
        }
    }
}

/// `y[i] = f(a[i], b[i], parameter)`
pub(super) fn map2(
    threads: &Threads,
    grain: usize,
    (a, b): (&[f32], &[f32]),
    y: &mut [f32],
    (parameter, f): (f32, impl Function<2>),
) {
    threads.rows(y.len(), (y.len(), grain), (a, b, y), parameter, Map(f));
}

type Map2<'a> = (&'a [f32], &'a [f32], &'a mut [f32]);

impl<F: Function<2>> Body<Map2<'_>, f32> for Map<F> {
    #[inline(always)]
    fn run(self, _first: usize, (a, b, y): Map2<'_>, parameter: f32) {
        for (y, (&a, &b)) in y.iter_mut().zip(a.iter().zip(b)) {
            *y = self.0.at([a, b], parameter);
        }
    }
}

/// [`BiasAdd`]: `y[g, i, j] = x[g, i, j] + b[g, j]`.
pub(super) fn bias_add(threads: &Threads, kernel: &BiasAdd, x: &[f32], b: &[f32], y: &mut [f32]) {
    let columns = kernel.columns as usize;
    let size = (y.len(), LIGHT);
    let pieces = (Rows::new(x, columns), Rows::new(y, columns));
    let parameters = (kernel.rows as usize, b);
    let rows = kernel.groups as usize * kernel.rows as usize;
    threads.rows(rows, size, pieces, parameters, bias_add_loop);
}

bodies! {
    fn bias_add_loop(
        first,
        (x, y): (Rows<&[f32]>, Rows<&mut [f32]>),
        (rows, b): (usize, &[f32])
    ) {
        let columns = x.columns;
        let pairs = (y.values.chunks_exact_mut(columns)).zip(x.values.chunks_exact(columns));
        for (i, (y, x)) in pairs.enumerate() {
            let b = &b[(first + i) / rows * columns..][..columns];
            for (y, (x, b)) in y.iter_mut().zip(x.iter().zip(b)) {
                *y = x + b;
            }
        }
    }
}

functions! {
    Add[a, b; _p] { a + b }
    Subtract[a, b; _p] { a - b }
    Multiply[a, b; _p] { a * b }
    Times[x; factor] { factor * x }
}

/// [`Binary`]: `y[i] = a[i] + b[i]`, or the difference, or the product.
pub(super) fn binary(threads: &Threads, kernel: &Binary, a: &[f32], b: &[f32], y: &mut [f32]) {
    match kernel.kind {
        BinaryKind::Add => map2(threads, LIGHT, (a, b), y, (0.0, Add)),
        BinaryKind::Sub => map2(threads, LIGHT, (a, b), y, (0.0, Subtract)),
        BinaryKind::Mul => map2(threads, LIGHT, (a, b), y, (0.0, Multiply)),
    }
}

/// [`Scale`]: `y[i] = factor * x[i]`.
pub(super) fn scale(threads: &Threads, kernel: &Scale, x: &[f32], y: &mut [f32]) {
    map(threads, LIGHT, x, y, (narrow(kernel.factor), Times));
}

/// [`Activation`]: `y[i] = f(x[i])`.
pub(super) fn activation(threads: &Threads, kernel: &Activation, x: &[f32], y: &mut [f32]) {
    let alpha = narrow(kernel.alpha);
    match kernel.kind {
        ActivationKind::Identity => y.copy_from_slice(x),
        ActivationKind::Sigmoid => map(threads, HEAVY, x, y, (alpha, f::Sigmoid)),
        ActivationKind::Tanh => map(threads, HEAVY, x, y, (alpha, f::Tanh)),
        ActivationKind::Relu => map(threads, LIGHT, x, y, (alpha, f::Relu)),
        ActivationKind::LeakyRelu => map(threads, LIGHT, x, y, (alpha, f::LeakyRelu)),
        ActivationKind::Elu => map(threads, HEAVY, x, y, (alpha, f::Elu)),
        ActivationKind::Gelu => map(threads, HEAVY, x, y, (alpha, f::Gelu)),
        ActivationKind::GeluTanh => map(threads, HEAVY, x, y, (alpha, f::GeluTanh)),
        ActivationKind::Silu => map(threads, HEAVY, x, y, (alpha, f::Silu)),
        ActivationKind::Softplus => map(threads, HEAVY, x, y, (alpha, f::Softplus)),
    }
}

/// [`ActivationGrad`]: `dx[i] = f'(saved[i]) dy[i]`.
pub(super) fn activation_grad(
    threads: &Threads,
    kernel: &ActivationGrad,
    saved: &[f32],
    dy: &[f32],
    dx: &mut [f32],
) {
    let alpha = narrow(kernel.alpha);
    let of = (saved, dy);
    match kernel.kind {
        ActivationKind::Identity => map2(threads, LIGHT, of, dx, (alpha, f::IdentityGrad)),
        ActivationKind::Sigmoid => map2(threads, LIGHT, of, dx, (alpha, f::SigmoidGrad)),
        ActivationKind::Tanh => map2(threads, LIGHT, of, dx, (alpha, f::TanhGrad)),
        ActivationKind::Relu => map2(threads, LIGHT, of, dx, (alpha, f::ReluGrad)),
        ActivationKind::LeakyRelu => map2(threads, LIGHT, of, dx, (alpha, f::LeakyReluGrad)),
        ActivationKind::Elu => map2(threads, HEAVY, of, dx, (alpha, f::EluGrad)),
        ActivationKind::Gelu => map2(threads, HEAVY, of, dx, (alpha, f::GeluGrad)),
        ActivationKind::GeluTanh => map2(threads, HEAVY, of, dx, (alpha, f::GeluTanhGrad)),
        ActivationKind::Silu => map2(threads, HEAVY, of, dx, (alpha, f::SiluGrad)),
        ActivationKind::Softplus => map2(threads, HEAVY, of, dx, (alpha, f::SoftplusGrad)),
    }
}

/// [`Softmax`] of each row.
pub(super) fn softmax(threads: &Threads, kernel: &Softmax, x: &[f32], y: &mut [f32]) {
    let columns = kernel.columns as usize;
    let size = (y.len(), HEAVY);
    let pieces = (Rows::new(x, columns), Rows::new(y, columns));
    threads.rows(kernel.rows as usize, size, pieces, (), softmax_loop);
}

bodies! {
    fn softmax_loop(_first, (x, y): (Rows<&[f32]>, Rows<&mut [f32]>), (): ()) {
        let columns = x.columns;
        let block = block(columns);
        for (x, y) in x.values.chunks(block).zip(y.values.chunks_mut(block)) {
            exponentials(x, columns, y);
            for y in y.chunks_exact_mut(columns) {
                let sum = total(y);
                for y in y {
                    *y /= sum;
                }
            }
        }
    }
}

/// Elements of the whole rows that are worked on together, so that the exponential runs over long loops even where a
/// row is short, and its results stay in the fastest cache.
#[inline(always)]
pub(super) const fn block(columns: usize) -> usize {
    if columns < 1024 {
        1024 / columns * columns
    } else {
        columns
    }
}

/// `y[i, j] = exp(x[i, j] - max_i)`
#[inline(always)]
pub(super) fn exponentials(x: &[f32], columns: usize, y: &mut [f32]) {
    for (x, y) in x.chunks_exact(columns).zip(y.chunks_exact_mut(columns)) {
        let maximum = maximum(x);
        for (y, x) in y.iter_mut().zip(x) {
            *y = x - maximum;
        }
    }
    for y in y {
        *y = math::exp(*y);
    }
}

/// [`SoftmaxGrad`]: `dx[i, j] = y[i, j] (dy[i, j] - Σ dy[i, ·] y[i, ·])`.
pub(super) fn softmax_grad(
    threads: &Threads,
    kernel: &SoftmaxGrad,
    y: &[f32],
    dy: &[f32],
    dx: &mut [f32],
) {
    let columns = kernel.columns as usize;
    let size = (dx.len(), LIGHT);
    let pieces = (
        Rows::new(y, columns),
        Rows::new(dy, columns),
        Rows::new(dx, columns),
    );
    threads.rows(kernel.rows as usize, size, pieces, (), softmax_grad_loop);
}

type SoftmaxGradRows<'a> = (Rows<&'a [f32]>, Rows<&'a [f32]>, Rows<&'a mut [f32]>);

bodies! {
    fn softmax_grad_loop(_first, (y, dy, dx): SoftmaxGradRows<'_>, (): ()) {
        let columns = y.columns;
        let inputs = (y.values.chunks_exact(columns)).zip(dy.values.chunks_exact(columns));
        for (dx, (y, dy)) in dx.values.chunks_exact_mut(columns).zip(inputs) {
            for (dx, (y, dy)) in dx.iter_mut().zip(y.iter().zip(dy)) {
                *dx = y * dy;
            }
            let sum = total(dx);
            for (dx, (y, dy)) in dx.iter_mut().zip(y.iter().zip(dy)) {
                *dx = y * (dy - sum);
            }
        }
    }
}

/// [`Dropout`]: `y[i] = factor x[i]` if element `i` is kept, else 0.
pub(super) fn dropout(threads: &Threads, kernel: &Dropout, x: &[f32], y: &mut [f32]) {
    let size = (y.len(), HEAVY);
    // A block of random numbers serves several elements, so pieces are whole blocks, and a tensor is cut between them.
    let whole = (kernel.offset as usize).is_multiple_of(philox::BLOCK);
    assert!(whole, "a piece of dropout begins at {}", kernel.offset);
    let rows = y.len().div_ceil(philox::BLOCK);
    let pieces = (Rows::new(x, philox::BLOCK), Rows::new(y, philox::BLOCK));
    threads.rows(rows, size, pieces, *kernel, dropout_loop);
}

bodies! {
    fn dropout_loop(first, (x, y): (Rows<&[f32]>, Rows<&mut [f32]>), kernel: Dropout) {
        let factor = narrow(kernel.factor);
        let blocks = (y.values.chunks_mut(philox::BLOCK)).zip(x.values.chunks(philox::BLOCK));
        for (i, (y, x)) in blocks.enumerate() {
            let key = (kernel.seed, kernel.stream, kernel.step);
            let bits = philox::block(key, kernel.offset as usize / philox::BLOCK + first + i);
            for ((y, x), bits) in y.iter_mut().zip(x).zip(bits) {
                *y = if bits >= kernel.threshold {
                    x * factor
                } else {
                    0.0
                };
            }
        }
    }
}

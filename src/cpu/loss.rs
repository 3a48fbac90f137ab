//! Losses and their gradients, and the metric that counts right answers.

use super::elementwise::{Function, block, exponentials, functions, map2};
use super::math;
use super::reduce::{maximum, total};
use super::threads::{Body, HEAVY, LIGHT, Rows, Threads, bodies};
use crate::kernel::{
    Correct, PointwiseLoss, PointwiseLossGrad, PointwiseLossKind, SoftmaxCrossEntropy,
    SoftmaxCrossEntropyGrad,
};

/// Numbers that a row's exponentials are kept in.
const SCRATCH: usize = 1024;

type LossRows<'a> = (Rows<&'a [f32]>, &'a [u32], &'a mut [f32]);

/// [`SoftmaxCrossEntropy`]: `loss[i] = log Σ exp(x[i, ·]) - x[i, target[i]]`. A class that does not exist gives 0.
pub(super) fn softmax_cross_entropy(
    threads: &Threads,
    kernel: &SoftmaxCrossEntropy,
    x: &[f32],
    target: &[u32],
    loss: &mut [f32],
) {
    let size = (x.len(), HEAVY);
    let pieces = (Rows::new(x, kernel.columns as usize), target, loss);
    let rows = kernel.rows as usize;
    threads.rows(rows, size, pieces, (), softmax_cross_entropy_loop);
}

bodies! {
    fn softmax_cross_entropy_loop(_first, (x, target, loss): LossRows<'_>, (): ()) {
        let columns = x.columns;
        let mut scratch = [0.0_f32; SCRATCH];
        if columns <= SCRATCH {
            let block = block(columns);
            for (x, loss) in x.values.chunks(block).zip(loss.chunks_mut(block / columns)) {
                let scratch = &mut scratch[..x.len()];
                exponentials(x, columns, scratch);
                for (loss, scratch) in loss.iter_mut().zip(scratch.chunks_exact(columns)) {
                    *loss = total(scratch);
                }
            }
        } else {
            for (x, loss) in x.values.chunks_exact(columns).zip(&mut *loss) {
                let maximum = maximum(x);
                *loss = 0.0;
                for x in x.chunks(SCRATCH) {
                    let scratch = &mut scratch[..x.len()];
                    for (scratch, x) in scratch.iter_mut().zip(x) {
                        *scratch = math::exp(x - maximum);
                    }
                    *loss += total(scratch);
                }
            }
        }
        for loss in &mut *loss {
            *loss = math::log(*loss);
        }
        let rows = x.values.chunks_exact(columns).zip(target);
        for (loss, (x, &target)) in loss.iter_mut().zip(rows) {
            *loss = match x.get(target as usize) {
                Some(chosen) => *loss + (maximum(x) - chosen),
                None => 0.0,
            };
        }
    }
}

/// [`SoftmaxCrossEntropyGrad`]: `dx[i, j] = (softmax(x[i, ·])[j] - [j = target[i]]) dloss[i]`. A class that does not
/// exist gives 0.
pub(super) fn softmax_cross_entropy_grad(
    threads: &Threads,
    kernel: &SoftmaxCrossEntropyGrad,
    (x, target, dloss): (&[f32], &[u32], &[f32]),
    dx: &mut [f32],
) {
    let columns = kernel.columns as usize;
    let size = (x.len(), HEAVY);
    let pieces = (Rows::new(x, columns), target, dloss, Rows::new(dx, columns));
    let rows = kernel.rows as usize;
    threads.rows(rows, size, pieces, (), softmax_cross_entropy_grad_loop);
}

type LossGradRows<'a> = (Rows<&'a [f32]>, &'a [u32], &'a [f32], Rows<&'a mut [f32]>);

bodies! {
    fn softmax_cross_entropy_grad_loop(
        _first,
        (x, target, dloss, dx): LossGradRows<'_>,
        (): ()
    ) {
        let columns = x.columns;
        let block = block(columns);
        let rows = block / columns;
        let targets = target.chunks(rows).zip(dloss.chunks(rows));
        let blocks = x.values.chunks(block).zip(dx.values.chunks_mut(block));
        for ((x, dx), (target, dloss)) in blocks.zip(targets) {
            exponentials(x, columns, dx);
            for (dx, (&target, dloss)) in dx.chunks_exact_mut(columns).zip(target.iter().zip(dloss)) {
                let sum = total(dx);
                for dx in &mut *dx {
                    *dx /= sum;
                }
                match dx.get_mut(target as usize) {
                    Some(chosen) => *chosen -= 1.0,
                    None => dx.fill(0.0),
                }
                for dx in dx {
                    *dx *= dloss;
                }
            }
        }
    }
}

/// Where `1 - t` is exact and better taken first, or a confident right answer would cancel to nothing.
#[inline(always)]
fn mirrored(x: f32, t: f32) -> bool {
    (x > 0.0) & (0.5..=2.0).contains(&t)
}

functions! {
    SquaredError[x, t; _p] { (x - t) * (x - t) }

    /// `max(x, 0) - x t + log(1 + exp(-|x|))`
    SigmoidCrossEntropy[x, t; _p] {
        let plain = (if x > 0.0 { x } else { 0.0 }) - x * t;
        let linear = if mirrored(x, t) { x * (1.0 - t) } else { plain };
        linear + math::log1p(math::exp(-x.abs()))
    }

    SquaredErrorGrad[x, t; dloss] { 2.0 * (x - t) * dloss }

    SquaredErrorGradTarget[x, t; dloss] { 2.0 * (t - x) * dloss }

    /// `sigmoid(x) - t`
    SigmoidCrossEntropyGrad[x, t; dloss] {
        let (s, rest) = math::sigmoids(x);
        (if mirrored(x, t) { (1.0 - t) - rest } else { s - t }) * dloss
    }

    SigmoidCrossEntropyGradTarget[x, _t; dloss] { -x * dloss }
}

/// [`PointwiseLoss`]: `loss[i] = f(x[i], t[i])`.
pub(super) fn pointwise_loss(
    threads: &Threads,
    kernel: &PointwiseLoss,
    x: &[f32],
    t: &[f32],
    loss: &mut [f32],
) {
    match kernel.kind {
        PointwiseLossKind::SquaredError => {
            map2(threads, LIGHT, (x, t), loss, (0.0, SquaredError));
        }
        PointwiseLossKind::SigmoidCrossEntropy => {
            map2(threads, HEAVY, (x, t), loss, (0.0, SigmoidCrossEntropy));
        }
    }
}

/// [`PointwiseLossGrad`]: `dx[i] = dloss[i] ∂f/∂x`, or `∂f/∂t` if `at_target`.
pub(super) fn pointwise_loss_grad(
    threads: &Threads,
    kernel: &PointwiseLossGrad,
    (x, t, dloss): (&[f32], &[f32], &[f32]),
    dx: &mut [f32],
) {
    let of = (x, t, dloss);
    match (kernel.kind, kernel.at_target) {
        (PointwiseLossKind::SquaredError, false) => {
            map3(threads, LIGHT, of, dx, SquaredErrorGrad);
        }
        (PointwiseLossKind::SquaredError, true) => {
            map3(threads, LIGHT, of, dx, SquaredErrorGradTarget);
        }
        (PointwiseLossKind::SigmoidCrossEntropy, false) => {
            map3(threads, HEAVY, of, dx, SigmoidCrossEntropyGrad);
        }
        (PointwiseLossKind::SigmoidCrossEntropy, true) => {
            map3(threads, LIGHT, of, dx, SigmoidCrossEntropyGradTarget);
        }
    }
}

/// `dx[i] = f(x[i], t[i], dloss[i])`
fn map3(
    threads: &Threads,
    grain: usize,
    (x, t, dloss): (&[f32], &[f32], &[f32]),
    dx: &mut [f32],
    f: impl Function<2>,
) {
    let size = (dx.len(), grain);
    threads.rows(dx.len(), size, (x, t, dloss, dx), (), Map3(f));
}

#[derive(Clone, Copy)]
struct Map3<F>(F);

type Elements<'a> = (&'a [f32], &'a [f32], &'a [f32], &'a mut [f32]);

impl<F: Function<2>> Body<Elements<'_>, ()> for Map3<F> {
    #[inline(always)]
    fn run(self, _first: usize, (x, t, dloss, dx): Elements<'_>, (): ()) {
        let inputs = dloss.iter().zip(x.iter().zip(t));
        for (dx, (&dloss, (&x, &t))) in dx.iter_mut().zip(inputs) {
            *dx = self.0.at([x, t], dloss);
        }
    }
}

/// [`Correct`]: `y[i] = 1` if the first largest of `x[i, ·]` is at `target[i]`, else 0.
pub(super) fn correct(
    threads: &Threads,
    kernel: &Correct,
    x: &[f32],
    target: &[u32],
    y: &mut [f32],
) {
    let size = (x.len(), LIGHT);
    let pieces = (Rows::new(x, kernel.columns as usize), target, y);
    threads.rows(kernel.rows as usize, size, pieces, (), correct_loop);
}

bodies! {
    /// The class is the first largest if everything before it is smaller and nothing after it is larger.
    fn correct_loop(_first, (x, target, y): LossRows<'_>, (): ()) {
        let rows = x.values.chunks_exact(x.columns).zip(target);
        for (y, (x, &target)) in y.iter_mut().zip(rows) {
            let right = (x.split_at_checked(target as usize))
                .and_then(|(before, from)| Some((before, from.split_first()?)))
                .is_some_and(|(before, (chosen, after))| {
                    before.iter().all(|x| x < chosen) && after.iter().all(|x| x <= chosen)
                });
            *y = if right { 1.0 } else { 0.0 };
        }
    }
}

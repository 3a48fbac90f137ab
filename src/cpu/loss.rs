//! Losses and their gradients, and the metric that counts right answers.

use super::elementwise::{Function, block, exponentials, functions, map2};
use super::math::{self, narrow};
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

    AbsoluteError[x, t; _p] { (x - t).abs() }

    AbsoluteErrorGrad[x, t; dloss] { side(x - t) * dloss }

    AbsoluteErrorGradTarget[x, t; dloss] { side(t - x) * dloss }

    Huber[x, t; delta] {
        let d = (x - t).abs();
        if d < delta { 0.5 * d * d } else { delta * (d - 0.5 * delta) }
    }

    SmoothL1[x, t; beta] {
        let d = (x - t).abs();
        if d < beta { 0.5 * d * (d / beta) } else { d - 0.5 * beta }
    }

    /// `t (log t - x)`
    Divergence[x, t; _p] {
        let found = t * (math::log(t) - x);
        if t == 0.0 { 0.0 * x } else { found }
    }

    DivergenceGrad[_x, t; dloss] { -t * dloss }

    DivergenceGradTarget[x, t; dloss] {
        let slope = math::log(t) + 1.0 - x;
        (if t == 0.0 { 0.0 } else { slope }) * dloss
    }
}

/// -1 below 0 and 1 above it; 0 and NaN stay.
#[inline(always)]
fn side(d: f32) -> f32 {
    let above = if d > 0.0 { 1.0 } else { d };
    if d < 0.0 { -1.0 } else { above }
}

/// `x` between `-end` and `end`; NaN stays.
#[inline(always)]
fn held(x: f32, end: f32) -> f32 {
    let below = if x > end { end } else { x };
    if x < -end { -end } else { below }
}

/// What a loss that is squared near its target has as slope: `factor (x - t)`, held between `-end` and `end`.
#[derive(Clone, Copy)]
struct Held {
    knee: f32,
    end: f32,
    sign: f32,
}

impl Function<2> for Held {
    #[inline(always)]
    fn at(self, [x, t]: [f32; 2], dloss: f32) -> f32 {
        held(self.sign * (x - t) / self.knee, self.end) * dloss
    }
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
        PointwiseLossKind::AbsoluteError => {
            map2(threads, LIGHT, (x, t), loss, (0.0, AbsoluteError));
        }
        PointwiseLossKind::Huber(delta) => {
            map2(threads, LIGHT, (x, t), loss, (narrow(delta), Huber));
        }
        PointwiseLossKind::SmoothL1(beta) => {
            map2(threads, LIGHT, (x, t), loss, (narrow(beta), SmoothL1));
        }
        PointwiseLossKind::Divergence => {
            map2(threads, HEAVY, (x, t), loss, (0.0, Divergence));
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
    let sign = if kernel.at_target { -1.0 } else { 1.0 };
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
        (PointwiseLossKind::AbsoluteError, false) => {
            map3(threads, LIGHT, of, dx, AbsoluteErrorGrad);
        }
        (PointwiseLossKind::AbsoluteError, true) => {
            map3(threads, LIGHT, of, dx, AbsoluteErrorGradTarget);
        }
        (PointwiseLossKind::Huber(delta), _) => {
            let (knee, end) = (1.0, narrow(delta));
            map3(threads, LIGHT, of, dx, Held { knee, end, sign });
        }
        (PointwiseLossKind::SmoothL1(beta), _) => {
            let (knee, end) = (narrow(beta), 1.0);
            map3(threads, LIGHT, of, dx, Held { knee, end, sign });
        }
        (PointwiseLossKind::Divergence, false) => {
            map3(threads, LIGHT, of, dx, DivergenceGrad);
        }
        (PointwiseLossKind::Divergence, true) => {
            map3(threads, HEAVY, of, dx, DivergenceGradTarget);
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

//! Losses of rows with a class each, the logarithm of the softmax, and the shares of rows with weights.

use super::elementwise::{block, exponentials};
use super::math::{self, narrow};
use super::reduce::{maximum, total};
use super::threads::{HEAVY, LIGHT, Rows, Threads, bodies};
use crate::kernel::{
    ClassLoss, ClassLossGrad, ClassLossKind, LogSoftmax, LogSoftmaxGrad, Share,
    SmoothedCrossEntropy, SmoothedCrossEntropyGrad,
};

type LossRows<'a> = (Rows<&'a [f32]>, &'a [u32], &'a mut [f32]);
type GradRows<'a> = (Rows<&'a [f32]>, &'a [u32], &'a [f32], Rows<&'a mut [f32]>);

/// [`ClassLoss`]: `loss[i] = f(x[i, ·], target[i])`. A class that does not exist gives 0.
pub(super) fn class_loss(
    threads: &Threads,
    kernel: &ClassLoss,
    x: &[f32],
    target: &[u32],
    loss: &mut [f32],
) {
    let size = (x.len(), LIGHT);
    let pieces = (Rows::new(x, kernel.columns as usize), target, loss);
    threads.rows(
        kernel.rows as usize,
        size,
        pieces,
        kernel.kind,
        class_loss_loop,
    );
}

/// How far below the margin `chosen` stands over `x`, or 0; NaN stays.
#[inline(always)]
fn lack(chosen: f32, x: f32) -> f32 {
    let z = 1.0 - chosen + x;
    if z < 0.0 { 0.0 } else { z }
}

bodies! {
    fn class_loss_loop(_first, (x, target, loss): LossRows<'_>, kind: ClassLossKind) {
        let rows = x.values.chunks_exact(x.columns).zip(target);
        for (loss, (x, &target)) in loss.iter_mut().zip(rows) {
            *loss = match (x.split_at_checked(target as usize), kind) {
                (Some((_, [chosen, ..])), ClassLossKind::NegativeLogLikelihood) => -chosen,
                (Some((before, [chosen, after @ ..])), ClassLossKind::Hinge) => {
                    let mut sum = 0.0;
                    for &x in before.iter().chain(after) {
                        sum += lack(*chosen, x);
                    }
                    sum / x.len() as f32
                }
                _ => 0.0,
            };
        }
    }
}

/// [`ClassLossGrad`]: `dx[i, j] = dloss[i] ∂f/∂x[j]`. A class that does not exist gives 0.
pub(super) fn class_loss_grad(
    threads: &Threads,
    kernel: &ClassLossGrad,
    (x, target, dloss): (&[f32], &[u32], &[f32]),
    dx: &mut [f32],
) {
    let columns = kernel.columns as usize;
    let size = (x.len(), LIGHT);
    let pieces = (Rows::new(x, columns), target, dloss, Rows::new(dx, columns));
    let rows = kernel.rows as usize;
    threads.rows(rows, size, pieces, kernel.kind, class_loss_grad_loop);
}

bodies! {
    fn class_loss_grad_loop(
        _first,
        (x, target, dloss, dx): GradRows<'_>,
        kind: ClassLossKind
    ) {
        let columns = x.columns;
        let rows = x.values.chunks_exact(columns).zip(target.iter().zip(dloss));
        for (dx, (x, (&target, &dloss))) in dx.values.chunks_exact_mut(columns).zip(rows) {
            dx.fill(0.0);
            let class = target as usize;
            let Some(&chosen) = x.get(class) else { continue };
            if kind == ClassLossKind::NegativeLogLikelihood {
                dx[class] = -dloss;
                continue;
            }
            let part = dloss / columns as f32;
            let mut lacking = 0.0;
            for (j, (dx, &x)) in dx.iter_mut().zip(x).enumerate() {
                let lacks = (lack(chosen, x) > 0.0) & (j != class);
                *dx = if lacks { part } else { 0.0 };
                lacking += if lacks { 1.0 } else { 0.0 };
            }
            dx[class] = -part * lacking;
        }
    }
}

/// What a smoothed label is made of: what the class keeps, what each class gets, and the weights.
type Smoothing<'a> = (f32, f32, &'a [f32]);

fn smoothing(columns: u32, smoothing: f64, weights: &[f32]) -> Smoothing<'_> {
    let spread = narrow(smoothing / f64::from(columns));
    (narrow(1.0 - smoothing), spread, weights)
}

/// [`SmoothedCrossEntropy`]. A class that does not exist gives 0.
pub(super) fn smoothed_cross_entropy(
    threads: &Threads,
    kernel: &SmoothedCrossEntropy,
    (x, target, weights): (&[f32], &[u32], &[f32]),
    loss: &mut [f32],
) {
    let size = (x.len(), HEAVY);
    let pieces = (Rows::new(x, kernel.columns as usize), target, loss);
    let parameters = smoothing(kernel.columns, kernel.smoothing, weights);
    let rows = kernel.rows as usize;
    threads.rows(rows, size, pieces, parameters, smoothed_cross_entropy_loop);
}

/// `Σ exp(x - maximum)`
#[inline(always)]
fn sum_of_exponentials(x: &[f32], maximum: f32) -> f32 {
    const SCRATCH: usize = 256;
    let mut scratch = [0.0_f32; SCRATCH];
    let mut sum = 0.0;
    for x in x.chunks(SCRATCH) {
        let scratch = &mut scratch[..x.len()];
        for (scratch, x) in scratch.iter_mut().zip(x) {
            *scratch = math::exp(x - maximum);
        }
        sum += total(scratch);
    }
    sum
}

bodies! {
    fn smoothed_cross_entropy_loop(
        _first,
        (x, target, loss): LossRows<'_>,
        (keep, spread, weights): Smoothing<'_>
    ) {
        let rows = x.values.chunks_exact(x.columns).zip(target);
        for (loss, (x, &target)) in loss.iter_mut().zip(rows) {
            let class = target as usize;
            let (Some(&chosen), Some(&weight)) = (x.get(class), weights.get(class)) else {
                *loss = 0.0;
                continue;
            };
            let maximum = maximum(x);
            let log = math::log(sum_of_exponentials(x, maximum));
            let mut all = 0.0;
            for (&x, weight) in x.iter().zip(weights) {
                all += weight * (log + (maximum - x));
            }
            *loss = keep * (weight * (log + (maximum - chosen))) + spread * all;
        }
    }
}

/// [`SmoothedCrossEntropyGrad`]. A class that does not exist gives 0.
pub(super) fn smoothed_cross_entropy_grad(
    threads: &Threads,
    kernel: &SmoothedCrossEntropyGrad,
    (x, target, weights, dloss): (&[f32], &[u32], &[f32], &[f32]),
    dx: &mut [f32],
) {
    let columns = kernel.columns as usize;
    let size = (x.len(), HEAVY);
    let pieces = (Rows::new(x, columns), target, dloss, Rows::new(dx, columns));
    let parameters = smoothing(kernel.columns, kernel.smoothing, weights);
    let rows = kernel.rows as usize;
    threads.rows(
        rows,
        size,
        pieces,
        parameters,
        smoothed_cross_entropy_grad_loop,
    );
}

bodies! {
    fn smoothed_cross_entropy_grad_loop(
        _first,
        (x, target, dloss, dx): GradRows<'_>,
        (keep, spread, weights): Smoothing<'_>
    ) {
        let columns = x.columns;
        let block = block(columns);
        let rows = block / columns;
        let all = spread * total(weights);
        let targets = target.chunks(rows).zip(dloss.chunks(rows));
        let blocks = x.values.chunks(block).zip(dx.values.chunks_mut(block));
        for ((x, dx), (target, dloss)) in blocks.zip(targets) {
            exponentials(x, columns, dx);
            for (dx, (&target, dloss)) in dx.chunks_exact_mut(columns).zip(target.iter().zip(dloss)) {
                let class = target as usize;
                let Some(weight) = weights.get(class) else {
                    dx.fill(0.0);
                    continue;
                };
                let kept = keep * weight;
                let factor = (kept + all) / total(dx);
                for (dx, weight) in dx.iter_mut().zip(weights) {
                    *dx = *dx * factor - spread * weight;
                }
                dx[class] -= kept;
                for dx in dx {
                    *dx *= dloss;
                }
            }
        }
    }
}

/// [`LogSoftmax`] of each row.
pub(super) fn log_softmax(threads: &Threads, kernel: &LogSoftmax, x: &[f32], y: &mut [f32]) {
    let columns = kernel.columns as usize;
    let size = (y.len(), HEAVY);
    let pieces = (Rows::new(x, columns), Rows::new(y, columns));
    threads.rows(kernel.rows as usize, size, pieces, (), log_softmax_loop);
}

bodies! {
    fn log_softmax_loop(_first, (x, y): (Rows<&[f32]>, Rows<&mut [f32]>), (): ()) {
        let columns = x.columns;
        let rows = x.values.chunks_exact(columns).zip(y.values.chunks_exact_mut(columns));
        for (x, y) in rows {
            let maximum = maximum(x);
            let log = math::log(sum_of_exponentials(x, maximum));
            for (y, x) in y.iter_mut().zip(x) {
                *y = (x - maximum) - log;
            }
        }
    }
}

/// [`LogSoftmaxGrad`]: `dx[i, j] = dy[i, j] - exp(y[i, j]) Σ dy[i, ·]`.
pub(super) fn log_softmax_grad(
    threads: &Threads,
    kernel: &LogSoftmaxGrad,
    y: &[f32],
    dy: &[f32],
    dx: &mut [f32],
) {
    let columns = kernel.columns as usize;
    let size = (dx.len(), HEAVY);
    let pieces = (
        Rows::new(y, columns),
        Rows::new(dy, columns),
        Rows::new(dx, columns),
    );
    threads.rows(
        kernel.rows as usize,
        size,
        pieces,
        (),
        log_softmax_grad_loop,
    );
}

type LogSoftmaxGradRows<'a> = (Rows<&'a [f32]>, Rows<&'a [f32]>, Rows<&'a mut [f32]>);

bodies! {
    fn log_softmax_grad_loop(_first, (y, dy, dx): LogSoftmaxGradRows<'_>, (): ()) {
        let columns = y.columns;
        let rows = y.values.chunks_exact(columns).zip(dy.values.chunks_exact(columns));
        for (dx, (y, dy)) in dx.values.chunks_exact_mut(columns).zip(rows) {
            let sum = total(dy);
            for (dx, (&y, dy)) in dx.iter_mut().zip(y.iter().zip(dy)) {
                *dx = dy - math::exp(y) * sum;
            }
        }
    }
}

/// [`Share`]: `y[i] = x[i] / total`, or 0 if the total is 0.
pub(super) fn share(threads: &Threads, kernel: &Share, x: &[f32], total: f32, y: &mut [f32]) {
    let size = (x.len(), LIGHT);
    threads.rows(kernel.count as usize, size, (x, y), total, share_loop);
}

bodies! {
    fn share_loop(_first, (x, y): (&[f32], &mut [f32]), total: f32) {
        for (y, x) in y.iter_mut().zip(x) {
            *y = if total == 0.0 { 0.0 } else { x / total };
        }
    }
}

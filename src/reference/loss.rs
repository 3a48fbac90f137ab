//! Losses and their gradients, and the metric that counts right answers.
//!
//! A row whose class is not one of the columns has no loss, no gradient and no right answer, as one that
//! `ignore_index` names in `PyTorch`.

use super::elementwise::largest;
use super::{Real, fill};
use crate::kernel::{
    Correct, PointwiseLoss, PointwiseLossGrad, PointwiseLossKind, SoftmaxCrossEntropy,
    SoftmaxCrossEntropyGrad,
};

/// `loss[i] = log Σ exp(x[i, ·] - max) + (max - x[i, target[i]])`; see [`SoftmaxCrossEntropy`].
///
/// In this order, since large logits that differ little cancel before they meet the logarithm.
pub fn softmax_cross_entropy<T: Real>(
    p: &SoftmaxCrossEntropy,
    x: &[T],
    target: &[u32],
    loss: &mut [T],
) {
    let columns = p.columns as usize;
    fill(loss, p.rows, |i| {
        let x = &x[i * columns..][..columns];
        let Some(&logit) = x.get(target[i] as usize) else {
            return T::ZERO;
        };
        let max = largest(x);
        let sum = T::sum(x.iter().map(|&x| x.exp_minus(max)));
        sum.ln() + (max - logit)
    });
}

/// `dx[i, j] = (softmax(x[i, ·])[j] - [j = target[i]]) dloss[i]`; see [`SoftmaxCrossEntropyGrad`].
pub fn softmax_cross_entropy_grad<T: Real>(
    p: &SoftmaxCrossEntropyGrad,
    x: &[T],
    target: &[u32],
    dloss: &[T],
    dx: &mut [T],
) {
    let (rows, columns) = (p.rows as usize, p.columns as usize);
    assert_eq!(dx.len(), rows * columns, "length of the gradient");
    for i in 0..rows {
        let x = &x[i * columns..][..columns];
        let class = target[i] as usize;
        let max = largest(x);
        let sum = T::sum(x.iter().map(|&x| x.exp_minus(max)));
        for j in 0..columns {
            let softmax = x[j].exp_minus(max) / sum;
            dx[i * columns + j] = if class >= columns {
                T::ZERO
            } else if j == class {
                (softmax - T::ONE) * dloss[i]
            } else {
                softmax * dloss[i]
            };
        }
    }
}

/// `loss[i] = f(x[i], t[i])`; see [`PointwiseLoss`].
pub fn pointwise_loss<T: Real>(p: &PointwiseLoss, x: &[T], t: &[T], loss: &mut [T]) {
    fill(loss, p.count, |i| {
        let (x, t) = (x[i], t[i]);
        match p.kind {
            PointwiseLossKind::SquaredError => (x - t) * (x - t),
            // max(x, 0) - x t + log(1 + exp(-|x|)): x and x t do not cancel where t is near 1.
            PointwiseLossKind::SigmoidCrossEntropy if x > T::ZERO => {
                x * (T::ONE - t) + (-x).softplus()
            }
            PointwiseLossKind::SigmoidCrossEntropy => -(x * t) + x.softplus(),
            PointwiseLossKind::AbsoluteError => distance(x, t),
            PointwiseLossKind::Huber(delta) => {
                let (delta, d) = (T::parameter(delta), distance(x, t));
                let half = T::parameter(0.5);
                (d - delta).if_negative(half * d * d, delta * (d - half * delta))
            }
            PointwiseLossKind::SmoothL1(beta) => {
                let (beta, d) = (T::parameter(beta), distance(x, t));
                let half = T::parameter(0.5);
                (d - beta).if_negative(half * d * (d / beta), d - half * beta)
            }
            PointwiseLossKind::Divergence if t == T::ZERO => T::ZERO * x,
            PointwiseLossKind::Divergence => t * (t.ln() - x),
        }
    });
}

/// `|x - t|`
fn distance<T: Real>(x: T, t: T) -> T {
    let d = x - t;
    d.if_negative(-d, d)
}

/// `x` between `-end` and `end`; NaN stays.
fn held<T: Real>(x: T, end: T) -> T {
    (x + end).if_negative(-end, (end - x).if_negative(end, x))
}

/// -1, 0 or 1 as `x` is below, at or above `t`; NaN stays.
fn side<T: Real>(x: T, t: T) -> T {
    if x == t {
        return T::ZERO;
    }
    let d = x - t;
    d.if_negative(-T::ONE, (-d).if_negative(T::ONE, d))
}

/// `dx[i] = dloss[i] ∂f/∂x`, or `∂f/∂t`; see [`PointwiseLossGrad`].
pub fn pointwise_loss_grad<T: Real>(
    p: &PointwiseLossGrad,
    x: &[T],
    t: &[T],
    dloss: &[T],
    dx: &mut [T],
) {
    let two = T::ONE + T::ONE;
    fill(dx, p.count, |i| {
        let (x, t) = (x[i], t[i]);
        dloss[i]
            * match (p.kind, p.at_target) {
                (PointwiseLossKind::SquaredError, false) => two * (x - t),
                (PointwiseLossKind::SquaredError, true) => two * (t - x),
                (PointwiseLossKind::SigmoidCrossEntropy, false) => x.sigmoid() - t,
                (PointwiseLossKind::SigmoidCrossEntropy, true) => -x,
                (PointwiseLossKind::AbsoluteError, false) => side(x, t),
                (PointwiseLossKind::AbsoluteError, true) => side(t, x),
                (PointwiseLossKind::Huber(delta), false) => held(x - t, T::parameter(delta)),
                (PointwiseLossKind::Huber(delta), true) => held(t - x, T::parameter(delta)),
                (PointwiseLossKind::SmoothL1(beta), false) => {
                    held((x - t) / T::parameter(beta), T::ONE)
                }
                (PointwiseLossKind::SmoothL1(beta), true) => {
                    held((t - x) / T::parameter(beta), T::ONE)
                }
                (PointwiseLossKind::Divergence, false) => -t,
                (PointwiseLossKind::Divergence, true) if t == T::ZERO => T::ZERO,
                (PointwiseLossKind::Divergence, true) => t.ln() + T::ONE - x,
            }
    });
}

/// `y[i] = 1` if the first largest of `x[i, ·]` is at `target[i]`, else 0; see [`Correct`].
///
/// A row with NaN has no largest element.
pub fn correct<T: Real>(p: &Correct, x: &[T], target: &[u32], y: &mut [T]) {
    let columns = p.columns as usize;
    fill(y, p.rows, |i| {
        let x = &x[i * columns..][..columns];
        let class = target[i] as usize;
        let first_largest = class < columns
            && x[..class].iter().all(|&before| before < x[class])
            && x[class..].iter().all(|&behind| behind <= x[class]);
        if first_largest { T::ONE } else { T::ZERO }
    });
}

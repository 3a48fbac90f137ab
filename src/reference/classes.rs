//! Losses of rows with a class each, the logarithm of the softmax, and the shares of rows with weights.
//!
//! A row whose class is not one of the columns has no loss and no gradient, as one that `ignore_index` names in `PyTorch`.

use super::elementwise::largest;
use super::{Real, fill};
use crate::kernel::{
    ClassLoss, ClassLossGrad, ClassLossKind, LogSoftmax, LogSoftmaxGrad, Share,
    SmoothedCrossEntropy, SmoothedCrossEntropyGrad,
};

/// `loss[i] = f(x[i, ·], target[i])`; see [`ClassLoss`].
pub fn class_loss<T: Real>(p: &ClassLoss, x: &[T], target: &[u32], loss: &mut [T]) {
    let columns = p.columns as usize;
    fill(loss, p.rows, |i| {
        let x = &x[i * columns..][..columns];
        let class = target[i] as usize;
        let Some(&chosen) = x.get(class) else {
            return T::ZERO;
        };
        match p.kind {
            ClassLossKind::NegativeLogLikelihood => -chosen,
            ClassLossKind::Hinge => {
                let others = (0..columns).filter(|&j| j != class);
                let terms = others.map(|j| {
                    let z = T::ONE - chosen + x[j];
                    z.if_negative(T::ZERO, z)
                });
                T::sum(terms) / T::parameter(columns as f64)
            }
        }
    });
}

/// `dx[i, j] = dloss[i] ∂f/∂x[j]`; see [`ClassLossGrad`]. Exactly at the margin the gradient is 0.
pub fn class_loss_grad<T: Real>(
    p: &ClassLossGrad,
    x: &[T],
    target: &[u32],
    dloss: &[T],
    dx: &mut [T],
) {
    let (rows, columns) = (p.rows as usize, p.columns as usize);
    assert_eq!(dx.len(), rows * columns, "length of the gradient");
    for i in 0..rows {
        let x = &x[i * columns..][..columns];
        let dx = &mut dx[i * columns..][..columns];
        dx.fill(T::ZERO);
        let class = target[i] as usize;
        let Some(&chosen) = x.get(class) else {
            continue;
        };
        if p.kind == ClassLossKind::NegativeLogLikelihood {
            dx[class] = -dloss[i];
            continue;
        }
        let part = dloss[i] / T::parameter(columns as f64);
        for j in (0..columns).filter(|&j| j != class) {
            let z = T::ONE - chosen + x[j];
            dx[j] = (-z).if_negative(part, T::ZERO);
        }
        let others = (0..columns).filter(|&j| j != class).map(|j| dx[j]);
        dx[class] = -T::sum(others);
    }
}

/// See [`SmoothedCrossEntropy`].
pub fn smoothed_cross_entropy<T: Real>(
    p: &SmoothedCrossEntropy,
    x: &[T],
    target: &[u32],
    weights: &[T],
    loss: &mut [T],
) {
    let columns = p.columns as usize;
    let keep = T::parameter(1.0 - p.smoothing);
    let spread = T::parameter(p.smoothing / f64::from(p.columns));
    fill(loss, p.rows, |i| {
        let x = &x[i * columns..][..columns];
        let class = target[i] as usize;
        if class >= columns {
            return T::ZERO;
        }
        let max = largest(x);
        let log = T::sum(x.iter().map(|&x| x.exp_minus(max))).ln();
        let of = |j: usize| weights[j] * (log + (max - x[j]));
        keep * of(class) + spread * T::sum((0..columns).map(of))
    });
}

/// See [`SmoothedCrossEntropyGrad`].
pub fn smoothed_cross_entropy_grad<T: Real>(
    p: &SmoothedCrossEntropyGrad,
    (x, target, weights): (&[T], &[u32], &[T]),
    dloss: &[T],
    dx: &mut [T],
) {
    let (rows, columns) = (p.rows as usize, p.columns as usize);
    assert_eq!(dx.len(), rows * columns, "length of the gradient");
    let keep = T::parameter(1.0 - p.smoothing);
    let spread = T::parameter(p.smoothing / f64::from(p.columns));
    let all = spread * T::sum(weights.iter().copied());
    for i in 0..rows {
        let x = &x[i * columns..][..columns];
        let dx = &mut dx[i * columns..][..columns];
        let class = target[i] as usize;
        if class >= columns {
            dx.fill(T::ZERO);
            continue;
        }
        let max = largest(x);
        let sum = T::sum(x.iter().map(|&x| x.exp_minus(max)));
        let kept = keep * weights[class];
        for j in 0..columns {
            let softmax = x[j].exp_minus(max) / sum;
            let wanted = spread * weights[j] + if j == class { kept } else { T::ZERO };
            dx[j] = (softmax * (kept + all) - wanted) * dloss[i];
        }
    }
}

/// `y[i, j] = x[i, j] - log Σ exp(x[i, ·])`; see [`LogSoftmax`].
pub fn log_softmax<T: Real>(p: &LogSoftmax, x: &[T], y: &mut [T]) {
    let columns = p.columns as usize;
    assert_eq!(y.len(), p.rows as usize * columns, "length of the result");
    for (x, y) in x.chunks_exact(columns).zip(y.chunks_exact_mut(columns)) {
        let max = largest(x);
        let log = T::sum(x.iter().map(|&x| x.exp_minus(max))).ln();
        for (x, y) in x.iter().zip(y) {
            *y = (*x - max) - log;
        }
    }
}

/// `dx[i, j] = dy[i, j] - exp(y[i, j]) Σ dy[i, ·]`; see [`LogSoftmaxGrad`].
pub fn log_softmax_grad<T: Real>(p: &LogSoftmaxGrad, y: &[T], dy: &[T], dx: &mut [T]) {
    let columns = p.columns as usize;
    assert_eq!(
        dx.len(),
        p.rows as usize * columns,
        "length of the gradient"
    );
    let rows = y.chunks_exact(columns).zip(dy.chunks_exact(columns));
    for (dx, (y, dy)) in dx.chunks_exact_mut(columns).zip(rows) {
        let sum = T::sum(dy.iter().copied());
        for (dx, (y, dy)) in dx.iter_mut().zip(y.iter().zip(dy)) {
            *dx = *dy - y.exp() * sum;
        }
    }
}

/// `y[i] = x[i] / total`, or 0 if the total is 0; see [`Share`].
pub fn share<T: Real>(p: &Share, x: &[T], total: &[T], y: &mut [T]) {
    let total = total[0];
    fill(y, p.count, |i| {
        if total == T::ZERO {
            T::ZERO
        } else {
            x[i] / total
        }
    });
}

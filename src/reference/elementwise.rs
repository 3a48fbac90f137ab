//! Kernels that compute each element, or each row, on its own.

use super::{Real, fill};
use crate::kernel::{
    Activation, ActivationGrad, ActivationKind, BiasAdd, Binary, BinaryKind, Dropout, Scale,
    Softmax, SoftmaxGrad,
};
use crate::random::Random;

/// `y[g, i, j] = x[g, i, j] + b[g, j]`; see [`BiasAdd`].
pub fn bias_add<T: Real>(p: &BiasAdd, x: &[T], b: &[T], y: &mut [T]) {
    let [groups, rows, columns] = [p.groups, p.rows, p.columns].map(|extent| extent as usize);
    assert_eq!(y.len(), groups * rows * columns, "length of the sum");
    for g in 0..groups {
        for i in 0..rows {
            for j in 0..columns {
                let at = (g * rows + i) * columns + j;
                y[at] = x[at] + b[g * columns + j];
            }
        }
    }
}

/// `y[i] = a[i] + b[i]`, or the difference, or the product; see [`Binary`].
pub fn binary<T: Real>(p: &Binary, a: &[T], b: &[T], y: &mut [T]) {
    fill(y, p.count, |i| match p.kind {
        BinaryKind::Add => a[i] + b[i],
        BinaryKind::Sub => a[i] - b[i],
        BinaryKind::Mul => a[i] * b[i],
    });
}

/// `y[i] = factor * x[i]`; see [`Scale`].
pub fn scale<T: Real>(p: &Scale, x: &[T], y: &mut [T]) {
    let factor = T::parameter(p.factor);
    fill(y, p.count, |i| factor * x[i]);
}

/// `y[i] = f(x[i])`; see [`Activation`].
pub fn activation<T: Real>(p: &Activation, x: &[T], y: &mut [T]) {
    let alpha = T::parameter(p.alpha);
    fill(y, p.count, |i| activate(p.kind, alpha, x[i]));
}

/// Branches are such that NaN comes out as NaN.
pub(super) fn activate<T: Real>(kind: ActivationKind, alpha: T, x: T) -> T {
    match kind {
        ActivationKind::Identity => x,
        ActivationKind::Sigmoid => x.sigmoid(),
        ActivationKind::Tanh => x.tanh(),
        ActivationKind::Relu => x.if_negative(T::ZERO, x),
        ActivationKind::LeakyRelu => x.if_negative(alpha * x, x),
        ActivationKind::Elu => x.if_negative(alpha * x.expm1(), x),
        ActivationKind::Gelu => x * x.normal_cdf(),
        ActivationKind::GeluTanh => x * x.normal_cdf_tanh(),
        ActivationKind::Silu => x * x.sigmoid(),
        ActivationKind::Softplus => x.softplus(),
    }
}

/// `dx[i] = f'(x[i]) dy[i]`; see [`ActivationGrad`] for `saved`.
pub fn activation_grad<T: Real>(p: &ActivationGrad, saved: &[T], dy: &[T], dx: &mut [T]) {
    let alpha = T::parameter(p.alpha);
    fill(dx, p.count, |i| {
        activate_grad(p.kind, alpha, saved[i], dy[i])
    });
}

/// `f'(saved) dy`
pub(super) fn activate_grad<T: Real>(kind: ActivationKind, alpha: T, saved: T, dy: T) -> T {
    match slope(kind, alpha, saved) {
        Slope::Zero => T::ZERO,
        Slope::One => dy,
        Slope::Other(slope) => slope * dy,
    }
}

/// A slope of 0 or 1 takes no multiplication: 0 stays 0 beside a `dy` that is not finite.
enum Slope<T> {
    Zero,
    One,
    Other(T),
}

/// `f'`, from `y` for the functions that save their output, else from `x`.
fn slope<T: Real>(kind: ActivationKind, alpha: T, saved: T) -> Slope<T> {
    let (x, y, one) = (saved, saved, T::ONE);
    Slope::Other(match kind {
        ActivationKind::Identity => return Slope::One,
        ActivationKind::Sigmoid => y * (one - y),
        ActivationKind::Tanh => one - y * y,
        ActivationKind::Relu if y <= T::ZERO => return Slope::Zero,
        ActivationKind::Relu => return Slope::One,
        ActivationKind::LeakyRelu | ActivationKind::Elu if x > T::ZERO => return Slope::One,
        ActivationKind::LeakyRelu => alpha,
        ActivationKind::Elu => alpha * x.exp(),
        ActivationKind::Gelu => x.normal_cdf() + x * x.normal_density(),
        ActivationKind::GeluTanh => gelu_tanh_slope(x),
        ActivationKind::Silu => x.sigmoid() * (one + x * (-x).sigmoid()),
        ActivationKind::Softplus => x.sigmoid(),
    })
}

/// `s + x s (1 - s) q'(x)` with `s = sigmoid(q(x))` and `q(x) = √(8/π) (x + 0.044715 x³)`.
///
/// Beyond 16 the second term is below 10⁻¹³⁰; holding `x` there keeps `q'` from overflowing.
fn gelu_tanh_slope<T: Real>(x: T) -> T {
    let end = T::parameter(16.0);
    let held = if x > end {
        end
    } else if x < -end {
        -end
    } else {
        x
    };
    let root = T::parameter((8.0 / std::f64::consts::PI).sqrt());
    let dq = root * (T::ONE + T::parameter(3.0 * 0.044_715) * held * held);
    x.normal_cdf_tanh() + held * held.normal_cdf_tanh() * (-held).normal_cdf_tanh() * dq
}

/// Softmax of each row; see [`Softmax`].
pub fn softmax<T: Real>(p: &Softmax, x: &[T], y: &mut [T]) {
    let columns = p.columns as usize;
    assert_eq!(y.len(), p.rows as usize * columns, "length of the softmax");
    for i in 0..p.rows as usize {
        let x = &x[i * columns..][..columns];
        let max = largest(x);
        let sum = T::sum(x.iter().map(|&x| x.exp_minus(max)));
        for j in 0..columns {
            y[i * columns + j] = x[j].exp_minus(max) / sum;
        }
    }
}

/// The largest of a row; NaN only if it comes first, which is enough to make the row's sum NaN, as any other does.
pub(super) fn largest<T: Real>(row: &[T]) -> T {
    let first = row[0];
    row.iter()
        .fold(first, |max, &x| if x > max { x } else { max })
}

/// `dx[i, j] = y[i, j] (dy[i, j] - Σ dy[i, ·] y[i, ·])`; see [`SoftmaxGrad`].
pub fn softmax_grad<T: Real>(p: &SoftmaxGrad, y: &[T], dy: &[T], dx: &mut [T]) {
    let columns = p.columns as usize;
    assert_eq!(
        dx.len(),
        p.rows as usize * columns,
        "length of the gradient"
    );
    for i in 0..p.rows as usize {
        let row = i * columns..(i + 1) * columns;
        let dot = T::sum(row.clone().map(|at| dy[at] * y[at]));
        for at in row {
            dx[at] = y[at] * (dy[at] - dot);
        }
    }
}

/// `y[i] = factor * x[i]` if element `i` is kept, else 0; see [`Dropout`].
pub fn dropout<T: Real>(p: &Dropout, x: &[T], y: &mut [T]) {
    let random = Random::new(p.seed, p.stream, p.step);
    let factor = T::parameter(p.factor);
    fill(y, p.count, |i| {
        if random.bits(u64::from(p.offset) + i as u64) >= p.threshold {
            factor * x[i]
        } else {
            T::ZERO
        }
    });
}

//! What becomes of the sums of a product: bias and activation, or an activation's gradient, in place.

use super::activation as f;
use super::elementwise::{Function, functions};
use super::gemm::{self, Plain};
use super::math::narrow;
use crate::kernel::{ActivationKind, Finish, Matmul};

functions! {
    /// `f(x) = x`, for a bias alone.
    Identity[x; _alpha] { x }
}

/// What finishes each of several products.
pub(super) trait Grouped: gemm::Finish {
    /// What finishes product `group`.
    fn of_group(self, group: usize) -> Self;
}

/// What is given the type that finishes a product.
pub(super) trait Finished {
    /// Takes it.
    fn with(self, finish: impl Grouped);
}

/// Gives `to` what finishes `kernel`; `fused` is the bias, or what the activation saved.
pub(super) fn finished(kernel: &Matmul, fused: &[f32], to: impl Finished) {
    let (function, gradient) = match kernel.finish {
        // The product itself stores an update.
        Finish::None | Finish::Sgd { .. } => return to.with(Plain),
        Finish::Bias(function) => (function, false),
        Finish::Gradient(function) => (function, true),
    };
    let fused = Fused {
        values: fused,
        rows: kernel.m as usize,
        columns: kernel.n as usize,
        alpha: narrow(function.alpha),
    };
    match (function.kind, gradient) {
        (ActivationKind::Identity, false) => to.with(Bias(fused, Identity)),
        (ActivationKind::Sigmoid, false) => to.with(Bias(fused, f::Sigmoid)),
        (ActivationKind::Tanh, false) => to.with(Bias(fused, f::Tanh)),
        (ActivationKind::Relu, false) => to.with(Bias(fused, f::Relu)),
        (ActivationKind::LeakyRelu, false) => to.with(Bias(fused, f::LeakyRelu)),
        (ActivationKind::Elu, false) => to.with(Bias(fused, f::Elu)),
        (ActivationKind::Gelu, false) => to.with(Bias(fused, f::Gelu)),
        (ActivationKind::GeluTanh, false) => to.with(Bias(fused, f::GeluTanh)),
        (ActivationKind::Silu, false) => to.with(Bias(fused, f::Silu)),
        (ActivationKind::Softplus, false) => to.with(Bias(fused, f::Softplus)),
        (ActivationKind::Identity, true) => to.with(Plain),
        (ActivationKind::Sigmoid, true) => to.with(Gradient(fused, f::SigmoidGrad)),
        (ActivationKind::Tanh, true) => to.with(Gradient(fused, f::TanhGrad)),
        (ActivationKind::Relu, true) => to.with(Gradient(fused, f::ReluGrad)),
        (ActivationKind::LeakyRelu, true) => to.with(Gradient(fused, f::LeakyReluGrad)),
        (ActivationKind::Elu, true) => to.with(Gradient(fused, f::EluGrad)),
        (ActivationKind::Gelu, true) => to.with(Gradient(fused, f::GeluGrad)),
        (ActivationKind::GeluTanh, true) => to.with(Gradient(fused, f::GeluTanhGrad)),
        (ActivationKind::Silu, true) => to.with(Gradient(fused, f::SiluGrad)),
        (ActivationKind::Softplus, true) => to.with(Gradient(fused, f::SoftplusGrad)),
    }
}

impl Grouped for Plain {
    fn of_group(self, _group: usize) -> Self {
        self
    }
}

/// What is read beside the sums: from some group on, for products of so many rows and columns.
#[derive(Clone, Copy)]
struct Fused<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    alpha: f32,
}

impl Fused<'_> {
    fn from(self, start: usize) -> Self {
        Self {
            values: &self.values[start..],
            ..self
        }
    }
}

/// `y[i, j] = f(y[i, j] + bias[j])`
#[derive(Clone, Copy)]
struct Bias<'a, F>(Fused<'a>, F);

impl<F: Function<1>> Grouped for Bias<'_, F> {
    fn of_group(self, group: usize) -> Self {
        Self(self.0.from(group * self.0.columns), self.1)
    }
}

impl<F: Function<1>> gemm::Finish for Bias<'_, F> {
    #[inline(always)]
    fn finish(self, _row: usize, column: usize, y: &mut [f32]) {
        let Self(fused, f) = self;
        for (y, b) in y.iter_mut().zip(&fused.values[column..]) {
            *y = f.at([*y + b], fused.alpha);
        }
    }
}

/// `y[i, j] = f'(saved[i, j]) y[i, j]`
#[derive(Clone, Copy)]
struct Gradient<'a, F>(Fused<'a>, F);

impl<F: Function<2>> Grouped for Gradient<'_, F> {
    fn of_group(self, group: usize) -> Self {
        Self(self.0.from(group * self.0.rows * self.0.columns), self.1)
    }
}

impl<F: Function<2>> gemm::Finish for Gradient<'_, F> {
    #[inline(always)]
    fn finish(self, row: usize, column: usize, y: &mut [f32]) {
        let Self(fused, f) = self;
        let saved = &fused.values[row * fused.columns + column..];
        for (y, &saved) in y.iter_mut().zip(saved) {
            *y = f.at([saved, *y], fused.alpha);
        }
    }
}

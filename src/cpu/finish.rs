//! What becomes of the sums of a product: bias and activation, or an activation's gradient, in place.

use super::activation as f;
use super::elementwise::{Function, functions};
use super::math::narrow;
use super::threads::{Body, HEAVY, LIGHT, Rows, Threads};
use crate::kernel::{ActivationKind, Finish, Matmul};

functions! {
    /// `f(x) = x`, for a bias alone.
    Identity[x; _alpha] { x }
}

/// Finishes `y`, which holds the sums. `fused` is the bias, or what the activation saved.
pub(super) fn finish(threads: &Threads, kernel: &Matmul, fused: &[f32], y: &mut [f32]) {
    let (function, gradient) = match kernel.finish {
        Finish::None => return,
        Finish::Bias(function) => (function, false),
        Finish::Gradient(function) => (function, true),
    };
    let to = Target {
        threads,
        kernel,
        fused,
        y,
        alpha: narrow(function.alpha),
    };
    match (function.kind, gradient) {
        (ActivationKind::Identity, false) => to.bias(LIGHT, Identity),
        (ActivationKind::Sigmoid, false) => to.bias(HEAVY, f::Sigmoid),
        (ActivationKind::Tanh, false) => to.bias(HEAVY, f::Tanh),
        (ActivationKind::Relu, false) => to.bias(LIGHT, f::Relu),
        (ActivationKind::LeakyRelu, false) => to.bias(LIGHT, f::LeakyRelu),
        (ActivationKind::Elu, false) => to.bias(HEAVY, f::Elu),
        (ActivationKind::Gelu, false) => to.bias(HEAVY, f::Gelu),
        (ActivationKind::GeluTanh, false) => to.bias(HEAVY, f::GeluTanh),
        (ActivationKind::Silu, false) => to.bias(HEAVY, f::Silu),
        (ActivationKind::Softplus, false) => to.bias(HEAVY, f::Softplus),
        (ActivationKind::Identity, true) => {}
        (ActivationKind::Sigmoid, true) => to.gradient(LIGHT, f::SigmoidGrad),
        (ActivationKind::Tanh, true) => to.gradient(LIGHT, f::TanhGrad),
        (ActivationKind::Relu, true) => to.gradient(LIGHT, f::ReluGrad),
        (ActivationKind::LeakyRelu, true) => to.gradient(LIGHT, f::LeakyReluGrad),
        (ActivationKind::Elu, true) => to.gradient(HEAVY, f::EluGrad),
        (ActivationKind::Gelu, true) => to.gradient(HEAVY, f::GeluGrad),
        (ActivationKind::GeluTanh, true) => to.gradient(HEAVY, f::GeluTanhGrad),
        (ActivationKind::Silu, true) => to.gradient(HEAVY, f::SiluGrad),
        (ActivationKind::Softplus, true) => to.gradient(HEAVY, f::SoftplusGrad),
    }
}

/// What is finished, and with what.
struct Target<'a> {
    threads: &'a Threads,
    kernel: &'a Matmul,
    fused: &'a [f32],
    y: &'a mut [f32],
    alpha: f32,
}

impl Target<'_> {
    /// `y[g, i, j] = f(y[g, i, j] + bias[g, j])`
    fn bias(self, grain: usize, f: impl Function<1>) {
        let size = (self.y.len(), grain);
        let (rows, columns) = (self.kernel.m as usize, self.kernel.n as usize);
        let parameters = (rows, self.fused, self.alpha);
        let pieces = Rows::new(self.y, columns);
        let all = self.kernel.groups as usize * rows;
        self.threads.rows(all, size, pieces, parameters, Bias(f));
    }

    /// `y[i] = f'(saved[i]) y[i]`
    fn gradient(self, grain: usize, f: impl Function<2>) {
        let (len, pieces) = (self.y.len(), (self.fused, self.y));
        self.threads
            .rows(len, (len, grain), pieces, self.alpha, Gradient(f));
    }
}

#[derive(Clone, Copy)]
struct Bias<F>(F);

impl<F: Function<1>> Body<Rows<&mut [f32]>, (usize, &[f32], f32)> for Bias<F> {
    #[inline(always)]
    fn run(self, first: usize, y: Rows<&mut [f32]>, (rows, bias, alpha): (usize, &[f32], f32)) {
        let columns = y.columns;
        for (i, y) in y.values.chunks_exact_mut(columns).enumerate() {
            let bias = &bias[(first + i) / rows * columns..][..columns];
            for (y, b) in y.iter_mut().zip(bias) {
                *y = self.0.at([*y + b], alpha);
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Gradient<F>(F);

impl<F: Function<2>> Body<(&[f32], &mut [f32]), f32> for Gradient<F> {
    #[inline(always)]
    fn run(self, _first: usize, (saved, y): (&[f32], &mut [f32]), alpha: f32) {
        for (y, &saved) in y.iter_mut().zip(saved) {
            *y = self.0.at([saved, *y], alpha);
        }
    }
}

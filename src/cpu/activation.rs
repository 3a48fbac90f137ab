//! The activation functions `f(x)` and their gradients `f'(saved) dy`, one number at a time.
//!
//! They all take `alpha`, which two of them use, so that one loop serves them all.

use super::math;

/// A clamp that lets NaN through: beyond it, the factors that multiply `x` in the gradients below are 0, and
/// infinity times 0 must not come of it.
#[inline(always)]
const fn bounded(x: f32) -> f32 {
    let x = if x > 128.0 { 128.0 } else { x };
    if x < -128.0 { -128.0 } else { x }
}

#[inline(always)]
pub(super) const fn identity(x: f32, _alpha: f32) -> f32 {
    x
}

#[inline(always)]
pub(super) fn sigmoid(x: f32, _alpha: f32) -> f32 {
    math::sigmoid(x)
}

#[inline(always)]
pub(super) fn tanh(x: f32, _alpha: f32) -> f32 {
    math::tanh(x)
}

#[inline(always)]
pub(super) const fn relu(x: f32, _alpha: f32) -> f32 {
    if x <= 0.0 { 0.0 } else { x }
}

#[inline(always)]
pub(super) fn leaky_relu(x: f32, alpha: f32) -> f32 {
    if x > 0.0 { x } else { alpha * x }
}

#[inline(always)]
pub(super) fn elu(x: f32, alpha: f32) -> f32 {
    let below = alpha * math::expm1(x);
    if x > 0.0 { x } else { below }
}

#[inline(always)]
pub(super) fn gelu(x: f32, _alpha: f32) -> f32 {
    x * math::normal(x).0
}

#[inline(always)]
pub(super) fn gelu_tanh(x: f32, _alpha: f32) -> f32 {
    x * math::gelu_tanh_factor(x).0
}

#[inline(always)]
pub(super) fn silu(x: f32, _alpha: f32) -> f32 {
    x * math::sigmoid(x)
}

#[inline(always)]
pub(super) fn softplus(x: f32, _alpha: f32) -> f32 {
    math::softplus(x)
}

#[inline(always)]
pub(super) const fn identity_grad(_x: f32, dy: f32, _alpha: f32) -> f32 {
    dy
}

#[inline(always)]
pub(super) fn sigmoid_grad(y: f32, dy: f32, _alpha: f32) -> f32 {
    y * (1.0 - y) * dy
}

#[inline(always)]
pub(super) fn tanh_grad(y: f32, dy: f32, _alpha: f32) -> f32 {
    (1.0 - y) * (1.0 + y) * dy
}

#[inline(always)]
pub(super) const fn relu_grad(y: f32, dy: f32, _alpha: f32) -> f32 {
    if y <= 0.0 { 0.0 } else { dy }
}

#[inline(always)]
pub(super) fn leaky_relu_grad(x: f32, dy: f32, alpha: f32) -> f32 {
    if x > 0.0 { dy } else { alpha * dy }
}

#[inline(always)]
pub(super) fn elu_grad(x: f32, dy: f32, alpha: f32) -> f32 {
    let below = alpha * math::exp(x) * dy;
    if x > 0.0 { dy } else { below }
}

/// `Φ(x) + x φ(x)`
#[inline(always)]
pub(super) fn gelu_grad(x: f32, dy: f32, _alpha: f32) -> f32 {
    const DENSITY: f32 = 0.398_942_3;
    let (distribution, e) = math::normal(x);
    (distribution + bounded(x) * (DENSITY * e)) * dy
}

/// `s + x s (1 - s) v'(x)`, where `s = sigmoid(v)` and `v' = 2 sqrt(2/π) (1 + 3 * 0.044715 x²)`
#[inline(always)]
pub(super) fn gelu_tanh_grad(x: f32, dy: f32, _alpha: f32) -> f32 {
    let (s, rest) = math::gelu_tanh_factor(x);
    let x = bounded(x);
    let slope = 1.595_769_1 + 0.214_064_5 * (x * x);
    s * (1.0 + x * rest * slope) * dy
}

/// `s (1 + x (1 - s))`, where `s = sigmoid(x)`
#[inline(always)]
pub(super) fn silu_grad(x: f32, dy: f32, _alpha: f32) -> f32 {
    let (s, rest) = math::sigmoids(x);
    s * (1.0 + bounded(x) * rest) * dy
}

#[inline(always)]
pub(super) fn softplus_grad(x: f32, dy: f32, _alpha: f32) -> f32 {
    math::sigmoid(x) * dy
}

//! The activation functions `f(x)` and their gradients `f'(saved) dy`, one number at a time.
//!
//! They all take `alpha`, which two of them use. Identity has no entry: it is a copy.

use super::elementwise::functions;
use super::math;

/// A clamp that lets NaN through: beyond it, the factors that multiply `x` in the gradients below are 0, and
/// infinity times 0 must not come of it.
#[inline(always)]
const fn bounded(x: f32) -> f32 {
    let x = if x > 128.0 { 128.0 } else { x };
    if x < -128.0 { -128.0 } else { x }
}

functions! {
    Sigmoid[x; _alpha] {
        math::sigmoid(x)
    }

    Tanh[x; _alpha] {
        math::tanh(x)
    }

    Relu[x; _alpha] {
        if x <= 0.0 { 0.0 } else { x }
    }

    LeakyRelu[x; alpha] {
        if x > 0.0 { x } else { alpha * x }
    }

    Elu[x; alpha] {
        let below = alpha * math::expm1(x);
        if x > 0.0 { x } else { below }
    }

    Gelu[x; _alpha] {
        x * math::normal(x).0
    }

    GeluTanh[x; _alpha] {
        x * math::gelu_tanh_factor(x).0
    }

    Silu[x; _alpha] {
        x * math::sigmoid(x)
    }

    Softplus[x; _alpha] {
        math::softplus(x)
    }

    IdentityGrad[_x, dy; _alpha] {
        dy
    }

    SigmoidGrad[y, dy; _alpha] {
        y * (1.0 - y) * dy
    }

    TanhGrad[y, dy; _alpha] {
        (1.0 - y * y) * dy
    }

    ReluGrad[y, dy; _alpha] {
        if y <= 0.0 { 0.0 } else { dy }
    }

    LeakyReluGrad[x, dy; alpha] {
        if x > 0.0 { dy } else { alpha * dy }
    }

    EluGrad[x, dy; alpha] {
        let below = alpha * math::exp(x) * dy;
        if x > 0.0 { dy } else { below }
    }

    /// `Φ(x) + x φ(x)`
    GeluGrad[x, dy; _alpha] {
        const DENSITY: f32 = 0.398_942_3;
        let (distribution, e) = math::normal(x);
        (distribution + bounded(x) * (DENSITY * e)) * dy
    }

    /// `s + x s (1 - s) v'(x)`, where `s = sigmoid(v)` and `v' = 2 sqrt(2/π) (1 + 3 * 0.044715 x²)`
    GeluTanhGrad[x, dy; _alpha] {
        let (s, rest) = math::gelu_tanh_factor(x);
        let x = bounded(x);
        let slope = 1.595_769_2 + 0.214_064_5 * (x * x);
        s * (1.0 + x * rest * slope) * dy
    }

    /// `s (1 + x (1 - s))`, where `s = sigmoid(x)`
    SiluGrad[x, dy; _alpha] {
        let (s, rest) = math::sigmoids(x);
        s * (1.0 + bounded(x) * rest) * dy
    }

    SoftplusGrad[x, dy; _alpha] {
        math::sigmoid(x) * dy
    }
}

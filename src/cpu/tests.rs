//! The functions against f64, and the number of threads, which must not matter.

use super::{Kernels, activation, math};
use crate::executor::{View, ViewMut};
use crate::kernel::{
    Access, Activation, ActivationGrad, ActivationKind, AdamUpdate, BiasAdd, Broadcast, Concat,
    Copy, Correct, Dropout, Gather, GatherGrad, Kernel, Matmul, Nonfinite, PointwiseLoss,
    PointwiseLossGrad, PointwiseLossKind, SgdUpdate, Slice, Softmax, SoftmaxCrossEntropy,
    SoftmaxCrossEntropyGrad, SoftmaxGrad, Sum,
};
use crate::tensor::Element;

/// Numbers of every exponent and sign, and more of them where functions bend.
fn sweep() -> impl Iterator<Item = f32> {
    let all = (0..u32::MAX / 65_521).map(|i| f32::from_bits(i * 65_521));
    let near = (0..400_000_u32).map(|i| (i as f32 - 200_000.0) * 6e-4);
    let limits = [
        0.0,
        -0.0,
        f32::MIN_POSITIVE,
        1e-45,
        88.72284,
        -87.33655,
        -103.97,
    ];
    all.chain(near).chain(limits).filter(|x| x.is_finite())
}

/// The largest error of `f`, in units in the last place of the exact result (of the smallest normal number if that is
/// larger), and where.
fn worst(f: impl Fn(f32) -> f32, exact: impl Fn(f64) -> f64) -> (f64, f32) {
    let mut worst = (0.0, 0.0);
    for x in sweep() {
        let (got, exact) = (f(x), exact(f64::from(x)));
        if exact.is_nan() {
            assert!(got.is_nan(), "f({x:e}) is {got:e}, not NaN");
            continue;
        }
        let rounded = math::narrow(exact);
        if rounded.is_infinite() || got.is_infinite() {
            // Next to the largest number an error of an ulp may cross the limit.
            let near = exact.abs() > f64::from(f32::MAX) * (1.0 - 3e-7)
                && exact.abs() < f64::from(f32::MAX) * (1.0 + 3e-7);
            assert!(
                got == rounded || near,
                "f({x:e}) is {got:e}, not {rounded:e}"
            );
            continue;
        }
        let unit = f64::from(f32::EPSILON)
            * 2_f64
                .powi(exponent(exact))
                .max(f64::from(f32::MIN_POSITIVE));
        let error = (f64::from(got) - exact).abs() / unit;
        assert!(!error.is_nan(), "f({x:e}) is NaN");
        if error > worst.0 {
            worst = (error, x);
        }
    }
    assert!(f(f32::NAN).is_nan(), "NaN does not pass");
    worst
}

fn exponent(x: f64) -> i32 {
    libm::ilogb(x).max(-200)
}

fn sigmoid(x: f64) -> f64 {
    let e = (-x.abs()).exp();
    if x > 0.0 {
        1.0 / (1.0 + e)
    } else {
        e / (1.0 + e)
    }
}

fn normal(x: f64) -> f64 {
    libm::erfc(-x / std::f64::consts::SQRT_2) / 2.0
}

fn gelu_tanh(x: f64) -> f64 {
    let v = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x * x * x);
    sigmoid(2.0 * v)
}

type Contract = (&'static str, f64, fn(f32) -> f32, fn(f64) -> f64);

/// The functions, the errors that they promise in units in the last place, and what is exact.
const CONTRACTS: [Contract; 16] = [
    ("exp", 2.0, math::exp, f64::exp),
    ("expm1", 3.0, math::expm1, f64::exp_m1),
    ("log", 2.0, math::log, f64::ln),
    ("log1p", 3.0, math::log1p, f64::ln_1p),
    ("tanh", 4.0, math::tanh, f64::tanh),
    ("sigmoid", 4.0, math::sigmoid, sigmoid),
    ("sigmoid(-x)", 4.0, |x| math::sigmoids(x).1, |x| sigmoid(-x)),
    ("softplus", 4.0, math::softplus, |x| {
        x.max(0.0) + (-x.abs()).exp().ln_1p()
    }),
    ("normal", 8.0, |x| math::normal(x).0, normal),
    (
        "density",
        5.0,
        |x| math::normal(x).1,
        |x| (-0.5 * x * x).exp(),
    ),
    (
        "gelu_tanh_factor",
        5.0,
        |x| math::gelu_tanh_factor(x).0,
        gelu_tanh,
    ),
    (
        "gelu_tanh_factor(-x)",
        5.0,
        |x| math::gelu_tanh_factor(x).1,
        |x| gelu_tanh(-x),
    ),
    // A sigmoid below the smallest normal number keeps fewer digits, which x magnifies.
    (
        "silu",
        110.0,
        |x| activation::silu(x, 0.0),
        |x| x * sigmoid(x),
    ),
    (
        "gelu",
        16.0,
        |x| activation::gelu(x, 0.0),
        |x| x * normal(x),
    ),
    (
        "gelu_tanh",
        16.0,
        |x| activation::gelu_tanh(x, 0.0),
        |x| x * gelu_tanh(x),
    ),
    (
        "elu",
        3.0,
        |x| activation::elu(x, 1.0),
        |x| if x > 0.0 { x } else { x.exp_m1() },
    ),
];

#[test]
fn functions_are_right_over_all_of_f32() {
    for (name, promised, f, exact) in CONTRACTS {
        let (error, at) = worst(f, exact);
        println!("{name:20} {error:.2} ulp at {at:e}");
        assert!(error <= promised, "{name}({at:e}) is {error:.2} ulp off");
    }
}

//! The functions against f64, and the number of threads, which must not matter.

use super::elementwise::Function;
use super::{Kernels, activation, math, philox};
use crate::executor::{View, ViewMut};
use crate::kernel::{
    Access, Activation, ActivationGrad, ActivationKind, AdamUpdate, BatchNormGrad, BiasAdd,
    Broadcast, ClipNorm, ClipValue, Concat, Copy, Correct, Dropout, Finish, Gather, GatherGrad,
    Kernel, L1Gradient, LayerNormGrad, LerpUpdate, Matmul, MaxNormUpdate, MaxPieces, MaxPiecesGrad,
    Moments, Nadam, Noise, Nonfinite, Normalize, NormalizeSums, Pad, PointwiseLoss,
    PointwiseLossGrad, PointwiseLossKind, Rmsprop, RuleUpdate, SgdUpdate, Slice, Softmax,
    SoftmaxCrossEntropy, SoftmaxCrossEntropyGrad, SoftmaxGrad, SquareSum, Sum,
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
    ("exp", 1.5, math::exp, f64::exp),
    ("expm1", 2.0, math::expm1, f64::exp_m1),
    ("log", 1.5, math::log, f64::ln),
    ("log1p", 1.5, math::log1p, f64::ln_1p),
    ("tanh", 3.0, math::tanh, f64::tanh),
    ("sigmoid", 3.0, math::sigmoid, sigmoid),
    ("sigmoid(-x)", 3.0, |x| math::sigmoids(x).1, |x| sigmoid(-x)),
    ("softplus", 2.0, math::softplus, |x| {
        x.max(0.0) + (-x.abs()).exp().ln_1p()
    }),
    ("normal", 4.0, |x| math::normal(x).0, normal),
    (
        "density",
        2.0,
        |x| math::normal(x).1,
        |x| (-0.5 * x * x).exp(),
    ),
    (
        "gelu_tanh_factor",
        3.0,
        |x| math::gelu_tanh_factor(x).0,
        gelu_tanh,
    ),
    (
        "gelu_tanh_factor(-x)",
        3.0,
        |x| math::gelu_tanh_factor(x).1,
        |x| gelu_tanh(-x),
    ),
    // A factor below the smallest normal number keeps fewer digits, and x magnifies their error.
    (
        "silu",
        60.0,
        |x| activation::Silu.at([x], 0.0),
        |x| x * sigmoid(x),
    ),
    (
        "gelu",
        10.0,
        |x| activation::Gelu.at([x], 0.0),
        |x| x * normal(x),
    ),
    (
        "gelu_tanh",
        8.0,
        |x| activation::GeluTanh.at([x], 0.0),
        |x| x * gelu_tanh(x),
    ),
    (
        "elu",
        2.0,
        |x| activation::Elu.at([x], 1.0),
        |x| if x > 0.0 { x } else { x.exp_m1() },
    ),
];

#[test]
fn functions_are_right_over_all_of_f32() {
    for (name, promised, f, exact) in CONTRACTS {
        let (error, at) = worst(f, exact);
        eprintln!("{name:20} {error:.2} ulp at {at:e}");
        assert!(error <= promised, "{name}({at:e}) is {error:.2} ulp off");
    }
}

/// Numbers that look random.
fn numbers(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 8) as f32 * 2_f32.powi(-23) - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// Runs a kernel on numbers that look random; the outputs begin as NaN, or as such numbers if it works in place.
fn run(kernels: &Kernels, kernel: &Kernel) -> Vec<Vec<u32>> {
    let bindings = kernel.bindings();
    let reals: Vec<_> = (0..)
        .zip(&bindings)
        .map(|(i, b)| {
            let drawn = numbers(b.len, i + 1);
            match b.name {
                // A variance is not negative.
                "moments" => drawn.iter().map(|x| x.abs()).collect(),
                _ => drawn,
            }
        })
        .collect();
    let integers: Vec<u32> = (0..1 << 20).map(|i| (i % 1009 * 7919 + 3) % 61).collect();
    let bytes: Vec<u8> = (0..=255).cycle().take(1 << 20).collect();
    let mut inputs = Vec::new();
    let mut outputs = Vec::new();
    for (binding, real) in bindings.iter().zip(&reals) {
        match (binding.access, binding.element) {
            (Access::Read, Element::F32 | Element::F16) => inputs.push(View::Real(real)),
            (Access::Read, Element::U32) => inputs.push(View::U32(&integers[..binding.len])),
            (Access::Read, Element::U8) => inputs.push(View::U8(&bytes[..binding.len])),
            (Access::Write, _) => outputs.push(vec![f32::NAN; binding.len]),
            (Access::ReadWrite, _) => outputs.push(real.iter().map(|x| x.abs()).collect()),
        }
    }
    if matches!(kernel, Kernel::Nonfinite(_)) {
        let mut found = vec![0];
        kernels.run(kernel, &inputs, &mut [ViewMut::U32(&mut found)]);
        return vec![found];
    }
    let mut views: Vec<_> = outputs.iter_mut().map(|y| ViewMut::Real(y)).collect();
    kernels.run(kernel, &inputs, &mut views);
    (outputs.iter())
        .map(|y| y.iter().map(|x| x.to_bits()).collect())
        .collect()
}

#[rustfmt::skip]
fn products() -> Vec<Kernel> {
    let extents = [
        [1, 1, 1],
        [1, 300, 2000],
        [300, 1, 2000],
        [2, 2, 60_000],
        [128, 256, 784],
        [128, 10, 128],
        [10, 128, 4096],
        [257, 259, 511],
        [64, 64, 1030],
        [65, 63, 5000],
        [256, 784, 128],
        [33, 1000, 300],
        [1000, 33, 300],
        [96, 1500, 700],
        [500, 500, 1],
        [700, 700, 2],
        [1025, 47, 129],
    ];
    let mut kernels = Vec::new();
    for [m, n, k] in extents {
        for (transpose_a, transpose_b) in
            [(false, false), (false, true), (true, false), (true, true)]
        {
            kernels.push(
                Matmul {
                    groups: 1,
                    m,
                    n,
                    k,
                    transpose_a,
                    transpose_b, ..Matmul::default() }
                .into(),
            );
        }
    }
    let (transpose_a, transpose_b) = (false, true);
    kernels.push(
        Matmul {
            groups: 37,
            m: 60,
            n: 40,
            k: 50,
            transpose_a,
            transpose_b, ..Matmul::default() }
        .into(),
    );
    kernels.push(
        Matmul {
            groups: 3,
            m: 200,
            n: 160,
            k: 250,
            transpose_a,
            transpose_b, ..Matmul::default() }
        .into(),
    );
    kernels
}

/// Kernels whose size is a number of elements.
fn elements() -> Vec<Kernel> {
    let count = 300_007;
    let kind = ActivationKind::Gelu;
    let at_target = true;
    let (alpha, factor, seed, stream, step) = (0.0, 2.0, 5, 6, 7);
    let (learning_rate, weight_decay, momentum, nesterov) = (0.1, 0.01, 0.9, true);
    let (beta1, beta2, epsilon, decoupled, threshold) = (0.9, 0.999, 1e-8, false, 1 << 31);
    let loss = PointwiseLossKind::SigmoidCrossEntropy;
    let adam = AdamUpdate {
        factor: 1.0,
        count,
        learning_rate,
        beta1,
        beta2,
        epsilon,
        weight_decay,
        decoupled,
        step,
        scaled: false,
    };
    #[rustfmt::skip]
    let kernels = vec![
        Activation { kind, count, alpha }.into(),
        ActivationGrad { kind, count, alpha }.into(),
        Dropout { count, offset: 64, threshold, factor, seed, stream, step }.into(),
        PointwiseLoss { kind: loss, count }.into(),
        PointwiseLossGrad { kind: loss, at_target, count }.into(),
        SgdUpdate { factor: 1.0, count, learning_rate, momentum, nesterov, weight_decay, scaled: false }.into(),
        adam.into(),
        RuleUpdate { count, learning_rate, factor: 1.0, step, rule: Rmsprop { momentum, centered: true, ..Rmsprop::default() }, scaled: false }.into(),
        RuleUpdate { count, learning_rate, factor: 1.0, step, rule: Nadam::default(), scaled: false }.into(),
        Copy { count }.into(),
        LerpUpdate { count, t: 0.1 }.into(),
        L1Gradient { count, l1: 0.1, scaled: false }.into(),
        ClipNorm { count, limit: 0.5, scaled: false }.into(),
        ClipValue { count, limit: 0.5, scaled: false }.into(),
        SquareSum { rows: 5003, columns: 61 }.into(),
        MaxNormUpdate { rows: 5003, columns: 61, limit: 0.5 }.into(),
        Nonfinite { count, offset: 0 }.into(),
    ];
    kernels
}

/// Kernels whose size has more than one extent.
#[rustfmt::skip]
fn extents() -> Vec<Kernel> {
    let (rows, columns, factor) = (7001, 61, 0.5);
    let (element, table_rows, indices, start, batch) = (Element::U8, 50, rows, 0, false);
    vec![
        BiasAdd { groups: 3, rows: 1001, columns: 131 }.into(),
        Softmax { rows, columns }.into(),
        Softmax { rows: 5, columns: 60_001 }.into(),
        SoftmaxGrad { rows, columns }.into(),
        SoftmaxCrossEntropy { rows, columns }.into(),
        SoftmaxCrossEntropy { rows: 61, columns: 6001 }.into(),
        SoftmaxCrossEntropyGrad { rows, columns }.into(),
        Correct { rows, columns }.into(),
        Sum { outer: 1, axis: 300_007, inner: 1, factor }.into(),
        Sum { outer: 3001, axis: 101, inner: 1, factor }.into(),
        Sum { outer: 1, axis: 1001, inner: 301, factor }.into(),
        Sum { outer: 5, axis: 70, inner: 901, factor }.into(),
        Broadcast { outer: 301, axis: 1001, inner: 1, factor }.into(),
        Broadcast { outer: 7, axis: 99, inner: 501, factor }.into(),
        Gather { element, first_row: 0, table_rows, rows, columns, indices, start, batch, skip: 0, factor }.into(),
        GatherGrad { first_row: 0, table_rows: 60, rows, columns }.into(),
        Slice { outer: 1001, axis: 31, inner: 17, start: 3, len: 20 }.into(),
        Pad { outer: 1001, axis: 31, inner: 17, start: 3, len: 20 }.into(),
        Concat { outer: 1001, axis_a: 31, axis_b: 5, inner: 17 }.into(),
        Moments { rows: 1001, columns: 301, by_row: false }.into(),
        Moments { rows, columns, by_row: true }.into(),
        Normalize { rows, columns, by_row: true, epsilon: 0.1 }.into(),
        Normalize { rows: 1001, columns: 301, by_row: false, epsilon: 0.1 }.into(),
        NormalizeSums { rows, columns, by_row: false, epsilon: 0.1 }.into(),
        NormalizeSums { rows: 1001, columns: 301, by_row: true, epsilon: 0.1 }.into(),
        BatchNormGrad { rows, columns, epsilon: 0.1, factor }.into(),
        LayerNormGrad { rows, columns, epsilon: 0.1 }.into(),
        MaxPieces { count: 100_001, pieces: 3 }.into(),
        MaxPiecesGrad { count: 100_001, pieces: 3 }.into(),
        Noise { count: 300_007, offset: 64, deviation: 0.1, seed: 1, stream: 2, step: 3 }.into(),
    ]
}

fn all() -> impl Iterator<Item = Kernel> {
    products().into_iter().chain(elements()).chain(extents())
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let one = Kernels::new(Some(1)).unwrap();
    let more = [2, 3, 5].map(|count| Kernels::new(Some(count)).unwrap());
    for kernel in all() {
        let expected = run(&one, &kernel);
        for kernels in &more {
            let threads = kernels.threads();
            assert!(
                run(kernels, &kernel) == expected,
                "{threads} threads: {kernel:?}"
            );
            let inside = kernels.enter(|| run(kernels, &kernel));
            assert!(
                inside == expected,
                "{threads} threads, from inside: {kernel:?}"
            );
        }
    }
}

/// A thread that waits inside a kernel may begin with another caller's.
#[test]
fn two_callers_may_share_the_threads() {
    let kernel = Kernel::from(Matmul {
        groups: 1,
        m: 512,
        n: 1,
        k: 512,
        transpose_a: true,
        finish: Finish::Sgd {
            learning_rate: 0.1,
            weight_decay: 0.0,
        },
        row_sums: true,
        ..Matmul::default()
    });
    let expected = run(&Kernels::new(Some(1)).unwrap(), &kernel);
    let kernels = Kernels::new(Some(3)).unwrap();
    let caller = || {
        for _ in 0..100 {
            assert!(kernels.enter(|| run(&kernels, &kernel)) == expected);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(caller);
        }
    });
}

/// Every element of every output is written, and none is left as it was.
#[test]
fn outputs_are_written_everywhere() {
    let kernels = Kernels::new(Some(2)).unwrap();
    for kernel in all() {
        for output in run(&kernels, &kernel) {
            let left = output
                .iter()
                .position(|&bits| f32::from_bits(bits).is_nan() && bits != u32::MAX);
            assert_eq!(left, None, "{kernel:?}");
        }
    }
}

#[test]
fn no_thread_is_an_error() {
    assert!(
        Kernels::new(Some(0))
            .unwrap_err()
            .to_string()
            .contains("at least 1")
    );
}

/// The known answers of D. E. Shaw Research's Random123 (`kat_vectors`) for `philox4x32` of 10 rounds.
#[test]
fn random_numbers_are_philox() {
    let word = |seed, stream, step, block: u64| {
        let at = usize::try_from(block % 16).unwrap() * 4;
        philox::block((seed, stream, step), usize::try_from(block / 16).unwrap())[at..at + 4]
            .to_vec()
    };
    assert_eq!(
        word(0, 0, 0, 0),
        [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]
    );
    let most = u32::MAX;
    assert_eq!(
        word(u64::MAX, most, most, u64::MAX),
        [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
    );
    assert_eq!(
        word(
            0x299f_31d0_a409_3822,
            0x0370_7344,
            0x1319_8a2e,
            0x85a3_08d3_243f_6a88
        ),
        [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
    );
}

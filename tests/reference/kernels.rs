//! Every kernel's reference in f32 lies within the bound that its reference in [`Bounded`] states, and the bound is
//! not loose beyond use.

use thalweg::executor::{View, ViewMut};
use thalweg::kernel::*;
use thalweg::random::{Random, stream};
use thalweg::reference::{self, Bounded, Real, compare};
use thalweg::tensor::Element;

/// Random contents of one binding.
#[derive(Clone)]
enum Data<T> {
    Real(Vec<T>),
    U32(Vec<u32>),
    U8(Vec<u8>),
}

impl<T> Data<T> {
    fn view(&self) -> View<'_, T> {
        match self {
            Self::Real(values) => View::Real(values),
            Self::U32(values) => View::U32(values),
            Self::U8(values) => View::U8(values),
        }
    }

    fn view_mut(&mut self) -> ViewMut<'_, T> {
        match self {
            Self::Real(values) => ViewMut::Real(values),
            Self::U32(values) => ViewMut::U32(values),
            Self::U8(values) => ViewMut::U8(values),
        }
    }
}

/// Reals are normal with standard deviation 3, integers are below `top`. What is only written holds NaN before.
#[expect(
    clippy::cast_possible_truncation,
    reason = "rounded to f32 or to a byte, as is meant"
)]
fn contents<T: Real>(binding: &Binding, seed: u64, top: u32) -> Data<T> {
    let random = Random::new(seed, stream::TEST, 0);
    let indices = 0..binding.len as u64;
    match binding.element {
        Element::U32 => Data::U32(indices.map(|i| random.below(i, top)).collect()),
        Element::U8 => Data::U8(indices.map(|i| random.bits(i) as u8).collect()),
        Element::F32 | Element::F16 if binding.access == Access::Write => {
            Data::Real(indices.map(|_| T::from_f32(f32::NAN)).collect())
        }
        Element::F32 | Element::F16 => {
            let real = |i| {
                let x = 3.0 * random.normal(i) as f32;
                // Sums and means of squares are not negative.
                T::from_f32(
                    if ["square", "squares", "total", "delta", "norm"].contains(&binding.name) {
                        x.abs()
                    } else {
                        x
                    },
                )
            };
            Data::Real(indices.map(real).collect())
        }
    }
}

/// What the kernel writes.
fn run<T: Real>(kernel: &Kernel, seed: u64, top: u32) -> Vec<Data<T>> {
    let mut inputs = Vec::new();
    let mut outputs = Vec::new();
    for (salt, binding) in (1000..).zip(kernel.bindings()) {
        let data = contents(&binding, salt * seed, top);
        if binding.access == Access::Read {
            inputs.push(data);
        } else {
            outputs.push(data);
        }
    }
    let inputs: Vec<View<'_, T>> = inputs.iter().map(Data::view).collect();
    let mut views: Vec<ViewMut<'_, T>> = outputs.iter_mut().map(Data::view_mut).collect();
    reference::run(kernel, &inputs, &mut views);
    outputs
}

/// The largest part of its bound that f32 used.
fn check(kernel: &Kernel, top: u32) -> f64 {
    let mut largest = 0.0_f64;
    for seed in 1..=4 {
        let actual = run::<f32>(kernel, seed, top);
        let expected = run::<Bounded>(kernel, seed, top);
        for pair in actual.iter().zip(&expected) {
            match pair {
                (Data::Real(actual), Data::Real(expected)) => {
                    let closeness = compare(&format!("{kernel:?}"), actual, expected);
                    largest = largest.max(closeness.unwrap_or_else(|d| panic!("{d}")).ratio);
                }
                (Data::U32(actual), Data::U32(expected)) => {
                    assert_eq!(actual, expected, "{kernel:?}");
                }
                _ => panic!("{kernel:?} wrote another type"),
            }
        }
    }
    eprintln!("{largest:.4} {kernel:?}");
    largest
}

/// The bound may be a thousand times what is seen, not more.
fn check_inexact(kernel: impl Into<Kernel>) {
    let kernel = kernel.into();
    let largest = check(&kernel, 5);
    assert!(
        largest > 1e-3,
        "only {largest:e} of the bound used: {kernel:?}"
    );
}

/// For a kernel that only moves or decides, the bound is 0.
fn check_exact(kernel: impl Into<Kernel>, top: u32) {
    let kernel = kernel.into();
    assert_eq!(check(&kernel, top), 0.0, "{kernel:?}");
}

#[test]
fn matmul() {
    for (groups, m, n, k) in [(1, 1, 1, 1), (2, 5, 7, 3), (1, 3, 2, 1000), (1, 17, 9, 64)] {
        for transpose_a in [false, true] {
            for transpose_b in [false, true] {
                check_inexact(Matmul {
                    groups,
                    m,
                    n,
                    k,
                    transpose_a,
                    transpose_b,
                    ..Matmul::default()
                });
            }
        }
    }
}

const ACTIVATIONS: [ActivationKind; 10] = [
    ActivationKind::Identity,
    ActivationKind::Sigmoid,
    ActivationKind::Tanh,
    ActivationKind::Relu,
    ActivationKind::LeakyRelu,
    ActivationKind::Elu,
    ActivationKind::Gelu,
    ActivationKind::GeluTanh,
    ActivationKind::Silu,
    ActivationKind::Softplus,
];

#[test]
fn activations() {
    let (count, alpha) = (500, 0.3);
    for kind in ACTIVATIONS {
        if matches!(kind, ActivationKind::Identity | ActivationKind::Relu) {
            check_exact(Activation { kind, count, alpha }, 1);
            check_exact(ActivationGrad { kind, count, alpha }, 1);
        } else {
            check_inexact(Activation { kind, count, alpha });
            check_inexact(ActivationGrad { kind, count, alpha });
        }
    }
}

#[test]
fn elementwise() {
    let (groups, count, rows, columns) = (2, 105, 7, 5);
    check_inexact(BiasAdd {
        groups,
        rows,
        columns,
    });
    for kind in [BinaryKind::Add, BinaryKind::Sub, BinaryKind::Mul] {
        check_inexact(Binary { kind, count });
    }
    check_inexact(Scale { count, factor: 0.3 });
    check_inexact(Softmax { rows, columns });
    check_inexact(SoftmaxGrad { rows, columns });
    check_inexact(Dropout {
        count,
        offset: 0,
        threshold: 1 << 30,
        factor: 4.0 / 3.0,
        seed: 3,
        stream: stream::DROPOUT,
        step: 2,
    });
}

#[test]
fn losses() {
    let (count, rows, columns) = (105, 21, 5);
    check_inexact(SoftmaxCrossEntropy { rows, columns });
    check_inexact(SoftmaxCrossEntropyGrad { rows, columns });
    check_inexact(LogSoftmax { rows, columns });
    check_inexact(LogSoftmaxGrad { rows, columns });
    for kind in [
        PointwiseLossKind::SquaredError,
        PointwiseLossKind::SigmoidCrossEntropy,
        PointwiseLossKind::Huber(1.3),
        PointwiseLossKind::SmoothL1(0.7),
    ] {
        check_inexact(PointwiseLoss { kind, count });
        for at_target in [false, true] {
            check_inexact(PointwiseLossGrad {
                kind,
                at_target,
                count,
            });
        }
    }
    check_exact(Correct { rows, columns }, columns);
}

#[test]
fn sums() {
    for (outer, axis, inner) in [(3, 4, 5), (1, 500, 1), (6, 1, 1)] {
        let factor = 1.0 / 3.0;
        check_inexact(Sum {
            outer,
            axis,
            inner,
            factor,
        });
        check_inexact(Broadcast {
            outer,
            axis,
            inner,
            factor,
        });
    }
}

#[test]
fn rows() {
    let gather = Gather {
        element: Element::F32,
        first_row: 0,
        table_rows: 4,
        rows: 6,
        columns: 3,
        indices: 10,
        start: 4,
        batch: true,
        skip: 0,
        factor: 1.0 / 255.0,
    };
    check_exact(gather, 5);
    check_exact(
        Gather {
            element: Element::U32,
            ..gather
        },
        5,
    );
    check_inexact(Gather {
        element: Element::U8,
        ..gather
    });
    check_inexact(GatherGrad {
        first_row: 0,
        table_rows: 4,
        rows: 20,
        columns: 3,
    });
    let (outer, axis, inner, start, len) = (2, 7, 3, 2, 4);
    check_exact(
        Slice {
            outer,
            axis,
            inner,
            start,
            len,
        },
        1,
    );
    check_exact(
        Pad {
            outer,
            axis,
            inner,
            start,
            len,
        },
        1,
    );
    check_exact(
        Concat {
            outer,
            axis_a: 2,
            axis_b: 5,
            inner,
        },
        1,
    );
}

#[test]
fn optimizers() {
    let sgd = SgdUpdate {
        factor: 1.0,
        count: 100,
        learning_rate: 0.1,
        momentum: 0.0,
        nesterov: false,
        weight_decay: 0.01,
        scaled: false,
    };
    check_inexact(sgd);
    check_inexact(SgdUpdate {
        momentum: 0.9,
        ..sgd
    });
    check_inexact(SgdUpdate {
        momentum: 0.9,
        nesterov: true,
        ..sgd
    });
    let adam = AdamUpdate {
        factor: 1.0,
        count: 100,
        learning_rate: 0.001,
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        weight_decay: 0.01,
        decoupled: false,
        step: 7,
        scaled: false,
    };
    check_inexact(adam);
    check_inexact(AdamUpdate {
        decoupled: true,
        ..adam
    });
}

#[test]
fn rules() {
    fn by<R: Rule>(rule: R, step: u32)
    where
        Kernel: From<RuleUpdate<R>>,
    {
        check_inexact(RuleUpdate {
            count: 100,
            learning_rate: 0.01,
            factor: 1.0,
            step,
            rule,
            scaled: false,
        });
    }
    by(Rmsprop::default(), 1);
    let momentum = 0.9;
    by(
        Rmsprop {
            momentum,
            ..Rmsprop::default()
        },
        1,
    );
    by(Adagrad::default(), 3);
    by(Adadelta::default(), 1);
    by(Adamax::default(), 2);
    by(Nadam::default(), 7);
    by(Radam::default(), 2);
    by(Radam::default(), 70);
    by(Lion::default(), 1);
    let (count, scaled, limit) = (100, false, 0.7);
    let (rows, columns) = (10, 10);
    check_inexact(Accumulate { count, factor: 0.3 });
    check_inexact(SquareSum { rows, columns });
    check_inexact(L1Gradient {
        count,
        l1: 0.1,
        scaled,
    });
    check_inexact(ClipNorm {
        count,
        limit,
        scaled,
    });
    check_inexact(MaxNormUpdate {
        rows,
        columns,
        limit,
    });
}

#[test]
fn state() {
    check_exact(Copy { count: 9 }, 1);
    check_inexact(LerpUpdate { count: 9, t: 0.1 });
    check_exact(
        Record {
            slots: 3,
            columns: 4,
            slot: 1,
            first_slot: 0,
        },
        1,
    );
    check_exact(
        Record {
            slots: 3,
            columns: 4,
            slot: 3,
            first_slot: 0,
        },
        1,
    );
    check_exact(
        Nonfinite {
            count: 9,
            offset: 0,
        },
        1,
    );
}

/// No intermediate leaves the range of f32 where the result does not: the bounds are finite for every finite input.
#[test]
fn nothing_overflows() {
    let powers = (0..=254).map(|exponent| f32::from_bits(exponent << 23 | 0x5_0000));
    let x: Vec<Bounded> = powers
        .flat_map(|x| [x, -x])
        .map(Bounded::from_f32)
        .collect();
    let dy = vec![Bounded::from_f32(1.0); x.len()];
    let mut y = dy.clone();
    let (count, alpha) = (510, 0.3);
    let assert_finite = |y: &[Bounded], what: &str| {
        for (x, y) in x.iter().zip(y) {
            assert!(y.error.is_finite(), "{what} of {x:?} is {y:?}");
        }
    };
    for kind in ACTIVATIONS {
        reference::activation(&Activation { kind, count, alpha }, &x, &mut y);
        assert_finite(&y, &format!("{kind:?}"));
        if !kind.saves_output() {
            let p = ActivationGrad { kind, count, alpha };
            reference::activation_grad(&p, &x, &dy, &mut y);
            assert_finite(&y, &format!("gradient of {kind:?}"));
        }
    }
    let (rows, columns) = (1, count);
    reference::softmax(&Softmax { rows, columns }, &x, &mut y);
    assert_finite(&y, "softmax");
    let p = SoftmaxCrossEntropyGrad { rows, columns };
    reference::softmax_cross_entropy_grad(&p, &x, &[7], &dy, &mut y);
    assert_finite(&y, "gradient of the cross-entropy");
}

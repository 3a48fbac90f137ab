//! What is not compared within a bound but demanded on the bits: numbers that are not finite, and random units.

use thalweg::executor::Data;
use thalweg::kernel::{
    Activation, ActivationGrad, ActivationKind, BiasAdd, Binary, BinaryKind, ClassLoss,
    ClassLossKind, ClipNorm, ClipValue, Copy, Dropout, Kernel, L1Gradient, Limits, LogSoftmax,
    LogSoftmaxGrad, Matmul, Nonfinite, PointwiseLoss, Scale, SmoothedCrossEntropy,
    SmoothedCrossEntropyGrad, Softmax, SoftmaxCrossEntropy, SoftmaxCrossEntropyGrad, SoftmaxGrad,
    Spec, SquareSum, Sum,
};
use thalweg::random::{Random, stream};

use super::stage::{self, Exact};
use super::table::{ACTIVATIONS, BINARIES, LOSSES};
use crate::common::{Named, executors, gpu_as_others};

/// NaN in several dresses: quiet and signalling, of either sign, with one bit set or all.
const NANS: [u32; 6] = [
    0x7fc0_0000,
    0xffc0_0000,
    0x7f80_0001,
    0xff80_0001,
    0x7fff_ffff,
    0xffff_ffff,
];

fn reals(data: &Data) -> &[f32] {
    match data {
        Data::F32(values) => values,
        other => panic!("expected f32, found {}", other.element()),
    }
}

/// Puts a NaN into one element of one input: wherever that makes the reference NaN, the executor has to be NaN too, and
/// nowhere else.
fn check_nan(kernel: impl Into<Kernel>, input: usize) {
    let kernel = kernel.into();
    let bindings = kernel.bindings();
    let mut values: Vec<Data> = (1..)
        .zip(&bindings)
        .map(|(salt, b)| {
            let random = Random::new(salt, stream::TEST, 2);
            match b.element {
                // Classes: all below the smallest number of columns used here.
                thalweg::tensor::Element::U32 => {
                    Data::U32((0..b.len as u64).map(|i| random.below(i, 3)).collect())
                }
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "rounded to f32, as is meant"
                )]
                _ => Data::F32(
                    (0..b.len as u64)
                        .map(|i| random.uniform(i) as f32 + 0.1)
                        .collect(),
                ),
            }
        })
        .collect();
    let len = bindings[input].len;
    let mut executors = executors();
    executors.extend(gpu_as_others());
    for (bits, at) in NANS
        .into_iter()
        .zip([0, len / 2, len - 1].into_iter().cycle())
    {
        let before = reals(&values[input])[at];
        let Data::F32(x) = &mut values[input] else {
            panic!("a NaN is put among reals")
        };
        x[at] = f32::from_bits(bits);
        let expected = stage::expected::<f32>(&kernel, &values);
        let [Exact::Real(expected)] = expected.as_slice() else {
            panic!("one output of reals: {kernel:?}")
        };
        assert!(
            expected.iter().any(|y| y.is_nan()),
            "{kernel:?}: a NaN that nobody sees tests nothing"
        );
        for Named { name, executor } in &mut executors {
            let found = stage::run(executor.as_mut(), &kernel, &values);
            for (i, (found, expected)) in reals(&found[0]).iter().zip(expected).enumerate() {
                assert_eq!(
                    found.is_nan(),
                    expected.is_nan(),
                    "{name}: {kernel:?} with {bits:#x} at {at} of input {input}: output {i} is {found}"
                );
            }
        }
        let Data::F32(x) = &mut values[input] else {
            panic!("a NaN is put among reals")
        };
        x[at] = before;
    }
}

#[test]
fn activations_let_nan_through() {
    let (count, alpha) = (300, 0.3);
    for kind in ACTIVATIONS {
        check_nan(Activation { kind, count, alpha }, 0);
        check_nan(ActivationGrad { kind, count, alpha }, 1);
        // The others look at the sign alone, and their gradient has no place for a NaN in it.
        if !matches!(
            kind,
            ActivationKind::Identity
                | ActivationKind::Relu
                | ActivationKind::LeakyRelu
                | ActivationKind::Elu
        ) {
            check_nan(ActivationGrad { kind, count, alpha }, 0);
        }
    }
}

#[test]
fn what_leads_to_the_loss_lets_nan_through() {
    let (rows, columns, count) = (9, 5, 300);
    for input in [0, 1] {
        for kind in BINARIES {
            check_nan(Binary { kind, count }, input);
        }
        check_nan(
            BiasAdd {
                groups: 2,
                rows,
                columns,
            },
            input,
        );
        check_nan(SoftmaxGrad { rows, columns }, input);
        for kind in LOSSES {
            check_nan(PointwiseLoss { kind, count }, input);
        }
        for (m, n, k) in [(5, 7, 3), (70, 65, 33)] {
            let matmul = Matmul {
                groups: 1,
                m,
                n,
                k,
                transpose_a: false,
                transpose_b: true,
                ..Matmul::default()
            };
            check_nan(matmul, input);
        }
    }
    let (scaled, limit) = (false, 0.05);
    check_nan(
        L1Gradient {
            count,
            l1: 0.1,
            scaled,
        },
        0,
    );
    check_nan(
        ClipNorm {
            count,
            limit,
            scaled,
        },
        0,
    );
    check_nan(
        ClipValue {
            count,
            limit,
            scaled,
        },
        0,
    );
    check_nan(SquareSum { rows, columns }, 0);
    check_nan(Copy { count }, 0);
    check_nan(Scale { count, factor: 0.0 }, 0);
    check_nan(Softmax { rows, columns }, 0);
    check_nan(SoftmaxCrossEntropy { rows, columns }, 0);
    check_nan(SoftmaxCrossEntropyGrad { rows, columns }, 0);
    check_nan(SoftmaxCrossEntropyGrad { rows, columns }, 2);
    check_nan(LogSoftmax { rows, columns }, 0);
    check_nan(LogSoftmaxGrad { rows, columns }, 0);
    check_nan(LogSoftmaxGrad { rows, columns }, 1);
    let smoothing = 0.1;
    let smoothed = SmoothedCrossEntropy {
        rows,
        columns,
        smoothing,
    };
    check_nan(smoothed, 0);
    let smoothed = SmoothedCrossEntropyGrad {
        rows,
        columns,
        smoothing,
    };
    check_nan(smoothed, 0);
    check_nan(smoothed, 3);
    let kind = ClassLossKind::Hinge;
    check_nan(
        ClassLoss {
            kind,
            rows,
            columns,
        },
        0,
    );
    for axis in [10, 3000] {
        check_nan(
            Sum {
                outer: 2,
                axis,
                inner: 2,
                factor: 0.5,
            },
            0,
        );
    }
}

/// Infinities must not turn into something harmless either.
#[test]
fn a_product_that_overflows_is_not_finite() {
    let kernel = Kernel::from(Binary {
        kind: BinaryKind::Mul,
        count: 3,
    });
    let values = [
        vec![f32::MAX; 3],
        vec![2.0, -2.0, f32::INFINITY],
        vec![f32::NAN; 3],
    ]
    .map(Data::F32);
    for Named { name, mut executor } in executors() {
        let found = stage::run(executor.as_mut(), &kernel, &values);
        let found = reals(&found[0]);
        assert!(found.iter().all(|y| !y.is_finite()), "{name}: {found:?}");
    }
}

/// Which units are kept is the same on every executor, and so are all values: one rounded product each.
#[test]
fn dropout_is_the_same_everywhere() {
    let count = 70_001;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "rounded to f32, as is meant"
    )]
    let x: Vec<f32> = (0..u64::from(count))
        .map(|i| Random::new(5, stream::TEST, 0).normal(i) as f32 + 10.0)
        .collect();
    let keys = [
        (0, 0, 0),
        (42, 3, 1),
        (1 << 33 | 7, 0xff_ffff, 17),
        (u64::MAX, 1, u32::MAX),
    ];
    let mut executors = executors();
    for (seed, layer, step) in keys {
        let random = Random::new(seed, stream::DROPOUT | layer, step);
        // The last one is met exactly by one element, which is kept.
        let thresholds = [
            0,
            1,
            1 << 30,
            1 << 31,
            0xe000_0000,
            u32::MAX,
            random.bits(77),
        ];
        for threshold in thresholds {
            let (stream, factor) = (stream::DROPOUT | layer, 1.25);
            let kernel = Dropout {
                count,
                offset: 0,
                threshold,
                factor,
                seed,
                stream,
                step,
            }
            .into();
            let expected: Vec<u32> = (0..)
                .zip(&x)
                .map(|(i, x)| {
                    if random.bits(i) >= threshold {
                        (1.25 * x).to_bits()
                    } else {
                        0
                    }
                })
                .collect();
            let values = [Data::F32(x.clone()), Data::F32(vec![f32::NAN; x.len()])];
            for Named { name, executor } in &mut executors {
                let found = stage::run(executor.as_mut(), &kernel, &values);
                let found: Vec<u32> = reals(&found[0]).iter().map(|y| y.to_bits()).collect();
                let at = found.iter().zip(&expected).position(|(a, e)| a != e);
                assert_eq!(at, None, "{name}: {kernel:?} differs there");
            }
        }
    }
}

/// On the bits, at both ends, behind a workgroup's reach, and the first of several.
#[test]
fn nonfinite_finds_the_first() {
    let mut executors = executors();
    let bits = NANS.into_iter().chain([0x7f80_0000, 0xff80_0000]);
    for (bits, count) in bits.zip([1_u32, 2, 255, 256, 257, 1000, 70_000, 65_537]) {
        let last = count as usize - 1;
        let middle = last / 2;
        for places in [
            vec![0],
            vec![last],
            vec![middle],
            vec![middle, last],
            vec![0, last],
            vec![],
        ] {
            // The largest numbers and the smallest are finite, and so is what comes closest to NaN on the bits.
            let mut x = vec![f32::MAX; count as usize];
            x.iter_mut()
                .step_by(3)
                .for_each(|x| *x = -f32::MIN_POSITIVE);
            places.iter().for_each(|&at| x[at] = f32::from_bits(bits));
            let values = [Data::F32(x), Data::U32(vec![7])];
            let first = places
                .first()
                .map_or(u32::MAX, |&at| u32::try_from(at).expect("it is small"));
            for Named { name, executor } in &mut executors {
                let found = stage::run(
                    executor.as_mut(),
                    &Nonfinite { count, offset: 0 }.into(),
                    &values,
                );
                let expected = Data::U32(vec![first]);
                assert_eq!(
                    found,
                    [expected],
                    "{name}: {bits:#x} at {places:?} of {count}"
                );
            }
        }
    }
}

/// No size exceeds what one dispatch can start: the loops of the elementwise kernels are strided.
#[test]
fn more_elements_than_a_dispatch_has_invocations() {
    let count = 65_535 * 256 + 300;
    let x: Vec<f32> = (0..count).map(|i| (i % 1_000_003) as f32).collect();
    let expected: Vec<f32> = x.iter().map(|x| 0.5 * x).collect();
    let values = [Data::F32(x), Data::F32(vec![f32::NAN; count as usize])];
    for Named { name, mut executor } in crate::common::fast_executors() {
        let found = stage::run(
            executor.as_mut(),
            &Scale { count, factor: 0.5 }.into(),
            &values,
        );
        assert!(reals(&found[0]) == expected, "{name}: the halves differ");
    }
}

/// Without timing, a GPU gets the largest tiles of which there are enough to fill it, and thin products a shader of their
/// own; nothing asks for more than the device has.
#[test]
fn tiles_are_large_where_there_are_enough_of_them() {
    let limits = Limits {
        subgroup: Some(32),
        ..Limits::SMALLEST
    };
    let chosen = |[m, n, k]: [u32; 3], limits: &Limits| {
        let matmul = Matmul {
            groups: 1,
            m,
            n,
            k,
            ..Matmul::default()
        };
        let shader = matmul.shader(limits);
        let rows = shader.constants.iter().find(|c| c.name == "TILE_M");
        let rows = rows.map_or(String::new(), |rows| rows.value.clone());
        format!("{} {rows}", shader.file)
    };
    assert_eq!(chosen([4096; 3], &limits), "matmul_tile 128u");
    assert_eq!(chosen([1024; 3], &limits), "matmul_tile 128u", "128 x 64");
    assert_eq!(chosen([768; 3], &limits), "matmul_tile 64u");
    assert_eq!(chosen([128, 256, 784], &limits), "matmul_tile 32u");
    assert_eq!(chosen([1, 256, 784], &limits), "matmul_thin ");
    assert_eq!(chosen([256, 10, 784], &limits), "matmul_thin ");
    let small = Limits {
        invocations: 64,
        ..limits
    };
    assert_eq!(chosen([4096; 3], &small), "matmul_tile 32u");
}

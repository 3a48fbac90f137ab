//! One or more kernels for every variant: each kind, flag and element type that chooses a shader or a constant.

use thalweg::kernel::{
    Accumulate, Activation, ActivationGrad, ActivationKind, Adadelta, Adagrad, AdamUpdate, Adamax,
    BatchNormGrad, BiasAdd, Binary, BinaryKind, Broadcast, ClassLoss, ClassLossGrad, ClassLossKind,
    ClipNorm, ClipValue, Concat, Copy, Correct, Dropout, Finish, Function, Gather, GatherGrad,
    Kernel, L1Gradient, LayerNormGrad, LerpUpdate, Lion, LogSoftmax, LogSoftmaxGrad, Matmul,
    MaxNormUpdate, MaxPieces, MaxPiecesGrad, Moments, Nadam, Narrow, Noise, Nonfinite, Normalize,
    NormalizeSums, Pad, PointwiseLoss, PointwiseLossGrad, PointwiseLossKind, Radam, Record,
    Rmsprop, Rule, RuleUpdate, RunningMoments, Scale, Scaler, SgdUpdate, Share, Slice,
    SmoothedCrossEntropy, SmoothedCrossEntropyGrad, Softmax, SoftmaxCrossEntropy,
    SoftmaxCrossEntropyGrad, SoftmaxGrad, SquareSum, Sum,
};
use thalweg::tensor::Element;

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

/// Kernels of different types in one list.
macro_rules! kernels {
    ($($kernel:expr),* $(,)?) => { vec![$(Kernel::from($kernel)),*] };
}

/// All examples.
pub(super) fn all() -> Vec<Kernel> {
    let mut kernels = elementwise();
    kernels.extend(rows());
    kernels.extend(losses());
    kernels.extend(updates());
    kernels.extend(matmuls());
    kernels.extend(layers());
    kernels
}

fn layers() -> Vec<Kernel> {
    let (columns, count, pieces, epsilon) = (20, 1000, 3, 1e-5);
    let mut kernels = kernels![
        BatchNormGrad {
            rows: 7,
            columns,
            epsilon,
            factor: 0.1
        },
        LayerNormGrad {
            rows: 7,
            columns,
            epsilon
        },
        RunningMoments {
            columns,
            momentum: 0.1,
            correction: 1.1
        },
        MaxPieces { count, pieces },
        MaxPiecesGrad { count, pieces },
        Noise {
            count,
            deviation: 0.1,
            ..Noise::default()
        },
    ];
    for (rows, by_row) in [(7, false), (2000, false), (7, true)] {
        kernels.extend(kernels![
            Moments {
                rows,
                columns,
                by_row
            },
            Normalize {
                rows,
                columns,
                by_row,
                epsilon
            },
            NormalizeSums {
                rows,
                columns,
                by_row,
                epsilon
            },
        ]);
    }
    kernels
}

fn elementwise() -> Vec<Kernel> {
    let (count, odd, alpha) = (1000, 1001, 0.01);
    let mut kernels: Vec<Kernel> = ACTIVATIONS
        .into_iter()
        .flat_map(|kind| {
            kernels![
                Activation { kind, count, alpha },
                ActivationGrad { kind, count, alpha },
                Activation {
                    kind,
                    count: odd,
                    alpha
                },
                ActivationGrad {
                    kind,
                    count: odd,
                    alpha
                },
            ]
        })
        .collect();
    kernels.extend(
        [BinaryKind::Add, BinaryKind::Sub, BinaryKind::Mul]
            .map(|kind| Kernel::from(Binary { kind, count })),
    );
    kernels.extend(kernels![
        BiasAdd {
            groups: 2,
            rows: 3,
            columns: 5,
        },
        Scale { count, factor: 0.5 },
        Dropout {
            count,
            offset: 64,
            threshold: 1 << 30,
            factor: 4.0 / 3.0,
            seed: 1 << 40,
            stream: 1,
            step: 2,
        },
        Copy { count },
        LerpUpdate { count, t: 0.1 },
        LerpUpdate { count: odd, t: 0.1 },
        Nonfinite { count, offset: 0 },
        Narrow {
            groups: 2,
            rows: 7,
            columns: 20,
        },
        Scaler {
            growth: 2.0,
            backoff: 0.5,
            interval: 2000,
            beta1: 0.9,
            beta2: 0.999,
        },
    ]);
    kernels
}

fn rows() -> Vec<Kernel> {
    let (rows, columns, outer, inner) = (7, 5, 2, 3);
    let gather = |element, columns| {
        Kernel::from(Gather {
            element,
            first_row: 0,
            table_rows: 100,
            rows,
            columns,
            indices: 100,
            start: 14,
            batch: true,
            skip: 0,
            factor: 1.0 / 255.0,
        })
    };
    // Rows that divide by 4, and rows that do not.
    let elements = [Element::F32, Element::U32, Element::U8];
    let mut kernels: Vec<_> = elements
        .iter()
        .flat_map(|&e| [gather(e, columns), gather(e, 12)])
        .collect();
    kernels.extend([4, 4096].map(|axis| {
        Kernel::from(Sum {
            outer,
            axis,
            inner,
            factor: 0.25,
        })
    }));
    kernels.extend(kernels![
        Softmax { rows, columns },
        SoftmaxGrad { rows, columns },
        Broadcast {
            outer,
            axis: 4,
            inner,
            factor: 0.25,
        },
        GatherGrad {
            first_row: 0,
            table_rows: 100,
            rows,
            columns,
        },
        Slice {
            outer,
            axis: 9,
            inner,
            start: 4,
            len: 3,
        },
        Pad {
            outer,
            axis: 9,
            inner,
            start: 4,
            len: 3,
        },
        Concat {
            outer,
            axis_a: 4,
            axis_b: 5,
            inner,
        },
        Record {
            slots: 10,
            columns,
            slot: 3,
            first_slot: 0,
        },
    ]);
    kernels
}

fn losses() -> Vec<Kernel> {
    let (rows, columns, count) = (7, 5, 1000);
    let mut kernels = kernels![
        SoftmaxCrossEntropy { rows, columns },
        SoftmaxCrossEntropyGrad { rows, columns },
        Correct { rows, columns },
        LogSoftmax { rows, columns },
        LogSoftmaxGrad { rows, columns },
        Share { count },
        SmoothedCrossEntropy {
            rows,
            columns,
            smoothing: 0.1,
        },
        SmoothedCrossEntropyGrad {
            rows,
            columns,
            smoothing: 0.1,
        },
    ];
    for kind in [ClassLossKind::Hinge, ClassLossKind::NegativeLogLikelihood] {
        kernels.extend(kernels![
            ClassLoss {
                kind,
                rows,
                columns,
            },
            ClassLossGrad {
                kind,
                rows,
                columns,
            },
        ]);
    }
    for kind in [
        PointwiseLossKind::SquaredError,
        PointwiseLossKind::SigmoidCrossEntropy,
        PointwiseLossKind::AbsoluteError,
        PointwiseLossKind::Huber(1.5),
        PointwiseLossKind::SmoothL1(0.5),
        PointwiseLossKind::Divergence,
    ] {
        kernels.push(Kernel::from(PointwiseLoss { kind, count }));
        kernels.extend([false, true].map(|at_target| {
            Kernel::from(PointwiseLossGrad {
                kind,
                at_target,
                count,
            })
        }));
    }
    kernels
}

fn updates() -> Vec<Kernel> {
    let (count, learning_rate, weight_decay) = (1000, 0.1, 0.01);
    let mut kernels = [(0.0, false), (0.9, false), (0.9, true)]
        .map(|(momentum, nesterov)| {
            Kernel::from(SgdUpdate {
                factor: 1.0,
                count,
                learning_rate,
                momentum,
                nesterov,
                weight_decay,
                scaled: false,
            })
        })
        .to_vec();
    kernels.extend([false, true].map(|decoupled| {
        Kernel::from(AdamUpdate {
            factor: 1.0,
            count,
            learning_rate,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay,
            decoupled,
            step: 3,
            scaled: false,
        })
    }));
    for (centered, momentum) in [(false, 0.0), (false, 0.9), (true, 0.0), (true, 0.9)] {
        let rule = Rmsprop {
            centered,
            momentum,
            ..Rmsprop::default()
        };
        kernels.push(by_rule(rule));
    }
    kernels.extend([
        by_rule(Adagrad::default()),
        by_rule(Adadelta::default()),
        by_rule(Adamax::default()),
        by_rule(Nadam::default()),
        by_rule(Radam::default()),
        by_rule(Lion::default()),
    ]);
    let (limit, scaled, rows, columns) = (0.5, false, 7, 5);
    for count in [count, 1001] {
        kernels.extend(kernels![
            L1Gradient {
                count,
                l1: 0.1,
                scaled
            },
            ClipNorm {
                count,
                limit,
                scaled
            },
            ClipValue {
                count,
                limit,
                scaled
            },
        ]);
    }
    kernels.extend(kernels![
        Accumulate { count, factor: 0.5 },
        Accumulate {
            count: 1001,
            factor: 0.5
        },
        SquareSum { rows, columns },
        MaxNormUpdate {
            rows,
            columns,
            limit
        },
    ]);
    let scaled = |kernel: &Kernel| match *kernel {
        Kernel::SgdUpdate(k) => Kernel::from(SgdUpdate { scaled: true, ..k }),
        Kernel::AdamUpdate(k) => Kernel::from(AdamUpdate { scaled: true, ..k }),
        Kernel::RmspropUpdate(k) => Kernel::from(RuleUpdate { scaled: true, ..k }),
        Kernel::AdagradUpdate(k) => Kernel::from(RuleUpdate { scaled: true, ..k }),
        Kernel::AdadeltaUpdate(k) => Kernel::from(RuleUpdate { scaled: true, ..k }),
        Kernel::AdamaxUpdate(k) => Kernel::from(RuleUpdate { scaled: true, ..k }),
        Kernel::LionUpdate(k) => Kernel::from(RuleUpdate { scaled: true, ..k }),
        Kernel::L1Gradient(k) => Kernel::from(L1Gradient { scaled: true, ..k }),
        Kernel::ClipNorm(k) => Kernel::from(ClipNorm { scaled: true, ..k }),
        Kernel::ClipValue(k) => Kernel::from(ClipValue { scaled: true, ..k }),
        other => other,
    };
    kernels.extend(kernels.iter().map(scaled).collect::<Vec<_>>());
    kernels
}

fn by_rule<R: Rule>(rule: R) -> Kernel
where
    Kernel: From<RuleUpdate<R>>,
{
    RuleUpdate {
        count: 1000,
        learning_rate: 0.1,
        factor: 1.0,
        step: 7,
        rule,
        scaled: false,
    }
    .into()
}

/// All operands, in sizes that divide by 4 and that do not; and all that is fused.
fn matmuls() -> Vec<Kernel> {
    let operands = [(false, false), (false, true), (true, false), (true, true)];
    let sizes = [[100, 50, 30], [100, 52, 32], [7, 52, 32]];
    let matmul = |[m, n, k]: [u32; 3], (transpose_a, transpose_b)| Matmul {
        groups: 2,
        m,
        n,
        k,
        transpose_a,
        transpose_b,
        ..Matmul::default()
    };
    let mut all: Vec<Matmul> = sizes
        .iter()
        .flat_map(|&size| operands.map(|operand| matmul(size, operand)))
        .collect();
    for kind in ACTIVATIONS {
        let function = Function { kind, alpha: 0.01 };
        for finish in [Finish::Bias(function), Finish::Gradient(function)] {
            all.extend(sizes.iter().flat_map(|&size| {
                [false, true].map(|row_sums| Matmul {
                    finish,
                    row_sums,
                    ..matmul(size, (row_sums, false))
                })
            }));
        }
    }
    let finish = Finish::Sgd {
        learning_rate: 0.1,
        weight_decay: 0.01,
    };
    let update = |row_sums| {
        sizes.map(|size| Matmul {
            finish,
            row_sums,
            ..matmul(size, (true, false))
        })
    };
    let half = |&k: &Matmul| Matmul {
        operands: Element::F16,
        ..k
    };
    all.extend(all.iter().map(half).collect::<Vec<_>>());
    // An update in half precision there is none: it is scaled, and may be skipped.
    all.extend([false, true].into_iter().flat_map(update));
    all.into_iter().map(Kernel::from).collect()
}

//! One or more kernels for every variant: each kind, flag and element type that chooses a shader or a constant.

use thalweg::kernel::{
    Activation, ActivationGrad, ActivationKind, AdamUpdate, BiasAdd, Binary, BinaryKind, Broadcast,
    ClassLoss, ClassLossGrad, ClassLossKind, Concat, Copy, Correct, Dropout, Finish, Function,
    Gather, GatherGrad, Kernel, LogSoftmax, LogSoftmaxGrad, Matmul, Narrow, Nonfinite, Pad,
    PointwiseLoss, PointwiseLossGrad, PointwiseLossKind, Record, Scale, Scaler, SgdUpdate, Share,
    Slice, SmoothedCrossEntropy, SmoothedCrossEntropyGrad, Softmax, SoftmaxCrossEntropy,
    SoftmaxCrossEntropyGrad, SoftmaxGrad, Sum,
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
    let scaled = |kernel: &Kernel| match *kernel {
        Kernel::SgdUpdate(k) => Kernel::from(SgdUpdate { scaled: true, ..k }),
        Kernel::AdamUpdate(k) => Kernel::from(AdamUpdate { scaled: true, ..k }),
        other => other,
    };
    kernels.extend(kernels.iter().map(scaled).collect::<Vec<_>>());
    kernels
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

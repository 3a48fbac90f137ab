//! The table: for every kernel, and every kind, flag and element type of it, sizes around a workgroup of 256 and around
//! the tiles of the products, and values that are worth a look. A new kernel gets its row here.

use thalweg::kernel::{
    Activation, ActivationGrad, ActivationKind, AdamUpdate, BiasAdd, Binary, BinaryKind, Broadcast,
    Concat, Copy, Correct, Dropout, Gather, GatherGrad, Matmul, Nonfinite, Pad, PointwiseLoss,
    PointwiseLossGrad, PointwiseLossKind, Record, Scale, SgdUpdate, Slice, Softmax,
    SoftmaxCrossEntropy, SoftmaxCrossEntropyGrad, SoftmaxGrad, Sum,
};
use thalweg::random::stream;
use thalweg::tensor::Element;

use super::draw::{Case, Draw, case};

/// Numbers of elements: around a workgroup, and several of them.
const COUNTS: [u32; 5] = [1, 255, 256, 257, 70_000];
/// Rows and columns: of one, around a workgroup, rows longer than one.
const ROWS: [[u32; 2]; 8] = [
    [1, 1],
    [1, 10],
    [7, 1],
    [3, 2],
    [255, 3],
    [256, 10],
    [257, 10],
    [2, 1000],
];

pub(super) const ACTIVATIONS: [ActivationKind; 10] = [
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
pub(super) const BINARIES: [BinaryKind; 3] = [BinaryKind::Add, BinaryKind::Sub, BinaryKind::Mul];
pub(super) const LOSSES: [PointwiseLossKind; 2] = [
    PointwiseLossKind::SquaredError,
    PointwiseLossKind::SigmoidCrossEntropy,
];

/// A new kind does not compile until it is counted here, and the count is that of the lists above.
const _: () = {
    const fn activation(kind: ActivationKind) -> usize {
        match kind {
            ActivationKind::Identity => 1,
            ActivationKind::Sigmoid => 2,
            ActivationKind::Tanh => 3,
            ActivationKind::Relu => 4,
            ActivationKind::LeakyRelu => 5,
            ActivationKind::Elu => 6,
            ActivationKind::Gelu => 7,
            ActivationKind::GeluTanh => 8,
            ActivationKind::Silu => 9,
            ActivationKind::Softplus => ACTIVATIONS.len(),
        }
    }
    const fn binary(kind: BinaryKind) -> usize {
        match kind {
            BinaryKind::Add => 1,
            BinaryKind::Sub => 2,
            BinaryKind::Mul => BINARIES.len(),
        }
    }
    const fn loss(kind: PointwiseLossKind) -> usize {
        match kind {
            PointwiseLossKind::SquaredError => 1,
            PointwiseLossKind::SigmoidCrossEntropy => LOSSES.len(),
        }
    }
    assert!(
        activation(ActivationKind::Softplus) == 10,
        "a kind is missing"
    );
    assert!(binary(BinaryKind::Mul) == 3, "a kind is missing");
    assert!(
        loss(PointwiseLossKind::SigmoidCrossEntropy) == 2,
        "a kind is missing"
    );
};

/// The whole table.
pub(super) fn all() -> Vec<Case> {
    let parts = [
        matmuls,
        activations,
        elementwise,
        rows_of_classes,
        losses,
        sums,
        gathers,
        ranges,
        updates,
        watch,
    ];
    parts.iter().flat_map(|part| part()).collect()
}

/// Every shape of this list with each operand stored either way.
pub(super) fn matmuls() -> Vec<Case> {
    const SHAPES: [[u32; 4]; 25] = [
        [1, 1, 1, 1],
        [1, 8, 8, 8],
        [1, 15, 17, 16],
        [1, 16, 16, 16],
        [1, 17, 15, 33],
        [1, 31, 33, 7],
        [1, 32, 32, 32],
        [1, 33, 31, 65],
        [1, 63, 65, 16],
        [1, 64, 64, 64],
        [1, 65, 63, 17],
        [1, 127, 129, 15],
        [1, 131, 131, 35],
        [1, 1, 200, 50],
        [1, 200, 1, 50],
        [1, 5, 3, 5000],
        [1, 1, 1, 4099],
        [1, 128, 10, 128],
        [1, 20, 256, 100],
        [1, 2, 300, 2],
        [1, 60, 60, 1],
        [3, 9, 17, 33],
        [3, 64, 32, 20],
        [3, 67, 70, 5],
        [70, 3, 5, 7],
    ];
    let stored = [(false, false), (false, true), (true, false), (true, true)];
    let all = |&[groups, m, n, k]: &[u32; 4]| {
        stored.map(|(transpose_a, transpose_b)| {
            let kernel = Matmul {
                groups,
                m,
                n,
                k,
                transpose_a,
                transpose_b,
            };
            case(kernel.into(), Draw::Normal)
        })
    };
    SHAPES.iter().flat_map(all).collect()
}

pub(super) fn activations() -> Vec<Case> {
    let mut cases = Vec::new();
    for kind in ACTIVATIONS {
        for count in COUNTS {
            for (alpha, draw) in [(0.01, Draw::Normal), (1.0, Draw::Wide)] {
                cases.push(case(Activation { kind, count, alpha }.into(), draw));
                // What the functions that save their output read is an output.
                let saved = match kind {
                    ActivationKind::Sigmoid | ActivationKind::Tanh => Draw::Probability,
                    _ => draw,
                };
                cases.push(case(ActivationGrad { kind, count, alpha }.into(), saved));
            }
        }
    }
    cases
}

pub(super) fn elementwise() -> Vec<Case> {
    let mut cases = Vec::new();
    for count in COUNTS {
        cases.extend(BINARIES.map(|kind| case(Binary { kind, count }.into(), Draw::Moderate)));
        for factor in [-0.3, 1.0 / 128.0, 0.0] {
            cases.push(case(Scale { count, factor }.into(), Draw::Wide));
        }
        cases.push(case(Copy { count }.into(), Draw::Wide));
        for (threshold, seed, step) in [
            (1 << 30, 3, 1),
            (1, u64::MAX, 7),
            (u32::MAX, 1 << 40, 100_000),
            (1 << 31, 0, 0),
        ] {
            let p = f64::from(threshold) / 4_294_967_296.0;
            let (factor, stream) = (1.0 / (1.0 - p), stream::DROPOUT | 2);
            cases.push(case(
                Dropout {
                    count,
                    threshold,
                    factor,
                    seed,
                    stream,
                    step,
                }
                .into(),
                Draw::Normal,
            ));
        }
    }
    for [rows, columns] in ROWS {
        for groups in [1, 3] {
            cases.push(case(
                BiasAdd {
                    groups,
                    rows,
                    columns,
                }
                .into(),
                Draw::Moderate,
            ));
        }
    }
    cases
}

pub(super) fn rows_of_classes() -> Vec<Case> {
    let mut cases = Vec::new();
    for [rows, columns] in ROWS {
        cases.push(case(Softmax { rows, columns }.into(), Draw::Logits));
        cases.push(case(
            SoftmaxGrad { rows, columns }.into(),
            Draw::Probability,
        ));
        cases.push(case(
            SoftmaxCrossEntropy { rows, columns }.into(),
            Draw::FiniteLogits,
        ));
        cases.push(case(
            SoftmaxCrossEntropyGrad { rows, columns }.into(),
            Draw::Logits,
        ));
        cases.push(case(Correct { rows, columns }.into(), Draw::Logits));
    }
    cases
}

pub(super) fn losses() -> Vec<Case> {
    let mut cases = Vec::new();
    for count in COUNTS {
        for kind in LOSSES {
            for draw in [Draw::Normal, Draw::Moderate] {
                cases.push(case(PointwiseLoss { kind, count }.into(), draw));
                for at_target in [false, true] {
                    cases.push(case(
                        PointwiseLossGrad {
                            kind,
                            at_target,
                            count,
                        }
                        .into(),
                        draw,
                    ));
                }
            }
        }
    }
    cases
}

/// Both of the sum's shaders: one invocation a sum, and one workgroup a sum.
pub(super) fn sums() -> Vec<Case> {
    const AROUND: [[u32; 3]; 18] = [
        [1, 1, 1],
        [1, 2, 1],
        [1, 511, 1],
        [1, 512, 1],
        [1, 513, 1],
        [1, 70_000, 1],
        [5, 7, 3],
        [1, 128, 10],
        [1, 255, 257],
        [257, 3, 1],
        [300, 1, 2],
        [2, 600, 32],
        [2, 600, 33],
        [64, 1000, 1],
        [65, 1000, 1],
        [1, 8191, 3],
        [3, 8193, 1],
        [2, 1, 40],
    ];
    let factors = [1.0, -1.0 / 3.0];
    let sums = AROUND.iter().flat_map(|&[outer, axis, inner]| {
        factors.map(|factor| {
            case(
                Sum {
                    outer,
                    axis,
                    inner,
                    factor,
                }
                .into(),
                Draw::Moderate,
            )
        })
    });
    let broadcasts = AROUND.iter().flat_map(|&[outer, axis, inner]| {
        factors.map(|factor| {
            case(
                Broadcast {
                    outer,
                    axis,
                    inner,
                    factor,
                }
                .into(),
                Draw::Wide,
            )
        })
    });
    sums.chain(broadcasts).collect()
}

pub(super) fn gathers() -> Vec<Case> {
    let mut cases = Vec::new();
    // Rows of the table, rows gathered, columns, length of the index, start.
    const SIZES: [[u32; 5]; 9] = [
        [1, 1, 1, 1, 0],
        [5, 3, 1, 3, 0],
        [5, 4, 3, 9, 5],
        [7, 5, 4, 300, 120],
        [3, 257, 5, 260, 1],
        [1000, 256, 1, 256, 0],
        [40, 33, 17, 40, 7],
        [2, 1, 1001, 2, 1],
        [100, 128, 256, 500, 372],
    ];
    for [table_rows, rows, columns, indices, start] in SIZES {
        for element in [Element::F32, Element::U32, Element::U8] {
            for batch in [false, true] {
                let factor = if batch { 1.0 / 255.0 } else { 1.0 };
                let kernel = Gather {
                    element,
                    table_rows,
                    rows,
                    columns,
                    indices,
                    start,
                    batch,
                    factor,
                };
                cases.push(case(kernel.into(), Draw::Wide));
            }
        }
        cases.push(case(
            GatherGrad {
                table_rows,
                rows,
                columns,
            }
            .into(),
            Draw::Moderate,
        ));
    }
    cases
}

pub(super) fn ranges() -> Vec<Case> {
    let mut cases = Vec::new();
    // Extents around the axis, then the range in it.
    const RANGES: [[u32; 5]; 8] = [
        [1, 1, 1, 0, 1],
        [1, 9, 1, 0, 9],
        [1, 9, 1, 8, 1],
        [3, 5, 7, 1, 3],
        [257, 4, 1, 3, 1],
        [2, 3, 257, 0, 2],
        [40, 50, 6, 13, 30],
        [1, 70_000, 1, 69_000, 1000],
    ];
    for [outer, axis, inner, start, len] in RANGES {
        cases.push(case(
            Slice {
                outer,
                axis,
                inner,
                start,
                len,
            }
            .into(),
            Draw::Wide,
        ));
        cases.push(case(
            Pad {
                outer,
                axis,
                inner,
                start,
                len,
            }
            .into(),
            Draw::Wide,
        ));
        let (axis_a, axis_b) = (len, axis - len + 1);
        cases.push(case(
            Concat {
                outer,
                axis_a,
                axis_b,
                inner,
            }
            .into(),
            Draw::Wide,
        ));
    }
    cases
}

pub(super) fn updates() -> Vec<Case> {
    let mut cases = Vec::new();
    for count in COUNTS {
        for weight_decay in [0.0, 0.01] {
            for (momentum, nesterov) in [(0.0, false), (0.9, false), (0.9, true)] {
                let kernel = SgdUpdate {
                    count,
                    learning_rate: 0.1,
                    momentum,
                    nesterov,
                    weight_decay,
                };
                cases.push(case(kernel.into(), Draw::Moderate));
            }
            for (decoupled, step, epsilon) in [
                (false, 1, 1e-8),
                (false, 1000, 1e-3),
                (true, 1, 1e-8),
                (true, 100_000, 1e-8),
            ] {
                let (learning_rate, beta1, beta2) = (0.003, 0.9, 0.999);
                let kernel = AdamUpdate {
                    count,
                    learning_rate,
                    beta1,
                    beta2,
                    epsilon,
                    weight_decay,
                    decoupled,
                    step,
                };
                cases.push(case(kernel.into(), Draw::Normal));
            }
        }
    }
    cases
}

pub(super) fn watch() -> Vec<Case> {
    let mut cases = Vec::new();
    for count in COUNTS {
        cases.push(case(Nonfinite { count }.into(), Draw::Wide));
    }
    for columns in [1, 3, 256, 257] {
        for slot in [0, 3, 4, 5, u32::MAX] {
            cases.push(case(
                Record {
                    slots: 5,
                    columns,
                    slot,
                }
                .into(),
                Draw::Wide,
            ));
        }
    }
    cases
}

//! The table: for every kernel, and every kind, flag and element type of it, sizes around a workgroup of 256 and around
//! the tiles of the products, and values that are worth a look. A new kernel gets its row here, or in `storage` if it moves
//! or keeps what others compute.

mod layers;
mod mixed;
mod rules;
mod storage;

use thalweg::kernel::{
    Activation, ActivationGrad, ActivationKind, BiasAdd, Binary, BinaryKind, Broadcast, ClassLoss,
    ClassLossGrad, ClassLossKind, Copy, Correct, Dropout, Finish, Function, LogSoftmax,
    LogSoftmaxGrad, Matmul, PointwiseLoss, PointwiseLossGrad, PointwiseLossKind, Scale, Share,
    SmoothedCrossEntropy, SmoothedCrossEntropyGrad, Softmax, SoftmaxCrossEntropy,
    SoftmaxCrossEntropyGrad, SoftmaxGrad, Sum,
};
use thalweg::random::stream;
use thalweg::tensor::Element;

use super::draw::{Case, Draw, case};
pub(super) use layers::layers;
pub(super) use mixed::{half_products, mixed};
pub(super) use rules::rules;
pub(super) use storage::{gathers, ranges, updates, watch};

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
pub(super) const LOSSES: [PointwiseLossKind; 6] = [
    PointwiseLossKind::SquaredError,
    PointwiseLossKind::SigmoidCrossEntropy,
    PointwiseLossKind::AbsoluteError,
    PointwiseLossKind::Huber(1.3),
    PointwiseLossKind::SmoothL1(0.7),
    PointwiseLossKind::Divergence,
];
pub(super) const CLASS_LOSSES: [ClassLossKind; 2] =
    [ClassLossKind::Hinge, ClassLossKind::NegativeLogLikelihood];

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
            PointwiseLossKind::SigmoidCrossEntropy => 2,
            PointwiseLossKind::AbsoluteError => 3,
            PointwiseLossKind::Huber(_) => 4,
            PointwiseLossKind::SmoothL1(_) => 5,
            PointwiseLossKind::Divergence => LOSSES.len(),
        }
    }
    const fn class_loss(kind: ClassLossKind) -> usize {
        match kind {
            ClassLossKind::Hinge => 1,
            ClassLossKind::NegativeLogLikelihood => CLASS_LOSSES.len(),
        }
    }
    assert!(
        class_loss(ClassLossKind::NegativeLogLikelihood) == 2,
        "a kind is missing"
    );
    assert!(
        activation(ActivationKind::Softplus) == 10,
        "a kind is missing"
    );
    assert!(binary(BinaryKind::Mul) == 3, "a kind is missing");
    assert!(
        loss(PointwiseLossKind::Divergence) == 6,
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
        weighed,
        losses,
        sums,
        gathers,
        ranges,
        updates,
        rules,
        watch,
        mixed,
        layers,
    ];
    parts.iter().flat_map(|part| part()).collect()
}

/// Every shape of this list with each operand stored either way.
pub(super) fn matmuls() -> Vec<Case> {
    const SHAPES: [[u32; 4]; 31] = [
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
        [2, 8, 35, 70],
        [2, 37, 16, 70],
        [1, 36, 64, 192],
        [2, 40, 128, 64],
        [1, 36, 52, 1012],
        [2, 296, 68, 12],
    ];
    let mut cases = products(&SHAPES, Element::F32);
    cases.extend(finishes());
    cases.extend(descents());
    cases
}

/// Products of these groups, rows, columns and terms, with each operand stored either way, and everything fused into some.
fn products(shapes: &[[u32; 4]], operands: Element) -> Vec<Case> {
    let stored = [(false, false), (false, true), (true, false), (true, true)];
    let relu = Function {
        kind: ActivationKind::Relu,
        alpha: 0.0,
    };
    let fused = [
        (Finish::None, true),
        (Finish::Bias(Function::IDENTITY), false),
        (Finish::Bias(relu), true),
        (Finish::Gradient(relu), false),
    ];
    let mut cases = Vec::new();
    for (i, &[groups, m, n, k]) in shapes.iter().enumerate() {
        for (j, (transpose_a, transpose_b)) in stored.into_iter().enumerate() {
            for (finish, row_sums) in [(Finish::None, false), fused[(i + j) % 4]] {
                let kernel = Matmul {
                    groups,
                    m,
                    n,
                    k,
                    transpose_a,
                    transpose_b,
                    finish,
                    row_sums,
                    operands,
                };
                cases.push(case(kernel, Draw::Normal));
            }
        }
    }
    cases
}

/// Products that become updates, in all ways in which their operands are stored, with long sums among them.
fn descents() -> Vec<Case> {
    let mut cases = Vec::new();
    for (transpose_a, transpose_b) in [(false, false), (false, true), (true, false), (true, true)] {
        for [groups, m, n, k] in [
            [1, 1, 1, 1],
            [2, 33, 65, 31],
            [1, 36, 52, 20],
            [1, 36, 60, 1012],
        ] {
            for row_sums in [false, true] {
                let finish = Finish::Sgd {
                    learning_rate: 0.1,
                    weight_decay: if row_sums { 0.3 } else { 0.0 },
                };
                let kernel = Matmul {
                    groups,
                    m,
                    n,
                    k,
                    transpose_a,
                    transpose_b,
                    finish,
                    row_sums,
                    ..Matmul::default()
                };
                cases.push(case(kernel, Draw::Normal));
            }
        }
    }
    cases
}

/// Every activation and its gradient at the end of a product, with rows that divide by 4 and rows that do not.
fn finishes() -> Vec<Case> {
    let mut cases = Vec::new();
    for kind in ACTIVATIONS {
        let function = Function { kind, alpha: 0.3 };
        for finish in [Finish::Bias(function), Finish::Gradient(function)] {
            for [groups, m, n, k] in [[2, 5, 12, 20], [1, 6, 7, 9]] {
                let kernel = Matmul {
                    groups,
                    m,
                    n,
                    k,
                    finish,
                    ..Matmul::default()
                };
                cases.push(case(kernel, Draw::Normal));
            }
        }
    }
    cases
}

pub(super) fn activations() -> Vec<Case> {
    let mut cases = Vec::new();
    for kind in ACTIVATIONS {
        for count in COUNTS {
            for (alpha, draw) in [(0.01, Draw::Normal), (1.0, Draw::Wide)] {
                cases.push(case(Activation { kind, count, alpha }, draw));
                // What the functions that save their output read is an output.
                let saved = match kind {
                    ActivationKind::Sigmoid | ActivationKind::Tanh => Draw::Probability,
                    _ => draw,
                };
                cases.push(case(ActivationGrad { kind, count, alpha }, saved));
            }
        }
    }
    cases
}

pub(super) fn elementwise() -> Vec<Case> {
    let mut cases = Vec::new();
    for count in COUNTS {
        cases.extend(BINARIES.map(|kind| case(Binary { kind, count }, Draw::Moderate)));
        for factor in [-0.3, 1.0 / 128.0, 0.0] {
            cases.push(case(Scale { count, factor }, Draw::Wide));
        }
        cases.push(case(Copy { count }, Draw::Wide));
        for (threshold, seed, step) in [
            (1 << 30, 3, 1),
            (1, u64::MAX, 7),
            (u32::MAX, 1 << 40, 100_000),
            (1 << 31, 0, 0),
        ] {
            let p = f64::from(threshold) / 4_294_967_296.0;
            let (factor, stream) = (1.0 / (1.0 - p), stream::DROPOUT | 2);
            for offset in [0, 1 << 20] {
                let kernel = Dropout {
                    count,
                    offset,
                    threshold,
                    factor,
                    seed,
                    stream,
                    step,
                };
                cases.push(case(kernel, Draw::Normal));
            }
        }
    }
    for [rows, columns] in ROWS {
        for groups in [1, 3] {
            cases.push(case(
                BiasAdd {
                    groups,
                    rows,
                    columns,
                },
                Draw::Moderate,
            ));
        }
    }
    cases
}

pub(super) fn rows_of_classes() -> Vec<Case> {
    let mut cases = Vec::new();
    for [rows, columns] in ROWS {
        cases.push(case(Softmax { rows, columns }, Draw::Logits));
        cases.push(case(SoftmaxGrad { rows, columns }, Draw::Probability));
        cases.push(case(
            SoftmaxCrossEntropy { rows, columns },
            Draw::FiniteLogits,
        ));
        cases.push(case(
            SoftmaxCrossEntropyGrad { rows, columns },
            Draw::Logits,
        ));
        cases.push(case(Correct { rows, columns }, Draw::Logits));
        cases.push(case(LogSoftmax { rows, columns }, Draw::FiniteLogits));
        cases.push(case(LogSoftmaxGrad { rows, columns }, Draw::Normal));
        for draw in [Draw::Normal, Draw::FiniteLogits] {
            for kind in CLASS_LOSSES {
                let loss = ClassLoss {
                    kind,
                    rows,
                    columns,
                };
                cases.push(case(loss, draw));
                let gradient = ClassLossGrad {
                    kind,
                    rows,
                    columns,
                };
                cases.push(case(gradient, draw));
            }
        }
        for smoothing in [0.0, 0.1, 1.0] {
            let loss = SmoothedCrossEntropy {
                rows,
                columns,
                smoothing,
            };
            cases.push(case(loss, Draw::FiniteLogits));
            let gradient = SmoothedCrossEntropyGrad {
                rows,
                columns,
                smoothing,
            };
            cases.push(case(gradient, Draw::FiniteLogits));
        }
    }
    cases
}

/// Shares of a total that is drawn beside them, and of one that is 0.
pub(super) fn weighed() -> Vec<Case> {
    let shares = COUNTS.map(|count| case(Share { count }, Draw::Normal));
    let of_zero = COUNTS.map(|count| case(Share { count }, Draw::Zero));
    shares.into_iter().chain(of_zero).collect()
}

pub(super) fn losses() -> Vec<Case> {
    let mut cases = Vec::new();
    for count in COUNTS {
        for kind in LOSSES {
            for draw in [Draw::Normal, Draw::Moderate] {
                cases.push(case(PointwiseLoss { kind, count }, draw));
                for at_target in [false, true] {
                    cases.push(case(
                        PointwiseLossGrad {
                            kind,
                            at_target,
                            count,
                        },
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
                },
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
                },
                Draw::Wide,
            )
        })
    });
    sums.chain(broadcasts).collect()
}

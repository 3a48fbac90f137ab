//! The table: for every kernel, and every kind, flag and element type of it, sizes around a workgroup of 256 and around
//! the tiles of the products, and values that are worth a look. A new kernel gets its row here.

use thalweg::executor::Data;
use thalweg::kernel::{
    Access, Activation, ActivationGrad, ActivationKind, AdamUpdate, BiasAdd, Binary, BinaryKind,
    Binding, Broadcast, Concat, Copy, Correct, Dropout, Gather, GatherGrad, Kernel, Matmul,
    Nonfinite, Pad, PointwiseLoss, PointwiseLossGrad, PointwiseLossKind, Record, Scale, SgdUpdate,
    Slice, Softmax, SoftmaxCrossEntropy, SoftmaxCrossEntropyGrad, SoftmaxGrad, Sum,
};
use thalweg::random::{Random, stream};
use thalweg::tensor::Element;

/// How the reals that a kernel reads are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Draw {
    /// Normal with standard deviation 3, and some exact zeros of both signs.
    Normal,
    /// Over all of f32: every power of two about equally often, with zeros, subnormal numbers and the largest.
    Wide,
    /// As `Wide`, but so that squares and sums stay within f32.
    Moderate,
    /// Rows of logits: normal, far out at ±80 or ±1000, all equal, or as far apart as f32 allows.
    Logits,
    /// As `Logits`, but so that their differences stay within f32.
    FiniteLogits,
    /// Probabilities, with 0 and 1 among them.
    Probability,
}

/// A kernel with the values it works on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case {
    pub(super) kernel: Kernel,
    draw: Draw,
}

const fn case(kernel: Kernel, draw: Draw) -> Case {
    Case { kernel, draw }
}

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

impl Case {
    /// Values for every binding: what is only written holds NaN.
    pub(super) fn values(&self) -> Vec<Data> {
        (1..)
            .zip(self.kernel.bindings())
            .map(|(salt, binding)| self.contents(&binding, salt))
            .collect()
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "rounded to f32 or to a byte, as is meant"
    )]
    fn contents(&self, binding: &Binding, salt: u64) -> Data {
        let random = Random::new(salt, stream::TEST, 1);
        let indices = 0..binding.len as u64;
        match binding.element {
            Element::U32 if binding.access == Access::Write => {
                Data::U32(vec![0x7fc0_0000; binding.len])
            }
            Element::U32 => Data::U32(
                indices
                    .map(|i| self.integer(binding.name, &random, i))
                    .collect(),
            ),
            Element::U8 => Data::U8(indices.map(|i| random.bits(i) as u8).collect()),
            Element::F32 if binding.access == Access::Write => {
                Data::F32(vec![f32::NAN; binding.len])
            }
            Element::F32 => {
                let draw = self.draw_of(binding.name);
                Data::F32(indices.map(|i| self.real(draw, &random, i)).collect())
            }
        }
    }

    /// Class and row numbers: all that there are, and now and then one that there is not.
    fn integer(&self, name: &str, random: &Random, i: u64) -> u32 {
        let count = match (name, self.kernel) {
            ("target", Kernel::SoftmaxCrossEntropy(k)) => k.columns,
            ("target", Kernel::SoftmaxCrossEntropyGrad(k)) => k.columns,
            ("target", Kernel::Correct(k)) => k.columns,
            ("index", Kernel::Gather(k)) => k.table_rows,
            ("index", Kernel::GatherGrad(k)) => k.table_rows,
            _ => return random.bits(i),
        };
        match random.below(i + (1 << 40), 20) {
            0 => count,
            1 => u32::MAX,
            2 => count - 1,
            3 => 0,
            _ => random.below(i, count),
        }
    }

    /// Some bindings hold what only some numbers can be.
    fn draw_of(&self, name: &str) -> Draw {
        match (name, self.draw) {
            // Adam's mean square is not negative.
            ("square", _) => Draw::Probability,
            ("dloss" | "dy", Draw::Probability | Draw::Logits | Draw::FiniteLogits) => Draw::Normal,
            ("dy", _) if matches!(self.kernel, Kernel::ActivationGrad(_)) => Draw::Normal,
            // The target of a sigmoid is between 0 and 1.
            ("t", _) if is_sigmoid_cross_entropy(&self.kernel) => Draw::Probability,
            (_, draw) => draw,
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "rounded to f32, as is meant"
    )]
    fn real(&self, draw: Draw, random: &Random, i: u64) -> f32 {
        let normal = (3.0 * random.normal(i)) as f32;
        let sign = if random.bits(i) & 1 == 0 { 1.0 } else { -1.0 };
        let zero = random.below(i + (1 << 41), 40);
        let power = |low: f64, high: f64| {
            let exponent = low + (high - low) * random.uniform(i + (1 << 42));
            sign * libm::exp2(exponent) as f32
        };
        match draw {
            Draw::Normal if zero == 0 => sign * 0.0,
            Draw::Normal => normal,
            Draw::Wide => match i % 64 {
                0 => sign * 0.0,
                8 => sign * f32::MIN_POSITIVE,
                16 => sign * 1e-40,
                24 => sign * f32::MAX / 2.0,
                32 => sign * 88.8,
                40 => sign * 104.5,
                // Where functions are worth most.
                i if i % 2 == 1 => 3.0 * normal,
                _ => power(-126.0, 126.9),
            },
            Draw::Moderate if zero == 0 => sign * 0.0,
            Draw::Moderate if i % 4 == 0 => power(-60.0, 20.0),
            Draw::Moderate => normal,
            Draw::Probability => match zero {
                0 => 0.0,
                1 => 1.0,
                _ => random.uniform(i) as f32,
            },
            Draw::Logits | Draw::FiniteLogits => self.logit(draw, random, i, normal),
        }
    }

    fn logit(&self, draw: Draw, random: &Random, i: u64, normal: f32) -> f32 {
        let columns = match self.kernel {
            Kernel::Softmax(k) => k.columns,
            Kernel::SoftmaxCrossEntropy(k) => k.columns,
            Kernel::SoftmaxCrossEntropyGrad(k) => k.columns,
            Kernel::Correct(k) => k.columns,
            _ => 1,
        };
        let sign = if random.bits(i) & 1 == 0 { 1.0 } else { -1.0 };
        match i / u64::from(columns) % 8 {
            1 => 80.0 * sign,
            2 => 1000.0 * sign,
            3 => 0.25,
            4 => 1000.0 + normal,
            5 if draw == Draw::Logits => f32::MAX * sign,
            5 => 1e37 * sign,
            6 => 30.0 * normal,
            _ => normal,
        }
    }
}

fn is_sigmoid_cross_entropy(kernel: &Kernel) -> bool {
    let kind = match kernel {
        Kernel::PointwiseLoss(k) => k.kind,
        Kernel::PointwiseLossGrad(k) => k.kind,
        _ => return false,
    };
    kind == PointwiseLossKind::SigmoidCrossEntropy
}

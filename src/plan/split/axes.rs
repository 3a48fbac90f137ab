//! Along which axes the work of a kernel can be cut in two, and what becomes of its operands.

use crate::kernel::{self, Kernel};
use crate::tensor::Element;

/// What a piece of the work takes of an operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Along {
    /// So many elements for each position along the axis, behind each other.
    Rows(usize),
    /// All of it. If it is written, the first piece writes all of it, and the others work in place.
    Whole,
    /// Columns: the operand is `[outer, extent, inner]`.
    Columns { outer: u32, inner: u32 },
    /// All of it, which is to be the sum of what the pieces write.
    Sum,
    /// All of it, and only the first piece writes it.
    First,
}

/// An axis along which the work can be cut.
pub(super) struct Axis {
    /// How many positions it has.
    pub(super) extent: u32,
    /// What a piece takes of each operand, in the order of the bindings.
    pub(super) operands: Vec<Along>,
    /// The kernel for so many positions from the given one on.
    pub(super) piece: Box<dyn Fn(u32, u32) -> Kernel>,
}

/// The axes of a kernel's operands by number, slowest first, and what a piece takes of an operand without the axis.
pub(super) type Operand = (&'static [usize], Along);

/// Extents by number, and operands.
pub(super) struct Table<'a> {
    pub(super) extents: &'a [u32],
    pub(super) operands: &'a [Operand],
}

impl Table<'_> {
    pub(super) fn axis(&self, axis: usize, piece: impl Fn(u32, u32) -> Kernel + 'static) -> Axis {
        let along = |&(axes, absent): &Operand| match axes.iter().position(|&a| a == axis) {
            Some(at) => {
                let product =
                    |axes: &[usize]| axes.iter().map(|&a| self.extents[a]).product::<u32>();
                match product(&axes[..at]) {
                    1 => Along::Rows(product(&axes[at + 1..]) as usize),
                    outer => Along::Columns {
                        outer,
                        inner: product(&axes[at + 1..]),
                    },
                }
            }
            None => absent,
        };
        Axis {
            extent: self.extents[axis],
            operands: self.operands.iter().map(along).collect(),
            piece: Box::new(piece),
        }
    }
}

use Along::{First, Sum, Whole};

/// The axes of a kernel, those first that are tried first.
#[expect(clippy::too_many_lines, reason = "a table, with an entry a kernel")]
pub(super) fn axes(kernel: &Kernel) -> Vec<Axis> {
    /// A kernel that does the same to each of `count` elements of `operands` tensors.
    macro_rules! elements {
        ($k:expr, $operands:expr) => {{
            let k = $k;
            let operands = vec![Along::Rows(1); $operands];
            let piece = move |_, count| {
                Kernel::from({
                    let mut k = k;
                    k.count = count;
                    k
                })
            };
            let (extent, piece) = (k.count, Box::new(piece));
            vec![Axis {
                extent,
                operands,
                piece,
            }]
        }};
    }
    /// A kernel that does the same to each of `rows` rows.
    macro_rules! rows {
        ($k:expr, $operands:expr) => {{
            let k = $k;
            let table = Table {
                extents: &[k.rows, k.columns],
                operands: &$operands,
            };
            vec![table.axis(0, move |_, rows| {
                Kernel::from({
                    let mut k = k;
                    k.rows = rows;
                    k
                })
            })]
        }};
    }
    const ROWS: Operand = (&[0, 1], Whole);
    const ROW: Operand = (&[0], Whole);
    match *kernel {
        Kernel::Matmul(k) if k.operands != Element::F32 => half_products(k),
        // As for those products: between matrices alone.
        Kernel::Narrow(k) => {
            let [rows, columns] = k.padded();
            let table = Table {
                extents: &[k.groups, k.rows, k.columns, rows, columns],
                operands: &[(&[0, 1, 2], Whole), (&[0, 3, 4], Whole)],
            };
            vec![table.axis(0, move |_, groups| kernel::Narrow { groups, ..k }.into())]
        }
        Kernel::Scaler(_) => Vec::new(),
        Kernel::Matmul(k) => matmul(k),
        Kernel::BiasAdd(k) => bias_add(k),
        Kernel::Binary(k) => elements!(k, 3),
        Kernel::Scale(k) => elements!(k, 2),
        Kernel::Activation(k) => elements!(k, 2),
        Kernel::ActivationGrad(k) => elements!(k, 3),
        Kernel::PointwiseLoss(k) => elements!(k, 3),
        Kernel::PointwiseLossGrad(k) => elements!(k, 4),
        Kernel::Copy(k) => elements!(k, 2),
        Kernel::LerpUpdate(k) => elements!(k, 2),
        Kernel::SgdUpdate(k) => {
            let operands = 2 + usize::from(k.momentum != 0.0) + usize::from(k.scaled);
            with_verdict(k.scaled, elements!(k, operands))
        }
        Kernel::AdamUpdate(k) => with_verdict(k.scaled, elements!(k, 4 + usize::from(k.scaled))),
        Kernel::RmspropUpdate(k) => with_verdict(k.scaled, elements!(k, k.operands())),
        Kernel::AdagradUpdate(k) => with_verdict(k.scaled, elements!(k, k.operands())),
        Kernel::AdadeltaUpdate(k) => with_verdict(k.scaled, elements!(k, k.operands())),
        Kernel::AdamaxUpdate(k) => with_verdict(k.scaled, elements!(k, k.operands())),
        Kernel::NadamUpdate(k) => with_verdict(k.scaled, elements!(k, k.operands())),
        Kernel::RadamUpdate(k) => with_verdict(k.scaled, elements!(k, k.operands())),
        Kernel::LionUpdate(k) => with_verdict(k.scaled, elements!(k, k.operands())),
        Kernel::Accumulate(k) => elements!(k, 2),
        Kernel::SquareSum(k) => square_sum(k),
        Kernel::L1Gradient(k) => with_verdict(k.scaled, elements!(k, 3 + usize::from(k.scaled))),
        Kernel::ClipNorm(k) => {
            let mut axes = elements!(k, 3 + usize::from(k.scaled));
            axes[0].operands[1 + usize::from(k.scaled)] = Whole;
            with_verdict(k.scaled, axes)
        }
        Kernel::ClipValue(k) => with_verdict(k.scaled, elements!(k, 2 + usize::from(k.scaled))),
        Kernel::MaxNormUpdate(k) => rows!(k, [ROW, ROWS]),
        Kernel::Dropout(k) => {
            let table = Table {
                extents: &[k.count],
                operands: &[ROW, ROW],
            };
            vec![table.axis(0, move |from, count| {
                let offset = k.offset + from;
                kernel::Dropout { count, offset, ..k }.into()
            })]
        }
        Kernel::Noise(k) => {
            let table = Table {
                extents: &[k.count],
                operands: &[ROW, ROW],
            };
            vec![table.axis(0, move |from, count| {
                let offset = k.offset + from;
                kernel::Noise { count, offset, ..k }.into()
            })]
        }
        Kernel::MaxPieces(_)
        | Kernel::MaxPiecesGrad(_)
        | Kernel::Moments(_)
        | Kernel::Normalize(_)
        | Kernel::NormalizeSums(_)
        | Kernel::BatchNormGrad(_)
        | Kernel::LayerNormGrad(_)
        | Kernel::RunningMoments(_) => super::layers::axes(kernel),
        Kernel::Nonfinite(k) => {
            let table = Table {
                extents: &[k.count],
                operands: &[ROW, (&[], Whole)],
            };
            vec![table.axis(0, move |from, count| {
                let offset = k.offset + from;
                kernel::Nonfinite { count, offset }.into()
            })]
        }
        Kernel::Softmax(k) => rows!(k, [ROWS, ROWS]),
        Kernel::SoftmaxGrad(k) => rows!(k, [ROWS, ROWS, ROWS]),
        Kernel::SoftmaxCrossEntropy(k) => rows!(k, [ROWS, ROW, ROW]),
        Kernel::SoftmaxCrossEntropyGrad(k) => rows!(k, [ROWS, ROW, ROW, ROWS]),
        Kernel::ClassLoss(k) => rows!(k, [ROWS, ROW, ROW]),
        Kernel::ClassLossGrad(k) => rows!(k, [ROWS, ROW, ROW, ROWS]),
        Kernel::SmoothedCrossEntropy(k) => rows!(k, [ROWS, ROW, (&[], Whole), ROW]),
        Kernel::SmoothedCrossEntropyGrad(k) => rows!(k, [ROWS, ROW, (&[], Whole), ROW, ROWS]),
        Kernel::LogSoftmax(k) => rows!(k, [ROWS, ROWS]),
        Kernel::LogSoftmaxGrad(k) => rows!(k, [ROWS, ROWS, ROWS]),
        Kernel::Share(k) => {
            let table = Table {
                extents: &[k.count],
                operands: &[ROW, (&[], Whole), ROW],
            };
            vec![table.axis(0, move |_, count| kernel::Share { count }.into())]
        }
        Kernel::Correct(k) => rows!(k, [ROWS, ROW, ROW]),
        Kernel::Sum(k) => sum(k),
        Kernel::Broadcast(k) => broadcast(k),
        Kernel::Gather(k) => gather(k),
        Kernel::GatherGrad(k) => gather_grad(k),
        Kernel::Record(k) => record(k),
        Kernel::Slice(k) => {
            let extents = [k.outer, k.axis, k.inner, k.len];
            let table = Table {
                extents: &extents,
                operands: &[(&[0, 1, 2], Whole), (&[0, 3, 2], Whole)],
            };
            vec![
                table.axis(0, move |_, outer| kernel::Slice { outer, ..k }.into()),
                table.axis(2, move |_, inner| kernel::Slice { inner, ..k }.into()),
            ]
        }
        Kernel::Pad(k) => {
            let extents = [k.outer, k.axis, k.inner, k.len];
            let table = Table {
                extents: &extents,
                operands: &[(&[0, 3, 2], Whole), (&[0, 1, 2], Whole)],
            };
            vec![
                table.axis(0, move |_, outer| kernel::Pad { outer, ..k }.into()),
                table.axis(2, move |_, inner| kernel::Pad { inner, ..k }.into()),
            ]
        }
        Kernel::Concat(k) => {
            let extents = [k.outer, k.axis_a, k.inner, k.axis_b, k.axis_a + k.axis_b];
            let operands: [Operand; 3] = [
                (&[0, 1, 2], Whole),
                (&[0, 3, 2], Whole),
                (&[0, 4, 2], Whole),
            ];
            let table = Table {
                extents: &extents,
                operands: &operands,
            };
            vec![
                table.axis(0, move |_, outer| kernel::Concat { outer, ..k }.into()),
                table.axis(2, move |_, inner| kernel::Concat { inner, ..k }.into()),
            ]
        }
    }
}

/// A scaled update reads the whole verdict, its second operand, for each piece.
fn with_verdict(scaled: bool, mut axes: Vec<Axis>) -> Vec<Axis> {
    for axis in axes.iter_mut().filter(|_| scaled) {
        axis.operands[1] = Whole;
    }
    axes
}

fn matmul(k: kernel::Matmul) -> Vec<Axis> {
    const GROUPS: usize = 0;
    const M: usize = 1;
    const N: usize = 2;
    const K: usize = 3;
    let a: Operand = if k.transpose_a {
        (&[GROUPS, K, M], Whole)
    } else {
        (&[GROUPS, M, K], Whole)
    };
    let b: Operand = if k.transpose_b {
        (&[GROUPS, N, K], Whole)
    } else {
        (&[GROUPS, K, N], Whole)
    };
    let fused: Option<Operand> = match k.finish {
        kernel::Finish::None | kernel::Finish::Sgd { .. } => None,
        kernel::Finish::Bias(_) => Some((&[GROUPS, N], Whole)),
        kernel::Finish::Gradient(_) => Some((&[GROUPS, M, N], Whole)),
    };
    let extents = [k.groups, k.m, k.n, k.k];
    let axis = |axis: usize| {
        let mut operands = vec![a, b];
        operands.extend(fused);
        operands.push((&[GROUPS, M, N], Sum));
        if k.row_sums {
            // The sums do not depend on n.
            operands.push((&[GROUPS, M], if axis == N { First } else { Sum }));
        }
        let table = Table {
            extents: &extents,
            operands: &operands,
        };
        table.axis(axis, move |from, len| {
            let mut k = k;
            *[&mut k.groups, &mut k.m, &mut k.n, &mut k.k][axis] = len;
            k.row_sums &= axis != N || from == 0;
            k.into()
        })
    };
    [GROUPS, M, N, K].map(axis).into()
}

/// Each matrix in half precision is padded, so a range of its rows or columns is no matrix of that kind: such products are
/// cut between the matrices of a group alone.
fn half_products(k: kernel::Matmul) -> Vec<Axis> {
    let mut axes = matmul(k);
    axes.truncate(1);
    let sizes = [[k.m, k.k], [k.k, k.n]];
    for (along, [rows, columns]) in axes[0].operands.iter_mut().zip(sizes) {
        *along = Along::Rows(k.padded(rows) as usize * k.padded(columns) as usize);
    }
    axes
}

fn bias_add(k: kernel::BiasAdd) -> Vec<Axis> {
    let extents = [k.groups, k.rows, k.columns];
    let operands: [Operand; 3] = [(&[0, 1, 2], Whole), (&[0, 2], Whole), (&[0, 1, 2], Whole)];
    let table = Table {
        extents: &extents,
        operands: &operands,
    };
    vec![
        table.axis(0, move |_, groups| kernel::BiasAdd { groups, ..k }.into()),
        table.axis(1, move |_, rows| kernel::BiasAdd { rows, ..k }.into()),
        table.axis(2, move |_, columns| kernel::BiasAdd { columns, ..k }.into()),
    ]
}

fn sum(k: kernel::Sum) -> Vec<Axis> {
    let extents = [k.outer, k.axis, k.inner];
    let table = Table {
        extents: &extents,
        operands: &[(&[0, 1, 2], Whole), (&[0, 2], Sum)],
    };
    vec![
        table.axis(0, move |_, outer| kernel::Sum { outer, ..k }.into()),
        table.axis(1, move |_, axis| kernel::Sum { axis, ..k }.into()),
        table.axis(2, move |_, inner| kernel::Sum { inner, ..k }.into()),
    ]
}

fn square_sum(k: kernel::SquareSum) -> Vec<Axis> {
    let extents = [k.rows, k.columns];
    let table = Table {
        extents: &extents,
        operands: &[(&[0, 1], Whole), (&[0], Sum)],
    };
    vec![
        table.axis(0, move |_, rows| kernel::SquareSum { rows, ..k }.into()),
        table.axis(1, move |_, columns| {
            kernel::SquareSum { columns, ..k }.into()
        }),
    ]
}

fn broadcast(k: kernel::Broadcast) -> Vec<Axis> {
    let extents = [k.outer, k.axis, k.inner];
    let table = Table {
        extents: &extents,
        operands: &[(&[0, 2], Whole), (&[0, 1, 2], Whole)],
    };
    vec![
        table.axis(0, move |_, outer| kernel::Broadcast { outer, ..k }.into()),
        table.axis(1, move |_, axis| kernel::Broadcast { axis, ..k }.into()),
        table.axis(2, move |_, inner| kernel::Broadcast { inner, ..k }.into()),
    ]
}

/// By rows that are gathered, and by rows of the table: then each piece fills in what it has.
fn gather(k: kernel::Gather) -> Vec<Axis> {
    let extents = [k.rows, k.columns, k.table_rows];
    let operands: [Operand; 3] = [(&[2, 1], Whole), (&[], Whole), (&[0, 1], Whole)];
    let table = Table {
        extents: &extents,
        operands: &operands,
    };
    vec![
        table.axis(0, move |from, rows| {
            // The tick overwrites `start` of a batch, and not `skip`.
            let (start, skip) = (k.start + from, k.skip + from);
            kernel::Gather {
                rows,
                start,
                skip,
                ..k
            }
            .into()
        }),
        table.axis(2, move |from, table_rows| {
            let first_row = k.first_row + from;
            kernel::Gather {
                first_row,
                table_rows,
                ..k
            }
            .into()
        }),
    ]
}

fn gather_grad(k: kernel::GatherGrad) -> Vec<Axis> {
    let extents = [k.table_rows, k.columns, k.rows];
    let operands: [Operand; 3] = [(&[2, 1], Whole), (&[2], Whole), (&[0, 1], Sum)];
    let table = Table {
        extents: &extents,
        operands: &operands,
    };
    vec![
        table.axis(0, move |from, table_rows| {
            let first_row = k.first_row + from;
            kernel::GatherGrad {
                first_row,
                table_rows,
                ..k
            }
            .into()
        }),
        table.axis(2, move |_, rows| kernel::GatherGrad { rows, ..k }.into()),
    ]
}

fn record(k: kernel::Record) -> Vec<Axis> {
    let table = Table {
        extents: &[k.slots, k.columns],
        operands: &[(&[1], Whole), (&[0, 1], Whole)],
    };
    vec![
        table.axis(0, move |from, slots| {
            let first_slot = k.first_slot + from;
            kernel::Record {
                slots,
                first_slot,
                ..k
            }
            .into()
        }),
        table.axis(1, move |_, columns| kernel::Record { columns, ..k }.into()),
    ]
}

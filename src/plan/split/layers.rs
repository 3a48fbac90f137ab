//! The axes of the kernels of normalisation and of maxout.

use super::axes::Along::{Sum, Whole};
use super::axes::{Axis, Operand, Table};
use crate::kernel::{self, Kernel};

/// The axes of a kernel, those first that are tried first. What is summed in two passes is cut between groups alone.
pub(super) fn axes(kernel: &Kernel) -> Vec<Axis> {
    const ALL: Operand = (&[0, 1], Whole);
    const ROW: Operand = (&[1], Whole);
    // Two numbers for each column, and for each row.
    const OF_COLUMNS: Operand = (&[2, 1], Whole);
    const OF_ROWS: Operand = (&[2, 0], Whole);
    let of_groups = |by_row| if by_row { OF_ROWS } else { OF_COLUMNS };
    macro_rules! table {
        ($k:expr, $operands:expr) => {
            Table {
                extents: &[$k.rows, $k.columns, 2],
                operands: &$operands,
            }
        };
    }
    macro_rules! rows {
        ($k:ident, $name:ident, $table:expr) => {
            $table.axis(0, move |_, rows| kernel::$name { rows, ..$k }.into())
        };
    }
    macro_rules! columns {
        ($k:ident, $name:ident, $table:expr) => {
            $table.axis(1, move |_, columns| kernel::$name { columns, ..$k }.into())
        };
    }
    match *kernel {
        Kernel::Moments(k) if k.by_row => {
            vec![rows!(k, Moments, table!(k, [ALL, OF_ROWS]))]
        }
        Kernel::Moments(k) => vec![columns!(k, Moments, table!(k, [ALL, OF_COLUMNS]))],
        Kernel::Normalize(k) => {
            let operands = [ALL, of_groups(k.by_row), ROW, ROW, ALL];
            let table = table!(k, operands);
            vec![rows!(k, Normalize, table), columns!(k, Normalize, table)]
        }
        Kernel::NormalizeSums(k) => {
            let operands = [ALL, of_groups(k.by_row), ALL, (&[2, 1], Sum)];
            let table = table!(k, operands);
            vec![
                rows!(k, NormalizeSums, table),
                columns!(k, NormalizeSums, table),
            ]
        }
        Kernel::BatchNormGrad(k) => {
            let table = table!(k, [ALL, OF_COLUMNS, ROW, ALL, OF_COLUMNS, ALL]);
            vec![
                rows!(k, BatchNormGrad, table),
                columns!(k, BatchNormGrad, table),
            ]
        }
        Kernel::LayerNormGrad(k) => {
            let table = table!(k, [ALL, OF_ROWS, ROW, ALL, ALL]);
            vec![rows!(k, LayerNormGrad, table)]
        }
        Kernel::RunningMoments(k) => {
            let table = Table {
                extents: &[2, k.columns],
                operands: &[ALL, ROW, ROW],
            };
            vec![columns!(k, RunningMoments, table)]
        }
        Kernel::MaxPieces(k) => {
            let table = Table {
                extents: &[k.count, k.pieces],
                operands: &[ALL, (&[0], Whole)],
            };
            vec![table.axis(0, move |_, count| kernel::MaxPieces { count, ..k }.into())]
        }
        Kernel::MaxPiecesGrad(k) => {
            let table = Table {
                extents: &[k.count, k.pieces],
                operands: &[ALL, (&[0], Whole), ALL],
            };
            vec![table.axis(0, move |_, count| {
                kernel::MaxPiecesGrad { count, ..k }.into()
            })]
        }
        _ => Vec::new(),
    }
}

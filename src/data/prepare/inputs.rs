//! Inputs: scaled numbers, one-hot categories, bytes that stay bytes.

use std::mem::take;

use serde::{Deserialize, Serialize};

use super::named::{ColumnPreparation, fit_column, prepare_columns};
use super::pixels::{fit_pixels, fit_stored};
use super::scaling::Scaling;
use super::{ColumnKind, Normalize, stored};
use crate::data::dataset::Inputs;
use crate::data::error::DataError;
use crate::data::numbers::Numbers;
use crate::data::pictures::Picture;
use crate::data::table::{Column, Table, TableInputs, Values};

/// How a table's inputs become numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub(super) enum InputPreparation {
    /// Bytes that stay bytes, multiplied by `scale` on the device.
    Pixels { shape: Vec<usize>, scale: f32 },
    /// Bytes, each with an offset and a scale of its own, so they are numbers from the start.
    Bytes { shape: Vec<usize>, scaling: Scaling },
    /// Unnamed numbers.
    Matrix { shape: Vec<usize>, scaling: Scaling },
    /// Named columns, in the order of the network's inputs.
    Columns { columns: Vec<ColumnPreparation> },
}

/// Whether rows of these shapes have the same numbers in the same places: as many where one is flat, else the same extents, but
/// for those of 1 at the end. Sequences `[5, 3]` are not `[3, 5]`.
fn same_layout(a: &[usize], b: &[usize]) -> bool {
    let extents = |shape: &[usize]| {
        let ones = shape.iter().rev().take_while(|&&n| n == 1).count();
        shape[..shape.len() - ones].to_vec()
    };
    let count = |shape: &[usize]| shape.iter().product::<usize>();
    let flat = a.len() < 2 || b.len() < 2;
    count(a) == count(b) && (flat || extents(a) == extents(b))
}

impl InputPreparation {
    /// That of no inputs.
    pub(super) const fn none() -> Self {
        Self::Columns {
            columns: Vec::new(),
        }
    }

    pub(super) fn fit(
        table: &Table,
        rows: &[u32],
        normalize: Normalize,
    ) -> Result<Self, DataError> {
        Ok(match table.inputs() {
            TableInputs::Pixels { values, shape } => fit_pixels(values, shape, rows, normalize),
            TableInputs::Stored {
                rows: stored,
                shape,
            } => fit_stored(table, stored, shape, rows, normalize)?,
            TableInputs::Matrix { values, shape } => {
                let how = match normalize {
                    Normalize::Auto if table.is_generated() => Normalize::None,
                    how => how,
                };
                let name = |column| format!("{}, inputs, column {column}", table.source());
                let features = shape.iter().product();
                let scaling = Scaling::fit_numbers(values, features, rows, (how, &[]), name)?;
                Self::Matrix {
                    shape: shape.clone(),
                    scaling,
                }
            }
            TableInputs::Columns(columns) => Self::Columns {
                columns: columns
                    .iter()
                    .map(|column| fit_column(table, column, rows, normalize))
                    .collect::<Result<_, _>>()?,
            },
            TableInputs::StoredColumns(file) => Self::Columns {
                columns: stored::fit(table, file, rows, normalize)?,
            },
        })
    }

    pub(super) fn prepare(&self, table: &Table) -> Result<(Inputs, Vec<usize>), DataError> {
        let other = || {
            DataError::mismatch(
                format!("inputs of {}", table.source()),
                table.describe_inputs(),
                format!("{}, as in training", self.describe()),
            )
        };
        let shape = self.shape();
        let fits = |given: &[usize]| same_layout(given, &shape);
        let inputs = match (self, table.inputs()) {
            (Self::Pixels { scale, .. }, TableInputs::Pixels { values, shape }) if fits(shape) => {
                Inputs::U8 {
                    pixels: values.clone(),
                    scale: *scale,
                }
            }
            (Self::Pixels { scale, .. }, TableInputs::Stored { rows, shape }) if fits(shape) => {
                Inputs::StoredU8 {
                    rows: rows.clone(),
                    scale: *scale,
                }
            }
            (Self::Bytes { .. }, TableInputs::Stored { .. }) => {
                return Err(DataError::malformed(
                    table.source(),
                    "more than half of the memory, so that they stay in their file",
                    "inputs that fit into memory, since the model scales each of them on its own",
                    "give fewer rows, or train a model with normalize auto or none",
                ));
            }
            (Self::Bytes { scaling, .. }, TableInputs::Pixels { values, shape }) if fits(shape) => {
                Inputs::F32(scaling.apply_all(values))
            }
            (Self::Matrix { scaling, .. }, TableInputs::Matrix { values, shape })
                if fits(shape) =>
            {
                Inputs::F32(scaling.apply_numbers(values))
            }
            (Self::Matrix { scaling, .. }, TableInputs::Columns(columns)) => {
                Inputs::F32(in_order(columns, scaling, table.rows()).ok_or_else(other)?)
            }
            (Self::Columns { columns }, TableInputs::Columns(given)) => {
                Inputs::F32(prepare_columns(columns, given, table)?)
            }
            (Self::Columns { columns }, TableInputs::StoredColumns(file)) => {
                Inputs::StoredF32(stored::prepare(columns, file, table)?)
            }
            _ => return Err(other()),
        };
        Ok((inputs, shape))
    }

    /// As [`prepare`](Self::prepare); bytes that stay bytes, and numbers in f32, stay where they are in memory.
    pub(super) fn prepare_owned(
        &self,
        mut table: Table,
    ) -> Result<(Inputs, Vec<usize>), DataError> {
        let shape = self.shape();
        let fits = |given: &[usize]| same_layout(given, &shape);
        let inputs = match (self, table.inputs_mut()) {
            (Self::Pixels { scale, .. }, TableInputs::Pixels { values, shape }) if fits(shape) => {
                Inputs::U8 {
                    pixels: take(values),
                    scale: *scale,
                }
            }
            (
                Self::Matrix { scaling, .. },
                TableInputs::Matrix {
                    values: Numbers::F32(values),
                    shape,
                },
            ) if fits(shape) => {
                let mut values = take(values);
                scaling.apply_in_place(&mut values);
                Inputs::F32(values)
            }
            _ => return self.prepare(&table),
        };
        Ok((inputs, self.shape()))
    }

    pub(super) fn shape(&self) -> Vec<usize> {
        match self {
            Self::Pixels { shape, .. } | Self::Bytes { shape, .. } | Self::Matrix { shape, .. } => {
                shape.clone()
            }
            Self::Columns { columns } => vec![columns.iter().map(ColumnPreparation::width).sum()],
        }
    }

    /// What a row's bytes show, if they are pixels.
    pub(super) fn picture(&self) -> Option<Picture> {
        match self {
            Self::Pixels { shape, .. } | Self::Bytes { shape, .. } => Picture::of(shape),
            Self::Matrix { .. } | Self::Columns { .. } => None,
        }
    }

    pub(super) fn names(&self) -> Vec<String> {
        match self {
            Self::Columns { columns } => {
                columns.iter().flat_map(ColumnPreparation::names).collect()
            }
            _ => (0..self.shape().iter().product())
                .map(|i| format!("x{i}"))
                .collect(),
        }
    }

    pub(super) fn schema(&self) -> Option<Vec<(String, ColumnKind)>> {
        let Self::Columns { columns } = self else {
            return None;
        };
        Some(
            columns
                .iter()
                .map(|column| (column.name().to_owned(), column.kind()))
                .collect(),
        )
    }

    pub(super) fn is_valid(&self) -> bool {
        let size = |shape: &[usize]| {
            shape
                .iter()
                .try_fold(1_usize, |product, &size| product.checked_mul(size))
                .filter(|&size| size > 0)
        };
        match self {
            Self::Pixels { shape, scale } => {
                size(shape).is_some() && scale.is_finite() && *scale > 0.0
            }
            Self::Bytes { shape, scaling } | Self::Matrix { shape, scaling } => {
                size(shape).is_some_and(|size| scaling.is_valid(size))
            }
            Self::Columns { columns } => {
                !columns.is_empty()
                    && columns.iter().all(|column| match column {
                        ColumnPreparation::Number {
                            offset,
                            scale,
                            fill,
                            ..
                        } => {
                            let finite = offset.is_finite() && scale.is_finite() && *scale > 0.0;
                            finite && fill.is_none_or(f64::is_finite)
                        }
                        ColumnPreparation::Category { categories, .. } => !categories.is_empty(),
                    })
            }
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::Pixels { shape, .. } | Self::Bytes { shape, .. } => {
                format!("u8 values of shape {shape:?} a row")
            }
            Self::Matrix { shape, .. } => format!("numbers of shape {shape:?} a row"),
            Self::Columns { columns } => {
                let names: Vec<String> = columns
                    .iter()
                    .map(|column| column.name().to_owned())
                    .collect();
                format!("the columns {}", crate::data::error::list(&names))
            }
        }
    }
}

/// Columns for a network that was trained on unnamed numbers: as many, all numeric, in the order of the file.
fn in_order(columns: &[Column], scaling: &Scaling, rows: usize) -> Option<Vec<f32>> {
    if columns.len() != scaling.offset.len() {
        return None;
    }
    let mut out = vec![0.0; rows * columns.len()];
    for (at, column) in columns.iter().enumerate() {
        let Values::Numbers(values) = &column.values else {
            return None;
        };
        for (row, value) in values.iter().enumerate() {
            out[row * columns.len() + at] = scaling.apply(at, value);
        }
    }
    Some(out)
}

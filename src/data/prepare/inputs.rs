//! Inputs: scaled numbers, one-hot categories, bytes that stay bytes.

use std::collections::HashMap;
use std::mem::take;

use serde::{Deserialize, Serialize};

use super::gaps::{empty, mean_of_present, unfilled};
use super::scaling::Scaling;
use super::{ColumnKind, Missing, Normalize, stored};
use crate::data::dataset::Inputs;
use crate::data::error::{DataError, nearest};
use crate::data::numbers::{Numbers, rounded};
use crate::data::pictures::Picture;
use crate::data::stored::Stored;
use crate::data::table::{Column, Table, TableInputs, Values};

/// Bytes of a file that are looked at together.
const PIECE: usize = 1 << 20;

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

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub(super) enum ColumnPreparation {
    /// One input.
    Number {
        name: String,
        offset: f64,
        scale: f64,
        /// What a missing value counts as, if one may be missing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fill: Option<f64>,
    },
    /// One input a category, 1 for the row's own and 0 for the others.
    Category {
        name: String,
        categories: Vec<String>,
    },
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
        let fits =
            |given: &[usize]| given.iter().product::<usize>() == shape.iter().product::<usize>();
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
        let features: usize = self.shape().iter().product();
        let fits = |given: &[usize]| given.iter().product::<usize>() == features;
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

impl ColumnPreparation {
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Number { name, .. } | Self::Category { name, .. } => name,
        }
    }

    fn kind(&self) -> ColumnKind {
        match self {
            Self::Number { .. } => ColumnKind::Number,
            Self::Category { .. } => ColumnKind::Category,
        }
    }

    pub(super) fn width(&self) -> usize {
        match self {
            Self::Number { .. } => 1,
            Self::Category { categories, .. } => categories.len(),
        }
    }

    fn names(&self) -> Vec<String> {
        match self {
            Self::Number { name, .. } => vec![name.clone()],
            Self::Category { name, categories } => categories
                .iter()
                .map(|category| format!("{name}={category}"))
                .collect(),
        }
    }
}

fn fit_pixels(
    values: &[u8],
    shape: &[usize],
    rows: &[u32],
    normalize: Normalize,
) -> InputPreparation {
    let features: usize = shape.iter().product();
    let shape = shape.to_vec();
    match normalize {
        Normalize::Auto => {
            // Pictures of noughts and ones are in 0..1 already.
            let binary = rows.iter().all(|&row| {
                values[row as usize * features..][..features]
                    .iter()
                    .all(|&pixel| pixel <= 1)
            });
            InputPreparation::Pixels {
                shape,
                scale: if binary { 1.0 } else { 1.0 / 255.0 },
            }
        }
        Normalize::None => InputPreparation::Pixels { shape, scale: 1.0 },
        how => InputPreparation::Bytes {
            shape,
            scaling: Scaling::fit(values, features, rows, how, &[]),
        },
    }
}

/// As [`fit_pixels`], in one pass over the file, and not even that if a pixel says early what they are.
fn fit_stored(
    table: &Table,
    stored: &Stored<u8>,
    shape: &[usize],
    rows: &[u32],
    normalize: Normalize,
) -> Result<InputPreparation, DataError> {
    let scale = match normalize {
        Normalize::None => 1.0,
        Normalize::Auto => {
            let piece = (PIECE / stored.features()).max(1);
            let training = stored.select(rows);
            let (mut binary, mut first, mut pixels) = (true, 0, Vec::new());
            while binary && first < rows.len() {
                let end = rows.len().min(first + piece);
                pixels.clear();
                training.read(first..end, &mut pixels)?;
                binary = pixels.iter().all(|&pixel| pixel <= 1);
                first = end;
            }
            if binary { 1.0 } else { 1.0 / 255.0 }
        }
        how => {
            return Err(DataError::malformed(
                table.source(),
                format!("inputs that stay in their file, to be normalised by {how}"),
                "bytes that stay bytes",
                "normalise by auto or none, or train without a window where there is memory for all rows",
            ));
        }
    };
    let shape = shape.to_vec();
    Ok(InputPreparation::Pixels { shape, scale })
}

fn fit_column(
    table: &Table,
    column: &Column,
    rows: &[u32],
    normalize: Normalize,
) -> Result<ColumnPreparation, DataError> {
    let name = column.name.clone();
    Ok(match &column.values {
        Values::Numbers(values) => {
            let place = |_| format!("{}, column {name:?}", table.source());
            let fill = match table.findings().missing {
                Missing::Mean => {
                    Some(mean_of_present(values, rows).ok_or_else(|| empty(table, &name))?)
                }
                Missing::Error | Missing::Drop => None,
            };
            let how = (normalize, &[fill.unwrap_or(f64::NAN)][..]);
            let fitted = Scaling::fit_numbers(values, 1, rows, how, place)?;
            ColumnPreparation::Number {
                name,
                offset: fitted.offset[0],
                scale: fitted.scale[0],
                fill,
            }
        }
        Values::Text { names, .. } => {
            let mut categories = names.clone();
            categories.sort();
            ColumnPreparation::Category { name, categories }
        }
    })
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

fn prepare_columns(
    columns: &[ColumnPreparation],
    given: &[Column],
    table: &Table,
) -> Result<Vec<f32>, DataError> {
    let by_name: HashMap<&str, &Column> = given
        .iter()
        .map(|column| (column.name.as_str(), column))
        .collect();
    let width = columns.iter().map(ColumnPreparation::width).sum::<usize>();
    let mut out = vec![0.0; table.rows() * width];
    let mut at = 0;
    for column in columns {
        let values = match by_name.get(column.name()) {
            Some(given) => &given.values,
            None => {
                let known = given.iter().map(|column| column.name.clone()).collect();
                return Err(unknown_column(table, column.name(), known));
            }
        };
        match column {
            ColumnPreparation::Number {
                name,
                offset,
                scale,
                fill,
            } => {
                let Values::Numbers(values) = values else {
                    return Err(DataError::mismatch(
                        format!("{}, column {name:?}", table.source()),
                        "text",
                        "numbers, as in training",
                    ));
                };
                let scaling = Scaling {
                    offset: vec![*offset],
                    scale: vec![*scale],
                };
                for (row, value) in values.iter().enumerate() {
                    let value = match fill {
                        Some(fill) if value.is_nan() => *fill,
                        None if value.is_nan() => return Err(unfilled(table.place(row), name)),
                        _ => value,
                    };
                    out[row * width + at] = scaling.apply(0, value);
                }
            }
            ColumnPreparation::Category { name, categories } => {
                for (row, category) in codes(values, name, categories, table)?
                    .into_iter()
                    .enumerate()
                {
                    out[row * width + at + category as usize] = 1.0;
                }
            }
        }
        at += column.width();
    }
    Ok(out)
}

/// The number of each row's value among `known`. A column of numbers is looked up by how its numbers are written.
pub(super) fn codes(
    values: &Values,
    column: &str,
    known: &[String],
    table: &Table,
) -> Result<Vec<u32>, DataError> {
    let index: HashMap<&str, u32> = known.iter().map(String::as_str).zip(0..).collect();
    let find = |row: usize, value: &str| {
        index
            .get(value)
            .copied()
            .ok_or_else(|| DataError::UnknownCategory {
                at: table.place(row),
                column: column.to_owned(),
                value: value.to_owned(),
                known: known.to_vec(),
            })
    };
    match values {
        Values::Numbers(values) => {
            // Each number is written out once only.
            let mut found = HashMap::new();
            let code = |(row, value): (usize, f64)| match found.get(&value.to_bits()) {
                Some(&category) => Ok(category),
                None => find(row, &written(value, values)).inspect(|&category| {
                    found.insert(value.to_bits(), category);
                }),
            };
            values.iter().enumerate().map(code).collect()
        }
        Values::Text { codes, names } => {
            // Each name is looked up once; the row is wanted only for the message.
            let mut found = vec![None; names.len()];
            codes
                .iter()
                .enumerate()
                .map(|(row, &code)| {
                    let slot = &mut found[code as usize];
                    match *slot {
                        Some(category) => Ok(category),
                        None => find(row, &names[code as usize])
                            .inspect(|&category| *slot = Some(category)),
                    }
                })
                .collect()
        }
    }
}

/// One of `values` as the name of a class, in the digits that its type has.
pub(super) fn written(value: f64, values: &Numbers) -> String {
    // Adding 0 makes -0 the same as 0.
    match values {
        Numbers::F32(_) => (rounded(value) + 0.0).to_string(),
        Numbers::F64(_) => (value + 0.0).to_string(),
    }
}

pub(super) fn unknown_column(table: &Table, column: &str, known: Vec<String>) -> DataError {
    DataError::UnknownColumn {
        file: table.source().to_owned(),
        column: column.to_owned(),
        nearest: nearest(column, known.iter().map(String::as_str)).map(str::to_owned),
        known,
    }
}

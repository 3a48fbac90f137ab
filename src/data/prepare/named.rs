//! Named columns: numbers with a scale each, and one-hot categories.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::gaps::{empty, mean_of_present, unfilled};
use super::scaling::Scaling;
use super::{ColumnKind, Missing, Normalize};
use crate::data::error::{DataError, nearest};
use crate::data::numbers::{Numbers, rounded};
use crate::data::table::{Column, Table, Values};

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

impl ColumnPreparation {
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Number { name, .. } | Self::Category { name, .. } => name,
        }
    }

    pub(super) fn kind(&self) -> ColumnKind {
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

    pub(super) fn names(&self) -> Vec<String> {
        match self {
            Self::Number { name, .. } => vec![name.clone()],
            Self::Category { name, categories } => categories
                .iter()
                .map(|category| format!("{name}={category}"))
                .collect(),
        }
    }
}

pub(super) fn fit_column(
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

pub(super) fn prepare_columns(
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

//! Columns in a temporary file: the same statistics and the same numbers as of columns in memory, to the bit.

use std::collections::HashMap;
use std::sync::Arc;

use super::gaps::{Mean, empty, unfilled};
use super::named::{ColumnPreparation, unknown_column};
use super::scaling::Scaling;
use super::{Missing, Normalize};
use crate::data::columns::{ColumnFile, Kind, Prepared, PreparedRows};
use crate::data::error::DataError;
use crate::data::stored::Stored;
use crate::data::table::Table;

/// Learns from the given rows of a file.
pub(super) fn fit(
    table: &Table,
    file: &ColumnFile,
    rows: &[u32],
    normalize: Normalize,
) -> Result<Vec<ColumnPreparation>, DataError> {
    let numbers: Vec<usize> = (0..file.fields.len())
        .filter(|&at| file.fields[at].kind != Kind::Code)
        .collect();
    let name = |column: usize| &file.fields[numbers[column]].name;
    let fills = match table.findings().missing {
        Missing::Mean => {
            let mut means = vec![Mean::default(); numbers.len()];
            file.each(rows, |cells| {
                for (mean, &at) in means.iter_mut().zip(&numbers) {
                    mean.add(cells[at]);
                }
            })?;
            let mean = |(column, mean): (usize, Mean)| {
                mean.get().ok_or_else(|| empty(table, name(column)))
            };
            let means: Result<Vec<_>, _> = means.into_iter().enumerate().map(mean).collect();
            Some(means?)
        }
        Missing::Error | Missing::Drop => None,
    };
    let learn = |how| {
        Scaling::learn(numbers.len(), rows.len(), how, &mut |visit| {
            file.each(rows, |cells| {
                for (column, &at) in numbers.iter().enumerate() {
                    match &fills {
                        Some(fills) if cells[at].is_nan() => visit(column, fills[column]),
                        _ => visit(column, cells[at]),
                    }
                }
            })
        })
    };
    if normalize == Normalize::None {
        let spread = learn(Normalize::Standard)?;
        for (column, &at) in numbers.iter().enumerate() {
            if file.fields[at].kind == Kind::F64 {
                let name = || format!("{}, column {:?}", table.source(), name(column));
                spread.require_spread(column, name)?;
            }
        }
    }
    let scaling = learn(normalize)?;
    let mut column = 0..;
    let prepared = file.fields.iter().map(|field| {
        let name = field.name.clone();
        if field.kind == Kind::Code {
            let mut categories = field.names.clone();
            categories.sort();
            return ColumnPreparation::Category { name, categories };
        }
        let column = column.next().unwrap_or(0);
        ColumnPreparation::Number {
            name,
            offset: scaling.offset[column],
            scale: scaling.scale[column],
            fill: fills.as_ref().map(|fills| fills[column]),
        }
    });
    Ok(prepared.collect())
}

/// The rows of a file as inputs, which are made when they are wanted.
pub(super) fn prepare(
    columns: &[ColumnPreparation],
    file: &Arc<ColumnFile>,
    table: &Table,
) -> Result<Stored<f32>, DataError> {
    let place: HashMap<&str, usize> = file
        .fields
        .iter()
        .zip(0..)
        .map(|(field, at)| (field.name.as_str(), at))
        .collect();
    let mut prepared = Vec::with_capacity(columns.len());
    for column in columns {
        let Some(&at) = place.get(column.name()) else {
            return Err(unknown_column(table, column.name(), file.names()));
        };
        prepared.push((at, prepare_column(column, at, file, table)?));
    }
    let rows = PreparedRows {
        file: Arc::clone(file),
        columns: prepared,
        features: columns.iter().map(ColumnPreparation::width).sum(),
    };
    Ok(Stored::new(Arc::new(rows)))
}

fn prepare_column(
    column: &ColumnPreparation,
    at: usize,
    file: &ColumnFile,
    table: &Table,
) -> Result<Prepared, DataError> {
    let field = &file.fields[at];
    let place = |line: u64| table.place_of_line(line);
    match column {
        ColumnPreparation::Number {
            name,
            offset,
            scale,
            fill,
        } => {
            if field.kind == Kind::Code {
                return Err(DataError::mismatch(
                    format!("{}, column {name:?}", table.source()),
                    "text",
                    "numbers, as in training",
                ));
            }
            let findings = &table.findings().columns;
            let missing = findings.iter().any(|f| f.column == *name && f.missing > 0);
            if missing && fill.is_none() && table.findings().missing == Missing::Mean {
                return Err(unfilled(table.source().to_owned(), name));
            }
            Ok(Prepared::Number {
                offset: *offset,
                scale: *scale,
                fill: fill.unwrap_or(f64::NAN),
            })
        }
        ColumnPreparation::Category { name, categories } => {
            if field.kind != Kind::Code {
                return Err(DataError::mismatch(
                    format!("{}, column {name:?}", table.source()),
                    "numbers",
                    "text, as in training",
                ));
            }
            let known: HashMap<&str, u32> =
                categories.iter().map(String::as_str).zip(0..).collect();
            let code = |(value, line): (&String, &u64)| {
                known
                    .get(value.as_str())
                    .copied()
                    .ok_or_else(|| DataError::UnknownCategory {
                        at: place(*line),
                        column: name.clone(),
                        value: value.clone(),
                        known: categories.clone(),
                    })
            };
            let places: Result<Vec<_>, _> =
                field.names.iter().zip(&field.firsts).map(code).collect();
            Ok(Prepared::Category {
                places: places?,
                width: categories.len(),
            })
        }
    }
}

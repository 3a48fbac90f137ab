//! Whether the parts of a table fit together, and its numbers are numbers.

use super::{Column, TableInputs, TableTarget, Values};
use crate::data::error::DataError;
use crate::data::numbers::Numbers;

/// The rows that the inputs have.
pub(super) fn input_rows(source: &str, inputs: &TableInputs) -> Result<usize, DataError> {
    let (len, shape) = match inputs {
        TableInputs::Pixels { values, shape } => (values.len(), shape),
        TableInputs::Stored { rows, shape } => (rows.rows() * rows.features(), shape),
        TableInputs::Matrix { values, shape } => (values.len(), shape),
        TableInputs::StoredColumns(file) => return Ok(file.rows()),
        TableInputs::Columns(columns) => {
            let rows = columns.first().map_or(0, |column| column.values.len());
            return match columns.iter().find(|column| column.values.len() != rows) {
                Some(column) => Err(DataError::mismatch(
                    format!("{source}, column {:?}", column.name),
                    format!("{} rows", column.values.len()),
                    format!("{rows}, as in the first column"),
                )),
                None => Ok(rows),
            };
        }
    };
    let features = shape
        .iter()
        .try_fold(1_usize, |product, &size| product.checked_mul(size));
    match features {
        Some(features) if features > 0 && len % features == 0 => Ok(len / features),
        _ => Err(DataError::mismatch(
            source,
            format!("{len} values for rows of shape {shape:?}"),
            "sizes of at least 1 and whole rows",
        )),
    }
}

/// The rows that the target has: `rows` if there is none, 0 if its parts disagree.
pub(super) fn target_rows(
    source: &str,
    target: &TableTarget,
    rows: usize,
) -> Result<usize, DataError> {
    Ok(match target {
        TableTarget::None => rows,
        TableTarget::Labels(labels) => labels.len(),
        TableTarget::Classes { labels, names } => {
            if labels.iter().any(|&label| label as usize >= names.len()) {
                return Err(DataError::mismatch(
                    format!("labels of {source}"),
                    "a number without a name",
                    "a name for each class",
                ));
            }
            labels.len()
        }
        TableTarget::Column(column) => column.values.len(),
        TableTarget::Columns(columns) => {
            let found = columns.first().map_or(0, |column| column.values.len());
            let same = columns.iter().all(|column| column.values.len() == found);
            if same { found } else { 0 }
        }
        TableTarget::Matrix { values, outputs } if *outputs > 0 && values.len() % outputs == 0 => {
            values.len() / outputs
        }
        TableTarget::Matrix { .. } => 0,
    })
}

/// Refuses numbers that are none.
pub(super) fn check_finite(
    source: &str,
    inputs: &TableInputs,
    target: &TableTarget,
) -> Result<(), DataError> {
    let check = |what: &str, values: &Numbers, width: usize| {
        values.first_bad().map_or(Ok(()), |at| {
            Err(DataError::malformed(
                format!(
                    "{source}, {what}, row {}, column {}",
                    at / width,
                    at % width
                ),
                format!("{}", values.get(at)),
                "a finite number within the range of f32",
                "remove the row or fill in a value",
            ))
        })
    };
    match inputs {
        TableInputs::Matrix { values, shape } => check("inputs", values, shape.iter().product())?,
        TableInputs::Columns(columns) => {
            for column in columns {
                if let Values::Numbers(values) = &column.values {
                    check(&format!("column {:?}", column.name), values, 1)?;
                }
            }
        }
        TableInputs::Pixels { .. } | TableInputs::Stored { .. } | TableInputs::StoredColumns(_) => {
        }
    }
    match target {
        TableTarget::Matrix { values, outputs } => check("targets", values, *outputs),
        TableTarget::Column(column) => check_column(&check, column),
        TableTarget::Columns(columns) => columns.iter().try_for_each(|c| check_column(&check, c)),
        _ => Ok(()),
    }
}

type Check<'a> = dyn Fn(&str, &Numbers, usize) -> Result<(), DataError> + 'a;

fn check_column(check: &Check<'_>, column: &Column) -> Result<(), DataError> {
    match &column.values {
        Values::Numbers(values) => check(&format!("column {:?}", column.name), values, 1),
        Values::Text { .. } => Ok(()),
    }
}

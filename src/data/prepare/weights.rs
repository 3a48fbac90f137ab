//! Weights of rows, from a column.

use crate::data::dataset::Dataset;
use crate::data::error::DataError;
use crate::data::table::{Table, Values};

/// The weights of a table's rows, if it has some.
///
/// # Errors
/// When one is negative, or all are 0.
pub(super) fn prepare(table: &Table) -> Result<Option<Vec<f32>>, DataError> {
    let Some(column) = table.weights() else {
        return Ok(None);
    };
    let name = &column.name;
    let Values::Numbers(values) = &column.values else {
        let what = format!("{}, column {name:?} of weights", table.source());
        return Err(DataError::mismatch(what, "text", "numbers of at least 0"));
    };
    if let Some(row) = values.iter().position(|weight| weight < 0.0) {
        return Err(DataError::malformed(
            format!("{}, column {name:?} of weights", table.place(row)),
            values.get(row).to_string(),
            "a number of at least 0",
            "correct the value, or take another column for `--weights`",
        ));
    }
    let weights: Vec<f32> = values.iter().map(crate::data::numbers::rounded).collect();
    if weights.iter().all(|&weight| weight == 0.0) {
        return Err(DataError::malformed(
            format!("{}, column {name:?} of weights", table.source()),
            "0 in every row",
            "a number above 0 in some row",
            "take another column for `--weights`, or leave it out",
        ));
    }
    Ok(Some(weights))
}

/// The data with the weights, if there are some.
pub(super) fn weigh(data: Dataset, weights: Option<Vec<f32>>) -> Result<Dataset, DataError> {
    match weights {
        Some(weights) => data.with_weights(weights),
        None => Ok(data),
    }
}

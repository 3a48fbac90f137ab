//! Which rows train and which validate.

use super::DataError;
use crate::random::{Random, stream};

/// Splits `rows` into training and validation rows: validation is the last `round(fraction * rows)` after a seeded
/// shuffle, or, without `shuffle`, the last in file order, so that both parts keep that order.
///
/// With `fraction` 0 the validation rows are empty.
///
/// # Errors
/// When `fraction` is not in `0..1`, leaves no training row, or (above 0) no validation row.
pub fn split(
    rows: usize,
    fraction: f64,
    seed: u64,
    shuffle: bool,
) -> Result<(Vec<u32>, Vec<u32>), DataError> {
    let wrong =
        |found: String, expected: &str| DataError::mismatch("validation fraction", found, expected);
    if !(0.0..1.0).contains(&fraction) {
        return Err(wrong(
            format!("{fraction}"),
            "a number of at least 0 and below 1",
        ));
    }
    let count = u32::try_from(rows).map_err(|_| {
        DataError::mismatch("data", format!("{rows} rows"), "at most 4294967295 rows")
    })?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "0 <= fraction < 1, so it is at most rows"
    )]
    let validation = (fraction * f64::from(count)).round() as usize;
    if validation >= rows {
        return Err(wrong(
            format!("{fraction} of {rows} rows"),
            "one that leaves at least one row to train on",
        ));
    }
    if validation == 0 && fraction > 0.0 {
        return Err(wrong(
            format!("{fraction} of {rows} rows, which is none"),
            "0, or one that gives at least one row to validate on",
        ));
    }
    let mut training = if shuffle {
        Random::new(seed, stream::SPLIT, 0).permutation(rows)
    } else {
        (0..count).collect()
    };
    let validation = training.split_off(rows - validation);
    Ok((training, validation))
}

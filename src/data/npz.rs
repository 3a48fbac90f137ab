//! NPZ.
use std::path::Path;

use super::error::DataError;
use super::table::Table;

pub(super) fn read(path: &Path, _require: bool) -> Result<Table, DataError> {
    Err(DataError::mismatch(path.display().to_string(), "", ""))
}
pub(super) fn read_npy(path: &Path, _require: bool) -> Result<Table, DataError> {
    Err(DataError::mismatch(path.display().to_string(), "", ""))
}

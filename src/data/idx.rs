//! IDX.
use std::path::{Path, PathBuf};

use super::error::DataError;
use super::table::Table;

pub(super) fn read(
    path: &Path,
    _labels: Option<&Path>,
    _require: bool,
) -> Result<Table, DataError> {
    Err(DataError::mismatch(path.display().to_string(), "", ""))
}
pub(super) fn find_pair(path: &Path) -> Result<(PathBuf, PathBuf), DataError> {
    Err(DataError::mismatch(path.display().to_string(), "", ""))
}

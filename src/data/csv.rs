//! CSV.
use std::path::Path;

use super::error::DataError;
use super::table::{Table, TableOptions};

pub(super) fn read(path: &Path, _options: &TableOptions) -> Result<Table, DataError> {
    Err(DataError::mismatch(path.display().to_string(), "", ""))
}

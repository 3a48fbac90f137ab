//! Tables that are shown part by part.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::csv::{self, Pipe};
use super::error::DataError;
use super::read::Unpacking;
use super::table::{Table, TableOptions};

/// Where the parts of a table come from.
pub(crate) enum Parts {
    /// A file, which can be read again.
    File(PathBuf),
    /// A pipe, which is read once.
    Pipe(Pipe),
}

impl Parts {
    pub(super) fn pipe(name: &str, from: impl Read + Send + 'static) -> Result<Self, DataError> {
        let pipe = Pipe::new(name, Unpacking::new(from));
        pipe.map(Self::Pipe)
            .map_err(|error| DataError::io(Path::new(name), error))
    }

    /// The same again, if it can be read again.
    pub(crate) fn again(&self) -> Option<Self> {
        match self {
            Self::File(path) => Some(Self::File(path.clone())),
            Self::Pipe(_) => None,
        }
    }

    /// Shows the rows, at most `rows` at once; those of a pipe as soon as no more of them wait. Where a row cannot be read,
    /// those before it are shown first.
    ///
    /// # Errors
    /// As of reading a file as a whole; and what `visit` gives.
    pub(crate) fn each<E: From<DataError>>(
        self,
        options: &TableOptions,
        rows: usize,
        visit: impl FnMut(Table) -> Result<(), E>,
    ) -> Result<(), E> {
        match self {
            Self::File(path) => csv::of_file(&path, (options, rows), visit),
            Self::Pipe(pipe) => csv::of_pipe(pipe, (options, rows), visit),
        }
    }
}

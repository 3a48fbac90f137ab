//! The file of a table: what parts its columns, and how much a gzipped one may become.

use std::path::Path;

use super::records::Records;
use crate::data::error::DataError;
use crate::data::lines;
use crate::data::read::{Format, Stream, broken};

/// So many bytes a gzipped table may always unpack to, and this many times its own size.
const ALWAYS: u64 = 64 << 20;
const MOST_TIMES: u64 = 200;
/// Bytes in which the header of a file without a telling name is looked for.
const LOOKED_AT: usize = 1 << 16;

/// A table in a file.
pub(super) struct Source<'a> {
    pub(super) path: &'a Path,
    /// Its name in messages.
    pub(super) name: String,
    /// What parts its columns: a comma or a tab.
    pub(super) separator: u8,
    /// Whether it is Parquet, which has no lines and says the names of its columns.
    pub(super) is_parquet: bool,
}

impl<'a> Source<'a> {
    pub(super) fn new(path: &'a Path) -> Result<Self, DataError> {
        if Format::detect(path)? == Format::Parquet {
            return Self::of_parquet(path);
        }
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let file = file.to_lowercase();
        let file = Path::new(file.strip_suffix(".gz").unwrap_or(&file));
        let separator = match file.extension().and_then(|extension| extension.to_str()) {
            Some("tsv" | "tab") => b'\t',
            Some("csv") => b',',
            _ => found(path)?,
        };
        Ok(Self {
            path,
            name: path.display().to_string(),
            separator,
            is_parquet: false,
        })
    }

    fn of_parquet(path: &'a Path) -> Result<Self, DataError> {
        let name = path.display().to_string();
        if !cfg!(feature = "parquet") {
            return Err(unread(name));
        }
        Ok(Self {
            path,
            name,
            separator: b',',
            is_parquet: true,
        })
    }

    /// The place of a line, or of a row where there are no lines.
    pub(super) fn at(&self, line: u64) -> String {
        lines::place(&self.name, line, self.is_parquet)
    }

    /// What comes through a pipe; it has no path, and is read once.
    pub(super) fn of_pipe(name: &str, separator: u8) -> Self {
        Self {
            path: Path::new("-"),
            name: name.to_owned(),
            separator,
            is_parquet: false,
        }
    }

    /// Its records, from the first on.
    pub(super) fn records(&self) -> Result<Records<'_>, DataError> {
        #[cfg(feature = "parquet")]
        if self.is_parquet {
            return Records::of_parquet(self);
        }
        let stream = Stream::open(self.path)?;
        let most = match stream.packed {
            true => ALWAYS.max(stream.len.saturating_mul(MOST_TIMES)),
            false => u64::MAX,
        };
        Records::new(stream, self, most)
    }
}

/// What parts the columns of a file whose name does not say it: tabs, if its first line has more of them than commas.
fn found(path: &Path) -> Result<u8, DataError> {
    let mut stream = Stream::open(path)?;
    let start = stream.read_up_to(LOOKED_AT);
    let start = start.map_err(|error| broken(path, &error))?;
    let mut lines = start.split(|byte| matches!(byte, b'\n' | b'\r'));
    let header = lines.find(|line| !line.is_empty()).unwrap_or_default();
    let count = |mark: u8| header.iter().filter(|byte| **byte == mark).count();
    Ok(if count(b'\t') > count(b',') {
        b'\t'
    } else {
        b','
    })
}

/// The error for Parquet where the program is built without it.
fn unread(name: String) -> DataError {
    DataError::malformed(
        name,
        "a Parquet file",
        "a format that this build of thalweg reads",
        "build it with the feature `parquet` (`cargo install --path . --features parquet`), or write the table as CSV",
    )
}

#[cfg(test)]
mod tests {
    use super::unread;

    /// Here in words, since most builds that are tested have the feature.
    #[test]
    fn parquet_without_its_feature_is_told_with_the_remedy() {
        let message = unread("t.parquet".to_owned()).to_string();
        for part in [
            "t.parquet: found a Parquet file",
            "this build",
            "--features parquet",
            "CSV",
        ] {
            assert!(message.contains(part), "no {part:?} in: {message}");
        }
    }
}

//! The records of a file, with the lines on which they start and the messages that name them.

use std::fs::File;
use std::io::{self, Chain, Cursor, Read};
use std::path::Path;

use csv::{ByteRecord, Reader, ReaderBuilder};

use super::guard::{self, Guard, RecordLines};
use crate::data::error::{DataError, quote};

/// A file, its first bytes having been looked at.
type Unmarked = Chain<Cursor<Vec<u8>>, File>;

/// A file of records, with what messages need.
pub(super) struct Records<'a> {
    reader: Reader<Guard<Unmarked>>,
    pub(super) file: &'a str,
    pub(super) record: ByteRecord,
    lines: RecordLines,
    /// The line on which the record starts.
    pub(super) line: u64,
}

impl<'a> Records<'a> {
    pub(super) fn new(file: &File, path: &Path, source: &'a str) -> Result<Self, DataError> {
        let file = file
            .try_clone()
            .map_err(|error| DataError::io(path, error))?;
        let file = without_mark(file).map_err(|error| DataError::io(path, error))?;
        let guard = Guard::new(file);
        let lines = guard.lines();
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(guard);
        Ok(Self {
            reader,
            file: source,
            record: ByteRecord::new(),
            lines,
            line: 0,
        })
    }

    /// Reads the next record; false at the end.
    pub(super) fn next(&mut self) -> Result<bool, DataError> {
        let more = self
            .reader
            .read_byte_record(&mut self.record)
            .map_err(|error| guard::explain(error, self.file))?;
        if more {
            self.line = self
                .lines
                .borrow_mut()
                .pop_front()
                .expect("the guard has seen what the reader returns");
        }
        Ok(more)
    }

    pub(super) fn malformed(&self, found: String, expected: String, hint: &str) -> DataError {
        DataError::malformed(
            format!("{}:{}", self.file, self.line),
            found,
            expected,
            hint,
        )
    }

    pub(super) fn in_column(
        &self,
        column: &str,
        found: String,
        expected: &str,
        hint: &str,
    ) -> DataError {
        DataError::malformed(
            format!("{}:{}, column {column:?}", self.file, self.line),
            found,
            expected,
            hint,
        )
    }

    /// The text of a field, without the blanks around it.
    pub(super) fn field(&self, at: usize, column: &str) -> Result<&str, DataError> {
        let hint = "save the file as UTF-8";
        let field = self
            .record
            .get(at)
            .expect("the record has as many fields as the header");
        let text = std::str::from_utf8(field).map_err(|_| {
            self.in_column(
                column,
                quote(&String::from_utf8_lossy(field)),
                "UTF-8 text",
                hint,
            )
        })?;
        match text.trim() {
            "" => Err(self.in_column(
                column,
                "nothing".to_owned(),
                "a value",
                "fill in a value or remove the row",
            )),
            text => Ok(text),
        }
    }

    pub(super) fn check_length(&self, columns: usize) -> Result<(), DataError> {
        if self.record.len() == columns {
            return Ok(());
        }
        let found = format!("{} fields", self.record.len());
        let hint = "complete the row, or quote a value that has a comma in it";
        Err(self.malformed(found, format!("{columns}, as in the header"), hint))
    }
}

/// Leaves out the byte order mark that some programs write (and, joining files, write again).
fn without_mark(mut file: File) -> io::Result<Unmarked> {
    const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
    loop {
        let mut start = Vec::new();
        file.by_ref()
            .take(BYTE_ORDER_MARK.len() as u64)
            .read_to_end(&mut start)?;
        if start != BYTE_ORDER_MARK {
            return Ok(Cursor::new(start).chain(file));
        }
    }
}

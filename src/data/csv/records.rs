//! The records of a file, with the lines on which they start and the messages that name them.

use std::io::{self, Chain, Cursor, Read};

use csv::{ByteRecord, Reader, ReaderBuilder};

use super::guard::{self, Guard, RecordLines};
use super::source::Source;
use crate::data::error::{DataError, quote};
use crate::data::read::{Stream, broken};

/// A file, its first bytes having been looked at.
type Unmarked = Chain<Cursor<Vec<u8>>, Stream>;

/// A file of records, with what messages need.
pub(super) struct Records<'a> {
    reader: Reader<Guard<Unmarked>>,
    pub(super) file: &'a str,
    separator: u8,
    pub(super) record: ByteRecord,
    lines: RecordLines,
    /// The line on which the record starts.
    pub(super) line: u64,
}

impl<'a> Records<'a> {
    /// At most `most` bytes of them.
    pub(super) fn new(
        stream: Stream,
        source: &'a Source<'_>,
        most: u64,
    ) -> Result<Self, DataError> {
        let unmarked = without_mark(stream).map_err(|error| broken(source.path, &error))?;
        let guard = Guard::new(unmarked, source.separator, most);
        let lines = guard.lines();
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(source.separator)
            .from_reader(guard);
        Ok(Self {
            reader,
            file: &source.name,
            separator: source.separator,
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

    /// Whether the next record has been read from the file already, to its end.
    pub(super) fn is_ready(&self) -> bool {
        let begun = usize::from(self.reader.get_ref().is_within());
        self.lines.borrow().len() > begun
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

    /// The text of a field, without the blanks around it; nothing is a text too.
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
        Ok(text.trim())
    }

    pub(super) fn check_length(&self, columns: usize) -> Result<(), DataError> {
        if self.record.len() == columns {
            return Ok(());
        }
        let found = format!("{} fields", self.record.len());
        let hint = format!(
            "complete the row, or quote a value that has a {} in it",
            separator_name(self.separator)
        );
        Err(self.malformed(found, format!("{columns}, as in the header"), &hint))
    }
}

/// What parts the columns, in words.
pub(super) const fn separator_name(separator: u8) -> &'static str {
    if separator == b'\t' { "tab" } else { "comma" }
}

/// Leaves out the byte order mark that some programs write (and, joining files, write again).
fn without_mark(mut file: Stream) -> io::Result<Unmarked> {
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

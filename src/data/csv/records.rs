//! The records of a file, with the lines on which they start and the messages that name them.

use std::io::{self, Chain, Cursor, Read};

use csv::{ByteRecord, Reader, ReaderBuilder};

use super::Plan;
use super::guard::{self, Guard, RecordLines};
use super::source::Source;
use crate::data::error::{DataError, quote};
use crate::data::lines::Lines;
use crate::data::read::{Stream, broken};

/// A file, its first bytes having been looked at.
type Unmarked = Chain<Cursor<Vec<u8>>, Stream>;

/// A file of records, with what messages need.
pub(super) struct Records<'a> {
    from: From,
    pub(super) file: &'a str,
    source: &'a Source<'a>,
    pub(super) record: ByteRecord,
    /// The line on which the record starts; the number of the row, from 1, where there are no lines.
    pub(super) line: u64,
}

/// What records are read from.
enum From {
    Text {
        reader: Box<Reader<Guard<Unmarked>>>,
        lines: RecordLines,
    },
    #[cfg(feature = "parquet")]
    Parquet {
        rows: Box<crate::data::parquet::Rows>,
        /// Whether the header was the record.
        begun: bool,
    },
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
        let reader = Box::new(reader);
        Ok(Self::from(From::Text { reader, lines }, source))
    }

    /// The rows of a Parquet file, after the names of its columns.
    #[cfg(feature = "parquet")]
    pub(super) fn of_parquet(source: &'a Source<'_>) -> Result<Self, DataError> {
        let rows = crate::data::parquet::Rows::open(source.path)?;
        let rows = Box::new(rows);
        let begun = false;
        Ok(Self::from(From::Parquet { rows, begun }, source))
    }

    fn from(from: From, source: &'a Source<'_>) -> Self {
        Self {
            from,
            file: &source.name,
            source,
            record: ByteRecord::new(),
            line: 0,
        }
    }

    /// Says which fields will be looked at; others may be empty from now on.
    #[cfg_attr(
        not(feature = "parquet"),
        expect(
            clippy::unused_self,
            clippy::unnecessary_wraps,
            reason = "a line of text is read as a whole"
        )
    )]
    pub(super) fn only(&mut self, plans: &[Plan]) -> Result<(), DataError> {
        #[cfg(feature = "parquet")]
        if let From::Parquet { rows, .. } = &mut self.from {
            return rows.only(plans.iter().map(|plan| plan.at));
        }
        let _ = plans;
        Ok(())
    }

    /// Whether what comes first is a line that may have been forgotten, and not what the format asks for.
    pub(super) const fn is_text(&self) -> bool {
        !self.source.is_parquet
    }

    /// The places of rows, to begin with.
    pub(super) fn places(&self) -> Lines {
        Lines::new(self.source.is_parquet)
    }

    /// Reads the next record; false at the end.
    pub(super) fn next(&mut self) -> Result<bool, DataError> {
        match &mut self.from {
            From::Text { reader, lines } => {
                let more = reader
                    .read_byte_record(&mut self.record)
                    .map_err(|error| guard::explain(error, self.file))?;
                if more {
                    self.line = lines
                        .borrow_mut()
                        .pop_front()
                        .expect("the guard has seen what the reader returns");
                }
                Ok(more)
            }
            #[cfg(feature = "parquet")]
            From::Parquet { rows, begun } => {
                if !*begun {
                    *begun = true;
                    rows.header(&mut self.record);
                    return Ok(true);
                }
                let more = rows.next(&mut self.record)?;
                self.line = rows.row;
                Ok(more)
            }
        }
    }

    /// Whether the next record has been read from the file already, to its end.
    pub(super) fn is_ready(&self) -> bool {
        match &self.from {
            From::Text { reader, lines } => {
                let begun = usize::from(reader.get_ref().is_within());
                lines.borrow().len() > begun
            }
            #[cfg(feature = "parquet")]
            From::Parquet { .. } => true,
        }
    }

    pub(super) fn malformed(&self, found: String, expected: String, hint: &str) -> DataError {
        let at = match self.line {
            // The names of the columns stand in no line.
            0 => self.file.to_owned(),
            line => self.source.at(line),
        };
        DataError::malformed(at, found, expected, hint)
    }

    pub(super) fn in_column(
        &self,
        column: &str,
        found: String,
        expected: &str,
        hint: &str,
    ) -> DataError {
        DataError::malformed(
            format!("{}, column {column:?}", self.source.at(self.line)),
            found,
            expected,
            hint,
        )
    }

    /// The text of a field, without the blanks around it; nothing is a text too.
    pub(super) fn field(&self, at: usize, column: &str) -> Result<&str, DataError> {
        let field = self
            .record
            .get(at)
            .expect("the record has as many fields as the header");
        let text = std::str::from_utf8(field).map_err(|_| {
            self.in_column(
                column,
                quote(&String::from_utf8_lossy(field)),
                "UTF-8 text",
                &if self.is_text() {
                    "save the file as UTF-8".to_owned()
                } else {
                    format!("write the column as text, or leave it out with `--drop {column}`")
                },
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
            separator_name(self.source.separator)
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

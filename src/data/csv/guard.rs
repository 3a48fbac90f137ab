//! Watches the bytes on their way to the csv crate, which would read a quote that never closes into memory to the end of
//! the file and say nothing, and which counts lines from where the last record ended: one too few after CR LF, and at
//! the first of several blank lines.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::io::{self, Read};
use std::rc::Rc;

use crate::data::error::DataError;
use crate::data::read::broken;

/// No record, header included, is longer, in bytes.
const LONGEST_RECORD: usize = 4 << 20;

/// Follows quotes and line ends in the bytes that pass through.
pub(super) struct Guard<R> {
    inner: R,
    /// What parts the fields.
    separator: u8,
    /// Bytes that may still come: a gzipped file of a few bytes can stand for a thousand times as many.
    left: u64,
    most: u64,
    state: State,
    line: u64,
    /// The line on which the last quote opened.
    opened: u64,
    /// Bytes of the record so far.
    len: usize,
    after_return: bool,
    /// The first line of each record that passed and was not yet taken: as many as fit into the csv crate's buffer.
    lines: RecordLines,
}

/// The lines on which records start, in order.
pub(super) type RecordLines = Rc<RefCell<VecDeque<u64>>>;

#[derive(Clone, Copy, PartialEq)]
enum State {
    FieldStart,
    Plain,
    Quoted,
    /// A quote within a quoted field: its end, or one half of a doubled one.
    QuoteInQuoted,
}

/// What the guard stopped at.
#[derive(Debug)]
enum Stop {
    OpenQuote { line: u64 },
    LongRecord { line: u64 },
    Expands { most: u64 },
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OpenQuote { line } => write!(f, "line {line}: a quote that never closes"),
            Self::LongRecord { line } => write!(
                f,
                "line {line}: a record of more than {LONGEST_RECORD} bytes"
            ),
            Self::Expands { most } => write!(f, "more than {most} bytes unpacked"),
        }
    }
}

impl Error for Stop {}

impl<R> Guard<R> {
    /// Lets through at most `most` bytes, of which `separator` parts fields.
    pub(super) fn new(inner: R, separator: u8, most: u64) -> Self {
        Self {
            inner,
            separator,
            left: most,
            most,
            state: State::FieldStart,
            line: 1,
            opened: 0,
            len: 0,
            after_return: false,
            lines: RecordLines::default(),
        }
    }

    /// Where the lines of records are handed over.
    pub(super) fn lines(&self) -> RecordLines {
        Rc::clone(&self.lines)
    }

    /// Whether what has passed ends within a record.
    pub(super) const fn is_within(&self) -> bool {
        self.len > 0
    }

    fn follow(&mut self, byte: u8) -> Result<(), Stop> {
        if self.len == 0 && !matches!(byte, b'\n' | b'\r') {
            self.lines.borrow_mut().push_back(self.line);
        }
        self.len += 1;
        self.state = match (self.state, byte) {
            (State::Quoted, b'"') => State::QuoteInQuoted,
            (State::Quoted, _) => State::Quoted,
            (State::FieldStart, b'"') => {
                self.opened = self.line;
                State::Quoted
            }
            (State::QuoteInQuoted, b'"') => State::Quoted,
            (_, byte) if byte == self.separator => State::FieldStart,
            (_, b'\n' | b'\r') => {
                self.len = 0;
                State::FieldStart
            }
            _ => State::Plain,
        };
        self.line += u64::from(byte == b'\r' || byte == b'\n' && !self.after_return);
        self.after_return = byte == b'\r';
        match self.state {
            _ if self.len <= LONGEST_RECORD => Ok(()),
            State::Quoted => Err(Stop::OpenQuote { line: self.opened }),
            _ => Err(Stop::LongRecord { line: self.line }),
        }
    }
}

impl<R: Read> Read for Guard<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let left = self.left.checked_sub(count as u64);
        let expands = || io::Error::other(Stop::Expands { most: self.most });
        self.left = left.ok_or_else(expands)?;
        for &byte in &buffer[..count] {
            self.follow(byte).map_err(io::Error::other)?;
        }
        if count == 0 && !buffer.is_empty() && self.state == State::Quoted {
            return Err(io::Error::other(Stop::OpenQuote { line: self.opened }));
        }
        Ok(count)
    }
}

/// What an error of the csv crate means.
pub(super) fn explain(error: csv::Error, file: &str) -> DataError {
    let io = match error.into_kind() {
        csv::ErrorKind::Io(io) => io,
        other => {
            let found = format!("{other:?}");
            return DataError::malformed(file, found, "a CSV file", "check the file");
        }
    };
    match io.get_ref().and_then(|inner| inner.downcast_ref::<Stop>()) {
        Some(Stop::OpenQuote { line }) => DataError::malformed(
            format!("{file}:{line}"),
            "a quote that never closes",
            "a closing quote",
            "close the quote, or double it (\"\") if it belongs to the value",
        ),
        Some(Stop::LongRecord { line }) => DataError::malformed(
            format!("{file}:{line}"),
            format!("a row of more than {LONGEST_RECORD} bytes"),
            "shorter rows",
            "check the line ends, or use .npz for very wide data",
        ),
        Some(Stop::Expands { most }) => DataError::malformed(
            file,
            format!("a gzipped file that unpacks to more than {most} bytes"),
            "a table that gzip packs less tightly",
            "unpack it with gunzip if it is what you mean to read",
        ),
        None => broken(file.as_ref(), &io),
    }
}

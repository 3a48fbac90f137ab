//! Inputs that are not in memory: they are read, or made, when they are wanted.

use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::error::DataError;

/// Values that are read at once where only some of the rows are wanted.
const SPAN: usize = 1 << 20;
/// Rows that nobody wants are read and dropped if there are no more of them between two that are.
const GAP: usize = 16;

/// A number that inputs can be made of.
pub trait Value: Copy + Default + fmt::Debug + Send + Sync + 'static {
    /// Whether a network can work with it.
    fn is_good(self) -> bool;
}

impl Value for u8 {
    fn is_good(self) -> bool {
        true
    }
}

impl Value for f32 {
    fn is_good(self) -> bool {
        self.is_finite()
    }
}

/// Rows that can be read from any place on, again and again, and are the same each time.
pub trait Rows<T>: fmt::Debug + Send + Sync {
    /// How many there are.
    fn rows(&self) -> usize;

    /// Values of a row.
    fn features(&self) -> usize;

    /// Reads the rows from row `first` on, as many as `into` holds.
    ///
    /// # Errors
    /// If they cannot be read, or are not what they were.
    fn read(&self, first: usize, into: &mut [T]) -> Result<(), DataError>;
}

/// Some rows of a source, in an order: all, as they are, or those that were selected.
#[derive(Debug, Clone)]
pub struct Stored<T> {
    source: Arc<dyn Rows<T>>,
    selected: Option<Arc<[u32]>>,
}

impl<T> PartialEq for Stored<T> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.source, &other.source) && self.selected == other.selected
    }
}

impl<T: Value> Stored<T> {
    /// All rows of a source.
    pub fn new(source: Arc<dyn Rows<T>>) -> Self {
        Self {
            source,
            selected: None,
        }
    }

    /// How many rows.
    pub fn rows(&self) -> usize {
        let selected = self.selected.as_ref();
        selected.map_or_else(|| self.source.rows(), |rows| rows.len())
    }

    /// Values of a row.
    pub fn features(&self) -> usize {
        self.source.features()
    }

    /// The rows of the given numbers among these.
    pub(super) fn select(&self, rows: &[u32]) -> Self {
        let of_source = |&row: &u32| {
            let selected = self.selected.as_ref();
            selected.map_or(row, |selected| selected[row as usize])
        };
        Self {
            source: Arc::clone(&self.source),
            selected: Some(rows.iter().map(of_source).collect()),
        }
    }

    /// Bytes of memory that the selection takes.
    pub(super) fn selection_bytes(&self) -> usize {
        self.selected.as_ref().map_or(0, |rows| 4 * rows.len())
    }

    /// Reads the rows of a range of these, behind what is in `to`.
    ///
    /// # Errors
    /// If they cannot be read, or one holds NaN or an infinity.
    pub(crate) fn read(&self, range: Range<usize>, to: &mut Vec<T>) -> Result<(), DataError> {
        let (from, features) = (to.len(), self.features());
        let Some(selected) = &self.selected else {
            to.resize(from + range.len() * features, T::default());
            self.source.read(range.start, &mut to[from..])?;
            return check(&to[from..], features, |row| range.start + row);
        };
        let mut left = &selected[range.clone()];
        let mut scratch = Vec::new();
        while let Some(&first) = left.first() {
            let first = first as usize;
            // As long as the next row lies a little behind.
            let most = (SPAN / features).max(1);
            let near = |pair: &[u32]| {
                let (here, next) = (pair[0] as usize, pair[1] as usize);
                next > here && next - here <= GAP && next - first < most
            };
            let count = 1 + left.windows(2).take_while(|pair| near(pair)).count();
            let (span, rest) = left.split_at(count);
            let last = span[count - 1] as usize;
            scratch.resize((last + 1 - first) * features, T::default());
            self.source.read(first, &mut scratch)?;
            for &row in span {
                to.extend_from_slice(&scratch[(row as usize - first) * features..][..features]);
            }
            left = rest;
        }
        check(&to[from..], features, |row| {
            selected[range.start + row] as usize
        })
    }
}

/// Refuses values that no network can work with; `row` gives a row's number in the source.
fn check<T: Value>(
    values: &[T],
    features: usize,
    row: impl Fn(usize) -> usize,
) -> Result<(), DataError> {
    match values.iter().position(|value| !value.is_good()) {
        None => Ok(()),
        Some(at) => Err(DataError::mismatch(
            format!(
                "inputs, row {}, column {}",
                row(at / features),
                at % features
            ),
            format!("{:?}", values[at]),
            "a finite number",
        )),
    }
}

/// Rows of bytes in a file, one behind the other.
pub(super) struct FileRows {
    path: PathBuf,
    file: Mutex<File>,
    start: u64,
    rows: usize,
    features: usize,
}

impl FileRows {
    /// Those of a file that begin at byte `start`.
    pub(super) fn open(
        path: &Path,
        start: u64,
        rows: usize,
        features: usize,
    ) -> Result<Self, DataError> {
        let file = File::open(path).map_err(|error| DataError::io(path, error))?;
        Ok(Self::of(file, path.to_owned(), (start, rows, features)))
    }

    /// Those of an open file, which messages call `path`.
    pub(super) const fn of(
        file: File,
        path: PathBuf,
        (start, rows, features): (u64, usize, usize),
    ) -> Self {
        Self {
            path,
            file: Mutex::new(file),
            start,
            rows,
            features,
        }
    }
}

impl fmt::Debug for FileRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rows of {}", self.rows, self.path.display())
    }
}

impl Rows<u8> for FileRows {
    fn rows(&self) -> usize {
        self.rows
    }

    fn features(&self) -> usize {
        self.features
    }

    fn read(&self, first: usize, into: &mut [u8]) -> Result<(), DataError> {
        let at = self.start + first as u64 * self.features as u64;
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let read = file
            .seek(SeekFrom::Start(at))
            .and_then(|_| file.read_exact(into));
        read.map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => DataError::malformed(
                format!("{}, row {first}", self.path.display()),
                "an end of the file",
                format!(
                    "{} rows of {} bytes, as when it was opened",
                    self.rows, self.features
                ),
                "do not change a data set that a run reads; write it again, and begin again",
            ),
            _ => DataError::io(&self.path, error),
        })
    }
}

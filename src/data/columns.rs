//! Columns that do not stay in memory: their cells are in a temporary file, row after row, and are scaled and encoded
//! whenever they are read. The file has no name where the system lets it, so that it goes with the process.

use std::fmt;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;

use super::error::DataError;
use super::numbers::rounded;
use super::stored::{FileRows, Rows, Stored};

/// Bytes of the file that are looked at together.
const PIECE: usize = 1 << 20;

/// How a cell is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A number that is exact in single precision, NaN if it is missing.
    F32,
    /// A number that is not.
    F64,
    /// The number of a category, of which there are at most 1001.
    Code,
}

impl Kind {
    pub(super) const fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F64 => 8,
            Self::Code => 2,
        }
    }
}

/// A column of the file.
#[derive(Debug, Clone)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// The categories, in order of first occurrence, and the lines on which they first occurred.
    pub(super) names: Vec<String>,
    pub(super) firsts: Vec<u64>,
}

/// Writes the rows of a table into a temporary file.
pub(super) struct Writer {
    folder: PathBuf,
    out: BufWriter<File>,
    kinds: Vec<Kind>,
    rows: usize,
    record: Vec<u8>,
}

impl Writer {
    pub(super) fn new(kinds: Vec<Kind>) -> Result<Self, DataError> {
        let folder = std::env::temp_dir();
        let file = tempfile::tempfile_in(&folder).map_err(|source| DataError::Temporary {
            folder: folder.clone(),
            written: 0,
            source,
        })?;
        Ok(Self {
            folder,
            out: BufWriter::with_capacity(PIECE, file),
            kinds,
            rows: 0,
            record: Vec::new(),
        })
    }

    /// Adds a row: numbers, or the codes of categories.
    #[expect(clippy::cast_possible_truncation, reason = "codes are at most 1000")]
    pub(super) fn push(&mut self, cells: &[f64]) -> Result<(), DataError> {
        self.record.clear();
        for (kind, &cell) in self.kinds.iter().zip(cells) {
            match kind {
                Kind::F32 => self.record.extend(rounded(cell).to_le_bytes()),
                Kind::F64 => self.record.extend(cell.to_le_bytes()),
                Kind::Code => self.record.extend((cell as u16).to_le_bytes()),
            }
        }
        let done = self.out.write_all(&self.record);
        done.map_err(|source| self.full(source))?;
        self.rows += 1;
        Ok(())
    }

    fn full(&self, source: std::io::Error) -> DataError {
        let written = (self.rows * self.record.len()) as u64;
        DataError::Temporary {
            folder: self.folder.clone(),
            written,
            source,
        }
    }

    pub(super) fn finish(mut self, fields: Vec<Field>) -> Result<ColumnFile, DataError> {
        let done = self.out.flush();
        done.map_err(|source| self.full(source))?;
        let record = self.kinds.iter().map(|kind| kind.bytes()).sum();
        let (folder, rows) = (self.folder, self.rows);
        let file = self
            .out
            .into_inner()
            .map_err(|error| DataError::Temporary {
                folder: folder.clone(),
                written: (rows * record) as u64,
                source: error.into_error(),
            })?;
        let name = folder.join("a temporary file");
        let file = FileRows::of(file, name, (0, rows, record));
        Ok(ColumnFile {
            fields,
            folder,
            rows: Stored::new(Arc::new(file)),
        })
    }
}

/// Named columns in a temporary file.
#[derive(Debug)]
pub struct ColumnFile {
    pub(super) fields: Vec<Field>,
    folder: PathBuf,
    /// Records as bytes.
    rows: Stored<u8>,
}

impl PartialEq for ColumnFile {
    fn eq(&self, other: &Self) -> bool {
        self.rows == other.rows
    }
}

impl ColumnFile {
    /// The number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows.rows()
    }

    /// The names of the columns.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.fields.iter().map(|field| field.name.clone()).collect()
    }

    /// Bytes of the file.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        (self.rows.rows() * self.rows.features()) as u64
    }

    /// The folder that it is in.
    #[must_use]
    pub fn folder(&self) -> &std::path::Path {
        &self.folder
    }

    /// Shows the cells of the given rows, in that order.
    pub(super) fn each(
        &self,
        rows: &[u32],
        mut visit: impl FnMut(&[f64]),
    ) -> Result<(), DataError> {
        let chosen = self.rows.select(rows);
        let record = self.rows.features();
        let piece = (PIECE / record).max(1);
        let (mut bytes, mut cells) = (Vec::new(), Vec::new());
        for first in (0..rows.len()).step_by(piece) {
            bytes.clear();
            chosen.read(first..rows.len().min(first + piece), &mut bytes)?;
            for record in bytes.chunks_exact(record) {
                self.decode(record, &mut cells);
                visit(&cells);
            }
        }
        Ok(())
    }

    fn decode(&self, record: &[u8], cells: &mut Vec<f64>) {
        cells.clear();
        let mut left = record;
        for field in &self.fields {
            let (cell, rest) = left.split_at(field.kind.bytes());
            left = rest;
            cells.push(match (field.kind, cell) {
                (Kind::F32, &[a, b, c, d]) => f32::from_le_bytes([a, b, c, d]).into(),
                (Kind::F64, &[a, b, c, d, e, f, g, h]) => {
                    f64::from_le_bytes([a, b, c, d, e, f, g, h])
                }
                (_, &[a, b]) => u16::from_le_bytes([a, b]).into(),
                _ => unreachable!("a cell has as many bytes as its kind"),
            });
        }
    }
}

/// What becomes of a cell.
#[derive(Debug, Clone)]
pub(super) enum Prepared {
    /// `(x - offset) / scale`, of `fill` if it is missing.
    Number { offset: f64, scale: f64, fill: f64 },
    /// One input a category; for each code of the file, which one is 1.
    Category { places: Vec<u32>, width: usize },
}

/// The rows of a file as inputs of a network.
pub(super) struct PreparedRows {
    pub(super) file: Arc<ColumnFile>,
    /// For each column of the network the place of its cell, and what becomes of it.
    pub(super) columns: Vec<(usize, Prepared)>,
    pub(super) features: usize,
}

impl fmt::Debug for PreparedRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rows of {} inputs", self.rows(), self.features)
    }
}

impl Rows<f32> for PreparedRows {
    fn rows(&self) -> usize {
        self.file.rows()
    }

    fn features(&self) -> usize {
        self.features
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "codes were written from u32"
    )]
    fn read(&self, first: usize, into: &mut [f32]) -> Result<(), DataError> {
        let record = self.file.rows.features();
        let piece = (PIECE / record).max(1);
        let (mut bytes, mut cells) = (Vec::new(), Vec::new());
        let mut row = first;
        for rows in into.chunks_mut(piece * self.features) {
            let count = rows.len() / self.features;
            bytes.clear();
            self.file.rows.read(row..row + count, &mut bytes)?;
            row += count;
            rows.fill(0.0);
            for (inputs, record) in rows
                .chunks_exact_mut(self.features)
                .zip(bytes.chunks_exact(record))
            {
                self.file.decode(record, &mut cells);
                let mut at = 0;
                for (cell, prepared) in &self.columns {
                    match prepared {
                        Prepared::Number {
                            offset,
                            scale,
                            fill,
                        } => {
                            let value = if cells[*cell].is_nan() {
                                *fill
                            } else {
                                cells[*cell]
                            };
                            inputs[at] = rounded((value - offset) / scale);
                            at += 1;
                        }
                        Prepared::Category { places, width } => {
                            let place = places[cells[*cell] as usize];
                            inputs[at + place as usize] = 1.0;
                            at += width;
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

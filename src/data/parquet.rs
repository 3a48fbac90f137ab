//! Parquet, row by row, as the text that a CSV of the same table would have.
//!
//! Of each column that is read, one page is in memory, with its dictionary, and a batch of values; a page is at most what
//! [`Budget`] allows, all columns together. A file of any size streams so.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::{Arc, Mutex};

use csv::ByteRecord;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, ParquetMetaDataReader};

use self::column::{Column, Kind, least_bytes};
use self::pages::{Chunk, Pages};
use self::panics::caught;
use self::thrift::{Found, check_schema};
use self::unpack::{Budget, unread};
use super::error::DataError;
use super::read::read_up_to;

mod column;
mod pages;
mod panics;
mod text;
mod thrift;
mod unpack;

const MAGIC: [u8; 4] = *b"PAR1";
/// The length of the footer, and the magic again.
const TAIL: u64 = 8;
/// A footer takes many times its bytes once it is read.
const LONGEST_FOOTER: u64 = 64 << 20;
/// Rows of a few bytes can be as many as a header says: so many there may always be, and so many a byte of the file.
const ALWAYS: u64 = 64 << 20;
const MOST_A_BYTE: u64 = 200;
/// No row is longer, in bytes, as in CSV.
const LONGEST_ROW: usize = 4 << 20;

const AGAIN: &str = "fetch or write the file again";

/// A top-level field of the schema.
struct Field {
    name: String,
    /// What it is, or why it cannot be read.
    kind: Result<Kind, Found>,
    /// Its number among the columns of the file, groups having several.
    leaf: usize,
}

/// A column that is read.
struct Chosen {
    field: usize,
    kind: Kind,
    column: Option<Column>,
}

/// The rows of a file.
pub(super) struct Rows {
    name: String,
    file: Arc<Mutex<File>>,
    len: u64,
    metadata: ParquetMetaData,
    fields: Vec<Field>,
    budget: Arc<Budget>,
    /// In the order of the file.
    chosen: Vec<Chosen>,
    /// The next group of rows, and how many rows of the one before are left.
    group: usize,
    left: u64,
    /// The number of the row, from 1.
    pub(super) row: u64,
    cell: Vec<u8>,
}

impl Rows {
    pub(super) fn open(path: &Path) -> Result<Self, DataError> {
        let name = path.display().to_string();
        let io = |source| DataError::io(path, source);
        let mut file = File::open(path).map_err(io)?;
        let len = file.metadata().map_err(io)?.len();
        let wrong =
            |found: Found| DataError::malformed(&name, found, "a whole Parquet file", AGAIN);
        let start = len.checked_sub(TAIL).filter(|start| *start >= 4);
        let start = start.ok_or_else(|| wrong(format!("{len} bytes")))?;
        let mut read = |at: u64, count: u64| {
            file.seek(SeekFrom::Start(at)).map_err(io)?;
            let count = usize::try_from(count).unwrap_or(usize::MAX);
            read_up_to(&mut file.by_ref(), count).map_err(io)
        };
        let tail = read(start, TAIL)?;
        let footer = match tail.first_chunk() {
            Some(footer) if tail.ends_with(&MAGIC) => u64::from(u32::from_le_bytes(*footer)),
            _ => return Err(wrong("an end that is none of a Parquet file".to_owned())),
        };
        if footer > start - 4 || footer > LONGEST_FOOTER {
            return Err(wrong(format!("a footer of {footer} bytes")));
        }
        let footer = read(start - footer, footer)?;
        let parse = || {
            check_schema(&footer)?;
            ParquetMetaDataReader::decode_metadata(&footer).map_err(|error| error.to_string())
        };
        let metadata =
            caught(parse).map_err(|found| wrong(format!("a damaged footer ({found})")))?;
        check_rows(&metadata, len).map_err(wrong)?;
        Ok(Self {
            fields: fields(&metadata),
            name,
            file: Arc::new(Mutex::new(file)),
            len,
            metadata,
            budget: Budget::of_file(len),
            chosen: Vec::new(),
            group: 0,
            left: 0,
            row: 0,
            cell: Vec::new(),
        })
    }

    /// The names of the columns.
    pub(super) fn header(&self, record: &mut ByteRecord) {
        record.clear();
        for field in &self.fields {
            record.push_field(field.name.as_bytes());
        }
    }

    /// Reads these columns, and none for the others.
    pub(super) fn only(&mut self, places: impl Iterator<Item = usize>) -> Result<(), DataError> {
        let mut places: Vec<usize> = places.collect();
        places.sort_unstable();
        places.dedup();
        for place in places {
            let field = &self.fields[place];
            let kind = field
                .kind
                .clone()
                .map_err(|found| self.refused(&field.name, found))?;
            self.chosen.push(Chosen {
                field: place,
                kind,
                column: None,
            });
        }
        Ok(())
    }

    fn refused(&self, column: &str, found: Found) -> DataError {
        let hint = format!("make such columns of it, or leave it out with `--drop {column}`");
        let expected = "a column of numbers, text, truth values, dates or decimals";
        let at = format!("{}, column {column:?}", self.name);
        DataError::malformed(at, found, expected, hint)
    }

    /// Reads the next row; false at the end.
    pub(super) fn next(&mut self, record: &mut ByteRecord) -> Result<bool, DataError> {
        while self.left == 0 {
            if self.group == self.metadata.num_row_groups() {
                return Ok(false);
            }
            self.open_group()?;
        }
        record.clear();
        self.left -= 1;
        self.row += 1;
        let mut filled = 0;
        for at in 0..self.chosen.len() {
            let chosen = &mut self.chosen[at];
            for _ in filled..chosen.field {
                record.push_field(b"");
            }
            filled = chosen.field + 1;
            self.cell.clear();
            let column = chosen.column.as_mut().expect("a group of rows is open");
            let mut taken = Ok(());
            if column.is_empty() {
                taken = caught(|| column.read());
            }
            if let Err(found) = taken.and_then(|()| column.take(&mut self.cell)) {
                return Err(self.damaged(at, found));
            }
            record.push_field(&self.cell);
            if record.as_slice().len() > LONGEST_ROW {
                let place = format!("{}, row {}", self.name, self.row);
                let found = format!("a row of more than {LONGEST_ROW} bytes");
                let hint = "leave columns of long text out with `--drop COLUMN`";
                return Err(DataError::malformed(place, found, "shorter rows", hint));
            }
        }
        for _ in filled..self.fields.len() {
            record.push_field(b"");
        }
        Ok(true)
    }

    fn damaged(&self, chosen: usize, found: Found) -> DataError {
        let field = &self.fields[self.chosen[chosen].field];
        let at = format!("{}, row {}, column {:?}", self.name, self.row, field.name);
        let hint = format!(
            "{AGAIN}, with pages of 1 MiB and one of the codecs none, snappy, gzip, zstd and lz4_raw, or leave the \
             column out with `--drop {}`",
            field.name
        );
        DataError::malformed(at, found, "an intact column", hint)
    }

    fn open_group(&mut self) -> Result<(), DataError> {
        let group = self.metadata.row_group(self.group);
        let rows = u64::try_from(group.num_rows()).unwrap_or_default();
        for at in 0..self.chosen.len() {
            let Chosen { field, kind, .. } = self.chosen[at];
            let leaf = self.fields[field].leaf;
            // The pages of the group before go first.
            self.chosen[at].column = None;
            let metadata = group.columns().get(leaf);
            let metadata = metadata.ok_or_else(|| "no such column in a group of rows".to_owned());
            match metadata.and_then(|metadata| self.column(kind, metadata)) {
                Ok(column) => self.chosen[at].column = Some(column),
                Err(found) => {
                    self.row += 1;
                    return Err(self.damaged(at, found));
                }
            }
        }
        self.left = rows;
        self.group += 1;
        Ok(())
    }

    fn column(&self, kind: Kind, metadata: &ColumnChunkMetaData) -> Result<Column, Found> {
        let codec = metadata.compression();
        if let Some(name) = unread(codec) {
            return Err(format!("values that are packed by {name}"));
        }
        if metadata.file_path().is_some() {
            return Err("values that are in another file".to_owned());
        }
        let data = metadata.data_page_offset();
        // Some programs write 0 where there is no dictionary.
        let dictionary = metadata.dictionary_page_offset();
        let start = dictionary
            .filter(|at| (1..data).contains(at))
            .unwrap_or(data);
        let count = metadata.compressed_size();
        let range = u64::try_from(start).ok().zip(u64::try_from(count).ok());
        let within =
            |(at, count): &(u64, u64)| at.checked_add(*count).is_some_and(|end| end <= self.len);
        let (at, left) = range.filter(within).ok_or_else(|| {
            format!(
                "{count} bytes from byte {start} on in a file of {}",
                self.len
            )
        })?;
        let descriptor = metadata.column_descr_ptr();
        let pages = Pages::new(Chunk {
            file: Arc::clone(&self.file),
            at,
            left,
            codec,
            optional: descriptor.max_def_level() > 0,
            value: least_bytes(&descriptor),
            budget: Arc::clone(&self.budget),
        });
        Ok(Column::new(kind, descriptor, Box::new(pages)))
    }
}

fn fields(metadata: &ParquetMetaData) -> Vec<Field> {
    let schema = metadata.file_metadata().schema_descr();
    let mut leaves = vec![0; schema.root_schema().get_fields().len()];
    for leaf in (0..schema.num_columns()).rev() {
        leaves[schema.get_column_root_idx(leaf)] = leaf;
    }
    let field = |(field, leaf): (&Arc<parquet::schema::types::Type>, usize)| Field {
        name: field.name().to_owned(),
        kind: Kind::of(field),
        leaf,
    };
    let fields = schema.root_schema().get_fields().iter();
    fields.zip(leaves).map(field).collect()
}

/// Refuses more rows than a file of so many bytes means.
fn check_rows(metadata: &ParquetMetaData, len: u64) -> Result<(), Found> {
    let most = ALWAYS.max(len.saturating_mul(MOST_A_BYTE));
    let mut rows = 0_u64;
    for group in metadata.row_groups() {
        let found = group.num_rows();
        rows = u64::try_from(found)
            .ok()
            .and_then(|more| rows.checked_add(more))
            .filter(|rows| *rows <= most)
            .ok_or_else(|| format!("a group of {found} rows in a file of {len} bytes"))?;
    }
    Ok(())
}

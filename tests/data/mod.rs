//! Data sets: generators, preparation, splits, and readers that refuse what is wrong.

mod csv;
mod describe;
mod files;
mod folds;
mod generators;
mod idx;
mod missing;
mod mutations;
mod npz;
mod order;
#[cfg(feature = "parquet")]
pub(crate) mod parquet;
pub(crate) mod pictures;
mod preparation;
mod roles;
mod spilled;
mod splits;
mod stored;
mod targets;
#[cfg(not(feature = "parquet"))]
mod without_parquet;

use std::io::{Cursor, Write};
use std::path::PathBuf;

use flate2::{Compression, write::GzEncoder};
use tempfile::TempDir;
use thalweg::data::{DataError, Spec, Table, TableOptions};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// A folder with the given files, gone when dropped.
struct Folder(TempDir);

impl Folder {
    fn new(files: &[(&str, &[u8])]) -> Self {
        let folder = Self(TempDir::new().unwrap());
        for (name, bytes) in files {
            std::fs::write(folder.path(name), bytes).unwrap();
        }
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn spec(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }
}

fn load_with(spec: &str, options: &TableOptions) -> Result<Table, DataError> {
    spec.parse::<Spec>()?.load(options)
}

/// For training: the target is required.
fn load(spec: &str) -> Result<Table, DataError> {
    load_with(spec, &TableOptions::default())
}

/// For prediction.
fn inputs() -> TableOptions {
    TableOptions {
        require_target: false,
        ..TableOptions::default()
    }
}

/// Loading must fail, with a message that has all of `parts`.
#[track_caller]
fn refuses(spec: &str, options: &TableOptions, parts: &[&str]) {
    let message = match load_with(spec, options) {
        Ok(table) => panic!("{spec} was read: {table:?}"),
        Err(error) => error.to_string(),
    };
    for part in parts {
        assert!(message.contains(part), "no {part:?} in: {message}");
    }
}

/// As [`refuses`], for a file of one's own.
#[track_caller]
fn refuses_file(name: &str, bytes: &[u8], options: &TableOptions, parts: &[&str]) {
    let folder = Folder::new(&[(name, bytes)]);
    refuses(&folder.spec(name), options, &[&[name], parts].concat());
}

pub(crate) fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// An IDX file of unsigned bytes.
pub(crate) fn idx_bytes(dims: &[u32], values: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, u8::try_from(dims.len()).unwrap()];
    for size in dims {
        bytes.extend(size.to_be_bytes());
    }
    bytes.extend(values);
    bytes
}

/// An NPY file with the given header entries.
pub(crate) fn npy_bytes(descr: &str, fortran: bool, shape: &str, elements: &[u8]) -> Vec<u8> {
    let fortran = if fortran { "True" } else { "False" };
    let mut header =
        format!("{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}");
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(elements);
    bytes
}

pub(crate) fn f4(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|x| x.to_le_bytes()).collect()
}

pub(crate) fn npz_bytes(method: CompressionMethod, members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer
            .start_file(
                *name,
                SimpleFileOptions::default().compression_method(method),
            )
            .unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

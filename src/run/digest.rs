//! Hashes of files, so that damage is found.

use std::collections::BTreeMap;

use safetensors::SafeTensors;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::data::{DataError, Dataset, Inputs, Stored, Targets, Value};

/// Values of rows that are not in memory that are hashed together.
const PIECE: usize = 1 << 18;

/// SHA-256, in hexadecimal digits.
pub(super) fn sha256(bytes: &[u8]) -> String {
    hex(Sha256::new_with_prefix(bytes))
}

pub(super) fn hex(hash: Sha256) -> String {
    use std::fmt::Write;
    let mut text = String::new();
    for byte in hash.finalize() {
        write!(text, "{byte:02x}").expect("text can be added to a string");
    }
    text
}

/// What a safetensors file was when it was written: its length, and a hash of its header and of each tensor. They cover
/// every bit of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileDigest {
    pub(super) bytes: u64,
    pub(super) header: String,
    pub(super) tensors: BTreeMap<String, String>,
}

impl FileDigest {
    /// That of a file in memory.
    pub(super) fn of(bytes: &[u8]) -> Result<Self, String> {
        let header = header(bytes)?;
        let file = SafeTensors::deserialize(bytes).map_err(|e| e.to_string())?;
        let tensors = file
            .iter()
            .map(|(name, view)| (name.to_owned(), sha256(view.data())));
        Ok(Self {
            bytes: bytes.len() as u64,
            header: sha256(header),
            tensors: tensors.collect(),
        })
    }

    /// Says what of a file is not as it was.
    pub(super) fn check(&self, bytes: &[u8]) -> Result<(), String> {
        if bytes.len() as u64 != self.bytes {
            return Err(format!(
                "found {} bytes, expected {}",
                bytes.len(),
                self.bytes
            ));
        }
        // The header is only parsed if it is what was written.
        if sha256(header(bytes)?) != self.header {
            return Err("the header is not as it was written".to_owned());
        }
        let found = Self::of(bytes)?;
        let differs = |(name, hash): (&String, &String)| {
            (found.tensors.get(name) != Some(hash)).then(|| name.clone())
        };
        match self.tensors.iter().find_map(differs) {
            Some(name) => Err(format!("tensor `{name}` is not as it was written")),
            None if found == *self => Ok(()),
            None => Err("there are tensors that were not written".to_owned()),
        }
    }
}

/// The header of a safetensors file, its length included.
fn header(bytes: &[u8]) -> Result<&[u8], String> {
    let long = bytes.first_chunk().map(|n| u64::from_le_bytes(*n));
    let end = long.and_then(|n| usize::try_from(n).ok()?.checked_add(8));
    end.and_then(|end| bytes.get(..end))
        .ok_or_else(|| "the header is longer than the file".to_owned())
}

/// A hash of a data set's rows, which is the same wherever they are: those that are not in memory are read once.
///
/// # Errors
/// If they cannot be read.
pub fn fingerprint(data: &Dataset) -> Result<String, DataError> {
    let mut hash = Sha256::new();
    for extent in [data.rows(), data.features(), data.outputs()] {
        hash.update((extent as u64).to_le_bytes());
    }
    match data.inputs() {
        Inputs::F32(values) => numbers(&mut hash, values),
        Inputs::U8 { pixels, .. } => hash.update(pixels),
        Inputs::StoredF32(rows) => stored(rows, |values| numbers(&mut hash, values))?,
        Inputs::StoredU8 { rows, .. } => stored(rows, |pixels| hash.update(pixels))?,
    }
    match data.targets() {
        Targets::Classes { labels, .. } => {
            labels.iter().for_each(|l| hash.update(l.to_le_bytes()));
        }
        Targets::Numbers { values, .. } => numbers(&mut hash, values),
        Targets::None => {}
    }
    numbers(&mut hash, data.weights().unwrap_or_default());
    Ok(hex(hash))
}

fn numbers(hash: &mut Sha256, values: &[f32]) {
    // Together, since a hash takes 64 bytes at a time.
    let mut bytes = [0; 4096];
    for values in values.chunks(bytes.len() / 4) {
        for (to, value) in bytes.chunks_exact_mut(4).zip(values) {
            to.copy_from_slice(&value.to_le_bytes());
        }
        hash.update(&bytes[..4 * values.len()]);
    }
}

/// Shows all values of rows that are not in memory, a piece after the other.
fn stored<T: Value>(rows: &Stored<T>, mut visit: impl FnMut(&[T])) -> Result<(), DataError> {
    let piece = (PIECE / rows.features()).max(1);
    let mut values = Vec::new();
    for first in (0..rows.rows()).step_by(piece) {
        values.clear();
        rows.read(first..rows.rows().min(first + piece), &mut values)?;
        visit(&values);
    }
    Ok(())
}

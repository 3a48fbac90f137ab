//! Hashes of files, so that damage is found.

use std::collections::BTreeMap;
use std::ops::Range;

use safetensors::SafeTensors;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::data::{DataError, Dataset, Inputs, Targets};

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

/// Bytes of inputs that a fingerprint looks at. It is taken while a run is saved, which must not take long.
const LOOKED_AT: usize = 64 << 20;
/// Stretches of rows that are looked at, where there are more.
const STRETCHES: usize = 1024;

/// A hash of a data set's rows, which is the same whether they are in memory or not: of all targets and weights, and of all
/// inputs up to 64 MiB of them; of more, of 1,024 stretches that make up as many.
///
/// # Errors
/// If rows that are not in memory cannot be read.
pub fn fingerprint(data: &Dataset) -> Result<String, DataError> {
    let mut hash = Sha256::new();
    for extent in [data.rows(), data.features(), data.outputs()] {
        hash.update((extent as u64).to_le_bytes());
    }
    let width = data.features();
    let (mut reals, mut bytes) = (Vec::new(), Vec::new());
    let row_bytes = match data.inputs() {
        Inputs::F32(_) | Inputs::StoredF32(_) => 4 * width,
        Inputs::U8 { .. } | Inputs::StoredU8 { .. } => width,
    };
    for rows in stretches(data.rows(), row_bytes) {
        let values = rows.start * width..rows.end * width;
        reals.clear();
        bytes.clear();
        match data.inputs() {
            Inputs::F32(all) => numbers(&mut hash, &all[values]),
            Inputs::U8 { pixels, .. } => hash.update(&pixels[values]),
            Inputs::StoredF32(stored) => {
                stored.read(rows, &mut reals)?;
                numbers(&mut hash, &reals);
            }
            Inputs::StoredU8 { rows: stored, .. } => {
                stored.read(rows, &mut bytes)?;
                hash.update(&bytes);
            }
        }
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

/// The rows that are looked at, in stretches.
fn stretches(rows: usize, row_bytes: usize) -> impl Iterator<Item = Range<usize>> {
    let fitting = (LOOKED_AT / row_bytes.max(1)).max(1);
    let whole = rows <= fitting;
    let count = if whole { 1 } else { STRETCHES.min(rows) };
    let long = if whole {
        rows
    } else {
        (fitting / STRETCHES).max(1)
    };
    // In u128, as a product of two sizes may be larger than one.
    let first = move |i: usize| {
        let first = i as u128 * (rows - long) as u128 / (count - 1).max(1) as u128;
        usize::try_from(first).expect("it is below the number of rows")
    };
    (0..count).map(move |i| first(i)..first(i) + long)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_are_all_rows_or_spread_over_them() {
        for rows in [1, 2, 1000, 16 << 20] {
            let all: Vec<_> = stretches(rows, 4).collect();
            assert_eq!((all.len(), &all[0]), (1, &(0..rows)));
        }
        for (rows, row_bytes) in [((16 << 20) + 1, 4), (70_000_000, 784), (3000, 1 << 20)] {
            let all: Vec<_> = stretches(rows, row_bytes).collect();
            assert_eq!(all.len(), 1024);
            assert_eq!((all[0].start, all[1023].end), (0, rows));
            assert!(all.iter().all(|r| r.len() == all[0].len() && r.end <= rows));
            let seen: usize = all.iter().map(|r| r.len() * row_bytes).sum();
            assert!(seen <= LOOKED_AT.max(1024 * row_bytes), "{seen} bytes");
        }
    }
}

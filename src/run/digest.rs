//! Hashes of files, so that damage is found.

use std::collections::BTreeMap;

use safetensors::SafeTensors;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::data::{Dataset, Inputs, Targets};

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

/// A hash of a data set's rows. Of inputs that are not in memory only the extent counts.
pub fn fingerprint(data: &Dataset) -> String {
    let mut hash = Sha256::new();
    let mut put = |bytes: &[u8]| hash.update(bytes);
    for extent in [data.rows(), data.features(), data.outputs()] {
        put(&(extent as u64).to_le_bytes());
    }
    match data.inputs() {
        Inputs::F32(values) => values.iter().for_each(|v| put(&v.to_le_bytes())),
        Inputs::U8 { pixels, .. } => put(pixels),
        Inputs::StoredF32(_) | Inputs::StoredU8 { .. } => {}
    }
    match data.targets() {
        Targets::Classes { labels, .. } => labels.iter().for_each(|l| put(&l.to_le_bytes())),
        Targets::Numbers { values, .. } => values.iter().for_each(|v| put(&v.to_le_bytes())),
        Targets::None => {}
    }
    for weight in data.weights().unwrap_or_default() {
        put(&weight.to_le_bytes());
    }
    hex(hash)
}

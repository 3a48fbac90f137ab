//! Checkpoints: sets of files from which a run goes on.
//!
//! A set is a folder `checkpoints/STEP` in the run's folder: `state.safetensors` holds what training changes,
//! `best.safetensors` the best epoch's model, and `manifest.json`, which is written last, how far the run was and a hash
//! of every header and tensor. The manifest's second line is the hash of its first. So a set is whole or has no manifest,
//! and no bit of it changes unnoticed. The two newest sets are kept.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use half::f16;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::digest::{FileDigest, hex, sha256};
use super::{BEST, METRICS, RunError, files};
use crate::executor::Data;
use crate::tensor::Shape;
use crate::train::{Kept, Snapshot, Standing};

/// The folder of the checkpoints in a run's folder.
pub const CHECKPOINTS: &str = "checkpoints";
const STATE: &str = "state.safetensors";
const MANIFEST: &str = "manifest.json";
/// The format of checkpoints that this version writes, and the only one it reads.
const FORMAT: u64 = 1;
/// Sets that are kept.
const KEPT: usize = 2;
/// A manifest has a line for each tensor; one larger than this is none.
const LARGEST: u64 = 64 << 20;
const HINT: &str =
    "train with `--checkpoint-steps` or `--checkpoint-minutes`, or end a run by Ctrl-C";

/// What a checkpoint tells of its run, so that it is not taken for that of another.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// The version of the program.
    pub thalweg: String,
    /// The device, as it tells of itself.
    pub device: Value,
    /// The shader chosen for each product.
    pub products: BTreeMap<String, String>,
    /// The rows, hashed; empty if they could not be read.
    pub data: String,
    /// The text of the run's `config.toml`.
    pub config: String,
}

/// What the manifest says.
#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    format: u64,
    standing: Standing,
    /// Bytes of the metrics when the checkpoint was taken.
    metrics: u64,
    facts: Facts,
    files: BTreeMap<String, FileDigest>,
}

/// A checkpoint that was read and found whole.
#[derive(Debug)]
pub struct Checkpoint {
    /// Its folder.
    pub path: PathBuf,
    /// The run as it was. The best epoch's model is not in it, but in `best`.
    pub snapshot: Snapshot,
    /// The model file of the best epoch.
    pub best: Option<Vec<u8>>,
    /// Bytes of the metrics at that time.
    pub metrics: u64,
    /// What it tells of its run.
    pub facts: Facts,
}

/// The newest checkpoint of a run that is whole, and what is wrong with those that are newer.
///
/// # Errors
/// If there is none.
pub fn latest(run: &Path) -> Result<(Checkpoint, Vec<String>), RunError> {
    let mut damaged = Vec::new();
    for (_, path) in sets(run).into_iter().rev() {
        match read(&path) {
            Ok(checkpoint) => return Ok((checkpoint, damaged)),
            Err(found) => damaged.push(format!("{}: {found}", path.display())),
        }
    }
    let (damaged, hint) = if damaged.is_empty() {
        (String::new(), HINT)
    } else {
        let all = damaged.join("; ");
        (format!(" ({all})"), "use a copy of the run, or train again")
    };
    Err(RunError::NoCheckpoint {
        path: run.to_owned(),
        damaged,
        hint,
    })
}

/// The sets that have a manifest, by step.
fn sets(run: &Path) -> Vec<(u64, PathBuf)> {
    let entries = fs::read_dir(run.join(CHECKPOINTS)).into_iter().flatten();
    let set = |entry: fs::DirEntry| {
        let step = entry.file_name().to_str()?.parse().ok()?;
        let path = entry.path();
        path.join(MANIFEST).is_file().then_some((step, path))
    };
    let mut sets: Vec<_> = entries.flatten().filter_map(set).collect();
    sets.sort();
    sets
}

fn read(set: &Path) -> Result<Checkpoint, String> {
    let manifest = set.join(MANIFEST);
    let Manifest {
        format,
        standing,
        metrics,
        facts,
        files,
    } = read_manifest(&manifest).map_err(|e| format!("{MANIFEST}: {e}"))?;
    if format != FORMAT {
        return Err(format!(
            "{MANIFEST}: found format {format}, expected {FORMAT}; another version of thalweg wrote it"
        ));
    }
    let mut contents = BTreeMap::new();
    for (name, digest) in files {
        let bytes = read_file(&set.join(&name), &digest).map_err(|e| format!("{name}: {e}"))?;
        contents.insert(name, bytes);
    }
    let state = contents.remove(STATE);
    let state = state.ok_or_else(|| format!("{MANIFEST}: there is no {STATE} in it"))?;
    let tensors = tensors(&state).map_err(|e| format!("{STATE}: {e}"))?;
    Ok(Checkpoint {
        path: set.to_owned(),
        snapshot: Snapshot {
            standing,
            tensors,
            best: None,
        },
        best: contents.remove(BEST),
        metrics,
        facts,
    })
}

fn read_manifest(path: &Path) -> Result<Manifest, String> {
    let size = fs::metadata(path).map_err(|e| e.to_string())?.len();
    if size > LARGEST {
        return Err(format!("found {size} bytes, expected at most {LARGEST}"));
    }
    let bytes = fs::read(path).map_err(|e| e.to_string())?;
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let (text, hash) = (lines.next().unwrap_or(&[]), lines.next().unwrap_or(&[]));
    let ends = lines.next() == Some(&[]) && lines.next().is_none();
    if !ends || hash != sha256(text).as_bytes() {
        return Err("it is not as it was written".to_owned());
    }
    serde_json::from_slice(text).map_err(|e| e.to_string())
}

fn read_file(path: &Path, digest: &FileDigest) -> Result<Vec<u8>, String> {
    let size = fs::metadata(path).map_err(|e| e.to_string())?.len();
    if size != digest.bytes {
        return Err(format!("found {size} bytes, expected {}", digest.bytes));
    }
    let bytes = fs::read(path).map_err(|e| e.to_string())?;
    digest.check(&bytes)?;
    Ok(bytes)
}

fn tensors(bytes: &[u8]) -> Result<Vec<Kept>, String> {
    let file = SafeTensors::deserialize(bytes).map_err(|e| e.to_string())?;
    let mut tensors = file.tensors();
    // In the order in which they stand in the file.
    tensors.sort_by_key(|(_, view)| view.data().as_ptr());
    let tensor = |(name, view): (String, safetensors::tensor::TensorView<'_>)| {
        let data = view.data();
        let data = match view.dtype() {
            Dtype::F32 => Data::F32(words(data, f32::from_le_bytes)),
            Dtype::F64 => Data::F64(words(data, f64::from_le_bytes)),
            Dtype::F16 => Data::F16(words(data, f16::from_le_bytes)),
            Dtype::U32 => Data::U32(words(data, u32::from_le_bytes)),
            Dtype::U8 => Data::U8(data.to_vec()),
            other => return Err(format!("tensor `{name}` is of type {other}")),
        };
        let shape = Shape::from(view.shape());
        Ok(Kept { name, shape, data })
    };
    tensors.into_iter().map(tensor).collect()
}

fn words<T, const N: usize>(bytes: &[u8], word: fn([u8; N]) -> T) -> Vec<T> {
    let (words, _) = bytes.as_chunks();
    words.iter().map(|w| word(*w)).collect()
}

/// A set that is yet to be written.
#[derive(Debug)]
pub(super) struct Set {
    /// The run's folder.
    pub(super) run: PathBuf,
    pub(super) snapshot: Snapshot,
    /// The model file of the best epoch.
    pub(super) best: Option<Arc<Vec<u8>>>,
    /// The metrics file, and how long it is; it is to be on the disk before the manifest is.
    pub(super) metrics: (File, u64),
    pub(super) facts: Facts,
}

impl Set {
    /// Writes the set, and removes those that are not kept any more. If it fails, those that were there are still there.
    pub(super) fn write(self) -> Result<(), RunError> {
        let folder = self.run.join(CHECKPOINTS);
        let step = self.snapshot.standing.steps;
        let set = folder.join(format!("{step:09}"));
        let written = self.write_files(&folder, &set);
        if written.is_err() {
            // It has no manifest, so it is none; what there is of it takes space that may be wanted.
            let _ = fs::remove_dir_all(&set);
        }
        written?;
        remove_others(&self.run, step);
        Ok(())
    }

    fn write_files(&self, folder: &Path, set: &Path) -> Result<(), RunError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            |e| RunError::written(path, e)
        };
        // One that is damaged may be in the way.
        if set.is_dir() {
            remove(set).map_err(failed(set))?;
        }
        fs::create_dir_all(set).map_err(failed(set))?;
        let mut digests = BTreeMap::new();
        let path = set.join(STATE);
        let digest = write_state(&path, &self.snapshot.tensors).map_err(failed(&path))?;
        digests.insert(STATE, digest);
        if let Some(best) = &self.best {
            let path = set.join(BEST);
            files::write(&path, best).map_err(failed(&path))?;
            let digest = FileDigest::of(best).map_err(io::Error::other);
            digests.insert(BEST, digest.map_err(failed(&path))?);
        }
        let (metrics, length) = &self.metrics;
        let synced = metrics.sync_data();
        synced.map_err(failed(&self.run.join(METRICS)))?;
        let text = json!({
            "format": FORMAT,
            "standing": self.snapshot.standing,
            "metrics": length,
            "facts": self.facts,
            "files": digests,
        });
        let text = text.to_string();
        let text = format!("{text}\n{}\n", sha256(text.as_bytes()));
        let path = set.join(MANIFEST);
        files::write(&path, text.as_bytes()).map_err(failed(&path))?;
        files::sync_folder(folder).map_err(failed(folder))?;
        files::sync_folder(&self.run).map_err(failed(&self.run))
    }
}

/// Removes a set, its manifest first: half of it is none.
fn remove(set: &Path) -> io::Result<()> {
    match fs::remove_file(set.join(MANIFEST)) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => files::sync_folder(set)?,
    }
    fs::remove_dir_all(set)
}

/// Removes all sets but the one that was just written and the one before it. One that is newer is of a run that went
/// another way, or damaged.
fn remove_others(run: &Path, step: u64) {
    let (mut older, newer): (Vec<_>, Vec<_>) =
        sets(run).into_iter().partition(|(other, _)| *other <= step);
    older.truncate(older.len().saturating_sub(KEPT));
    for (_, set) in older.into_iter().chain(newer) {
        if let Err(error) = remove(&set) {
            log::warn!("{}: cannot be removed: {error}", set.display());
        }
    }
}

/// Writes tensors as a safetensors file, one by one, and tells its hashes.
fn write_state(path: &Path, kept: &[Kept]) -> io::Result<FileDigest> {
    let mut entries = serde_json::Map::new();
    let mut end = 0;
    for Kept { name, shape, data } in kept {
        let (dtype, width) = match data {
            Data::F32(_) => ("F32", 4),
            Data::F64(_) => ("F64", 8),
            Data::F16(_) => ("F16", 2),
            Data::U32(_) => ("U32", 4),
            Data::U8(_) => ("U8", 1),
        };
        let start = end;
        end += data.len() * width;
        let entry = json!({"dtype": dtype, "shape": shape.dims(), "data_offsets": [start, end]});
        entries.insert(name.clone(), entry);
    }
    let mut header = Value::Object(entries).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');
    let length = header.len() as u64;
    header.splice(0..0, length.to_le_bytes());
    let mut tensors = BTreeMap::new();
    files::write_by(path, |file| {
        file.write_all(&header)?;
        for Kept { name, data, .. } in kept {
            let bytes = bytes(data);
            file.write_all(&bytes)?;
            tensors.insert(name.clone(), hex(Sha256::new_with_prefix(&bytes)));
        }
        Ok(())
    })?;
    Ok(FileDigest {
        bytes: (header.len() + end) as u64,
        header: sha256(&header),
        tensors,
    })
}

/// The values in little-endian order, whatever the machine.
fn bytes(data: &Data) -> Cow<'_, [u8]> {
    if cfg!(target_endian = "little") {
        return match data {
            Data::F32(values) => bytemuck::cast_slice(values),
            Data::F64(values) => bytemuck::cast_slice(values),
            Data::F16(values) => {
                return values.iter().flat_map(|v| v.to_le_bytes()).collect();
            }
            Data::U32(values) => bytemuck::cast_slice(values),
            Data::U8(values) => values,
        }
        .into();
    }
    match data {
        Data::F32(values) => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        Data::F64(values) => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        Data::F16(values) => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        Data::U32(values) => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        Data::U8(values) => values.into(),
    }
}

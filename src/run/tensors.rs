//! Named tensors in a safetensors file, read with caps.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use safetensors::{Dtype, SafeTensors};

use super::RunError;
use crate::network::Network;

/// Most bytes of a header. The parser takes up to fourteen times as much for a header made of the smallest entries, so
/// this keeps it below 64 MiB.
pub(super) const HEADER: usize = 4 << 20;
const BAD_FILE: &str = "the file is damaged or not a safetensors file; save it again";

/// A tensor of a file, as it is told.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct StoredTensor {
    /// Its name.
    pub name: String,
    /// Its element type, in the format's words: `F32`.
    pub dtype: String,
    /// Its extents.
    pub shape: Vec<usize>,
    /// Its bytes.
    pub bytes: usize,
}

/// A safetensors file in memory, checked: the header tells no lies about the rest.
pub struct TensorFile {
    path: PathBuf,
    bytes: Vec<u8>,
}

impl TensorFile {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// If it cannot be read, is cut short, or its header is too large or contradicts the rest.
    pub fn open(path: &Path) -> Result<Self, RunError> {
        let io = |e| RunError::read(path, e);
        let mut file = File::open(path).map_err(io)?;
        let metadata = file.metadata().map_err(io)?;
        let malformed = |found: String, expected: &str| RunError::Malformed {
            path: path.to_owned(),
            found,
            expected: expected.to_owned(),
            hint: BAD_FILE,
        };
        if !metadata.is_file() {
            return Err(malformed(
                "something that is no regular file".to_owned(),
                "a safetensors file",
            ));
        }
        let mut start = [0; 8];
        if metadata.len() < 8 {
            let found = format!("{} bytes", metadata.len());
            return Err(malformed(found, "at least 8, the length of the header"));
        }
        file.read_exact(&mut start).map_err(io)?;
        let header = u64::from_le_bytes(start);
        if header > HEADER as u64 || header > metadata.len() - 8 {
            let found = format!(
                "a header of {header} bytes in a file of {} bytes",
                metadata.len()
            );
            return Err(malformed(
                found,
                "a header within the file, and of at most 4 MiB",
            ));
        }
        let mut bytes = start.to_vec();
        // The file may grow while it is read; what was measured is what is taken.
        file.take(metadata.len() - 8)
            .read_to_end(&mut bytes)
            .map_err(io)?;
        Self::from_bytes(path, bytes)
    }

    /// Checks the bytes of a file, which was at this path and whose header is not too large.
    ///
    /// # Errors
    /// If it is cut short, or its header contradicts the rest.
    pub(super) fn from_bytes(path: &Path, bytes: Vec<u8>) -> Result<Self, RunError> {
        if let Err(error) = SafeTensors::deserialize(&bytes) {
            return Err(RunError::Malformed {
                path: path.to_owned(),
                found: error.to_string(),
                expected: "a header that describes the rest of the file".to_owned(),
                hint: BAD_FILE,
            });
        }
        Ok(Self {
            path: path.to_owned(),
            bytes,
        })
    }

    /// The file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn tensors(&self) -> SafeTensors<'_> {
        SafeTensors::deserialize(&self.bytes).expect("`open` has parsed the same bytes")
    }

    /// The text under a key of the header's metadata.
    pub fn metadata(&self, key: &str) -> Option<String> {
        let (_, header) =
            SafeTensors::read_metadata(&self.bytes).expect("`open` has parsed the same bytes");
        header.metadata().as_ref().and_then(|m| m.get(key)).cloned()
    }

    /// All tensors, by name.
    pub fn list(&self) -> Vec<StoredTensor> {
        let mut list: Vec<_> = self
            .tensors()
            .iter()
            .map(|(name, view)| StoredTensor {
                name: name.to_owned(),
                dtype: view.dtype().to_string(),
                shape: view.shape().to_vec(),
                bytes: view.data().len(),
            })
            .collect();
        list.sort_by(|a, b| a.name.cmp(&b.name));
        list
    }

    /// The values of a network's parameters and then of its statistics, in its order. Doubles and half-precision numbers become f32.
    ///
    /// # Errors
    /// If one is missing, has another shape or a type that is not real, or holds NaN or infinity; or if there are
    /// tensors that the network has not.
    pub fn values(&self, network: &Network) -> Result<Vec<Vec<f32>>, RunError> {
        let tensors = self.tensors();
        let parameters: Vec<_> = network.lasting().collect();
        let wrong = |tensor: &str, found: String, expected: String, hint| {
            let (path, tensor) = (self.path.clone(), tensor.to_owned());
            Err(RunError::Tensor {
                path,
                tensor,
                found,
                expected,
                hint,
            })
        };
        let mut all = Vec::with_capacity(parameters.len());
        for parameter in &parameters {
            let name = &parameter.name;
            let Ok(view) = tensors.tensor(name) else {
                let found = format!(
                    "none of that name; there are {}",
                    names(tensors.iter().map(|(name, _)| name))
                );
                let expected =
                    format!("one of shape {} for the network {network}", parameter.shape);
                return wrong(
                    name,
                    found,
                    expected,
                    "names and shapes are PyTorch's, `layers.0.weight` and so on",
                );
            };
            if view.shape() != parameter.shape.dims() {
                let (found, expected) = (
                    format!("shape {:?}", view.shape()),
                    format!("{}", parameter.shape),
                );
                let hint =
                    "weights are [outputs, inputs]; choose the network's widths by `--hidden`";
                return wrong(
                    name,
                    found,
                    format!("{expected} for the network {network}"),
                    hint,
                );
            }
            let Some(values) = decode(view.dtype(), view.data()) else {
                let found = format!("element type {}", view.dtype());
                return wrong(
                    name,
                    found,
                    "F32, F64, F16 or BF16".to_owned(),
                    "save the weights as float32",
                );
            };
            if let Some(at) = values.iter().position(|v| !v.is_finite()) {
                let found = format!("{} at element {at}", values[at]);
                return wrong(
                    name,
                    found,
                    "finite numbers that f32 can hold".to_owned(),
                    "use another file",
                );
            }
            all.push(values);
        }
        let extra = tensors
            .iter()
            .map(|(name, _)| name)
            // PyTorch counts the batches that its running statistics have seen, and uses the count nowhere by default.
            .filter(|name| !name.ends_with(".num_batches_tracked"))
            .filter(|name| parameters.iter().all(|p| p.name != *name));
        let mut extra = extra.peekable();
        match extra.peek() {
            None => Ok(all),
            Some(_) => Err(RunError::Malformed {
                path: self.path.clone(),
                found: format!(
                    "tensors that the network {network} has not: {}",
                    names(extra)
                ),
                expected: format!("its {} parameters and nothing else", parameters.len()),
                hint: "choose the network's widths by `--hidden`, or leave these tensors out",
            }),
        }
    }
}

/// Names for a message, sorted, at most ten of them.
fn names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    const SHOWN: usize = 10;
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    let shown = names
        .iter()
        .take(SHOWN)
        .map(|name| format!("`{}`", name.chars().take(60).collect::<String>()));
    let text = shown.collect::<Vec<_>>().join(", ");
    match names.len() {
        0 => "no tensors".to_owned(),
        count if count > SHOWN => format!("{text} and {} more", count - SHOWN),
        _ => text,
    }
}

/// Little-endian numbers as f32, or nothing for a type that is not real.
fn decode(dtype: Dtype, bytes: &[u8]) -> Option<Vec<f32>> {
    fn each<const N: usize>(bytes: &[u8], convert: impl Fn([u8; N]) -> f32) -> Vec<f32> {
        bytes
            .as_chunks::<N>()
            .0
            .iter()
            .map(|chunk| convert(*chunk))
            .collect()
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "rounding to single precision is what is meant"
    )]
    let single = |b| f64::from_le_bytes(b) as f32;
    Some(match dtype {
        Dtype::F32 => each(bytes, f32::from_le_bytes),
        Dtype::F64 => each(bytes, single),
        // The upper half of a f32.
        Dtype::BF16 => each(bytes, |b| {
            f32::from_bits(u32::from(u16::from_le_bytes(b)) << 16)
        }),
        Dtype::F16 => each(bytes, |b| half_to_single(u16::from_le_bytes(b))),
        _ => return None,
    })
}

/// IEEE 754 binary16: sign, 5 bits of exponent, 10 bits of fraction.
fn half_to_single(bits: u16) -> f32 {
    let (exponent, fraction) = ((bits >> 10) & 0x1f, bits & 0x3ff);
    let magnitude = match (exponent, fraction) {
        (0, _) => f32::from(fraction) * 2.0_f32.powi(-24),
        (31, 0) => f32::INFINITY,
        (31, _) => f32::NAN,
        _ => (1.0 + f32::from(fraction) / 1024.0) * 2.0_f32.powi(i32::from(exponent) - 15),
    };
    if bits >> 15 == 0 {
        magnitude
    } else {
        -magnitude
    }
}

#[cfg(test)]
mod tests {
    use super::half_to_single;

    #[test]
    fn half_precision_is_read_exactly() {
        let known = [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x3555, 0.333_251_95),
            (0x0001, 5.960_464_5e-8),
            (0x7bff, 65504.0),
        ];
        for (bits, value) in known {
            assert_eq!(half_to_single(bits), value, "{bits:#06x}");
        }
        assert!(half_to_single(0x7e00).is_nan(), "a NaN");
        assert_eq!(half_to_single(0xfc00), f32::NEG_INFINITY, "an infinity");
    }
}

//! A trained network as one safetensors file.
//!
//! The tensors have PyTorch's names and shapes, so that `safetensors.torch.load_file` reads them. All else stands as
//! JSON under the one key `thalweg` of the header's metadata; one key, so that equal models are equal bytes.

use std::borrow::Cow;
use std::path::Path;

use safetensors::{Dtype, View, serialize};
use serde::{Deserialize, Serialize};

use super::tensors::{HEADER, TensorFile};
use super::{RunError, files};
use crate::data::Preparation;
use crate::network::{Activation, ClassOptions, Loss, Network, Parameter};
use crate::train::Model;

/// The format of model files that this version writes, and the newest it reads.
///
/// A field that changes nothing of what the others mean may come without another format: a program that does not know it
/// reads the file without it, and a file that lacks it is read as one from before it came.
///
/// A file is written in the oldest format that says all of it, so that programs of before read what they can.
///
/// 1: parameters alone. 2: the statistics of batch normalisation too, and more kinds of layers. 3: recurrent layers.
pub const FORMAT: u64 = 3;
/// The key of the metadata.
const KEY: &str = "thalweg";
/// Room in the header for the names and places of the tensors.
const ROOM: usize = 1 << 20;

/// A trained network with all that is needed to use it on raw data.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelFile {
    /// The network and its parameters.
    pub model: Model,
    /// What it was trained with; nothing for a loss of one's own.
    pub loss: Option<Loss>,
    /// What the loss takes of the classes.
    pub classes: ClassOptions,
    /// How raw data become numbers, where the run knew.
    pub preparation: Option<Preparation>,
    /// Training steps it has seen.
    pub steps: u64,
}

/// What stands beside the tensors.
#[derive(Debug, Serialize, Deserialize)]
struct Description {
    format: u64,
    /// The version of the program that wrote it.
    version: String,
    network: Network,
    output: Activation,
    loss: Option<Loss>,
    #[serde(default, skip_serializing_if = "ClassOptions::is_plain")]
    classes: ClassOptions,
    preparation: Option<Preparation>,
    #[serde(default)]
    steps: u64,
}

/// What even a newer format has.
#[derive(Deserialize)]
struct AnyFormat {
    format: u64,
}

/// What a model file is made of, without a copy.
pub(super) struct Parts<'a> {
    pub(super) model: &'a Model,
    pub(super) loss: Option<Loss>,
    pub(super) classes: &'a ClassOptions,
    pub(super) preparation: Option<&'a Preparation>,
    pub(super) steps: u64,
}

impl Parts<'_> {
    fn description(&self) -> Result<String, RunError> {
        let description = Description {
            format: format_of(&self.model.network),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            network: self.model.network.clone(),
            output: self.model.output,
            loss: self.loss,
            classes: self.classes.clone(),
            preparation: self.preparation.cloned(),
            steps: self.steps,
        };
        let text =
            serde_json::to_string(&description).expect("it holds text, numbers and lists alone");
        // The header holds it as a JSON string, in which quotes are escaped.
        let found = text.len() + text.matches(['"', '\\']).count();
        let most = HEADER - ROOM;
        if found > most {
            Err(RunError::TooLarge { found, most })
        } else {
            Ok(text)
        }
    }

    /// The file's bytes. Equal models give equal bytes.
    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, RunError> {
        let description = self.description()?;
        let lasting: Vec<_> = self.model.network.lasting().collect();
        let views = lasting.iter().zip(&self.model.values);
        let views = views.map(|(parameter, values)| (&parameter.name, Values(parameter, values)));
        let metadata = [(KEY.to_owned(), description)].into();
        let bytes =
            serialize(views, Some(metadata)).expect("tensors in memory can be written to memory");
        Ok(bytes)
    }
}

/// The oldest format that holds a network.
fn format_of(network: &Network) -> u64 {
    if network.is_recurrent() { FORMAT } else { 2 }
}

/// A parameter's values, as the format wants to see them: little-endian, whatever the machine.
struct Values<'a>(&'a Parameter, &'a [f32]);

impl View for Values<'_> {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        self.0.shape.dims()
    }

    fn data(&self) -> Cow<'_, [u8]> {
        if cfg!(target_endian = "little") {
            bytemuck::cast_slice(self.1).into()
        } else {
            self.1.iter().flat_map(|x| x.to_le_bytes()).collect()
        }
    }

    fn data_len(&self) -> usize {
        size_of_val(self.1)
    }
}

impl ModelFile {
    /// The format that it is written in.
    pub fn format(&self) -> u64 {
        format_of(&self.model.network)
    }

    /// The file's bytes. Equal models give equal bytes.
    ///
    /// # Errors
    /// If the description is too large for a header.
    pub fn to_bytes(&self) -> Result<Vec<u8>, RunError> {
        let parts = Parts {
            model: &self.model,
            loss: self.loss,
            classes: &self.classes,
            preparation: self.preparation.as_ref(),
            steps: self.steps,
        };
        parts.to_bytes()
    }

    /// Writes the file, as a whole or not at all.
    ///
    /// # Errors
    /// If the description is too large for a header, or the file system refuses.
    pub fn save(&self, path: &Path) -> Result<(), RunError> {
        files::write(path, &self.to_bytes()?).map_err(|e| RunError::written(path, e))
    }

    /// Reads a model file and holds everything in it against everything else.
    ///
    /// # Errors
    /// If it cannot be read, is damaged, of a newer format, or not a model file of this program.
    pub fn load(path: &Path) -> Result<Self, RunError> {
        Self::from_tensors(&TensorFile::open(path)?)
    }

    /// The model in the bytes of a file, which was at this path.
    ///
    /// # Errors
    /// As [`ModelFile::load`].
    pub fn from_bytes(path: &Path, bytes: Vec<u8>) -> Result<Self, RunError> {
        Self::from_tensors(&TensorFile::from_bytes(path, bytes)?)
    }

    /// The model in a file that is open already.
    ///
    /// # Errors
    /// As [`ModelFile::load`].
    pub fn from_tensors(file: &TensorFile) -> Result<Self, RunError> {
        let malformed = |found: String, expected: &str, hint| RunError::Malformed {
            path: file.path().to_owned(),
            found,
            expected: expected.to_owned(),
            hint,
        };
        let Some(text) = file.metadata(KEY) else {
            let hint = "weights of another program are read by `train --init-weights`";
            return Err(malformed(
                "no description of a network".to_owned(),
                "a model file written by thalweg",
                hint,
            ));
        };
        let damaged = "the file is damaged; use another copy, or train again";
        let unreadable = |e: serde_json::Error| {
            malformed(
                format!("a description that cannot be read ({e})"),
                "a model's",
                damaged,
            )
        };
        let AnyFormat { format } = serde_json::from_str(&text).map_err(unreadable)?;
        if format > FORMAT {
            return Err(RunError::Newer {
                path: file.path().to_owned(),
                found: format,
                known: FORMAT,
            });
        }
        let description: Description = serde_json::from_str(&text).map_err(unreadable)?;
        drop(text);
        let Description {
            network,
            output,
            loss,
            classes,
            preparation,
            steps,
            ..
        } = description;
        network
            .check()
            .map_err(|e| malformed(e.to_string(), "a network that can be built", damaged))?;
        if let Some(preparation) = &preparation {
            preparation
                .check()
                .map_err(|e| malformed(e.to_string(), "a sound data preparation", damaged))?;
            let prepared = [preparation.features(), preparation.outputs()];
            if prepared != [network.inputs, network.outputs()] {
                let found = format!(
                    "data of {} inputs and {} outputs for the network {network}",
                    prepared[0], prepared[1]
                );
                return Err(malformed(found, "the same numbers of both", damaged));
            }
        }
        let values = file.values(&network)?;
        let model = Model::from_values(network, output, values)
            .map_err(|e| malformed(e.to_string(), "values that fit the network", damaged))?;
        Ok(Self {
            model,
            loss,
            classes,
            preparation,
            steps,
        })
    }
}

/// The values of a network's parameters and then of its statistics from a safetensors file of any origin, in the network's order.
///
/// # Errors
/// If the file cannot be read, is damaged, or does not hold exactly the network's parameters by name and shape.
pub fn load_weights(path: &Path, network: &Network) -> Result<Vec<Vec<f32>>, RunError> {
    TensorFile::open(path)?.values(network)
}

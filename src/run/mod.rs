//! A run: one training run and the folder it writes.
//!
//! A [`ModelFile`] is a trained network with all that is needed to use it on raw data, as one safetensors file. A
//! [`RunFolder`] holds a run's files, and a [`Recorder`] is the [`Callback`](crate::train::Callback) that fills it.
//! Whatever is replaced is replaced as a whole, see [`write()`].

mod checkpoint;
mod digest;
mod error;
mod events;
mod files;
mod folder;
mod model_file;
mod recorder;
mod seen;
mod tensors;
mod writer;

pub use checkpoint::{CHECKPOINTS, Checkpoint, Facts, latest};
pub use digest::fingerprint;
pub use error::RunError;
pub use events::EVENTS;
pub use files::write;
pub(crate) use files::write_by;
pub use folder::{BEST, CONFIG, ENVIRONMENT, METRICS, MODEL, REPORT, RunFolder, TRACE};
pub use model_file::{FORMAT, ModelFile, load_weights};
pub use recorder::{Out, Recorder};
pub use tensors::{StoredTensor, TensorFile};

//! A trained network in the formats of others: [`onnx()`], which other runtimes compute, and [`state_dict()`] with
//! [`torch_script()`], which PyTorch loads.

mod onnx;
mod protobuf;
mod shape;
mod torch;

pub use onnx::{OPSET, onnx};
pub use shape::{Answer, answer};
pub use torch::{state_dict, torch_script};

/// A model that cannot be written in a format.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// More than protobuf holds.
    #[error(
        "the model takes {bytes} bytes, and ONNX holds at most {most} in one file; export it as safetensors, or train a \
         smaller network"
    )]
    TooLarge {
        /// Bytes of the model.
        bytes: u64,
        /// What fits.
        most: u64,
    },
    /// A kind of layer that is not written in this format.
    #[error(
        "the network {network} has recurrent layers, which this version does not write as ONNX; export it as safetensors \
         with --script, for PyTorch"
    )]
    Recurrent {
        /// Its widths.
        network: String,
    },
    /// A description that no header holds.
    #[error(
        "the description of the model takes {bytes} bytes, and a header of safetensors holds {most} of them; train on \
         fewer columns or classes"
    )]
    Description {
        /// Bytes of the description.
        bytes: usize,
        /// What fits.
        most: usize,
    },
}

//! What can go wrong while a plan runs.

use crate::graph::GraphError;
use crate::plan::PlanError;
use crate::tensor::Element;

/// A device that cannot do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExecutorError {
    /// Data that do not fit the tensor.
    #[error(
        "{found} values of {found_element} do not fit a tensor of {expected} {expected_element}"
    )]
    Mismatch {
        /// How many values there are.
        found: usize,
        /// Of which type.
        found_element: Element,
        /// How many the tensor holds.
        expected: usize,
        /// Of which type.
        expected_element: Element,
    },
    /// There is no such device.
    #[error("no device `{wanted}`; there are: {known}")]
    NoDevice {
        /// What was asked for.
        wanted: String,
        /// The devices there are.
        known: String,
    },
    /// The device lacks memory.
    #[error(
        "{device} cannot hold {bytes} bytes more ({what}): {cause}; use a smaller batch or network, or `--device cpu`"
    )]
    OutOfMemory {
        /// The device.
        device: String,
        /// How much was asked for.
        bytes: u64,
        /// For what.
        what: String,
        /// What the driver said.
        cause: String,
    },
    /// The device has gone.
    #[error(
        "{device} was lost ({cause}); what had been saved is safe, start again or use `--device cpu`"
    )]
    DeviceLost {
        /// The device.
        device: String,
        /// What the driver said.
        cause: String,
    },
    /// The device refused something: a fault of this program or of the driver.
    #[error("{device}: {cause}")]
    Device {
        /// The device.
        device: String,
        /// What it said.
        cause: String,
    },
    /// A shader that cannot be joined or compiled.
    #[error("shader `{file}`: {cause}")]
    Shader {
        /// The file.
        file: String,
        /// What is wrong.
        cause: String,
    },
    /// The store is at fault.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The plan does not fit the device.
    #[error(transparent)]
    Plan(#[from] PlanError),
}

//! Why nothing was measured.

use crate::data::DataError;
use crate::executor::ExecutorError;
use crate::plan::PlanError;
use crate::train::TrainError;

/// A measurement that could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BenchError {
    /// A case that cannot be read.
    #[error("`{text}` is no {what}: expected {expected}")]
    Case {
        /// What was given.
        text: String,
        /// What it should have been.
        what: &'static str,
        /// How that is written.
        expected: &'static str,
    },
    /// What a device computed is not what the reference computes, so it is not timed.
    #[error("{device} computes {case} wrongly, so it is not timed: {difference}")]
    Wrong {
        /// The device.
        device: String,
        /// What it computed.
        case: String,
        /// What is wrong with it.
        difference: String,
    },
    /// The network cannot have such data.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The training step failed.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// The plan does not fit the device.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The device failed.
    #[error(transparent)]
    Executor(#[from] ExecutorError),
}

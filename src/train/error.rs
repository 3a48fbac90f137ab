//! What can go wrong in training.

use std::fmt;

use super::Model;
use crate::data::DataError;
use crate::executor::ExecutorError;
use crate::graph::GraphError;
use crate::network::NetworkError;
use crate::plan::PlanError;

/// The error for an option that makes no sense.
pub(super) fn option<T>(
    name: &'static str,
    found: impl ToString,
    expected: &'static str,
) -> Result<T, TrainError> {
    Err(TrainError::Option {
        name,
        found: found.to_string(),
        expected,
    })
}

/// Training, evaluation or prediction that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// An option that makes no sense.
    #[error("{name} is {found}; expected {expected}")]
    Option {
        /// The option.
        name: &'static str,
        /// What it is.
        found: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A snapshot of another run.
    #[error(
        "the snapshot has {found}, and this run has {expected}; it is of another network or optimizer"
    )]
    Snapshot {
        /// What it has.
        found: String,
        /// What this run has.
        expected: String,
    },
    /// A schedule that cannot be read.
    #[error("schedule `{schedule}`: found {found}; expected {expected}")]
    Schedule {
        /// The schedule as it was given.
        schedule: String,
        /// What is wrong.
        found: String,
        /// What it should be.
        expected: String,
    },
    /// Data that do not fit the network.
    #[error("the data have {found} {what}, and the network {network} takes {expected}")]
    Mismatch {
        /// Features or outputs.
        what: &'static str,
        /// How many the data have.
        found: usize,
        /// How many the network has.
        expected: usize,
        /// Its widths.
        network: String,
    },
    /// Targets that the loss cannot take.
    #[error("the loss {loss} needs {expected}, and the data have {found}")]
    Targets {
        /// The loss.
        loss: String,
        /// What it needs.
        expected: &'static str,
        /// What there is.
        found: String,
    },
    /// Weights that do not fit the network.
    #[error("{0}")]
    Weights(String),
    /// There is no memory for the run.
    #[error(
        "{device} cannot hold a run with batches of {batch} rows{}: {cause}; {}",
        if *.streamed { ", though rows stream through it" } else { "" }, advice(*.largest)
    )]
    Memory {
        /// The device.
        device: String,
        /// Rows in a batch.
        batch: usize,
        /// Whether that is so even if not all rows of the data set are on the device at once.
        streamed: bool,
        /// What is needed, and what there is.
        cause: String,
        /// The largest batch that fits, if any does.
        largest: Option<usize>,
    },
    /// A number that is NaN or infinite turned up.
    #[error(transparent)]
    NonFinite(Box<NonFinite>),
    /// Under mixed precision the gradients leave the range of f16 however small the loss scale.
    #[error(transparent)]
    LossScale(Box<ScaleCollapse>),
    /// Rows could not be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Rows could not be read in the middle of a run.
    #[error(transparent)]
    Rows(Box<LostRows>),
    /// A callback could not go on.
    #[error(transparent)]
    Callback(#[from] std::io::Error),
    /// The network's description is at fault.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The graph is at fault.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The plan does not fit the device.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The device failed.
    #[error(transparent)]
    Executor(#[from] ExecutorError),
}

/// What to do about memory that is not there.
fn advice(largest: Option<usize>) -> String {
    match largest {
        Some(rows) => format!("the largest batch that fits has {rows} rows"),
        None => "not even 1 row at once fits: use a smaller network or data set".to_owned(),
    }
}

/// Where a number first was NaN or infinite, and the last model before.
#[derive(Debug)]
pub struct NonFinite {
    /// The training step, from 1.
    pub step: u64,
    /// The step of the plan, in words: its number, kernel, layer and phase.
    pub plan_step: String,
    /// The tensor.
    pub tensor: String,
    /// The element.
    pub index: usize,
    /// NaN or an infinity.
    pub value: f64,
    /// The model after the last training step that was checked and found good.
    pub last_good: Model,
    /// The number of that step.
    pub last_good_step: u64,
}

impl fmt::Display for NonFinite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            step,
            plan_step,
            tensor,
            index,
            value,
            last_good_step,
            ..
        } = self;
        write!(
            f,
            "training step {step}: `{tensor}`[{index}] became {value} in {plan_step}; the model after step \
             {last_good_step} is the last good one. Try a smaller learning rate, or look at the data's scale"
        )
    }
}

impl std::error::Error for NonFinite {}

/// Rows that could not be read when they were wanted, and the model so far.
#[derive(Debug)]
pub struct LostRows {
    /// What happened.
    pub error: DataError,
    /// The model after the last training step that was checked and found good.
    pub last_good: Model,
    /// The number of that step.
    pub last_good_step: u64,
}

impl fmt::Display for LostRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (error, step) = (&self.error, self.last_good_step);
        write!(f, "after training step {step} no more rows came: {error}")
    }
}

impl std::error::Error for LostRows {}

/// A loss scale that fell as far as it may.
#[derive(Debug)]
pub struct ScaleCollapse {
    /// The scale it came to.
    pub scale: f64,
    /// Training steps that were skipped in all.
    pub skipped: u64,
    /// What is not finite in the last of them. The last good model is that after all updates.
    pub found: NonFinite,
}

impl fmt::Display for ScaleCollapse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            scale,
            skipped,
            found,
        } = self;
        let NonFinite {
            step,
            plan_step,
            tensor,
            index,
            value,
            ..
        } = found;
        write!(
            f,
            "training step {step}: {skipped} steps were skipped, the loss scale fell to {scale:e}, and still `{tensor}`\
             [{index}] becomes {value} in {plan_step}; numbers of half precision end at 65504. Use `--precision single`, or \
             look at the data's scale"
        )
    }
}

impl std::error::Error for ScaleCollapse {}

//! What can go wrong when a network is explained.

use crate::executor::ExecutorError;
use crate::graph::GraphError;
use crate::network::NetworkError;
use crate::train::TrainError;

/// An explanation that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExplainError {
    /// A number, or data, that make no sense here.
    #[error("{what} is {found}; expected {expected}")]
    Value {
        /// What it is about.
        what: &'static str,
        /// What was given.
        found: String,
        /// What it should be.
        expected: String,
    },
    /// A change of an input that is lost in rounding, or that leaves the range of f32.
    #[error(
        "the step is {step}; expected one that changes input {feature} of row {row}, which is {value}, to another finite number"
    )]
    Step {
        /// The change.
        step: f32,
        /// The row's place among those that were given.
        row: usize,
        /// The input.
        feature: usize,
        /// What it is.
        value: f32,
    },
    /// A network that is not made of straight pieces.
    #[error(
        "layer {index} of the network is {found}, which is not made of straight pieces; an effective linear network is \
         of a network of linear, relu, leaky_relu, maxout, batch_norm and residual layers"
    )]
    Curved {
        /// The layer's place in the list; of one in a residual block, the block's.
        index: usize,
        /// What it is.
        found: String,
    },
    /// A graph that cannot be built.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// A network that cannot be built.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// A device that failed.
    #[error(transparent)]
    Executor(#[from] ExecutorError),
    /// A model that does not fit its network.
    #[error(transparent)]
    Train(#[from] TrainError),
}

impl ExplainError {
    /// Whether the caller can mend it.
    pub fn is_bad_input(&self) -> bool {
        match self {
            Self::Value { .. } | Self::Step { .. } | Self::Curved { .. } | Self::Network(_) => true,
            Self::Executor(error) => matches!(error, ExecutorError::NoDevice { .. }),
            _ => false,
        }
    }

    pub(super) fn value(
        what: &'static str,
        found: impl ToString,
        expected: impl Into<String>,
    ) -> Self {
        Self::Value {
            what,
            found: found.to_string(),
            expected: expected.into(),
        }
    }
}

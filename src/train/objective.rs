//! What training makes small: one of the losses, or ops of one's own.

use std::fmt;
use std::sync::Arc;

use crate::graph::{Graph, GraphError, TensorId};
use crate::network::{Activation, Loss, LossTensors};

/// A loss made of ops: from the network's output and the target to a scalar.
pub type CustomLoss =
    dyn Fn(&mut Graph, TensorId, TensorId) -> Result<TensorId, GraphError> + Send + Sync;

/// What training makes small.
#[derive(Clone)]
pub enum Objective {
    /// One of the losses.
    Loss(Loss),
    /// A loss of one's own. The target is class numbers or numbers, as the data set has it.
    Custom(Arc<CustomLoss>),
}

impl Objective {
    /// The loss, built behind the network's output `y` `[rows, outputs]`.
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub fn build(
        &self,
        graph: &mut Graph,
        y: TensorId,
        target: TensorId,
    ) -> Result<LossTensors, GraphError> {
        match self {
            Self::Loss(loss) => loss.build(graph, y, target),
            Self::Custom(build) => Ok(LossTensors {
                loss: build(graph, y, target)?,
                by_output: None,
            }),
        }
    }

    /// Whether it is the mean squared error, which is told in the target's own units.
    pub const fn is_squared_error(&self) -> bool {
        matches!(self, Self::Loss(Loss::SquaredError))
    }

    /// What turns the network's output into a prediction; nothing for a loss of one's own.
    pub const fn output(&self) -> Activation {
        match self {
            Self::Loss(loss) => loss.output(),
            Self::Custom(_) => Activation::Identity,
        }
    }
}

impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loss(loss) => loss.fmt(f),
            Self::Custom(_) => f.write_str("custom"),
        }
    }
}

impl fmt::Debug for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Loss> for Objective {
    fn from(loss: Loss) -> Self {
        Self::Loss(loss)
    }
}

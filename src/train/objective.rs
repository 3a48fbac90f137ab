//! What training makes small: one of the losses, or ops of one's own.

use std::fmt;
use std::sync::Arc;

use super::tables::Batch;
use super::{Metric, TrainError};
use crate::graph::{Graph, GraphError, TensorId};
use crate::network::{Activation, ClassOptions, Loss, LossTensors, Weighing};

/// A loss made of ops: from the network's output and the target to a scalar.
pub type CustomLoss =
    dyn Fn(&mut Graph, TensorId, TensorId) -> Result<TensorId, GraphError> + Send + Sync;

/// What training makes small.
#[derive(Clone)]
pub enum Objective {
    /// One of the losses.
    Loss {
        /// Which.
        loss: Loss,
        /// Weights of the classes, and how far labels are smoothed.
        classes: ClassOptions,
    },
    /// A loss of one's own. The target is class numbers or numbers, as the data set has it.
    Custom {
        /// What builds it.
        build: Arc<CustomLoss>,
        /// What was asked for of classes, which such a loss cannot take: training refuses it.
        classes: ClassOptions,
    },
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
        batch: &Batch,
    ) -> Result<LossTensors, GraphError> {
        match self {
            Self::Loss { loss, classes } => {
                let weighing = Weighing {
                    rows: batch.weights,
                    classes: batch
                        .class_weights
                        .zip(batch.labels)
                        .map(<[TensorId; 2]>::from),
                    label_smoothing: classes.label_smoothing,
                };
                loss.build_weighed(graph, (y, batch.target), &weighing)
            }
            Self::Custom { build, .. } => Ok(LossTensors {
                loss: build(graph, y, batch.target)?,
                by_output: None,
                weight: None,
            }),
        }
    }

    /// The loss, if it is one of them.
    pub const fn loss(&self) -> Option<Loss> {
        match self {
            Self::Loss { loss, .. } => Some(*loss),
            Self::Custom { .. } => None,
        }
    }

    /// What was asked for of classes.
    pub(super) const fn classes(&mut self) -> &mut ClassOptions {
        match self {
            Self::Loss { classes, .. } | Self::Custom { classes, .. } => classes,
        }
    }

    /// The weights of the classes, if these have any.
    pub fn class_weights(&self) -> Option<&[f32]> {
        match self {
            Self::Loss { classes, .. } => classes.weights.as_deref(),
            Self::Custom { .. } => None,
        }
    }

    /// The power of the target's unit in which the loss of each output is told, where that cannot be known from the metric:
    /// it is no squared error, or rows have weights.
    pub(super) fn told_power(&self, metric: Metric, weighed: bool) -> Option<i32> {
        let power = self.loss().map_or(0, Loss::unit_power);
        let numbers = matches!(metric, Metric::SquaredErrors { .. });
        let known = self.is_squared_error() && !weighed;
        (numbers && power != 0 && !known).then_some(power)
    }

    /// Refuses parameters that make no sense.
    pub(super) fn check(&self, outputs: usize) -> Result<(), TrainError> {
        let option = |name, found, expected| {
            Err(TrainError::Option {
                name,
                found,
                expected,
            })
        };
        let (loss, classes) = match self {
            Self::Loss { loss, classes } => (loss, classes),
            Self::Custom { classes, .. } if classes.label_smoothing != 0.0 => {
                let found = format!("{} with a loss of one's own", classes.label_smoothing);
                let expected = "0: such a loss smooths the labels itself";
                return option("label_smoothing", found, expected);
            }
            Self::Custom { classes, .. } if classes.weights.is_some() => {
                let found = "given with a loss of one's own".to_owned();
                let expected = "nothing: such a loss weighs the classes itself";
                return option("class_weights", found, expected);
            }
            Self::Custom { .. } => return Ok(()),
        };
        loss.check()?;
        let smoothing = classes.label_smoothing;
        if !(0.0..1.0).contains(&smoothing) {
            let expected = "at least 0 and below 1";
            return option("label_smoothing", smoothing.to_string(), expected);
        }
        if smoothing > 0.0 && *loss != Loss::CrossEntropy {
            let found = format!("{smoothing} with the loss {loss}");
            return option("label_smoothing", found, "0, or the loss cross_entropy");
        }
        let Some(weights) = &classes.weights else {
            return Ok(());
        };
        if !loss.takes_class_weights() {
            let found = format!("given with the loss {loss}");
            let expected = "nothing, or the loss cross_entropy, hinge, kullback_leibler or negative_log_likelihood";
            return option("class_weights", found, expected);
        }
        if weights.len() != outputs {
            let found = format!("{} numbers for {outputs} classes", weights.len());
            return option("class_weights", found, "a number a class");
        }
        let wrong = weights.iter().find(|w| !(0.0..=f32::MAX).contains(*w));
        if let Some(wrong) = wrong {
            let found = format!("{wrong} among others");
            return option("class_weights", found, "finite numbers of at least 0");
        }
        if weights.iter().all(|&w| w == 0.0) {
            let found = "0 for each class".to_owned();
            return option("class_weights", found, "a number above 0 among them");
        }
        Ok(())
    }

    /// Whether it is the mean squared error, which is told in the target's own units.
    pub const fn is_squared_error(&self) -> bool {
        matches!(
            self,
            Self::Loss {
                loss: Loss::SquaredError,
                ..
            }
        )
    }

    /// What turns the network's output into a prediction; nothing for a loss of one's own.
    pub const fn output(&self) -> Activation {
        match self {
            Self::Loss { loss, .. } => loss.output(),
            Self::Custom { .. } => Activation::Identity,
        }
    }
}

impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loss { loss, .. } => loss.fmt(f),
            Self::Custom { .. } => f.write_str("custom"),
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
        Self::Loss {
            loss,
            classes: ClassOptions::default(),
        }
    }
}

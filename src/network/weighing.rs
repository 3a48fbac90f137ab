//! What rows and classes count in a loss, and labels that are smoothed.

use serde::{Deserialize, Serialize};

use super::LossTensors;
use crate::graph::{Graph, GraphError, TensorId};

/// What a loss of classes takes beside: weights of the classes, and how far labels are smoothed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ClassOptions {
    /// What is taken from each label and given to all classes alike, from 0 to below 1: PyTorch's `label_smoothing`.
    #[serde(default)]
    pub label_smoothing: f64,
    /// A weight a class, none of them negative and not all 0: PyTorch's `weight`.
    #[serde(default)]
    pub weights: Option<Vec<f32>>,
}

impl ClassOptions {
    /// Whether nothing was asked for.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

/// What rows and classes count in a graph.
#[derive(Debug, Clone, Copy, Default)]
pub struct Weighing {
    /// A weight a row, `[rows]`.
    pub rows: Option<TensorId>,
    /// A weight a class `[classes]`, and the class of each row `[rows]`. Weights of rows and of classes are multiplied.
    pub classes: Option<[TensorId; 2]>,
    /// What is taken from each label and given to all classes alike.
    pub label_smoothing: f64,
}

/// What a loss is before the mean over the rows.
pub(super) enum Parts {
    /// One number a row, `[rows]`.
    Rows(TensorId),
    /// One number an output, `[rows, outputs]`.
    Elements(TensorId),
}

/// What each row has of the mean, and the sum of the weights.
pub(super) struct Shares {
    shares: TensorId,
    total: TensorId,
}

impl Weighing {
    /// The cross-entropy of smoothed labels, which has the weights of the classes in it: a part of each label is every
    /// class's.
    pub(super) fn smoothed_cross_entropy(
        &self,
        graph: &mut Graph,
        y: TensorId,
        target: TensorId,
    ) -> Result<TensorId, GraphError> {
        let weights = match self.classes {
            Some([weights, _]) => weights,
            None => {
                let [_, classes] = graph.tensor(y).shape.rows_columns();
                graph.constant([classes], 1.0)
            }
        };
        graph.smoothed_cross_entropy(y, target, weights, self.label_smoothing)
    }

    /// The shares of the rows; nothing if all count the same.
    pub(super) fn shares(&self, graph: &mut Graph) -> Result<Option<Shares>, GraphError> {
        let by_class = match self.classes {
            Some([weights, labels]) => Some(graph.gather(weights, labels)?),
            None => None,
        };
        let weights = match (self.rows, by_class) {
            (None, None) => return Ok(None),
            (Some(rows), Some(classes)) => graph.mul(rows, classes)?,
            (Some(weights), None) | (None, Some(weights)) => weights,
        };
        let total = graph.sum(weights)?;
        let counted = if self.label_smoothing > 0.0 && by_class.is_some() {
            // The loss has the weights of the classes in it already.
            match self.rows {
                Some(rows) => rows,
                None => {
                    let shape = graph.tensor(weights).shape.clone();
                    graph.constant(shape, 1.0)
                }
            }
        } else {
            weights
        };
        let shares = graph.share(counted, total)?;
        Ok(Some(Shares { shares, total }))
    }
}

impl Shares {
    /// The mean with weights: of elements over the outputs first, then over the rows.
    pub(super) fn mean(self, graph: &mut Graph, parts: Parts) -> Result<LossTensors, GraphError> {
        let (loss, by_output) = match parts {
            Parts::Rows(rows) => {
                let weighed = graph.mul(rows, self.shares)?;
                (graph.sum(weighed)?, None)
            }
            Parts::Elements(elements) => {
                let [_, outputs] = graph.tensor(elements).shape.rows_columns();
                let shares = graph.broadcast(self.shares, 1, outputs)?;
                let weighed = graph.mul(elements, shares)?;
                let by_output = graph.sum_axis(weighed, 0)?;
                (graph.mean(by_output)?, Some(by_output))
            }
        };
        Ok(LossTensors {
            loss,
            by_output,
            weight: Some(self.total),
        })
    }
}

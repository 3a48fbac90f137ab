use serde::{Deserialize, Serialize};

use super::{Gradients, Output, no_gradient, size};
use crate::graph::{Backward, Graph, GraphError, Lowered, Op, Phase, Store, Tensor, TensorId};
use crate::kernel::{AdamUpdate, SgdUpdate};
use crate::tensor::Element;

/// How an optimiser changes parameters: PyTorch's formulas. The learning rate comes with each
/// [`Tick`](crate::kernel::Tick).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Update {
    /// Stochastic gradient descent, as `torch.optim.SGD`.
    Sgd {
        /// How much of the last velocity is kept; 0 for none.
        momentum: f64,
        /// Nesterov's form.
        nesterov: bool,
        /// L2 penalty.
        weight_decay: f64,
    },
    /// Adam as `torch.optim.Adam`, or `AdamW` if `decoupled`.
    Adam {
        /// Decay of the mean of the gradients.
        beta1: f64,
        /// Decay of the mean of their squares.
        beta2: f64,
        /// Added to the denominator.
        epsilon: f64,
        /// L2 penalty, or the decay if decoupled.
        weight_decay: f64,
        /// AdamW: the decay does not pass through the gradient.
        decoupled: bool,
    },
}

impl Update {
    /// The names of the states it keeps, each as large as the parameters.
    pub const fn states(&self) -> &'static [&'static str] {
        match self {
            Self::Sgd { momentum: 0.0, .. } => &[],
            Self::Sgd { .. } => &["velocity"],
            Self::Adam { .. } => &["mean", "square"],
        }
    }
}

impl Op for Update {
    fn name(&self) -> &'static str {
        match self {
            Self::Sgd { .. } => "sgd_update",
            Self::Adam { .. } => "adam_update",
        }
    }

    fn output(&self, inputs: &[&Tensor]) -> Output {
        Ok((inputs[0].shape.clone(), Element::F32))
    }

    fn gradient(&self, graph: &mut Graph, at: &Backward) -> Gradients {
        no_gradient(self.name(), graph, at, "it changes the parameters in place")
    }

    fn lower(&self, inputs: &[&Tensor], _: &[&Tensor]) -> Lowered {
        let count = size(inputs[0].shape.len());
        // Behind a scaled gradient stands the verdict.
        let scaled = inputs.len() > 1;
        Lowered::Kernel(match *self {
            Self::Sgd {
                momentum,
                nesterov,
                weight_decay,
            } => SgdUpdate {
                count,
                learning_rate: 0.0,
                momentum,
                nesterov,
                weight_decay,
                scaled,
            }
            .into(),
            Self::Adam {
                beta1,
                beta2,
                epsilon,
                weight_decay,
                decoupled,
            } => AdamUpdate {
                count,
                learning_rate: 0.0,
                beta1,
                beta2,
                epsilon,
                weight_decay,
                decoupled,
                step: 1,
                scaled,
            }
            .into(),
        })
    }
}

impl Graph {
    /// Changes all parameters of a block of the store by their gradients, which stand in the order of its members.
    /// The block's states (see [`Update::states`]) are in the store as `BLOCK.STATE`.
    ///
    /// # Errors
    /// If the store lacks the block or a state, or a gradient has not the shape of its parameter.
    pub fn update(
        &mut self,
        store: &Store,
        block: &str,
        gradients: &[TensorId],
        update: Update,
    ) -> Result<(), GraphError> {
        let (layer, phase) = (self.layer.take(), self.phase);
        self.phase = Phase::Update;
        let updated = self
            .packed(store, block, gradients)
            .and_then(|packed| self.push_update(store, block, &[packed], update));
        (self.layer, self.phase) = (layer, phase);
        updated
    }

    /// The gradients of a block as one tensor.
    pub(super) fn packed(
        &mut self,
        store: &Store,
        block: &str,
        gradients: &[TensorId],
    ) -> Result<TensorId, GraphError> {
        let packed = self.pack(store.block(block)?, gradients)?;
        self.rename(packed, format!("{block}.grad"));
        Ok(packed)
    }

    /// The update of a block by its packed gradient, and by the verdict on it if it is scaled.
    pub(super) fn push_update(
        &mut self,
        store: &Store,
        block: &str,
        inputs: &[TensorId],
        update: Update,
    ) -> Result<(), GraphError> {
        let mut outputs = vec![self.stored_block(store, block)?];
        for state in update.states() {
            outputs.push(self.stored_block(store, &format!("{block}.{state}"))?);
        }
        self.push_node(Box::new(update), inputs.to_vec(), outputs)
    }
}

use serde::{Deserialize, Serialize};

use super::{Gradients, Output, Update, no_gradient};
use crate::graph::{
    Backward, Graph, GraphError, Lowered, Op, Origin, Phase, Store, Tensor, TensorId,
};
use crate::kernel;
use crate::tensor::{Element, Shape};

/// How the loss scale goes up and down: the rules and defaults of PyTorch's `torch.amp.GradScaler`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Scaling {
    /// The first scale: 65536.
    pub initial: f64,
    /// What it is multiplied by after `interval` good steps in a row: 2.
    pub growth: f64,
    /// What it is multiplied by after a step with a gradient that is not finite, which is skipped: 0.5.
    pub backoff: f64,
    /// 2000.
    pub interval: u32,
}

impl Scaling {
    /// The scale in the store.
    pub const SCALE: &'static str = "scaler.scale";
    /// Good steps in a row, updates, and steps skipped, in the store.
    pub const COUNTS: &'static str = "scaler.counts";
    /// A scale below this helps no more: a gradient that leaves the range of f16 all the same has other reasons.
    pub const FLOOR: f64 = 1.0 / 65536.0;

    /// Declares the scale and the counts.
    ///
    /// # Errors
    /// If the store has them already.
    pub fn declare(store: &mut Store) -> Result<(), GraphError> {
        store.declare(Self::SCALE, Shape::scalar(), Element::F32)?;
        store.declare(Self::COUNTS, [kernel::Scaler::COUNTS], Element::F32)
    }
}

impl Default for Scaling {
    fn default() -> Self {
        Self {
            initial: 65536.0,
            growth: 2.0,
            backoff: 0.5,
            interval: 2000,
        }
    }
}

/// The loss scale, the counts and the verdict.
#[derive(Debug, Clone, Copy)]
struct Scaler {
    scaling: Scaling,
    betas: [f64; 2],
}

impl Op for Scaler {
    fn name(&self) -> &'static str {
        "scaler"
    }

    fn output(&self, _: &[&Tensor]) -> Output {
        Ok((Shape::from([kernel::Scaler::VERDICT]), Element::F32))
    }

    fn gradient(&self, graph: &mut Graph, at: &Backward) -> Gradients {
        no_gradient(self.name(), graph, at, "it changes the scale in place")
    }

    fn lower(&self, _: &[&Tensor], _: &[&Tensor]) -> Lowered {
        let Scaling {
            growth,
            backoff,
            interval,
            ..
        } = self.scaling;
        let [beta1, beta2] = self.betas;
        Lowered::Kernel(
            kernel::Scaler {
                growth,
                backoff,
                interval,
                beta1,
                beta2,
            }
            .into(),
        )
    }
}

impl Graph {
    /// The loss times the scale in the store: what is differentiated under mixed precision.
    ///
    /// # Errors
    /// If the store has no scale (see [`Scaling::declare`]), or `loss` is no scalar.
    pub fn scaled_loss(&mut self, store: &Store, loss: TensorId) -> Result<TensorId, GraphError> {
        let scale = self.stored(store, Scaling::SCALE)?;
        let loss = self.reshape(loss, Shape::scalar())?;
        self.mul(loss, scale)
    }

    /// As [`Graph::update`] by the gradients of [`Graph::scaled_loss`]: takes the scale out of them, and leaves everything
    /// as it is if one is not finite, or `loss` is not. Then the scale changes by the rules of `scaling`.
    ///
    /// # Errors
    /// As [`Graph::update`], and if the store has no scale.
    pub fn scaled_update(
        &mut self,
        store: &Store,
        block: &str,
        (loss, gradients): (TensorId, &[TensorId]),
        update: Update,
        scaling: Scaling,
    ) -> Result<(), GraphError> {
        let (layer, phase) = (self.layer.take(), self.phase);
        self.phase = Phase::Update;
        let updated = self.packed(store, block, gradients).and_then(|gradient| {
            let verdict = self.judge(store, loss, gradient, update, scaling)?;
            self.push_update(store, block, &[gradient, verdict], update)
        });
        (self.layer, self.phase) = (layer, phase);
        updated
    }

    /// The verdict on a gradient.
    pub(super) fn judge(
        &mut self,
        store: &Store,
        loss: TensorId,
        gradient: TensorId,
        update: Update,
        scaling: Scaling,
    ) -> Result<TensorId, GraphError> {
        let betas = update.betas();
        let loss = self.reshape(loss, [1])?;
        let first = self.nonfinite(gradient)?;
        let scale = self.stored(store, Scaling::SCALE)?;
        let counts = self.stored(store, Scaling::COUNTS)?;
        let verdict = self.push(Tensor {
            name: "verdict".to_owned(),
            shape: [kernel::Scaler::VERDICT].into(),
            element: Element::F32,
            origin: Origin::Computed,
        });
        let op = Scaler { scaling, betas };
        self.push_node(
            Box::new(op),
            vec![first, loss],
            vec![scale, counts, verdict],
        )?;
        Ok(verdict)
    }
}

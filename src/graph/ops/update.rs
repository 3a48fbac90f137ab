use serde::{Deserialize, Serialize};

use super::{Gradients, Output, no_gradient, size};
use crate::graph::{Backward, Graph, GraphError, Lowered, Op, Phase, Store, Tensor, TensorId};
use crate::kernel::{
    Adadelta, Adagrad, AdamUpdate, Adamax, Allowed, Kernel, Lion, Nadam, Number, Radam, Rmsprop,
    Rule, RuleUpdate, SgdUpdate,
};
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
    /// `torch.optim.RMSprop`.
    Rmsprop(Rmsprop),
    /// `torch.optim.Adagrad`.
    Adagrad(Adagrad),
    /// `torch.optim.Adadelta`.
    Adadelta(Adadelta),
    /// `torch.optim.Adamax`.
    Adamax(Adamax),
    /// `torch.optim.NAdam`.
    Nadam(Nadam),
    /// `torch.optim.RAdam`.
    Radam(Radam),
    /// Lion, by its paper.
    Lion(Lion),
}

/// What a rule of a kernel of its own says, for each of them.
macro_rules! rule {
    ($update:expr, $rule:ident => $say:expr, $($others:tt)*) => {
        match $update {
            Update::Rmsprop($rule) => $say,
            Update::Adagrad($rule) => $say,
            Update::Adadelta($rule) => $say,
            Update::Adamax($rule) => $say,
            Update::Nadam($rule) => $say,
            Update::Radam($rule) => $say,
            Update::Lion($rule) => $say,
            $($others)*
        }
    };
}

/// The name of a rule's kernel.
const fn name<R: Rule>(_: &R) -> &'static str {
    R::NAME
}

impl Update {
    /// The names of the states it keeps, each as large as the parameters.
    pub fn states(&self) -> &'static [&'static str] {
        rule!(self, rule => rule.states(),
            Self::Sgd { momentum: 0.0, .. } => &[],
            Self::Sgd { .. } => &["velocity"],
            Self::Adam { .. } => &["mean", "square"],
        )
    }

    /// The first value of all elements of a state.
    pub fn first(&self, state: &str) -> f64 {
        match self {
            Self::Adagrad(rule) if state == "total" => rule.initial,
            _ => 0.0,
        }
    }

    /// The weight decay, in the gradient or decoupled.
    pub fn weight_decay(&mut self) -> &mut f64 {
        rule!(self, rule => rule.weight_decay(),
            Self::Sgd { weight_decay, .. } | Self::Adam { weight_decay, .. } => weight_decay,
        )
    }

    /// All numbers of the rule, and which values they may have.
    pub fn numbers(&self) -> Vec<Number> {
        let fraction = |name, value| (name, value, Allowed::Fraction);
        let decay = |value| ("weight_decay", value, Allowed::Positive);
        rule!(*self, rule => rule.numbers(),
            Self::Sgd { momentum, weight_decay, .. } => {
                vec![fraction("momentum", momentum), decay(weight_decay)]
            }
            Self::Adam { beta1, beta2, epsilon, weight_decay, .. } => vec![
                fraction("beta1", beta1),
                fraction("beta2", beta2),
                ("epsilon", epsilon, Allowed::Divisor),
                decay(weight_decay),
            ],
        )
    }

    /// Whether mixed precision can do without the number of updates, which only the device knows: it skips some.
    pub fn suits_mixed(&self) -> bool {
        rule!(self, rule => !rule.counts(), Self::Sgd { .. } | Self::Adam { .. } => true,)
    }

    /// The kernel for so many elements, with the tick's learning rate times a factor.
    pub(super) fn kernel(&self, count: u32, scaled: bool, factor: f64) -> Kernel {
        let (learning_rate, step) = (0.0, 1);
        rule!(*self, rule => RuleUpdate { count, learning_rate, factor, step, rule, scaled }.into(),
            Self::Sgd { momentum, nesterov, weight_decay } => {
                SgdUpdate { count, learning_rate, factor, momentum, nesterov, weight_decay, scaled }
                    .into()
            }
            Self::Adam { beta1, beta2, epsilon, weight_decay, decoupled } => AdamUpdate {
                count,
                learning_rate,
                factor,
                beta1,
                beta2,
                epsilon,
                weight_decay,
                decoupled,
                step,
                scaled,
            }
            .into(),
        )
    }

    /// The decays of which mixed precision counts the powers.
    pub(super) const fn betas(&self) -> [f64; 2] {
        match *self {
            Self::Adam { beta1, beta2, .. } => [beta1, beta2],
            Self::Adamax(rule) => [rule.moments.beta1, 0.0],
            _ => [0.0; 2],
        }
    }
}

impl Op for Update {
    fn name(&self) -> &'static str {
        rule!(self, rule => name(rule),
            Self::Sgd { .. } => "sgd_update",
            Self::Adam { .. } => "adam_update",
        )
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
        Lowered::Kernel(self.kernel(count, inputs.len() > 1, 1.0))
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
        self.update_by(store, block, gradients, update, |_, packed| Ok(packed))
    }

    /// As [`Graph::update`], by what `change` makes of the packed gradient, which is laid out as the block is.
    ///
    /// # Errors
    /// As [`Graph::update`], and those of `change`.
    pub(crate) fn update_by(
        &mut self,
        store: &Store,
        block: &str,
        gradients: &[TensorId],
        update: Update,
        change: impl FnOnce(&mut Self, TensorId) -> Result<TensorId, GraphError>,
    ) -> Result<(), GraphError> {
        let (layer, phase) = (self.layer.take(), self.phase);
        self.phase = Phase::Update;
        let updated = self
            .packed(store, block, gradients)
            .and_then(|packed| change(self, packed))
            .and_then(|changed| self.push_update(store, block, &[changed], update));
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

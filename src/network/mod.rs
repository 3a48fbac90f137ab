//! Networks: what to train, as a description. No device, no memory.
//!
//! A [`Network`] is a list of layers and knows its parameters, their names, shapes and first values, and how to build
//! its forward pass in a graph. The loss, see [`Loss`], is built behind it.

mod error;
mod init;
mod loss;
mod weighing;

pub use crate::graph::ops::ActivationFunction as Activation;
pub use error::NetworkError;
pub use init::Init;
pub use loss::{Loss, LossTensors};
pub use weighing::{ClassOptions, Weighing};

use serde::{Deserialize, Serialize};

use crate::graph::ops::DropoutKey;
use crate::graph::{Graph, GraphError, Store, TensorId};
use crate::random::stream;
use crate::tensor::Shape;

/// The block of the store that holds all parameters.
pub const PARAMETERS: &str = "parameters";

/// A layer of a network.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Layer {
    /// `y = x wᵀ + b`, with `w` `[outputs, inputs]` and `b` `[outputs]`, as PyTorch's `Linear`.
    Linear {
        /// Units.
        outputs: usize,
        /// Whether there is a `b`.
        bias: bool,
    },
    /// A function of each unit, or the softmax of all.
    Activation {
        /// The function.
        function: Activation,
    },
    /// Inverted dropout while training, nothing otherwise.
    Dropout {
        /// The probability that a unit is dropped.
        p: f64,
    },
}

/// A parameter of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its name, as PyTorch would name it: `layers.0.weight`, `layers.0.bias`.
    pub name: String,
    /// Its shape.
    pub shape: Shape,
    /// How many inputs each unit of the layer has.
    pub fan_in: usize,
    /// How many units the layer has.
    pub fan_out: usize,
}

/// Whether a network is built to be trained or to be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Dropout drops, by this seed.
    Training {
        /// The run's seed.
        seed: u64,
    },
    /// Dropout does nothing.
    Evaluation,
}

/// A list of layers.
///
/// ```
/// use thalweg::network::{Activation, Network};
///
/// let digits = Network::mlp(784, &[256, 128], 10, Activation::Relu);
/// assert_eq!(digits.parameter_count(), 235_146);
/// assert_eq!(digits.to_string(), "784-256-128-10");
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Network {
    /// Inputs of a row.
    pub inputs: usize,
    /// The layers, in order.
    pub layers: Vec<Layer>,
}

impl Network {
    /// A network without layers.
    pub const fn new(inputs: usize) -> Self {
        Self {
            inputs,
            layers: Vec::new(),
        }
    }

    /// A multilayer perceptron: linear layers, with the activation behind each but the last.
    pub fn mlp(inputs: usize, hidden: &[usize], outputs: usize, activation: Activation) -> Self {
        let hidden = hidden.iter().fold(Self::new(inputs), |network, &units| {
            network.linear(units).activation(activation)
        });
        hidden.linear(outputs)
    }

    /// Adds a linear layer with bias.
    #[must_use]
    pub fn linear(self, outputs: usize) -> Self {
        self.layer(Layer::Linear {
            outputs,
            bias: true,
        })
    }

    /// Adds an activation.
    #[must_use]
    pub fn activation(self, function: Activation) -> Self {
        self.layer(Layer::Activation { function })
    }

    /// Adds dropout with probability `p`.
    #[must_use]
    pub fn dropout(self, p: f64) -> Self {
        self.layer(Layer::Dropout { p })
    }

    /// Adds a layer.
    #[must_use]
    pub fn layer(mut self, layer: Layer) -> Self {
        self.layers.push(layer);
        self
    }

    /// The units of the last linear layer, or the inputs if there is none.
    pub fn outputs(&self) -> usize {
        let units = |layer: &Layer| match layer {
            Layer::Linear { outputs, .. } => Some(*outputs),
            Layer::Activation { .. } | Layer::Dropout { .. } => None,
        };
        self.layers
            .iter()
            .rev()
            .find_map(units)
            .unwrap_or(self.inputs)
    }

    /// Refuses what no graph can be built of, before anything is built.
    ///
    /// # Errors
    /// If a layer has no units, a dropout's probability is not at least 0 and below 1, there is nothing to train, or
    /// there are more parameters than a device can count.
    pub fn check(&self) -> Result<(), NetworkError> {
        if self.inputs == 0 {
            return Err(NetworkError::NoInputs);
        }
        for (index, layer) in self.layers.iter().enumerate() {
            match *layer {
                Layer::Linear { outputs: 0, .. } => return Err(NetworkError::NoUnits { index }),
                Layer::Dropout { p } if !(0.0..1.0).contains(&p) => {
                    return Err(NetworkError::Dropout { index, p });
                }
                _ => {}
            }
        }
        let sizes = || {
            self.shapes()
                .map(|(_, inputs, outputs, _)| inputs.checked_mul(outputs)?.checked_add(outputs))
        };
        let total = sizes().try_fold(0_usize, |sum, size| sum.checked_add(size?));
        match total {
            Some(0) => Err(NetworkError::NoParameters),
            Some(count) if u32::try_from(count).is_ok() => Ok(()),
            _ => Err(NetworkError::TooLarge {
                network: self.to_string(),
            }),
        }
    }

    /// Number, inputs, outputs and bias of each linear layer.
    fn shapes(&self) -> impl Iterator<Item = (usize, usize, usize, bool)> {
        let mut inputs = self.inputs;
        let linear = self.layers.iter().filter_map(move |layer| match *layer {
            Layer::Linear { outputs, bias } => {
                Some((std::mem::replace(&mut inputs, outputs), outputs, bias))
            }
            Layer::Activation { .. } | Layer::Dropout { .. } => None,
        });
        linear
            .enumerate()
            .map(|(index, (inputs, outputs, bias))| (index, inputs, outputs, bias))
    }

    /// The parameters, in the order in which they stand in the store.
    pub fn parameters(&self) -> Vec<Parameter> {
        let mut parameters = Vec::new();
        for (index, fan_in, fan_out, bias) in self.shapes() {
            let mut push = |name: &str, shape: Shape| {
                parameters.push(Parameter {
                    name: format!("layers.{index}.{name}"),
                    shape,
                    fan_in,
                    fan_out,
                });
            };
            push("weight", [fan_out, fan_in].into());
            if bias {
                push("bias", [fan_out].into());
            }
        }
        parameters
    }

    /// How many numbers are learnt.
    pub fn parameter_count(&self) -> usize {
        self.parameters().iter().map(|p| p.shape.len()).sum()
    }

    /// Declares the parameters in a store, as the block [`PARAMETERS`].
    ///
    /// # Errors
    /// If the store has them already.
    pub fn declare(&self, store: &mut Store) -> Result<(), GraphError> {
        store.declare_block(
            PARAMETERS,
            self.parameters()
                .into_iter()
                .map(|p| (p.name, p.shape))
                .collect(),
        )
    }

    /// Builds the forward pass from `x` `[rows, inputs]` and returns the last layer's output `[rows, outputs]`.
    ///
    /// # Errors
    /// If the store lacks a parameter, or `x` has another width.
    pub fn forward(
        &self,
        graph: &mut Graph,
        store: &Store,
        x: TensorId,
        mode: Mode,
    ) -> Result<TensorId, GraphError> {
        let mut y = x;
        let (mut linear, mut dropouts) = (0, 0);
        for layer in &self.layers {
            match *layer {
                Layer::Linear { bias, .. } => {
                    graph.set_layer(Some(linear));
                    let w = graph.stored(store, &format!("layers.{linear}.weight"))?;
                    y = graph.matmul_transposed(y, w, false, true)?;
                    if bias {
                        let b = graph.stored(store, &format!("layers.{linear}.bias"))?;
                        y = graph.bias_add(y, b)?;
                    }
                    linear += 1;
                }
                Layer::Activation { function } => y = graph.activation(y, function)?,
                Layer::Dropout { p } => {
                    if let Mode::Training { seed } = mode {
                        y = graph.dropout(
                            y,
                            p,
                            DropoutKey {
                                seed,
                                stream: stream::DROPOUT | dropouts,
                            },
                        )?;
                    }
                    dropouts += 1;
                }
            }
        }
        graph.set_layer(None);
        Ok(y)
    }
}

/// The widths: `784-256-128-10`.
impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.inputs)?;
        self.shapes()
            .try_for_each(|(_, _, outputs, _)| write!(f, "-{outputs}"))
    }
}

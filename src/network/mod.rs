//! Networks: what to train, as a description. No device, no memory.
//!
//! A [`Network`] is a list of layers and knows its parameters, their names, shapes and first values, and how to build
//! its forward pass in a graph. The loss, see [`Loss`], is built behind it.

mod cell;
mod error;
mod init;
mod layers;
mod loss;
mod stages;
mod summary;
mod weighing;

pub use crate::graph::ops::ActivationFunction as Activation;
pub use cell::Cell;
pub use error::NetworkError;
pub use init::Init;
pub use loss::{Loss, LossTensors};
pub use stages::Stage;
pub use summary::{Summary, SummaryRow};
pub use weighing::{ClassOptions, Weighing};

use serde::{Deserialize, Serialize};

use crate::graph::{Graph, GraphError, Store, TensorId};
use crate::tensor::Shape;
use layers::{At, Build, Lasting};

/// The block of the store that holds all parameters.
pub const PARAMETERS: &str = "parameters";
/// The block of the store that holds all statistics, where a network has any.
pub const STATISTICS: &str = "statistics";

/// A layer of a network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    /// Batch normalisation, as PyTorch's `BatchNorm1d`: while training, each column is normalised by its own mean and
    /// variance, and the running ones follow those; otherwise by the running ones. A training batch has at least 2 rows.
    BatchNorm {
        /// How much of a batch's mean and variance the running ones take.
        momentum: f64,
        /// Added to the variance.
        epsilon: f64,
    },
    /// Layer normalisation, as PyTorch's `LayerNorm`: each row is normalised by its own mean and variance.
    LayerNorm {
        /// Added to the variance.
        epsilon: f64,
    },
    /// `y = x + f(x)`, where `f` is these layers, which keep the width.
    Residual {
        /// The layers of the block.
        layers: Vec<Self>,
    },
    /// A linear layer of `outputs * pieces` units, and the largest of each `pieces` neighbours (Goodfellow et al. 2013).
    Maxout {
        /// Units of the result.
        outputs: usize,
        /// Units of which each is the largest.
        pieces: usize,
    },
    /// Normal noise while training, nothing otherwise.
    Noise {
        /// Its standard deviation.
        std: f64,
    },
    /// A recurrent cell over the time steps of a row, which is a sequence `[steps, features]`: PyTorch's `RNN`, `LSTM` or
    /// `GRU` of one layer, with its names and shapes of parameters. Under [`Init::Default`] all of them are drawn as
    /// PyTorch does, uniform within `±1 / sqrt(outputs)`.
    Recurrent {
        /// What it does in each time step.
        cell: Cell,
        /// Units.
        outputs: usize,
        /// Time steps of a row; see [`Network::fill_steps`].
        steps: usize,
        /// Whether its result is that of every time step, `[steps, outputs]` in a row, and not of the last alone.
        sequence: bool,
    },
}

impl Layer {
    /// Batch normalisation with PyTorch's numbers.
    pub const BATCH_NORM: Self = Self::BatchNorm {
        momentum: 0.1,
        epsilon: 1e-5,
    };
    /// Layer normalisation with PyTorch's numbers.
    pub const LAYER_NORM: Self = Self::LayerNorm { epsilon: 1e-5 };
}

/// The first values of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum First {
    /// Drawn, see [`Init`].
    Drawn,
    /// All 0.
    Zeros,
    /// All 1.
    Ones,
}

/// A parameter of a network, or a statistic that training keeps beside them.
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
    /// What it begins with.
    pub first: First,
}

/// Whether a network is built to be trained or to be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Dropout drops and noise is added, by this seed; batches are normalised by themselves.
    Training {
        /// The run's seed.
        seed: u64,
    },
    /// Dropout and noise do nothing; batches are normalised by the running statistics.
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

    /// Gives recurrent layers with 0 time steps those of the data, whose rows have this shape: the first extent of
    /// `[time, features]`. Of rows of another rank nothing is taken, nor behind a layer that mixes the time steps, such as a linear
    /// one; [`Network::check`] will refuse recurrent layers that are left without.
    ///
    /// # Errors
    /// If a layer that gets the data's sequences has other time steps.
    pub fn fill_steps(&mut self, sample_shape: &[usize]) -> Result<(), NetworkError> {
        let time = match *sample_shape {
            [time, _] => Some(time),
            _ => None,
        };
        layers::fill_steps(&mut self.layers, time, &|index| At { index, depth: 0 })?;
        Ok(())
    }

    /// Whether there is a recurrent layer, in a residual block or outside.
    pub fn is_recurrent(&self) -> bool {
        layers::has_recurrent(&self.layers)
    }

    /// Columns of the result.
    pub fn outputs(&self) -> usize {
        layers::outputs(&self.layers, self.inputs)
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
        layers::check(&self.layers, self.inputs, |index| At { index, depth: 0 })?;
        let total =
            (self.lasting()).try_fold(0_usize, |sum, p| sum.checked_add(p.shape.checked_len()?));
        match total {
            Some(0) => Err(NetworkError::NoParameters),
            Some(count) if u32::try_from(count).is_ok() => Ok(()),
            _ => Err(NetworkError::TooLarge {
                network: self.to_string(),
            }),
        }
    }

    fn all(&self) -> Lasting {
        let mut lasting = Lasting::default();
        layers::declare(&self.layers, "", self.inputs, &mut lasting);
        lasting
    }

    /// The parameters, in the order in which they stand in the store. The number `N` of `layers.N.weight` counts the layers
    /// that have parameters; in a residual block it is `layers.N.layers.M.weight`.
    pub fn parameters(&self) -> Vec<Parameter> {
        self.all().parameters
    }

    /// What is not trained, and kept beside the parameters: the running means and variances of batch normalisation.
    pub fn statistics(&self) -> Vec<Parameter> {
        self.all().statistics
    }

    /// All tensors that last from step to step, and make the network what it is: the parameters, and then the statistics.
    pub fn lasting(&self) -> impl Iterator<Item = Parameter> + use<> {
        let Lasting {
            parameters,
            statistics,
        } = self.all();
        parameters.into_iter().chain(statistics)
    }

    /// The smallest batch that it can be trained on: 2 rows with batch normalisation, else 1.
    pub fn least_rows(&self) -> usize {
        layers::least_rows(&self.layers)
    }

    /// How many numbers are learnt.
    pub fn parameter_count(&self) -> usize {
        self.parameters().iter().map(|p| p.shape.len()).sum()
    }

    /// Declares the parameters in a store, as the block [`PARAMETERS`], and the statistics, if there are any, as
    /// [`STATISTICS`].
    ///
    /// # Errors
    /// If the store has them already.
    pub fn declare(&self, store: &mut Store) -> Result<(), GraphError> {
        let Lasting {
            parameters,
            statistics,
        } = self.all();
        let named = |list: Vec<Parameter>| list.into_iter().map(|p| (p.name, p.shape)).collect();
        store.declare_block(PARAMETERS, named(parameters))?;
        if statistics.is_empty() {
            return Ok(());
        }
        store.declare_block(STATISTICS, named(statistics))
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
        let mut build = Build {
            graph,
            store,
            mode,
            dropouts: 0,
            noises: 0,
            depth: 0,
        };
        let y = build.layers(&self.layers, "", x)?;
        graph.set_layer(None);
        Ok(y)
    }
}

/// The widths: `784-256-128-10`, those of a residual block in brackets.
impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.inputs)?;
        layers::widths(&self.layers)
            .iter()
            .try_for_each(|width| write!(f, "-{width}"))
    }
}

//! Losses, and the words for losses and activations.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Activation, NetworkError};
use crate::graph::{Graph, GraphError, TensorId};

/// What training makes small.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// Softmax cross-entropy from logits and class numbers, the mean over the rows: PyTorch's `CrossEntropyLoss`.
    CrossEntropy,
    /// Cross-entropy of the sigmoid of each output, the mean over all elements: PyTorch's `BCEWithLogitsLoss`.
    SigmoidCrossEntropy,
    /// Squared error, the mean over all elements: PyTorch's `MSELoss`.
    SquaredError,
}

/// A loss in a graph.
#[derive(Debug, Clone, Copy)]
pub struct LossTensors {
    /// The scalar that is differentiated.
    pub loss: TensorId,
    /// The loss of each output `[outputs]`, of which `loss` is the mean, where it is a mean over outputs.
    pub by_output: Option<TensorId>,
}

impl Loss {
    /// The words for it.
    pub const WORDS: [&'static str; 3] =
        ["cross_entropy", "sigmoid_cross_entropy", "squared_error"];

    /// Whether the target is a class number; else it is as many numbers as there are outputs.
    pub const fn takes_classes(self) -> bool {
        matches!(self, Self::CrossEntropy)
    }

    /// Builds the loss of `y` `[rows, outputs]` and `target`: class numbers `[rows]`, or numbers `[rows, outputs]`.
    ///
    /// # Errors
    /// If the shapes or element types do not fit.
    pub fn build(
        self,
        graph: &mut Graph,
        y: TensorId,
        target: TensorId,
    ) -> Result<LossTensors, GraphError> {
        let elements = match self {
            Self::CrossEntropy => {
                let rows = graph.softmax_cross_entropy(y, target)?;
                return Ok(LossTensors {
                    loss: graph.mean(rows)?,
                    by_output: None,
                });
            }
            Self::SigmoidCrossEntropy => graph.sigmoid_cross_entropy(y, target)?,
            Self::SquaredError => graph.squared_error(y, target)?,
        };
        let by_output = graph.mean_axis(elements, 0)?;
        Ok(LossTensors {
            loss: graph.mean(by_output)?,
            by_output: Some(by_output),
        })
    }

    /// What turns the network's output into a prediction: probabilities, or the numbers themselves.
    pub const fn output(self) -> Activation {
        match self {
            Self::CrossEntropy => Activation::Softmax,
            Self::SigmoidCrossEntropy => Activation::Sigmoid,
            Self::SquaredError => Activation::Identity,
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::WORDS[*self as usize])
    }
}

impl FromStr for Loss {
    type Err = NetworkError;

    fn from_str(word: &str) -> Result<Self, NetworkError> {
        Ok(match word {
            "cross_entropy" => Self::CrossEntropy,
            "sigmoid_cross_entropy" | "bce" => Self::SigmoidCrossEntropy,
            "squared_error" | "mse" => Self::SquaredError,
            _ => return Err(NetworkError::unknown("loss", word, &Self::WORDS)),
        })
    }
}

impl Activation {
    /// The words for it. `leaky_relu` and `elu` take a parameter: `leaky_relu:0.2`.
    pub const WORDS: [&'static str; 11] = [
        "identity",
        "sigmoid",
        "tanh",
        "relu",
        "leaky_relu",
        "elu",
        "gelu",
        "gelu_tanh",
        "silu",
        "softplus",
        "softmax",
    ];
}

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identity => f.write_str("identity"),
            Self::Sigmoid => f.write_str("sigmoid"),
            Self::Tanh => f.write_str("tanh"),
            Self::Relu => f.write_str("relu"),
            Self::LeakyRelu(slope) => write!(f, "leaky_relu:{slope}"),
            Self::Elu(alpha) => write!(f, "elu:{alpha}"),
            Self::Gelu => f.write_str("gelu"),
            Self::GeluTanh => f.write_str("gelu_tanh"),
            Self::Silu => f.write_str("silu"),
            Self::Softplus => f.write_str("softplus"),
            Self::Softmax => f.write_str("softmax"),
        }
    }
}

impl FromStr for Activation {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let unknown = || NetworkError::unknown("activation", text, &Self::WORDS);
        let (word, parameter) = match text.split_once(':') {
            Some((word, number)) => {
                let number: f64 = number.parse().map_err(|_| unknown())?;
                (
                    word,
                    Some(number)
                        .filter(|n| n.is_finite())
                        .ok_or_else(unknown)?
                        .into(),
                )
            }
            None => (text, None),
        };
        Ok(match (word, parameter) {
            ("leaky_relu", slope) => Self::LeakyRelu(slope.unwrap_or(0.01)),
            ("elu", alpha) => Self::Elu(alpha.unwrap_or(1.0)),
            (_, Some(_)) => return Err(unknown()),
            ("identity", None) => Self::Identity,
            ("sigmoid", None) => Self::Sigmoid,
            ("tanh", None) => Self::Tanh,
            ("relu", None) => Self::Relu,
            ("gelu", None) => Self::Gelu,
            ("gelu_tanh", None) => Self::GeluTanh,
            ("silu", None) => Self::Silu,
            ("softplus", None) => Self::Softplus,
            ("softmax", None) => Self::Softmax,
            _ => return Err(unknown()),
        })
    }
}

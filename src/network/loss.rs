//! Losses, and the words for losses and activations.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::weighing::{Parts, Weighing};
use super::{Activation, NetworkError};
use crate::graph::{Graph, GraphError, TensorId};
use crate::kernel::PointwiseLossKind;

/// What training makes small.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// Softmax cross-entropy from logits and class numbers, the mean over the rows: PyTorch's `CrossEntropyLoss`.
    CrossEntropy,
    /// Cross-entropy of the sigmoid of each output, the mean over all elements: PyTorch's `BCEWithLogitsLoss`.
    SigmoidCrossEntropy,
    /// Squared error, the mean over all elements: PyTorch's `MSELoss`.
    SquaredError,
    /// Absolute error, the mean over all elements: PyTorch's `L1Loss`. Its gradient is 0 where the error is.
    AbsoluteError,
    /// Squared near the target and absolute far from it, the mean over all elements: PyTorch's `HuberLoss`.
    Huber {
        /// Where the one becomes the other, in the scale that the network sees: above 0.
        delta: f64,
    },
    /// Huber's, divided by `beta`: PyTorch's `SmoothL1Loss`.
    #[serde(rename = "smooth_l1")]
    SmoothL1 {
        /// Where the one becomes the other, in the scale that the network sees: at least 0, and 0 is the absolute error.
        beta: f64,
    },
    /// By how much each other class comes nearer than 1 to the right one, or surpasses it, from any numbers and class
    /// numbers, the mean over the rows: PyTorch's `MultiMarginLoss`. The largest output is the prediction; outputs are
    /// scores, no probabilities.
    Hinge,
    /// The Kullback-Leibler divergence of the softmax of logits from distributions `[rows, outputs]`, the mean over the
    /// rows: PyTorch's `KLDivLoss` with `batchmean`, behind `log_softmax`. Of classes it is their cross-entropy.
    KullbackLeibler,
    /// The negative log-probability of the class, from log-probabilities and class numbers, the mean over the rows:
    /// PyTorch's `NLLLoss`. The network must end in [`Activation::LogSoftmax`], or the loss has no lower bound.
    NegativeLogLikelihood,
}

/// A loss in a graph.
#[derive(Debug, Clone, Copy)]
pub struct LossTensors {
    /// The scalar that is differentiated.
    pub loss: TensorId,
    /// The loss of each output `[outputs]`, of which `loss` is the mean, where it is a mean over outputs.
    pub by_output: Option<TensorId>,
    /// The sum of the rows' weights, a scalar, where rows have weights.
    pub weight: Option<TensorId>,
}

impl Loss {
    /// The words for it. `huber` and `smooth_l1` take a parameter: `huber:1.5`.
    pub const WORDS: [&'static str; 9] = [
        "cross_entropy",
        "sigmoid_cross_entropy",
        "squared_error",
        "absolute_error",
        "huber",
        "smooth_l1",
        "hinge",
        "kullback_leibler",
        "negative_log_likelihood",
    ];

    /// Whether the target is a class number; else it is as many numbers as there are outputs.
    pub const fn takes_classes(self) -> bool {
        matches!(
            self,
            Self::CrossEntropy | Self::Hinge | Self::NegativeLogLikelihood
        )
    }

    /// Whether the classes of its targets may have weights. A loss that is a mean over outputs has no row for them.
    pub const fn takes_class_weights(self) -> bool {
        self.takes_classes() || matches!(self, Self::KullbackLeibler)
    }

    /// The power of the target's unit in which it is told: 2 for a squared error, 1 for an absolute one. 0 for one that has
    /// no unit, or has the unit in two powers, as Huber's: such a loss is told in the scale that the network sees.
    pub const fn unit_power(self) -> i32 {
        match self {
            Self::SquaredError => 2,
            Self::AbsoluteError => 1,
            _ => 0,
        }
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
        self.build_weighed(graph, (y, target), &Weighing::default())
    }

    /// The same where rows and classes have weights, or labels are smoothed: the mean with weights,
    /// `Σ weight loss / Σ weight` over the rows; 0 where all weights are 0.
    ///
    /// # Errors
    /// As [`Loss::build`], and if labels are smoothed for another loss than the cross-entropy.
    pub fn build_weighed(
        self,
        graph: &mut Graph,
        (y, target): (TensorId, TensorId),
        weighing: &Weighing,
    ) -> Result<LossTensors, GraphError> {
        let smoothed = weighing.label_smoothing > 0.0;
        let parts = match self {
            Self::CrossEntropy if smoothed => {
                Parts::Rows(weighing.smoothed_cross_entropy(graph, y, target)?)
            }
            _ if smoothed => {
                return Err(GraphError::Value {
                    op: "loss",
                    name: "label smoothing",
                    value: weighing.label_smoothing,
                    expected: "0, as only cross_entropy smooths labels",
                });
            }
            _ => self.parts(graph, y, target)?,
        };
        if let Some(shares) = weighing.shares(graph)? {
            return shares.mean(graph, parts);
        }
        let (loss, by_output) = match parts {
            Parts::Rows(rows) => (graph.mean(rows)?, None),
            Parts::Elements(elements) => {
                let by_output = graph.mean_axis(elements, 0)?;
                (graph.mean(by_output)?, Some(by_output))
            }
        };
        Ok(LossTensors {
            loss,
            by_output,
            weight: None,
        })
    }

    /// The loss of each row or element.
    fn parts(self, graph: &mut Graph, y: TensorId, target: TensorId) -> Result<Parts, GraphError> {
        Ok(match self {
            Self::CrossEntropy => Parts::Rows(graph.softmax_cross_entropy(y, target)?),
            Self::Hinge => Parts::Rows(graph.hinge(y, target)?),
            Self::NegativeLogLikelihood => Parts::Rows(graph.negative_log_likelihood(y, target)?),
            Self::KullbackLeibler => {
                let log = graph.log_softmax(y)?;
                let elements = graph.divergence(log, target)?;
                let last = graph.tensor(elements).shape.rank() - 1;
                Parts::Rows(graph.sum_axis(elements, last)?)
            }
            Self::SigmoidCrossEntropy => Parts::Elements(graph.sigmoid_cross_entropy(y, target)?),
            Self::SquaredError => Parts::Elements(graph.squared_error(y, target)?),
            Self::AbsoluteError => Parts::Elements(graph.absolute_error(y, target)?),
            Self::Huber { delta } => Parts::Elements(graph.huber(y, target, delta)?),
            Self::SmoothL1 { beta } => Parts::Elements(graph.smooth_l1(y, target, beta)?),
        })
    }

    /// What turns the network's output into a prediction: probabilities, or the numbers themselves. The softmax of
    /// log-probabilities is what they are logarithms of.
    pub const fn output(self) -> Activation {
        match self {
            Self::CrossEntropy | Self::KullbackLeibler | Self::NegativeLogLikelihood => {
                Activation::Softmax
            }
            Self::SigmoidCrossEntropy => Activation::Sigmoid,
            Self::SquaredError
            | Self::AbsoluteError
            | Self::Huber { .. }
            | Self::SmoothL1 { .. }
            | Self::Hinge => Activation::Identity,
        }
    }

    /// Whether predictions of classes are probabilities; else they are scores, of which the largest wins.
    pub const fn gives_probabilities(self) -> bool {
        !matches!(self.output(), Activation::Identity)
    }

    /// What is wrong with a parameter of the loss, if anything is.
    ///
    /// # Errors
    /// If f32 does not hold it, or it makes no sense.
    pub fn check(self) -> Result<(), NetworkError> {
        let (what, value, expected) = match self {
            Self::Huber { delta } => ("delta of the loss huber", delta, "above 0"),
            Self::SmoothL1 { beta: 0.0 } => return Ok(()),
            Self::SmoothL1 { beta } => ("beta of the loss smooth_l1", beta, "of at least 0"),
            _ => return Ok(()),
        };
        if PointwiseLossKind::KNEES.contains(&value) {
            return Ok(());
        }
        Err(NetworkError::Parameter {
            what,
            found: value.to_string(),
            expected: format!("a number {expected} that f32 holds, as in `huber:1.5`"),
        })
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CrossEntropy => f.write_str("cross_entropy"),
            Self::SigmoidCrossEntropy => f.write_str("sigmoid_cross_entropy"),
            Self::SquaredError => f.write_str("squared_error"),
            Self::AbsoluteError => f.write_str("absolute_error"),
            Self::Huber { delta } => write!(f, "huber:{delta}"),
            Self::SmoothL1 { beta } => write!(f, "smooth_l1:{beta}"),
            Self::Hinge => f.write_str("hinge"),
            Self::KullbackLeibler => f.write_str("kullback_leibler"),
            Self::NegativeLogLikelihood => f.write_str("negative_log_likelihood"),
        }
    }
}

impl FromStr for Loss {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (word, parameter) = text
            .split_once(':')
            .map_or((text, None), |(word, parameter)| (word, Some(parameter)));
        let number = |default: f64| match parameter {
            None => Ok(default),
            Some(text) => text.trim().parse().map_err(|_| NetworkError::Parameter {
                what: "parameter of the loss",
                found: format!("`{text}`"),
                expected: format!("a number, as in `{word}:1.5`"),
            }),
        };
        let loss = match word {
            "huber" => Self::Huber {
                delta: number(1.0)?,
            },
            "smooth_l1" => Self::SmoothL1 { beta: number(1.0)? },
            _ if parameter.is_some() => {
                return Err(NetworkError::unknown("loss", text, &Self::WORDS));
            }
            "cross_entropy" => Self::CrossEntropy,
            "sigmoid_cross_entropy" | "bce" => Self::SigmoidCrossEntropy,
            "squared_error" | "mse" => Self::SquaredError,
            "absolute_error" | "mae" | "l1" => Self::AbsoluteError,
            "hinge" => Self::Hinge,
            "kullback_leibler" | "kl" | "kl_divergence" => Self::KullbackLeibler,
            "negative_log_likelihood" | "nll" => Self::NegativeLogLikelihood,
            _ => return Err(NetworkError::unknown("loss", word, &Self::WORDS)),
        };
        loss.check()?;
        Ok(loss)
    }
}

impl Activation {
    /// The words for it. `leaky_relu` and `elu` take a parameter: `leaky_relu:0.2`.
    pub const WORDS: [&'static str; 12] = [
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
        "log_softmax",
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
            Self::LogSoftmax => f.write_str("log_softmax"),
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
            ("log_softmax", None) => Self::LogSoftmax,
            _ => return Err(unknown()),
        })
    }
}

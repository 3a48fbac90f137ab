//! The linear network that a network of straight pieces is at one input.

use std::collections::HashMap;

use super::ExplainError;
use super::units::largest;
use crate::network::{Activation, Layer, Network, Stage};
use crate::train::Model;

/// `y = w x + b`, which a network of straight pieces is around an input: within its linear region, exactly.
///
/// It is multiplied out layer by layer, in double precision, from the outputs back to the inputs: a relu that is on lets a
/// column of the product through, one that is off makes it 0. So its answer is another computation than the network's.
#[derive(Debug, Clone, PartialEq)]
pub struct Affine {
    /// `w` `[outputs, features]`.
    pub weight: Vec<f64>,
    /// `b` `[outputs]`.
    pub bias: Vec<f64>,
    /// The function that the network ends in and `w x + b` leaves out: softmax, log-softmax or sigmoid. None if it ends in
    /// straight pieces.
    pub end: Option<Activation>,
}

/// Numbers of `w` that are kept, at most.
const LARGEST: usize = 1 << 25;

/// What a layer does to its columns at one input.
enum Piece<'a> {
    /// `w x + b`, with `w` `[outputs, inputs]`.
    Linear {
        weight: &'a [f32],
        bias: Option<&'a [f32]>,
        inputs: usize,
    },
    /// `factor x + shift`, each column by itself; without a shift it is 0.
    Each { factor: Vec<f64>, shift: Vec<f64> },
    /// These of so many columns.
    Chosen { places: Vec<usize>, columns: usize },
    /// `x + f(x)`
    Beside(Vec<Self>),
}

/// The values of the parameters and statistics, by name.
type Values<'a> = HashMap<String, &'a [f32]>;

impl Affine {
    /// Whether a network is made of straight pieces, but perhaps for a softmax, log-softmax or sigmoid at its end.
    ///
    /// # Errors
    /// If it is not: the first layer that bends otherwise.
    pub fn check(network: &Network) -> Result<(), ExplainError> {
        let (stages, _) = without_end(network);
        let mut stages = stages.iter().enumerate();
        stages.try_for_each(|(index, stage)| check_straight(stage.layer, index))
    }

    /// The softmax, log-softmax or sigmoid that a network ends in.
    pub fn end_of(network: &Network) -> Option<Activation> {
        without_end(network).1
    }

    /// The linear network that a model is at an input.
    ///
    /// # Errors
    /// If the input is no row, the weights are too many, or the network has a layer that is not made of straight pieces.
    pub fn at(model: &Model, x: &[f32]) -> Result<Self, ExplainError> {
        let network = &model.network;
        let (features, outputs) = (network.inputs, network.outputs());
        if x.len() != features {
            let found = format!("{} numbers", x.len());
            return Err(ExplainError::value(
                "x",
                found,
                format!("a row of {features}"),
            ));
        }
        Self::check(network)?;
        let widest = network
            .stages()
            .iter()
            .map(|s| s.inputs.max(s.outputs))
            .fold(features, usize::max);
        if widest.saturating_mul(outputs) > LARGEST {
            return Err(ExplainError::value(
                "the effective linear network",
                format!("of {outputs} outputs and layers of up to {widest} columns"),
                format!("at most {LARGEST} weights"),
            ));
        }
        let lasting = network.lasting().zip(&model.values);
        let values: Values<'_> = lasting.map(|(p, v)| (p.name, v.as_slice())).collect();
        let (stages, end) = without_end(network);
        let row = x.iter().map(|&x| f64::from(x)).collect();
        let (pieces, _) = pieces(&stages, &values, row);
        // The outputs are themselves, and then what they are of the columns before each layer.
        let mut weight = vec![0.0; outputs * outputs];
        weight
            .iter_mut()
            .step_by(outputs + 1)
            .for_each(|w| *w = 1.0);
        let mut bias = vec![0.0; outputs];
        let weight = back(&pieces, weight, &mut bias);
        Ok(Self { weight, bias, end })
    }

    /// `w x + b`.
    pub fn answer(&self, x: &[f32]) -> Vec<f64> {
        let rows = self.weight.chunks(x.len().max(1)).zip(&self.bias);
        rows.map(|(w, b)| w.iter().zip(x).map(|(w, &x)| w * f64::from(x)).sum::<f64>() + b)
            .collect()
    }

    /// What the network's last layer gives: [`Affine::answer`] behind the function that it leaves out.
    pub fn network_answer(&self, x: &[f32]) -> Vec<f64> {
        let y = self.answer(x);
        let Some(end) = self.end else { return y };
        if end == Activation::Sigmoid {
            return y.iter().map(|y| 1.0 / (1.0 + (-y).exp())).collect();
        }
        let most = y.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let log = most + y.iter().map(|y| (y - most).exp()).sum::<f64>().ln();
        let of = |y: &f64| {
            if end == Activation::Softmax {
                (y - log).exp()
            } else {
                y - log
            }
        };
        y.iter().map(of).collect()
    }

    /// By how much another computation of [`Affine::network_answer`] is off: the largest difference, as a share of the sum of
    /// what each output adds up, `Σ |w x| + |b|`.
    pub fn error(&self, x: &[f32], answers: &[f64]) -> f64 {
        let rows = self.weight.chunks(x.len().max(1)).zip(&self.bias);
        let terms = rows.map(|(w, b)| {
            let terms = w.iter().zip(x).map(|(w, &x)| (w * f64::from(x)).abs());
            terms.sum::<f64>() + b.abs()
        });
        let scale = terms.fold(f64::MIN_POSITIVE, f64::max);
        let own = self.network_answer(x);
        let pairs = own.iter().zip(answers);
        pairs
            .map(|(own, other)| (own - other).abs() / scale)
            .fold(0.0, f64::max)
    }
}

/// The stages of a network without a function that makes probabilities at its end, and that function.
fn without_end(network: &Network) -> (Vec<Stage<'_>>, Option<Activation>) {
    let mut stages = network.stages();
    let straight =
        |stage: &Stage<'_>| matches!(stage.layer, Layer::Dropout { .. } | Layer::Noise { .. });
    let last = stages.iter().rposition(|stage| !straight(stage));
    let Some((last, Layer::Activation { function })) = last.map(|last| (last, stages[last].layer))
    else {
        return (stages, None);
    };
    match function {
        Activation::Softmax | Activation::LogSoftmax | Activation::Sigmoid => {
            stages.truncate(last);
            (stages, Some(*function))
        }
        _ => (stages, None),
    }
}

/// Refuses a layer that is not made of straight pieces.
fn check_straight(layer: &Layer, index: usize) -> Result<(), ExplainError> {
    let curved = |found: String| Err(ExplainError::Curved { index, found });
    match layer {
        Layer::Activation { function } => match function {
            Activation::Identity | Activation::Relu | Activation::LeakyRelu(_) => Ok(()),
            other => curved(other.to_string()),
        },
        Layer::Residual { layers } => layers.iter().try_for_each(|l| check_straight(l, index)),
        Layer::LayerNorm { .. } => curved("layer_norm".to_owned()),
        Layer::Recurrent { .. } => curved("a recurrent layer".to_owned()),
        Layer::Linear { .. }
        | Layer::Maxout { .. }
        | Layer::BatchNorm { .. }
        | Layer::Dropout { .. }
        | Layer::Noise { .. } => Ok(()),
    }
}

/// What the layers do at an input, and what they make of it.
fn pieces<'a>(
    stages: &[Stage<'_>],
    values: &Values<'a>,
    x: Vec<f64>,
) -> (Vec<Piece<'a>>, Vec<f64>) {
    let (mut all, mut x) = (Vec::with_capacity(stages.len()), x);
    for stage in stages {
        let of = |name: &str| values[&format!("{}{name}", stage.prefix)];
        let added = all.len();
        match stage.layer {
            Layer::Linear { bias, .. } => {
                let bias = bias.then(|| of("bias"));
                all.push(Piece::Linear {
                    weight: of("weight"),
                    bias,
                    inputs: x.len(),
                });
            }
            Layer::Maxout { pieces, .. } => {
                let linear = Piece::Linear {
                    weight: of("weight"),
                    bias: Some(of("bias")),
                    inputs: x.len(),
                };
                let y = linear.forward(&x);
                let groups = y.chunks(*pieces).enumerate();
                let places = groups
                    .map(|(group, of)| group * pieces + largest(of))
                    .collect();
                all.extend([
                    linear,
                    Piece::Chosen {
                        places,
                        columns: y.len(),
                    },
                ]);
            }
            Layer::Activation { function } => match *function {
                Activation::Relu => all.push(bent(&x, 0.0)),
                Activation::LeakyRelu(slope) => all.push(bent(&x, slope)),
                _ => {}
            },
            Layer::BatchNorm { epsilon, .. } => all.push(normed(x.len(), *epsilon, of)),
            Layer::Residual { .. } => {
                all.push(Piece::Beside(pieces(&stage.block(), values, x.clone()).0));
            }
            _ => {}
        }
        for piece in &all[added..] {
            x = piece.forward(&x);
        }
    }
    (all, x)
}

/// Columns that are not above 0 times a slope.
fn bent(x: &[f64], slope: f64) -> Piece<'static> {
    Piece::Each {
        factor: x
            .iter()
            .map(|x| if *x > 0.0 { 1.0 } else { slope })
            .collect(),
        shift: vec![0.0; x.len()],
    }
}

/// `gamma (x - mean) / sqrt(variance + epsilon) + beta`, by the running statistics.
fn normed<'a>(columns: usize, epsilon: f64, of: impl Fn(&str) -> &'a [f32]) -> Piece<'static> {
    let at = |name: &str, column: usize| f64::from(of(name)[column]);
    let factor = |c: usize| at("weight", c) / (at("running_var", c) + epsilon).sqrt();
    Piece::Each {
        factor: (0..columns).map(factor).collect(),
        shift: (0..columns)
            .map(|c| at("bias", c) - factor(c) * at("running_mean", c))
            .collect(),
    }
}

/// What outputs are of the columns before some pieces, from what they are of those behind them: `weight` `[outputs, columns]`.
fn back(pieces: &[Piece<'_>], weight: Vec<f64>, bias: &mut [f64]) -> Vec<f64> {
    pieces
        .iter()
        .rev()
        .fold(weight, |weight, piece| piece.back(weight, bias))
}

impl Piece<'_> {
    fn forward(&self, x: &[f64]) -> Vec<f64> {
        match self {
            Self::Linear {
                weight,
                bias,
                inputs,
            } => {
                let rows = weight.chunks(*inputs).enumerate();
                let unit = |(unit, w): (usize, &[f32])| {
                    let sum: f64 = w.iter().zip(x).map(|(&w, x)| f64::from(w) * x).sum();
                    sum + bias.map_or(0.0, |bias| f64::from(bias[unit]))
                };
                rows.map(unit).collect()
            }
            Self::Each { factor, shift } => {
                let lines = factor.iter().zip(shift);
                x.iter()
                    .zip(lines)
                    .map(|(x, (factor, shift))| factor * x + shift)
                    .collect()
            }
            Self::Chosen { places, .. } => places.iter().map(|&at| x[at]).collect(),
            Self::Beside(pieces) => {
                let inner = pieces.iter().fold(x.to_vec(), |x, piece| piece.forward(&x));
                inner.iter().zip(x).map(|(y, x)| y + x).collect()
            }
        }
    }

    fn back(&self, mut weight: Vec<f64>, bias: &mut [f64]) -> Vec<f64> {
        let outputs = bias.len();
        let columns = weight.len() / outputs;
        match self {
            Self::Linear {
                weight: own,
                bias: added,
                inputs,
            } => {
                let mut before = vec![0.0; outputs * inputs];
                let rows = weight.chunks(columns).zip(before.chunks_mut(*inputs));
                for ((of, before), bias) in rows.zip(bias) {
                    for (unit, factor) in of.iter().enumerate().filter(|(_, f)| **f != 0.0) {
                        let own = &own[unit * inputs..(unit + 1) * inputs];
                        before
                            .iter_mut()
                            .zip(own)
                            .for_each(|(b, &w)| *b += factor * f64::from(w));
                        *bias += factor * added.map_or(0.0, |added| f64::from(added[unit]));
                    }
                }
                before
            }
            Self::Each { factor, shift } => {
                for (of, bias) in weight.chunks_mut(columns).zip(bias) {
                    *bias += of.iter().zip(shift).map(|(w, s)| w * s).sum::<f64>();
                    of.iter_mut().zip(factor).for_each(|(w, f)| *w *= f);
                }
                weight
            }
            Self::Chosen {
                places,
                columns: all,
            } => {
                let mut before = vec![0.0; outputs * all];
                for (of, before) in weight.chunks(columns).zip(before.chunks_mut(*all)) {
                    places.iter().zip(of).for_each(|(&at, w)| before[at] = *w);
                }
                before
            }
            Self::Beside(pieces) => {
                let mut inner = back(pieces, weight.clone(), bias);
                inner.iter_mut().zip(weight).for_each(|(i, w)| *i += w);
                inner
            }
        }
    }
}

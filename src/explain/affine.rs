//! The linear network that a network of straight pieces is at one input.

use std::collections::HashMap;

use super::ExplainError;
use super::units::largest;
use crate::network::{Activation, Layer, Stage};
use crate::train::Model;

/// `y = w x + b`, which a network of straight pieces is around an input: within its linear region, exactly.
///
/// It is multiplied out layer by layer, in double precision: a relu that is on lets a row of the product through, one that
/// is off makes it 0. So its answer is another computation than the network's.
#[derive(Debug, Clone, PartialEq)]
pub struct Affine {
    /// `w` `[outputs, features]`.
    pub weight: Vec<f64>,
    /// `b` `[outputs]`.
    pub bias: Vec<f64>,
}

/// A network on its way: the values at one input, and what they are of any input of the same region.
#[derive(Clone)]
struct Way {
    values: Vec<f64>,
    rows: Vec<Row>,
}

/// What a unit is of the inputs.
#[derive(Clone, Default)]
struct Row {
    weight: Vec<f64>,
    bias: f64,
}

impl Row {
    fn scaled(mut self, factor: f64) -> Self {
        self.weight.iter_mut().for_each(|w| *w *= factor);
        self.bias *= factor;
        self
    }

    /// `self += factor other`
    fn add(&mut self, factor: f64, other: &Self) {
        let pairs = self.weight.iter_mut().zip(&other.weight);
        pairs.for_each(|(w, o)| *w += factor * o);
        self.bias += factor * other.bias;
    }
}

/// The values of the parameters and statistics, by name.
type Values<'a> = HashMap<String, &'a [f32]>;

impl Affine {
    /// The linear network that a model is at an input. A softmax behind the last layer is left out: it is that of the
    /// logits.
    ///
    /// # Errors
    /// If the input is no row, or the network has a layer that is not made of straight pieces.
    pub fn at(model: &Model, x: &[f32]) -> Result<Self, ExplainError> {
        let network = &model.network;
        if x.len() != network.inputs {
            let found = format!("{} numbers", x.len());
            return Err(ExplainError::value(
                "x",
                found,
                format!("a row of {}", network.inputs),
            ));
        }
        let lasting = network.lasting().zip(&model.values);
        let values: Values<'_> = lasting.map(|(p, v)| (p.name, v.as_slice())).collect();
        let mut stages = network.stages();
        let is_last = |stage: &Stage<'_>| {
            let softmax = [Activation::Softmax, Activation::LogSoftmax];
            matches!(stage.layer, Layer::Activation { function } if softmax.contains(function))
        };
        if stages.last().is_some_and(is_last) {
            stages.pop();
        }
        let mut way = Way::new(x);
        for (index, stage) in stages.iter().enumerate() {
            way = way.through(stage, &values, index)?;
        }
        Ok(Self {
            bias: way.rows.iter().map(|row| row.bias).collect(),
            weight: way.rows.into_iter().flat_map(|row| row.weight).collect(),
        })
    }

    /// `w x + b`.
    pub fn answer(&self, x: &[f32]) -> Vec<f64> {
        let rows = self.weight.chunks(x.len().max(1)).zip(&self.bias);
        rows.map(|(w, b)| w.iter().zip(x).map(|(w, &x)| w * f64::from(x)).sum::<f64>() + b)
            .collect()
    }
}

impl Way {
    fn new(x: &[f32]) -> Self {
        let unit = |at: usize| {
            let mut weight = vec![0.0; x.len()];
            weight[at] = 1.0;
            Row { weight, bias: 0.0 }
        };
        Self {
            values: x.iter().map(|&x| f64::from(x)).collect(),
            rows: (0..x.len()).map(unit).collect(),
        }
    }

    fn through(
        self,
        stage: &Stage<'_>,
        values: &Values<'_>,
        index: usize,
    ) -> Result<Self, ExplainError> {
        let prefix = &stage.prefix;
        match stage.layer {
            Layer::Linear { outputs, bias } => Ok(self.linear(prefix, *outputs, *bias, values)),
            Layer::Maxout { outputs, pieces } => {
                let all = self.linear(prefix, outputs * pieces, true, values);
                Ok(all.largest(*pieces))
            }
            Layer::Activation { function } => match *function {
                Activation::Identity => Ok(self),
                Activation::Relu => Ok(self.bent(0.0)),
                Activation::LeakyRelu(slope) => Ok(self.bent(slope)),
                other => Err(ExplainError::Curved {
                    index,
                    found: other.to_string(),
                }),
            },
            Layer::Dropout { .. } | Layer::Noise { .. } => Ok(self),
            Layer::BatchNorm { epsilon, .. } => Ok(self.batch_norm(prefix, *epsilon, values)),
            Layer::Residual { .. } => {
                let mut inner = self.clone();
                for stage in stage.block() {
                    inner = inner.through(&stage, values, index)?;
                }
                for (place, row) in self.rows.iter().enumerate() {
                    inner.rows[place].add(1.0, row);
                    inner.values[place] += self.values[place];
                }
                Ok(inner)
            }
            Layer::LayerNorm { .. } => Err(ExplainError::Curved {
                index,
                found: "layer_norm".to_owned(),
            }),
            Layer::Recurrent { .. } => Err(ExplainError::Curved {
                index,
                found: "a recurrent layer".to_owned(),
            }),
        }
    }

    fn linear(&self, prefix: &str, units: usize, bias: bool, values: &Values<'_>) -> Self {
        let of = |name: &str| values[&format!("{prefix}{name}")];
        let weight = of("weight");
        let inputs = self.rows.first().map_or(0, |row| row.weight.len());
        let columns = self.values.len();
        let mut next = Self {
            values: Vec::with_capacity(units),
            rows: Vec::with_capacity(units),
        };
        for unit in 0..units {
            let start = if bias {
                f64::from(of("bias")[unit])
            } else {
                0.0
            };
            let mut row = Row {
                weight: vec![0.0; inputs],
                bias: start,
            };
            let mut value = start;
            for (column, &w) in weight[unit * columns..(unit + 1) * columns]
                .iter()
                .enumerate()
            {
                value += f64::from(w) * self.values[column];
                row.add(f64::from(w), &self.rows[column]);
            }
            next.values.push(value);
            next.rows.push(row);
        }
        next
    }

    /// Units that are not above 0 times a slope.
    fn bent(self, slope: f64) -> Self {
        let on = |(value, row): (f64, Row)| {
            if value > 0.0 {
                (value, row)
            } else {
                (value * slope, row.scaled(slope))
            }
        };
        self.changed(on)
    }

    fn changed(self, change: impl FnMut((f64, Row)) -> (f64, Row)) -> Self {
        let (values, rows) = self.values.into_iter().zip(self.rows).map(change).unzip();
        Self { values, rows }
    }

    fn largest(&self, pieces: usize) -> Self {
        let groups = self.values.chunks(pieces).enumerate();
        let chosen = groups.map(|(group, values)| group * pieces + largest(values));
        let (values, rows) = chosen
            .map(|at| (self.values[at], self.rows[at].clone()))
            .unzip();
        Self { values, rows }
    }

    /// `gamma (x - mean) / sqrt(variance + epsilon) + beta`, by the running statistics.
    fn batch_norm(self, prefix: &str, epsilon: f64, values: &Values<'_>) -> Self {
        let of = |name: &str, unit: usize| f64::from(values[&format!("{prefix}{name}")][unit]);
        let mut unit = 0;
        self.changed(|(value, row)| {
            let factor = of("weight", unit) / (of("running_var", unit) + epsilon).sqrt();
            let shift = of("bias", unit) - factor * of("running_mean", unit);
            unit += 1;
            let mut row = row.scaled(factor);
            row.bias += shift;
            (factor * value + shift, row)
        })
    }
}

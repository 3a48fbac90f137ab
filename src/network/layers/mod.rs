//! What each kind of layer is: its shape rule, its parameters, and its forward pass. One file a kind.

mod activation;
mod batch_norm;
mod dropout;
mod layer_norm;
mod linear;
mod maxout;
mod noise;
mod recurrent;
mod residual;

use super::{First, Layer, Mode, NetworkError, Parameter};
use crate::graph::ops::DropoutKey;
use crate::graph::{Graph, GraphError, Store, TensorId};
use crate::tensor::Shape;

/// How deep residual blocks may stand in each other.
pub(super) const DEEPEST: usize = 8;

/// What a layer says of itself.
pub(super) trait Rule {
    /// Columns of its result for so many columns of what it gets. Only asked when [`Rule::check`] has found nothing.
    fn outputs(&self, inputs: usize) -> usize {
        inputs
    }

    /// Refuses what no graph can be built of.
    fn check(&self, _at: At, _inputs: usize) -> Result<(), NetworkError> {
        Ok(())
    }

    /// Whether it has parameters, and so a number in their names.
    fn has_parameters(&self) -> bool {
        false
    }

    /// Adds its parameters and statistics; their names begin with `prefix`.
    fn declare(&self, _prefix: &str, _inputs: usize, _lasting: &mut Lasting) {}

    /// Appends its forward pass, and returns the result `[rows, outputs]`.
    fn forward(
        &self,
        build: &mut Build<'_>,
        prefix: &str,
        x: TensorId,
    ) -> Result<TensorId, GraphError>;

    /// Its width in a network's short form, if it has one.
    fn width(&self) -> Option<String> {
        None
    }

    /// The smallest batch that it can be trained on.
    fn least_rows(&self) -> usize {
        1
    }
}

/// Where in a network a layer stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct At {
    /// The place in the network's list; within a residual block, the block's.
    pub(super) index: usize,
    /// In how many residual blocks it is.
    pub(super) depth: usize,
}

impl At {
    /// The error for a number that makes no sense.
    pub(super) fn value(
        self,
        what: &'static str,
        found: impl ToString,
        expected: &'static str,
    ) -> NetworkError {
        NetworkError::Value {
            index: self.index,
            what,
            found: found.to_string(),
            expected,
        }
    }

    /// Refuses an epsilon that is 0 in f32, which could leave 0 to be divided by.
    fn check_epsilon(self, epsilon: f64) -> Result<(), NetworkError> {
        if (f64::from(f32::MIN_POSITIVE)..f64::INFINITY).contains(&epsilon) {
            return Ok(());
        }
        let expected = "a finite number that is more than 0 in f32";
        Err(self.value("epsilon", epsilon, expected))
    }
}

/// The tensors of a network that last, in order.
#[derive(Debug, Default)]
pub(super) struct Lasting {
    /// Those that are trained.
    pub(super) parameters: Vec<Parameter>,
    /// Those that training keeps beside them.
    pub(super) statistics: Vec<Parameter>,
}

impl Lasting {
    /// Weight `[units, inputs]` and, if asked for, bias `[units]` of a linear map.
    fn linear(&mut self, prefix: &str, inputs: usize, units: usize, bias: bool) {
        let shapes = [
            ("weight", Shape::from([units, inputs])),
            ("bias", Shape::from([units])),
        ];
        for (name, shape) in shapes.into_iter().take(1 + usize::from(bias)) {
            self.parameters.push(Parameter {
                name: format!("{prefix}{name}"),
                shape,
                fan_in: inputs,
                fan_out: units,
                first: First::Drawn,
            });
        }
    }

    /// The weights of a cell for the input and for its own result, and the biases of both: `[rows, features]`,
    /// `[rows, units]`, `[rows]` and `[rows]`. PyTorch draws all of them by the number of units.
    fn recurrent(&mut self, prefix: &str, features: usize, units: usize, rows: usize) {
        let shapes = [
            ("weight_ih_l0", Shape::from([rows, features])),
            ("weight_hh_l0", Shape::from([rows, units])),
            ("bias_ih_l0", Shape::from([rows])),
            ("bias_hh_l0", Shape::from([rows])),
        ];
        for (name, shape) in shapes {
            self.parameters.push(Parameter {
                name: format!("{prefix}{name}"),
                shape,
                fan_in: units,
                fan_out: units,
                first: First::Drawn,
            });
        }
    }

    /// Gamma and beta `[columns]`, under PyTorch's names.
    fn scale_and_shift(&mut self, prefix: &str, columns: usize) {
        for (name, first) in [("weight", First::Ones), ("bias", First::Zeros)] {
            self.parameters
                .push(of_columns(prefix, name, columns, first));
        }
    }

    /// The running mean and variance `[columns]`.
    fn running(&mut self, prefix: &str, columns: usize) {
        for (name, first) in [("running_mean", First::Zeros), ("running_var", First::Ones)] {
            self.statistics
                .push(of_columns(prefix, name, columns, first));
        }
    }
}

fn of_columns(prefix: &str, name: &str, columns: usize, first: First) -> Parameter {
    Parameter {
        name: format!("{prefix}{name}"),
        shape: [columns].into(),
        fan_in: columns,
        fan_out: columns,
        first,
    }
}

/// A forward pass on its way.
pub(super) struct Build<'a> {
    pub(super) graph: &'a mut Graph,
    pub(super) store: &'a Store,
    pub(super) mode: Mode,
    /// Layers so far that draw random numbers, by kind.
    pub(super) dropouts: u32,
    pub(super) noises: u32,
    /// In how many residual blocks the next layer is.
    pub(super) depth: usize,
}

impl Build<'_> {
    fn stored(&mut self, prefix: &str, name: &str) -> Result<TensorId, GraphError> {
        self.graph.stored(self.store, &format!("{prefix}{name}"))
    }

    /// `y = x wᵀ + b`
    fn linear(&mut self, prefix: &str, x: TensorId, bias: bool) -> Result<TensorId, GraphError> {
        let w = self.stored(prefix, "weight")?;
        let y = self.graph.matmul_transposed(x, w, false, true)?;
        if !bias {
            return Ok(y);
        }
        let b = self.stored(prefix, "bias")?;
        self.graph.bias_add(y, b)
    }

    /// The key of a layer's random numbers while training.
    const fn key(&self, stream: u32) -> Option<DropoutKey> {
        match self.mode {
            Mode::Training { seed } => Some(DropoutKey { seed, stream }),
            Mode::Evaluation => None,
        }
    }

    /// All of a list, one behind the other.
    pub(super) fn layers(
        &mut self,
        layers: &[Layer],
        prefix: &str,
        x: TensorId,
    ) -> Result<TensorId, GraphError> {
        let (mut y, mut number) = (x, 0);
        for layer in layers {
            let rule = layer.rule();
            let is_numbered = rule.has_parameters();
            if is_numbered && self.depth == 0 {
                self.graph.set_layer(Some(number));
            }
            y = rule.forward(self, &format!("{prefix}layers.{number}."), y)?;
            number += usize::from(is_numbered);
        }
        Ok(y)
    }
}

/// Adds the tensors of all layers of a list, and returns the columns of their result.
pub(super) fn declare(
    layers: &[Layer],
    prefix: &str,
    inputs: usize,
    lasting: &mut Lasting,
) -> usize {
    let (mut columns, mut number) = (inputs, 0);
    for layer in layers {
        let rule = layer.rule();
        rule.declare(&format!("{prefix}layers.{number}."), columns, lasting);
        columns = rule.outputs(columns);
        number += usize::from(rule.has_parameters());
    }
    columns
}

/// Refuses what no graph can be built of, and returns the columns of the result. `at` says the index of each layer.
pub(super) fn check(
    layers: &[Layer],
    inputs: usize,
    at: impl Fn(usize) -> At,
) -> Result<usize, NetworkError> {
    let mut columns = inputs;
    for (index, layer) in layers.iter().enumerate() {
        let rule = layer.rule();
        rule.check(at(index), columns)?;
        columns = rule.outputs(columns);
    }
    Ok(columns)
}

/// Columns of the result of all layers of a list.
pub(super) fn outputs(layers: &[Layer], inputs: usize) -> usize {
    layers
        .iter()
        .fold(inputs, |columns, layer| layer.rule().outputs(columns))
}

/// The widths of a list: `256-(128-256)`.
pub(super) fn widths(layers: &[Layer]) -> Vec<String> {
    layers
        .iter()
        .filter_map(|layer| layer.rule().width())
        .collect()
}

/// Sets the time steps of recurrent layers that have none, as long as rows are still `time` steps one behind the other, and
/// refuses others of a layer that has its own. What rows are behind the list.
pub(super) fn fill_steps(
    layers: &mut [Layer],
    mut time: Option<usize>,
    at: &dyn Fn(usize) -> At,
) -> Result<Option<usize>, NetworkError> {
    for (index, layer) in layers.iter_mut().enumerate() {
        let at = at(index);
        time = match layer {
            Layer::Recurrent {
                steps, sequence, ..
            } => {
                match time {
                    Some(time) if *steps == 0 => *steps = time,
                    Some(time) if *steps != time => {
                        let found = format!("{steps}, and the sequences that it gets have {time}");
                        let expected = "theirs; leave them out";
                        return Err(at.value("the number of time steps", found, expected));
                    }
                    _ => {}
                }
                // Steps of its own, behind a layer that mixes time steps, make sequences of what they say.
                Some(*steps).filter(|steps| *sequence && *steps > 0)
            }
            Layer::Residual { layers } => {
                fill_steps(layers, time, &|_| at)?.filter(|_| time.is_some())
            }
            Layer::Linear { .. } | Layer::Maxout { .. } => None,
            Layer::Activation { .. }
            | Layer::Dropout { .. }
            | Layer::BatchNorm { .. }
            | Layer::LayerNorm { .. }
            | Layer::Noise { .. } => time,
        };
    }
    Ok(time)
}

/// Whether one of them is recurrent.
pub(super) fn has_recurrent(layers: &[Layer]) -> bool {
    layers.iter().any(|layer| match layer {
        Layer::Recurrent { .. } => true,
        Layer::Residual { layers } => has_recurrent(layers),
        _ => false,
    })
}

/// The smallest batch that all layers of a list can be trained on.
pub(super) fn least_rows(layers: &[Layer]) -> usize {
    layers
        .iter()
        .map(|layer| layer.rule().least_rows())
        .max()
        .unwrap_or(1)
}

impl Layer {
    /// What it says of itself.
    pub(in crate::network) fn rule(&self) -> Box<dyn Rule + '_> {
        match *self {
            Self::Linear { outputs, bias } => Box::new(linear::Linear { outputs, bias }),
            Self::Activation { function } => Box::new(activation::Function(function)),
            Self::Dropout { p } => Box::new(dropout::Dropout { p }),
            Self::BatchNorm { momentum, epsilon } => {
                Box::new(batch_norm::BatchNorm { momentum, epsilon })
            }
            Self::LayerNorm { epsilon } => Box::new(layer_norm::LayerNorm { epsilon }),
            Self::Residual { ref layers } => Box::new(residual::Residual { layers }),
            Self::Maxout { outputs, pieces } => Box::new(maxout::Maxout { outputs, pieces }),
            Self::Noise { std } => Box::new(noise::Noise { std }),
            Self::Recurrent {
                cell,
                outputs,
                steps,
                sequence,
            } => Box::new(recurrent::Recurrent {
                cell,
                units: outputs,
                steps,
                sequence,
            }),
        }
    }
}

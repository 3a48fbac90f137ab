//! A look into the network while it trains: how large its gradients are, and which of its units do nothing.

use super::TrainError;
use super::recipe::Recipe;
use super::session::{Position, Purpose, Session};
use super::tables::Tables;
use crate::executor::ExecutorError;
use crate::graph::{Graph, GraphError, Lowered, Store, TensorId};
use crate::kernel::{ActivationKind, Kernel, Tick};
use crate::network::Mode;

/// A mean slope below this share of the steepest is that of a unit that is saturated.
const FLAT: f64 = 0.01;

/// What one training batch shows of the network, which is built as for evaluation: no unit is dropped, nothing updated.
#[derive(Debug, Clone, PartialEq)]
pub struct Inspection {
    /// Rows of the batch.
    pub rows: usize,
    /// The Euclidean norm of the loss's gradient at all parameters of each layer, by the layer's number. Weight decay and
    /// what else changes a gradient is not in it.
    pub gradients: Vec<(usize, f64)>,
    /// The units of each activation, in order.
    pub units: Vec<Units>,
}

/// The units behind an activation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Units {
    /// The number of the last layer with parameters before it.
    pub layer: usize,
    /// The activation's name.
    pub function: &'static str,
    /// How many there are.
    pub units: usize,
    /// How many of them are 0 on all rows; of a sigmoid or tanh, how many are saturated: the mean slope over the rows is
    /// below 1 % of the steepest.
    pub idle: usize,
}

/// What a stretch of the plan's output tells.
#[derive(Debug, Clone)]
enum Look {
    /// The sum of the squares of a gradient, of this layer.
    Gradient(usize),
    /// For each of so many units the mean over the rows, and then for each the mean square.
    Units {
        layer: usize,
        kind: ActivationKind,
        units: usize,
    },
}

/// What the stretches of an inspection's output tell, in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Looks(Vec<Look>);

impl Recipe {
    /// The gradient's sums of squares and the units' means on the next `rows` training rows, as one row of numbers.
    ///
    /// # Errors
    /// If the loss cannot be built or has no gradient.
    pub(super) fn inspection(
        &self,
        store: &Store,
        tables: &Tables,
        rows: usize,
    ) -> Result<(Graph, TensorId, Looks), GraphError> {
        let mut graph = Graph::new();
        let batch = tables.batch(&mut graph, store, rows)?;
        let y = self
            .network
            .forward(&mut graph, store, batch.x, Mode::Evaluation)?;
        let activations = activations(&graph);
        let loss = self.objective.build(&mut graph, y, &batch)?.loss;
        let parameters = self.network.parameters();
        let tensors = parameters
            .iter()
            .map(|p| graph.stored(store, &p.name))
            .collect::<Result<Vec<_>, _>>()?;
        let gradients = graph.differentiate(loss, &tensors)?;
        let (mut looks, mut parts) = (Vec::new(), Vec::new());
        for (parameter, gradient) in parameters.iter().zip(gradients) {
            let squares = graph.mul(gradient, gradient)?;
            let sum = graph.sum(squares)?;
            parts.push(graph.reshape(sum, [1])?);
            looks.push(Look::Gradient(layer_of(&parameter.name)));
        }
        for (layer, kind, y) in activations {
            let squares = graph.mul(y, y)?;
            parts.extend([graph.mean_axis(y, 0)?, graph.mean_axis(squares, 0)?]);
            let units = graph.tensor(y).shape.dims()[1];
            looks.push(Look::Units { layer, kind, units });
        }
        let mut all = parts[0];
        for &part in &parts[1..] {
            all = graph.concat(all, part, 0)?;
        }
        graph.rename(all, "inspection");
        Ok((graph, all, Looks(looks)))
    }
}

/// The results `[rows, units]` of all activations so far, with the numbers of their layers.
fn activations(graph: &Graph) -> Vec<(usize, ActivationKind, TensorId)> {
    let mut found = Vec::new();
    for node in graph.nodes() {
        let tensors = |ids: &[TensorId]| ids.iter().map(|&id| graph.tensor(id)).collect::<Vec<_>>();
        let lowered = node
            .op
            .lower(&tensors(&node.inputs), &tensors(&node.outputs));
        if let Lowered::Kernel(Kernel::Activation(activation)) = lowered
            && graph.tensor(node.outputs[0]).shape.rank() == 2
        {
            found.push((node.layer.unwrap_or(0), activation.kind, node.outputs[0]));
        }
    }
    found
}

/// The number in `layers.N.weight`, the outermost one of a residual block.
pub(crate) fn layer_of(parameter: &str) -> usize {
    let number = parameter.split('.').nth(1);
    number.and_then(|n| n.parse().ok()).unwrap_or(0)
}

const fn name_of(kind: ActivationKind) -> &'static str {
    match kind {
        ActivationKind::Identity => "identity",
        ActivationKind::Sigmoid => "sigmoid",
        ActivationKind::Tanh => "tanh",
        ActivationKind::Relu => "relu",
        ActivationKind::LeakyRelu => "leaky_relu",
        ActivationKind::Elu => "elu",
        ActivationKind::Gelu => "gelu",
        ActivationKind::GeluTanh => "gelu_tanh",
        ActivationKind::Silu => "silu",
        ActivationKind::Softplus => "softplus",
    }
}

/// Whether a unit with this mean and mean square does nothing.
fn is_idle(kind: ActivationKind, mean: f64, square: f64) -> bool {
    match kind {
        // The slope is y (1 - y), at most a quarter.
        ActivationKind::Sigmoid => 4.0 * (mean - square) < FLAT,
        ActivationKind::Tanh => 1.0 - square < FLAT,
        // No result is negative, and squares of small numbers vanish.
        ActivationKind::Relu => mean == 0.0,
        _ => square == 0.0,
    }
}

impl Looks {
    fn read(&self, numbers: &[f64], rows: usize) -> Inspection {
        let mut gradients: Vec<(usize, f64)> = Vec::new();
        let (mut all, mut rest) = (Vec::new(), numbers);
        let mut take = |count: usize| {
            let (now, later) = rest.split_at(count);
            rest = later;
            now
        };
        for look in &self.0 {
            match *look {
                Look::Gradient(layer) => {
                    let squares = take(1)[0];
                    match gradients.iter_mut().find(|(known, _)| *known == layer) {
                        Some((_, sum)) => *sum += squares,
                        None => gradients.push((layer, squares)),
                    }
                }
                Look::Units { layer, kind, units } => {
                    let (means, squares) = (take(units), take(units));
                    let pairs = means.iter().zip(squares);
                    let idle = pairs.filter(|(m, s)| is_idle(kind, **m, **s)).count();
                    let function = name_of(kind);
                    all.push(Units {
                        layer,
                        function,
                        units,
                        idle,
                    });
                }
            }
        }
        for (_, sum) in &mut gradients {
            *sum = sum.sqrt();
        }
        Inspection {
            rows,
            gradients,
            units: all,
        }
    }
}

impl Session {
    /// Looks into the network on a batch of the training rows, which begins at this place of their tables. Nothing in the
    /// store changes. `None` where there is no memory for it, or a loss of one's own that has no gradient outside training.
    ///
    /// # Errors
    /// If the device failed.
    pub(super) fn inspect(&mut self, batch: Position) -> Result<Option<Inspection>, TrainError> {
        let ready = match self.plan(Purpose::Inspection(batch.rows)) {
            Err(TrainError::Executor(error @ ExecutorError::OutOfMemory { .. })) => {
                log::warn!("gradients and units are not looked into: {error}");
                return Ok(None);
            }
            ready => ready?,
        };
        let tick = Tick {
            start: batch.start,
            ..Tick::default()
        };
        self.executor.run(ready.handle, &[tick])?;
        let numbers = self.executor.read(ready.handle, ready.outputs[0])?;
        Ok(Some(self.looks.read(&numbers.to_f64(), batch.rows)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_by_layer_and_unit() {
        let units = |kind| Look::Units {
            layer: 0,
            kind,
            units: 2,
        };
        let looks = Looks(vec![
            Look::Gradient(0),
            Look::Gradient(0),
            Look::Gradient(1),
            units(ActivationKind::Relu),
            units(ActivationKind::Tanh),
        ]);
        // A unit that is 0 always and one that is not; one that is -1 always, and one between.
        let numbers = [9.0, 16.0, 4.0, 0.0, 0.1, 0.0, 0.1, -1.0, 0.1, 1.0, 0.5];
        let found = looks.read(&numbers, 7);
        assert_eq!(found.gradients, [(0, 5.0), (1, 2.0)]);
        let idle: Vec<_> = found.units.iter().map(|u| (u.function, u.idle)).collect();
        assert_eq!(idle, [("relu", 1), ("tanh", 1)]);
        assert!(is_idle(ActivationKind::Sigmoid, 0.999, 0.998_001));
        assert!(!is_idle(ActivationKind::Sigmoid, 0.5, 0.25));
    }
}

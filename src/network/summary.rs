//! What each layer of a network is and costs, as Keras's `summary` tells it.

use serde::Serialize;

use super::stages::Stage;
use super::{Activation, Layer, Network};

/// Bytes of a number.
const F32: u64 = 4;

/// A layer in a summary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SummaryRow {
    /// The layer in a few words: `linear`, `relu`, `dropout 0.2`.
    pub layer: String,
    /// In how many residual blocks it is.
    pub depth: usize,
    /// Columns of its result.
    pub outputs: usize,
    /// Numbers that are learnt. A residual block's are those of its layers, which have rows of their own.
    pub trained: u64,
    /// Numbers that training keeps beside them: running means and variances.
    pub not_trained: u64,
    /// Bytes of both.
    pub weight_bytes: u64,
    /// Bytes of what its forward pass writes for a row, if no step is fused into another.
    pub activation_bytes: u64,
    /// Floating-point operations of its forward pass a row: a multiply-add is two, a function of a unit one.
    pub flops: u64,
}

/// What a network's layers are and cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// One row a layer, those of a residual block behind it.
    pub rows: Vec<SummaryRow>,
    /// Numbers that are learnt.
    pub trained: u64,
    /// Numbers that training keeps beside them.
    pub not_trained: u64,
    /// Bytes of both.
    pub weight_bytes: u64,
    /// Bytes of the activations of a row.
    pub activation_bytes: u64,
    /// Operations of a forward pass a row.
    pub flops: u64,
}

impl Summary {
    /// A training step computes the forward pass, the gradient of each product's weights and that of its inputs: about so
    /// many times the work of the forward pass alone.
    pub const TRAINING: u64 = 3;
}

impl Network {
    /// What each layer is and costs.
    pub fn summary(&self) -> Summary {
        let mut rows = Vec::new();
        self.stages().iter().for_each(|stage| add(stage, &mut rows));
        // A block's own row repeats the parameters of its layers.
        let own = |of: fn(&SummaryRow) -> u64| rows.iter().map(of).sum::<u64>();
        let leaves = |of: fn(&SummaryRow) -> u64| {
            let is_leaf = |row: &&SummaryRow| !row.layer.starts_with(RESIDUAL);
            rows.iter().filter(is_leaf).map(of).sum::<u64>()
        };
        Summary {
            trained: leaves(|row| row.trained),
            not_trained: leaves(|row| row.not_trained),
            weight_bytes: leaves(|row| row.weight_bytes),
            activation_bytes: own(|row| row.activation_bytes),
            flops: own(|row| row.flops),
            rows,
        }
    }
}

/// The word of a residual block.
const RESIDUAL: &str = "residual";

/// Adds the row of a layer, and behind it those of the block that it is, if it is one.
fn add(stage: &Stage<'_>, rows: &mut Vec<SummaryRow>) {
    let at = rows.len();
    let [inputs, outputs] = [stage.inputs, stage.outputs].map(|size| size as u64);
    let (trained, not_trained) = numbers(stage.layer, inputs);
    rows.push(SummaryRow {
        layer: name(stage.layer),
        depth: stage.depth,
        outputs: stage.outputs,
        trained,
        not_trained,
        weight_bytes: F32 * (trained + not_trained),
        activation_bytes: F32 * activations(stage.layer, outputs),
        flops: flops(stage.layer, inputs, outputs),
    });
    stage.block().iter().for_each(|inner| add(inner, rows));
    let inside = at + 1..rows.len();
    let of_block: Vec<SummaryRow> = rows[inside]
        .iter()
        .filter(|row| row.depth == stage.depth + 1)
        .cloned()
        .collect();
    for row in of_block {
        rows[at].trained += row.trained;
        rows[at].not_trained += row.not_trained;
        rows[at].weight_bytes += row.weight_bytes;
    }
}

fn name(layer: &Layer) -> String {
    match layer {
        Layer::Linear { bias: true, .. } => "linear".to_owned(),
        Layer::Linear { bias: false, .. } => "linear, no bias".to_owned(),
        Layer::Activation { function } => function.to_string(),
        Layer::Dropout { p } => format!("dropout {p}"),
        Layer::BatchNorm { .. } => "batch_norm".to_owned(),
        Layer::LayerNorm { .. } => "layer_norm".to_owned(),
        Layer::Residual { .. } => RESIDUAL.to_owned(),
        Layer::Maxout { pieces, .. } => format!("maxout of {pieces}"),
        Layer::Noise { std } => format!("noise {std}"),
        Layer::Recurrent { cell, steps, .. } => format!("{cell}, {steps} steps"),
    }
}

/// Numbers that are learnt, and those kept beside them.
fn numbers(layer: &Layer, inputs: u64) -> (u64, u64) {
    match *layer {
        Layer::Linear { outputs, bias } => ((inputs + u64::from(bias)) * outputs as u64, 0),
        Layer::Maxout { outputs, pieces } => ((inputs + 1) * (outputs * pieces) as u64, 0),
        Layer::BatchNorm { .. } => (2 * inputs, 2 * inputs),
        Layer::LayerNorm { .. } => (2 * inputs, 0),
        Layer::Recurrent {
            cell,
            outputs,
            steps,
            ..
        } => {
            let (units, features) = (outputs as u64, inputs / steps as u64);
            ((cell.gates() as u64 * units) * (features + units + 2), 0)
        }
        _ => (0, 0),
    }
}

/// Numbers that the forward pass writes for a row.
fn activations(layer: &Layer, outputs: u64) -> u64 {
    match *layer {
        // What is not built when the network is used, or is no work at all.
        Layer::Dropout { .. }
        | Layer::Noise { .. }
        | Layer::Activation {
            function: Activation::Identity,
        } => 0,
        Layer::Maxout { pieces, .. } => outputs * (pieces as u64 + 1),
        Layer::Recurrent {
            cell,
            outputs: units,
            steps,
            sequence,
        } => {
            let (units, steps) = (units as u64, steps as u64);
            let products = cell.gates() as u64 * units;
            // The product of all time steps with its biases, and those of the halves, and halves of halves.
            let first = steps * (2 + u64::from(cell.adds_biases())) + halves(steps);
            let joined = if sequence { units * halves(steps) } else { 0 };
            // At the first time step a product with 0 costs as much as any other.
            first * products + steps * units * cell.work()[0] + joined
        }
        _ => outputs,
    }
}

/// How many parts there are in all when so many are split into halves, and these again, down to each alone.
fn halves(count: u64) -> u64 {
    match count {
        0 | 1 => 0,
        _ => count + halves(count / 2) + halves(count - count / 2),
    }
}

fn flops(layer: &Layer, inputs: u64, outputs: u64) -> u64 {
    match *layer {
        Layer::Linear { bias, .. } => (2 * inputs + u64::from(bias)) * outputs,
        // The products, and of each unit's pieces all but one are compared.
        Layer::Maxout { pieces, .. } => {
            let pieces = pieces as u64;
            (2 * inputs + 1) * outputs * pieces + outputs * (pieces - 1)
        }
        // By running statistics: one factor and one summand.
        Layer::BatchNorm { .. } => 2 * outputs,
        // Two sums, the normalisation, and a factor and a summand.
        Layer::LayerNorm { .. } => 5 * outputs,
        // Both products with a bias each, and what the cell does with them.
        Layer::Recurrent {
            cell,
            outputs: units,
            steps,
            ..
        } => {
            let (units, steps) = (units as u64, steps as u64);
            let products = cell.gates() as u64 * units * (2 * (inputs / steps + units) + 2);
            steps * (products + units * cell.work()[1])
        }
        Layer::Activation { function } => match function {
            Activation::Identity => 0,
            // The exponential, the sum and the quotient (or the difference).
            Activation::Softmax | Activation::LogSoftmax => 3 * outputs,
            _ => outputs,
        },
        Layer::Residual { .. } => outputs,
        Layer::Dropout { .. } | Layer::Noise { .. } => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a recurrent layer writes, against the graph: all that is computed and is no view.
    #[test]
    fn recurrent_layers_are_counted_as_they_are_built() {
        use crate::graph::{Graph, Lowered, Store};
        use crate::network::{Cell, Mode};
        use crate::tensor::Element;

        for cell in [Cell::Rnn, Cell::RnnRelu, Cell::Lstm, Cell::Gru] {
            for (steps, sequence) in [(1, true), (2, false), (5, true), (8, false)] {
                let network = Network::new(3 * steps).layer(Layer::Recurrent {
                    cell,
                    outputs: 4,
                    steps,
                    sequence,
                });
                let mut store = Store::new();
                network.declare(&mut store).expect("a new store");
                let shape = [1, 3 * steps];
                (store.declare("x", shape, Element::F32)).expect("a new name");
                let mut graph = Graph::new();
                let x = graph.stored(&store, "x").expect("it is there");
                let built = network.forward(&mut graph, &store, x, Mode::Evaluation);
                let y = built.expect("it fits");
                assert_eq!(graph.tensor(y).shape.dims(), [1, network.outputs()]);
                let written = graph.nodes().iter().filter(|node| {
                    let of = |ids: &[_]| ids.iter().map(|&id| graph.tensor(id)).collect::<Vec<_>>();
                    node.op.lower(&of(&node.inputs), &of(&node.outputs)) != Lowered::View
                });
                let written = written.map(|node| graph.tensor(node.outputs[0]).shape.len() as u64);
                let summary = network.summary();
                let what = format!("{cell}, {steps} steps");
                assert_eq!(
                    summary.activation_bytes,
                    F32 * written.sum::<u64>(),
                    "{what}"
                );
                assert_eq!(summary.trained, network.parameter_count() as u64, "{what}");
            }
        }
        // By hand: three steps of an LSTM of 2 units over 5 features.
        let network = Network::new(15).layer(Layer::Recurrent {
            cell: Cell::Lstm,
            outputs: 2,
            steps: 3,
            sequence: false,
        });
        let step = 2 * 8 * 5 + 2 * 8 * 2 + 16 + 14 * 2;
        assert_eq!(network.summary().flops, 3 * step);
    }

    #[test]
    fn totals_count_each_number_once() {
        let block = Layer::Residual {
            layers: vec![
                Layer::Linear {
                    outputs: 8,
                    bias: false,
                },
                Layer::BATCH_NORM,
                Layer::Residual {
                    layers: vec![Layer::LAYER_NORM, Layer::Dropout { p: 0.5 }],
                },
            ],
        };
        let maxout = Layer::Maxout {
            outputs: 8,
            pieces: 3,
        };
        let network = Network::new(4).layer(maxout).layer(block).linear(2);
        let summary = network.summary();
        assert_eq!(summary.trained, network.parameter_count() as u64);
        let kept: usize = network.statistics().iter().map(|p| p.shape.len()).sum();
        assert_eq!(summary.not_trained, kept as u64);
        assert_eq!(summary.weight_bytes, 4 * (summary.trained + 16));
        let depths: Vec<_> = summary.rows.iter().map(|row| row.depth).collect();
        assert_eq!(depths, [0, 0, 1, 1, 1, 2, 2, 0]);
        // By hand: the maxout, the sum of the block, its layers, the sum of the inner block, layer_norm, the last layer.
        let products = 9 * 24 + 8 * 2 + 8 + 2 * 8 * 8 + 2 * 8 + 8 + 5 * 8 + 17 * 2;
        assert_eq!(summary.flops, products);
        // The block's row has what its layers have together.
        assert_eq!(
            (summary.rows[1].trained, summary.rows[1].not_trained),
            (64 + 16 + 16, 16)
        );
    }
}

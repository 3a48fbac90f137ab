//! Where in a graph the hidden units of a network are, and what they are called.

use super::units::largest;
use crate::graph::{Graph, Lowered, TensorId};
use crate::kernel::{ActivationKind, Kernel};
use crate::network::{Activation, Cell, Layer, Network, Stage};

/// Hidden units: the results of an activation, of a maxout layer, or of a time step of a recurrent one.
#[derive(Debug, Clone, PartialEq)]
pub struct UnitLayer {
    /// What they are called: the number of the last layer with parameters before them, as in `layers.N.weight`; in a
    /// residual block behind the block's, `1.0`, and of a recurrent layer with the time step behind it, `0:3`.
    pub name: String,
    /// The number of that layer; in a residual block, the block's.
    pub layer: usize,
    /// The time step of a recurrent layer.
    pub step: Option<usize>,
    /// The names of all layers with parameters since the units before: of those behind a batch norm also the linear layer's.
    pub behind: Vec<String>,
    /// What makes them.
    pub function: String,
    /// How many there are.
    pub units: usize,
}

/// A tensor whose columns are hidden units, or for a maxout layer their pieces.
pub(super) struct Tap {
    pub(super) of: UnitLayer,
    pub(super) kind: Kind,
    /// What is read: the result, or what a maxout layer chooses from.
    pub(super) tensor: TensorId,
    /// What a unit is made of: the input of a function.
    pub(super) before: TensorId,
}

pub(super) enum Kind {
    Function(ActivationKind),
    /// The largest of so many.
    Maxout(usize),
    /// Neither: a softmax, or the state of a cell with gates.
    Other,
}

impl Tap {
    /// The units' values in a row of what is read.
    pub(super) fn values<'a>(&self, row: &'a [f64]) -> Box<dyn Iterator<Item = f64> + 'a> {
        match self.kind {
            Kind::Maxout(pieces) => {
                let most = |p: &[f64]| p.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                Box::new(row.chunks(pieces).map(most))
            }
            _ => Box::new(row.iter().copied()),
        }
    }

    /// Columns of what is read.
    pub(super) const fn width(&self) -> usize {
        match self.kind {
            Kind::Maxout(pieces) => self.of.units * pieces,
            _ => self.of.units,
        }
    }

    /// On which piece each unit is, if its function is made of straight pieces.
    pub(super) fn pieces(&self, row: &[f64], mut on: impl FnMut(usize)) {
        match self.kind {
            Kind::Function(ActivationKind::Relu | ActivationKind::LeakyRelu) => {
                row.iter().for_each(|y| on(usize::from(*y > 0.0)));
            }
            Kind::Maxout(pieces) => row.chunks(pieces).for_each(|p| on(largest(p))),
            _ => {}
        }
    }
}

/// What units are in the order of a forward pass, before it is known where.
struct Expected {
    of: UnitLayer,
    /// Activations of a time step before the one that makes the units: its gates.
    gates: usize,
    /// Whether they are what the step makes of that activation, and not the activation.
    is_state: bool,
}

/// The hidden units of a network, in the order of its forward pass.
#[derive(Default)]
struct Names {
    found: Vec<Expected>,
    /// Layers with parameters since the last units.
    behind: Vec<String>,
    /// The number of the layer of the network's own list.
    layer: usize,
}

impl Names {
    fn walk(&mut self, stages: &[Stage<'_>], is_own: bool) {
        let last = stages.len().saturating_sub(1);
        for (at, stage) in stages.iter().enumerate() {
            // `layers.2.layers.0.` is 2.0.
            let name = stage.prefix.trim_end_matches('.').replace("layers.", "");
            if is_own && stage.has_parameters() {
                self.layer = name.parse().unwrap_or(self.layer);
            }
            self.walk_block(stage);
            if stage.has_parameters() {
                self.behind.push(name);
            }
            match stage.layer {
                Layer::Maxout { outputs, pieces } => {
                    self.add(format!("maxout of {pieces}"), *outputs);
                }
                Layer::Activation { function } => match function {
                    Activation::Identity => {}
                    // What a network ends in makes its answers.
                    Activation::Softmax | Activation::LogSoftmax if is_own && at == last => {}
                    function => self.add(function.to_string(), stage.outputs),
                },
                Layer::Recurrent {
                    cell,
                    outputs,
                    steps,
                    ..
                } => self.recurrent(*cell, *outputs, *steps),
                _ => {}
            }
        }
    }

    fn walk_block(&mut self, stage: &Stage<'_>) {
        if let Layer::Residual { .. } = stage.layer {
            self.walk(&stage.block(), false);
        }
    }

    fn recurrent(&mut self, cell: Cell, units: usize, steps: usize) {
        let (gates, is_state) = match cell {
            Cell::Rnn | Cell::RnnRelu => (0, false),
            Cell::Lstm => (2, true),
            Cell::Gru => (1, true),
        };
        let function = match cell {
            Cell::Rnn => "tanh".to_owned(),
            Cell::RnnRelu => "relu".to_owned(),
            Cell::Lstm => "state of lstm".to_owned(),
            Cell::Gru => "state of gru".to_owned(),
        };
        let behind = std::mem::take(&mut self.behind);
        for step in 0..steps {
            self.behind.clone_from(&behind);
            self.add(function.clone(), units);
            let added = self.found.last_mut().expect("one was added");
            let names = std::iter::once(&mut added.of.name).chain(&mut added.of.behind);
            names.for_each(|name| *name = format!("{name}:{step}"));
            added.of.step = Some(step);
            (added.gates, added.is_state) = (gates, is_state);
        }
    }

    fn add(&mut self, function: String, units: usize) {
        let behind = std::mem::take(&mut self.behind);
        let mut name = match (behind.last(), self.found.last()) {
            (Some(name), _) => name.clone(),
            // A function behind a function.
            (None, Some(before)) => format!("{}+", before.of.name),
            (None, None) => "+".to_owned(),
        };
        while self.found.iter().any(|other| other.of.name == name) {
            name.push('+');
        }
        self.found.push(Expected {
            of: UnitLayer {
                name,
                layer: self.layer,
                step: None,
                behind,
                function,
                units,
            },
            gates: 0,
            is_state: false,
        });
    }
}

/// The hidden units of a forward pass, in order.
pub(super) fn taps(network: &Network, graph: &Graph) -> Vec<Tap> {
    let mut names = Names::default();
    names.walk(&network.stages(), true);
    let mut made = made(graph).into_iter();
    let mut taps = Vec::with_capacity(names.found.len());
    for expected in names.found {
        let Some(mut one) = made.nth(expected.gates) else {
            break;
        };
        if expected.is_state {
            // A step multiplies or adds to it last of all.
            let mut users = graph
                .nodes()
                .iter()
                .filter(|node| node.inputs.contains(&one.tensor));
            let Some(state) = users.next_back() else {
                break;
            };
            (one.tensor, one.before) = (state.outputs[0], state.outputs[0]);
            one.kind = Kind::Other;
        }
        taps.push(Tap {
            of: expected.of,
            kind: one.kind,
            tensor: one.tensor,
            before: one.before,
        });
    }
    taps
}

/// A function of a forward pass.
struct Made {
    kind: Kind,
    tensor: TensorId,
    before: TensorId,
}

fn made(graph: &Graph) -> Vec<Made> {
    let mut found = Vec::new();
    for node in graph.nodes() {
        let tensors = |ids: &[TensorId]| ids.iter().map(|&id| graph.tensor(id)).collect::<Vec<_>>();
        let (inputs, outputs) = (tensors(&node.inputs), tensors(&node.outputs));
        let Lowered::Kernel(kernel) = node.op.lower(&inputs, &outputs) else {
            continue;
        };
        let (from, to) = (node.inputs[..].first(), node.outputs[..].first());
        let (Some(&from), Some(&to)) = (from, to) else {
            continue;
        };
        let (kind, tensor, before) = match kernel {
            Kernel::Activation(of) => (Kind::Function(of.kind), to, from),
            Kernel::MaxPieces(of) => (Kind::Maxout(of.pieces as usize), from, to),
            Kernel::Softmax(_) | Kernel::LogSoftmax(_) => (Kind::Other, to, from),
            _ => continue,
        };
        found.push(Made {
            kind,
            tensor,
            before,
        });
    }
    found
}

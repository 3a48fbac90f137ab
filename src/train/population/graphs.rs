//! The graphs of a population, on tensors with a leading axis of members.

use super::Common;
use super::stack::Stack;
use crate::graph::ops::DropoutKey;
use crate::graph::{Graph, GraphError, Store, TensorId};
use crate::network::{Activation, Layer, PARAMETERS};
use crate::tensor::Shape;

/// A parameter of all members.
struct Parameter {
    /// What is stored and updated.
    stored: TensorId,
    /// What it stands for.
    value: TensorId,
    decay: TensorId,
}

/// A network of all members on its way.
struct Forward<'a> {
    graph: &'a mut Graph,
    store: &'a Store,
    parameters: Vec<Parameter>,
    /// Whether dropout drops.
    training: bool,
}

impl Forward<'_> {
    fn parameter(&mut self, name: &str) -> Result<TensorId, GraphError> {
        let mut tensor = |ending: &str| self.graph.stored(self.store, &format!("{name}{ending}"));
        let (stored, scale, decay) = (tensor("")?, tensor(Stack::SCALE)?, tensor(Stack::DECAY)?);
        let value = self.graph.mul(stored, scale)?;
        self.parameters.push(Parameter {
            stored,
            value,
            decay,
        });
        Ok(value)
    }

    /// From `[members, rows, inputs]` to `[members, rows, outputs]`.
    fn layers(&mut self, stack: &Stack, x: TensorId) -> Result<TensorId, GraphError> {
        let (mut y, mut number, mut dropouts) = (x, 0, 0);
        for layer in &stack.widest.layers {
            match layer {
                Layer::Linear { bias, .. } => {
                    let w = self.parameter(&format!("layers.{number}.weight"))?;
                    y = self.graph.matmul_transposed(y, w, false, true)?;
                    if *bias {
                        let b = self.parameter(&format!("layers.{number}.bias"))?;
                        y = self.graph.bias_add(y, b)?;
                    }
                    number += 1;
                }
                Layer::Activation { function } => y = self.graph.activation(y, *function)?,
                Layer::Dropout { p } => {
                    if self.training {
                        let key = DropoutKey {
                            seed: 0,
                            stream: dropouts,
                        };
                        y = self.graph.dropout(y, *p, key)?;
                    }
                    dropouts += 1;
                }
                _ => unreachable!("a stack has no other layers"),
            }
        }
        Ok(y)
    }
}

/// One training step of all members.
pub(super) fn training(
    store: &Store,
    stack: &Stack,
    common: &Common,
    decays: bool,
) -> Result<Graph, GraphError> {
    let (members, batch) = (stack.count, common.batch_size);
    let mut graph = Graph::new();
    let order = graph.stored(store, super::ORDER)?;
    let (inputs, targets) = (
        graph.stored(store, "inputs")?,
        graph.stored(store, "targets")?,
    );
    let x = graph.batch(inputs, order, members * batch, 1.0)?;
    let target = graph.batch(targets, order, members * batch, 1.0)?;
    let x = graph.reshape(x, [members, batch, stack.inputs()])?;
    let mut forward = Forward {
        graph: &mut graph,
        store,
        parameters: Vec::new(),
        training: true,
    };
    let y = forward.layers(stack, x)?;
    let parameters = forward.parameters;
    let y = graph.reshape(y, [members * batch, stack.outputs()])?;
    let loss = common.loss.build(&mut graph, y, target)?.loss;
    // The mean over the rows of all is one over their number too small for each.
    let mut loss = graph.scale(loss, members as f64)?;
    if decays {
        for parameter in &parameters {
            let square = graph.mul(parameter.value, parameter.value)?;
            let penalty = graph.mul(square, parameter.decay)?;
            let penalty = graph.sum(penalty)?;
            let penalty = graph.scale(penalty, 0.5)?;
            loss = graph.add(loss, penalty)?;
        }
    }
    let stored: Vec<_> = parameters.iter().map(|p| p.stored).collect();
    let gradients = graph.differentiate(loss, &stored)?;
    graph.update(store, PARAMETERS, &gradients, common.update)?;
    Ok(graph)
}

/// The tensors of the rows that are predicted, and of the numbers by which each member gathers them.
pub(super) fn rows_of(rows: usize) -> String {
    format!("predict.{rows}")
}

pub(super) fn index_of(rows: usize) -> String {
    format!("predict.{rows}.index")
}

/// The predictions `[members, rows, outputs]` of all members for the same rows.
pub(super) fn prediction(
    store: &Store,
    stack: &Stack,
    rows: usize,
    output: Activation,
) -> Result<(Graph, TensorId), GraphError> {
    let mut graph = Graph::new();
    let table = graph.stored(store, &rows_of(rows))?;
    let index = graph.stored(store, &index_of(rows))?;
    let x = graph.gather(table, index)?;
    let x = graph.reshape(x, Shape::from([stack.count, rows, stack.inputs()]))?;
    let mut forward = Forward {
        graph: &mut graph,
        store,
        parameters: Vec::new(),
        training: false,
    };
    let y = forward.layers(stack, x)?;
    let y = graph.activation(y, output)?;
    Ok((graph, y))
}

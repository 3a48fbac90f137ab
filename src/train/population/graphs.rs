//! The graphs of a population, on tensors with a leading axis of members.

use super::Common;
use super::stack::Stack;
use crate::graph::ops::{DropoutKey, Update};
use crate::graph::{Graph, GraphError, Store, TensorId};
use crate::network::{Activation, Layer};
use crate::tensor::Shape;

/// The parameters of all members: what is stored, times what it is multiplied by. They are one step, whatever their number,
/// and so is the way back (see [`training`]).
struct Parameters {
    /// All of them, laid out as the block is.
    whole: TensorId,
    scales: TensorId,
    /// Each of them, in the network's order.
    each: Vec<TensorId>,
}

impl Parameters {
    fn new(graph: &mut Graph, store: &Store, stack: &Stack) -> Result<Self, GraphError> {
        let stored = graph.stored_block(store, &stack.block(""))?;
        let scales = graph.stored_block(store, &stack.block(Stack::SCALE))?;
        let whole = graph.mul(stored, scales)?;
        let each = graph.members_of(store, &stack.block(""), whole)?;
        Ok(Self {
            whole,
            scales,
            each,
        })
    }
}

/// From `[members, rows, inputs]` to `[members, rows, outputs]`. In training dropout drops.
fn layers(
    graph: &mut Graph,
    stack: &Stack,
    parameters: &Parameters,
    x: TensorId,
    training: bool,
) -> Result<TensorId, GraphError> {
    let mut parameters = parameters.each.iter().copied();
    let mut next = || parameters.next().expect("a part for each parameter");
    let (mut y, mut dropouts) = (x, 0);
    for layer in &stack.widest.layers {
        match layer {
            Layer::Linear { bias, .. } => {
                y = graph.matmul_transposed(y, next(), false, true)?;
                if *bias {
                    y = graph.bias_add(y, next())?;
                }
            }
            Layer::Activation { function } => y = graph.activation(y, *function)?,
            Layer::Dropout { p } => {
                if training {
                    let key = DropoutKey {
                        seed: stack.seed,
                        stream: dropouts,
                    };
                    y = graph.dropout(y, *p, key)?;
                }
                dropouts += 1;
            }
            _ => unreachable!("a stack has no other layers"),
        }
    }
    Ok(y)
}

/// One training step of all members.
pub(super) fn training(
    store: &Store,
    stack: &Stack,
    common: &Common,
    order: &str,
    decays: bool,
) -> Result<Graph, GraphError> {
    let (members, batch) = (stack.count, common.batch_size);
    let mut graph = Graph::new();
    let order = graph.stored(store, order)?;
    let (inputs, targets) = (
        graph.stored(store, "inputs")?,
        graph.stored(store, "targets")?,
    );
    let x = graph.batch(inputs, order, members * batch, 1.0)?;
    let target = graph.batch(targets, order, members * batch, 1.0)?;
    let x = graph.reshape(x, [members, batch, stack.inputs()])?;
    let parameters = Parameters::new(&mut graph, store, stack)?;
    let y = layers(&mut graph, stack, &parameters, x, true)?;
    let y = graph.reshape(y, [members * batch, stack.outputs()])?;
    let loss = common.loss.build(&mut graph, y, target)?.loss;
    // The mean over the rows of all is one over their number too small for each.
    let loss = graph.scale(loss, members as f64)?;
    let gradients = graph.differentiate(loss, &parameters.each)?;
    let decay = match decays {
        true => Some(graph.stored_block(store, &stack.block(Stack::DECAY))?),
        false => None,
    };
    // With `w = s v` and the penalty `d w² / 2`, the gradient at w is `dw + d w`, and at v s times that. Adam, to which the size
    // of a gradient is nothing but for its epsilon, takes that at w: the epsilon is then what it is for a network alone.
    let by_size = matches!(common.update, Update::Sgd { .. });
    let change = |graph: &mut Graph, dw| {
        let dw = match decay {
            Some(decay) => {
                let penalty = graph.mul(parameters.whole, decay)?;
                graph.add(dw, penalty)?
            }
            None => dw,
        };
        if by_size {
            graph.mul(dw, parameters.scales)
        } else {
            Ok(dw)
        }
    };
    graph.update_by(store, &stack.block(""), &gradients, common.update, change)?;
    Ok(graph)
}

/// The tensors of the rows that are predicted, and of the numbers by which each member gathers them.
pub(super) fn rows_of(rows: usize) -> String {
    format!("predict.{rows}")
}

pub(super) fn index_of(rows: usize, members: usize) -> String {
    format!("predict.{rows}.by.{members}")
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
    let index = graph.stored(store, &index_of(rows, stack.count))?;
    let x = graph.gather(table, index)?;
    let x = graph.reshape(x, Shape::from([stack.count, rows, stack.inputs()]))?;
    let parameters = Parameters::new(&mut graph, store, stack)?;
    let y = layers(&mut graph, stack, &parameters, x, false)?;
    let y = graph.activation(y, output)?;
    Ok((graph, y))
}

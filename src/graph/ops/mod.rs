//! The ops: one file each, with its shape rule, its gradient rule and its lowering.

mod activation;
mod bias_add;
mod binary;
mod broadcast;
mod class_loss;
mod concat;
mod copy;
mod correct;
mod dropout;
mod gather;
mod lerp;
mod log_softmax;
mod matmul;
mod max_pieces;
mod narrow;
mod noise;
mod nonfinite;
mod normalize;
mod pack;
mod pointwise_loss;
mod record;
mod reshape;
mod ruled;
mod running_moments;
mod scale;
mod scaler;
mod share;
mod slice;
mod smoothed_cross_entropy;
mod softmax;
mod softmax_cross_entropy;
mod sum;
mod update;

pub use activation::ActivationFunction;
pub use dropout::DropoutKey;
pub use ruled::{Ruled, Run};
pub use scaler::Scaling;
pub use update::Update;

pub(super) use copy::Copy;

use super::{Backward, Graph, GraphError, Lowered, Op, Origin, Tensor, TensorId};
use crate::tensor::{Element, Shape};

type Gradients = Result<Vec<Option<TensorId>>, GraphError>;
type Output = Result<(Shape, Element), GraphError>;

/// Stands in for an op while its own gradient rule runs.
#[derive(Debug)]
pub(super) struct Absent;

impl Op for Absent {
    fn name(&self) -> &'static str {
        "absent"
    }

    fn output(&self, _: &[&Tensor]) -> Output {
        unreachable!("an absent op is never applied")
    }

    fn gradient(&self, _: &mut Graph, _: &Backward) -> Gradients {
        unreachable!("an absent op is never differentiated")
    }

    fn lower(&self, _: &[&Tensor], _: &[&Tensor]) -> Lowered {
        unreachable!("an absent op is never lowered")
    }
}

/// A size as kernels count it. [`Graph::apply`] refuses tensors that are larger.
fn size(extent: usize) -> u32 {
    u32::try_from(extent).expect("a graph holds no tensor with more than u32::MAX elements")
}

/// Refuses operands that are not of the element type.
fn expect_element(op: &'static str, tensor: &Tensor, expected: Element) -> Result<(), GraphError> {
    if tensor.element == expected {
        return Ok(());
    }
    Err(GraphError::Element {
        op,
        tensor: tensor.name.clone(),
        found: tensor.element,
        expected,
    })
}

fn expect_reals(op: &'static str, tensors: &[&Tensor]) -> Result<(), GraphError> {
    tensors
        .iter()
        .try_for_each(|t| expect_element(op, t, Element::F32))
}

/// Refuses two operands whose shapes differ.
fn expect_same_shape(op: &'static str, a: &Tensor, b: &Tensor) -> Result<(), GraphError> {
    if a.shape == b.shape {
        return Ok(());
    }
    Err(GraphError::ShapeMismatch {
        op,
        lhs: a.shape.clone(),
        rhs: b.shape.clone(),
        expected: "both operands have the same shape",
    })
}

/// Refuses an axis the tensor does not have.
fn expect_axis(op: &'static str, tensor: &Tensor, axis: usize) -> Result<(), GraphError> {
    if axis < tensor.shape.rank() {
        return Ok(());
    }
    Err(GraphError::Shape {
        op,
        found: tensor.shape.clone(),
        expected: format!("a tensor that has axis {axis}"),
    })
}

/// Refuses logits and classes that do not fit: `[.., classes]` and `[..]`.
fn expect_classes(op: &'static str, logits: &Tensor, target: &Tensor) -> Result<(), GraphError> {
    expect_element(op, logits, Element::F32)?;
    expect_element(op, target, Element::U32)?;
    let fits = logits.shape.rank() >= 1
        && logits.shape.without_axis(logits.shape.rank() - 1) == target.shape;
    if fits {
        return Ok(());
    }
    Err(GraphError::ShapeMismatch {
        op,
        lhs: logits.shape.clone(),
        rhs: target.shape.clone(),
        expected: "logits [rows, classes] and one class number a row, [rows]",
    })
}

/// Refuses to write to a tensor that does not last.
fn expect_stored(op: &'static str, tensor: &Tensor) -> Result<(), GraphError> {
    match tensor.origin {
        Origin::Stored(_) => Ok(()),
        Origin::Constant(_) | Origin::Computed => Err(GraphError::NotLasting {
            op,
            tensor: tensor.name.clone(),
        }),
    }
}

/// The error of an op that only keeps books.
fn no_gradient(op: &'static str, graph: &Graph, at: &Backward, reason: &'static str) -> Gradients {
    Err(GraphError::NoGradient {
        op,
        tensor: graph.tensor(at.inputs[0]).name.clone(),
        reason,
    })
}

/// The error of a gradient's own op, for whoever builds one by hand.
fn second_derivative(op: &'static str, graph: &Graph, at: &Backward) -> Gradients {
    Err(GraphError::SecondDerivative {
        op,
        loss: graph.tensor(at.output).name.clone(),
    })
}

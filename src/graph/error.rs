//! What can be wrong with a graph.

use crate::tensor::{Element, Shape};

/// A graph that cannot be built, or a gradient that does not exist.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GraphError {
    /// Two operands do not fit together.
    #[error("{op}: shapes {lhs} and {rhs} do not fit: {expected}")]
    ShapeMismatch {
        /// The op.
        op: &'static str,
        /// The first operand's shape.
        lhs: Shape,
        /// The second operand's shape.
        rhs: Shape,
        /// What would fit.
        expected: &'static str,
    },
    /// One operand has a shape the op cannot take.
    #[error("{op}: shape {found} will not do: expected {expected}")]
    Shape {
        /// The op.
        op: &'static str,
        /// The operand's shape.
        found: Shape,
        /// What would do.
        expected: String,
    },
    /// An operand has the wrong element type.
    #[error("{op}: `{tensor}` holds {found}, expected {expected}")]
    Element {
        /// The op.
        op: &'static str,
        /// The operand.
        tensor: String,
        /// Its element type.
        found: Element,
        /// What was expected.
        expected: Element,
    },
    /// A tensor without elements.
    #[error(
        "`{tensor}` has shape {shape}, which holds no element; every extent must be at least 1"
    )]
    Empty {
        /// The tensor.
        tensor: String,
        /// Its shape.
        shape: Shape,
    },
    /// A tensor with more elements than the machine can address.
    #[error(
        "`{tensor}` of shape {shape} has more elements than can be addressed; use smaller extents"
    )]
    Unaddressable {
        /// The tensor.
        tensor: String,
        /// Its shape.
        shape: Shape,
    },
    /// A tensor with more elements than a device can count.
    #[error(
        "{op}: {elements} elements are more than the {} that a kernel can count; split the tensor",
        u32::MAX
    )]
    TooLarge {
        /// The op that would make it.
        op: &'static str,
        /// How many it has.
        elements: usize,
    },
    /// A value that makes no sense for the op.
    #[error("{op}: {name} is {value}, expected {expected}")]
    Value {
        /// The op.
        op: &'static str,
        /// The parameter.
        name: &'static str,
        /// What was given.
        value: f64,
        /// What was expected.
        expected: &'static str,
    },
    /// The gradient of something that is not one number.
    #[error(
        "the gradient is taken of a scalar, and `{tensor}` has shape {shape}; reduce it with `sum` or `mean` first"
    )]
    NotScalar {
        /// The tensor.
        tensor: String,
        /// Its shape.
        shape: Shape,
    },
    /// Integers have no gradient.
    #[error("`{tensor}` holds integers ({element}), which have no gradient")]
    IntegerGradient {
        /// The tensor.
        tensor: String,
        /// Its element type.
        element: Element,
    },
    /// The op has no gradient, or none at this operand.
    #[error("{op} has no gradient at `{tensor}`: {reason}")]
    NoGradient {
        /// The op.
        op: &'static str,
        /// The operand.
        tensor: String,
        /// Why.
        reason: &'static str,
    },
    /// The gradient of a gradient.
    #[error(
        "the second derivative is not supported: the path from `{loss}` goes through the gradient's op `{op}`"
    )]
    SecondDerivative {
        /// The op.
        op: &'static str,
        /// What was differentiated.
        loss: String,
    },
    /// The loss does not depend on the tensor.
    #[error(
        "`{loss}` does not depend on `{tensor}`, so its gradient there is zero everywhere; leave it out of `wrt`"
    )]
    Unconnected {
        /// What was differentiated.
        loss: String,
        /// The tensor.
        tensor: String,
    },
    /// An op that writes to the store was given something else.
    #[error("{op} writes to a tensor of the store, and `{tensor}` is not one")]
    NotLasting {
        /// The op.
        op: &'static str,
        /// The tensor.
        tensor: String,
    },
    /// A tensor of the store is read after a node has changed it.
    #[error(
        "{op} would read `{tensor}` as it was before a node before it overwrote it; read it earlier, or ask for it \
         again with `stored` to have it as it is now"
    )]
    Overwritten {
        /// The op.
        op: &'static str,
        /// The tensor.
        tensor: String,
    },
    /// The store has no such tensor.
    #[error("the store has no tensor `{name}`; it has: {known}")]
    NotStored {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// The store has such a tensor already.
    #[error("the store has a tensor `{name}` already")]
    NameTaken {
        /// The name.
        name: String,
    },
}

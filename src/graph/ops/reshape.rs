use super::{Gradients, Output, expect_reals};
use crate::graph::{Backward, Graph, GraphError, Lowered, Op, Tensor, TensorId};
use crate::tensor::{Element, Shape};

/// The same elements in another shape.
#[derive(Debug, Clone)]
struct Reshape(Shape);

impl Op for Reshape {
    fn name(&self) -> &'static str {
        "reshape"
    }

    fn output(&self, inputs: &[&Tensor]) -> Output {
        if inputs[0].element == Element::F16 {
            // Its padding would come to lie elsewhere.
            expect_reals(self.name(), inputs)?;
        }
        if inputs[0].shape.len() == self.0.len() {
            return Ok((self.0.clone(), inputs[0].element));
        }
        Err(GraphError::ShapeMismatch {
            op: self.name(),
            lhs: inputs[0].shape.clone(),
            rhs: self.0.clone(),
            expected: "as many elements before as after",
        })
    }

    fn gradient(&self, graph: &mut Graph, at: &Backward) -> Gradients {
        let shape = graph.shape(at.inputs[0]);
        Ok(vec![Some(graph.reshape(at.dy, shape)?)])
    }

    fn lower(&self, _: &[&Tensor], _: &[&Tensor]) -> Lowered {
        Lowered::View
    }
}

impl Graph {
    /// The same elements in another shape. It costs no step.
    ///
    /// # Errors
    /// If the shape has another number of elements.
    pub fn reshape(
        &mut self,
        x: TensorId,
        shape: impl Into<Shape>,
    ) -> Result<TensorId, GraphError> {
        let shape = shape.into();
        match self.constant_value(x) {
            _ if self.tensor(x).shape == shape => Ok(x),
            Some(value) if shape.len() == self.tensor(x).shape.len() => {
                Ok(self.constant(shape, value))
            }
            _ => self.apply(Reshape(shape), &[x]),
        }
    }
}

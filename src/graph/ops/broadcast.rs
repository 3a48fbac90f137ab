use super::{Gradients, Output, expect_reals, size};
use crate::graph::{Backward, Graph, GraphError, Lowered, Op, Tensor, TensorId};
use crate::kernel;
use crate::tensor::{Element, Shape};

/// Each element repeated along a new axis, times a factor.
#[derive(Debug, Clone)]
struct Broadcast {
    shape: Shape,
    around: [usize; 3],
    factor: f64,
}

impl Op for Broadcast {
    fn name(&self) -> &'static str {
        "broadcast"
    }

    fn output(&self, inputs: &[&Tensor]) -> Output {
        expect_reals(self.name(), inputs)?;
        let [outer, _, inner] = self.around;
        if inputs[0].shape.len() == outer * inner {
            return Ok((self.shape.clone(), Element::F32));
        }
        Err(GraphError::ShapeMismatch {
            op: self.name(),
            lhs: inputs[0].shape.clone(),
            rhs: self.shape.clone(),
            expected: "the result's shape without the new axis",
        })
    }

    fn gradient(&self, graph: &mut Graph, at: &Backward) -> Gradients {
        let dy = graph.reshape(at.dy, self.around)?;
        let summed = graph.sum_axis(dy, 1)?;
        let scaled = graph.scale(summed, self.factor)?;
        let shape = graph.shape(at.inputs[0]);
        Ok(vec![Some(graph.reshape(scaled, shape)?)])
    }

    fn lower(&self, _: &[&Tensor], _: &[&Tensor]) -> Lowered {
        let [outer, axis, inner] = self.around.map(size);
        Lowered::Kernel(
            kernel::Broadcast {
                outer,
                axis,
                inner,
                factor: self.factor,
            }
            .into(),
        )
    }
}

impl Graph {
    /// Repeats `x` along a new axis: `y[.., a, ..] = x[.., ..]` for `a < extent`.
    ///
    /// # Errors
    /// If the new axis lies behind the last one, or `x` holds integers.
    pub fn broadcast(
        &mut self,
        x: TensorId,
        axis: usize,
        extent: usize,
    ) -> Result<TensorId, GraphError> {
        let mut dims = self.tensor(x).shape.dims().to_vec();
        if axis > dims.len() {
            let found = self.shape(x);
            return Err(GraphError::Shape {
                op: "broadcast",
                found,
                expected: format!("at least {axis} axes"),
            });
        }
        dims.insert(axis, extent);
        let shape = Shape::from(dims.as_slice());
        let around = shape.around(axis);
        self.broadcast_around(x, shape, around, 1.0)
    }

    pub(super) fn broadcast_around(
        &mut self,
        x: TensorId,
        shape: Shape,
        around: [usize; 3],
        factor: f64,
    ) -> Result<TensorId, GraphError> {
        match self.constant_value(x) {
            Some(value) => Ok(self.constant(shape, factor * value)),
            None => self.apply(
                Broadcast {
                    shape,
                    around,
                    factor,
                },
                &[x],
            ),
        }
    }
}

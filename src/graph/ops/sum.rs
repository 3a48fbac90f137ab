use super::{Gradients, Output, expect_axis, expect_reals, size};
use crate::graph::{Backward, Graph, GraphError, Lowered, Op, Tensor, TensorId};
use crate::kernel;
use crate::tensor::{Element, Shape};

/// The sum along one axis or over all elements, times a factor.
#[derive(Debug, Clone, Copy)]
struct Sum {
    axis: Option<usize>,
    factor: f64,
}

impl Sum {
    fn around(self, shape: &Shape) -> [usize; 3] {
        self.axis
            .map_or_else(|| [1, shape.len(), 1], |axis| shape.around(axis))
    }
}

impl Op for Sum {
    fn name(&self) -> &'static str {
        "sum"
    }

    fn output(&self, inputs: &[&Tensor]) -> Output {
        expect_reals(self.name(), inputs)?;
        let shape = match self.axis {
            None => Shape::scalar(),
            Some(axis) => {
                expect_axis(self.name(), inputs[0], axis)?;
                inputs[0].shape.without_axis(axis)
            }
        };
        Ok((shape, Element::F32))
    }

    fn gradient(&self, graph: &mut Graph, at: &Backward) -> Gradients {
        let shape = graph.shape(at.inputs[0]);
        let around = self.around(&shape);
        Ok(vec![Some(graph.broadcast_around(
            at.dy,
            shape,
            around,
            self.factor,
        )?)])
    }

    fn lower(&self, inputs: &[&Tensor], _: &[&Tensor]) -> Lowered {
        let [outer, axis, inner] = self.around(&inputs[0].shape).map(size);
        Lowered::Kernel(
            kernel::Sum {
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
    /// The sum of all elements, a scalar.
    ///
    /// # Errors
    /// If `x` holds integers.
    pub fn sum(&mut self, x: TensorId) -> Result<TensorId, GraphError> {
        self.apply(
            Sum {
                axis: None,
                factor: 1.0,
            },
            &[x],
        )
    }

    /// The mean of all elements, a scalar.
    ///
    /// # Errors
    /// If `x` holds integers.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a tensor has fewer than 2^32 elements"
    )]
    pub fn mean(&mut self, x: TensorId) -> Result<TensorId, GraphError> {
        let factor = 1.0 / self.tensor(x).shape.len() as f64;
        self.apply(Sum { axis: None, factor }, &[x])
    }

    /// The sum along one axis, which the result no longer has.
    ///
    /// # Errors
    /// If there is no such axis, or `x` holds integers.
    pub fn sum_axis(&mut self, x: TensorId, axis: usize) -> Result<TensorId, GraphError> {
        self.apply(
            Sum {
                axis: Some(axis),
                factor: 1.0,
            },
            &[x],
        )
    }

    /// The mean along one axis, which the result no longer has.
    ///
    /// # Errors
    /// If there is no such axis, or `x` holds integers.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a tensor has fewer than 2^32 elements"
    )]
    pub fn mean_axis(&mut self, x: TensorId, axis: usize) -> Result<TensorId, GraphError> {
        expect_axis("mean", self.tensor(x), axis)?;
        let factor = 1.0 / self.tensor(x).shape.dims()[axis] as f64;
        self.apply(
            Sum {
                axis: Some(axis),
                factor,
            },
            &[x],
        )
    }
}

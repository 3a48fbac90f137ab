use super::{Gradients, Output, expect_axis, expect_reals, size};
use crate::graph::{Backward, Graph, GraphError, Lowered, Op, Tensor, TensorId};
use crate::kernel;
use crate::tensor::Element;

/// Two tensors end to end along an axis.
#[derive(Debug, Clone, Copy)]
struct Concat(usize);

impl Op for Concat {
    fn name(&self) -> &'static str {
        "concat"
    }

    fn output(&self, inputs: &[&Tensor]) -> Output {
        expect_reals(self.name(), inputs)?;
        let (a, b) = (inputs[0], inputs[1]);
        expect_axis(self.name(), a, self.0)?;
        let fits = a.shape.rank() == b.shape.rank()
            && a.shape.with_axis(self.0, 1) == b.shape.with_axis(self.0, 1);
        if !fits {
            return Err(GraphError::ShapeMismatch {
                op: self.name(),
                lhs: a.shape.clone(),
                rhs: b.shape.clone(),
                expected: "shapes that are equal but for the axis along which they are joined",
            });
        }
        Ok((
            a.shape
                .with_axis(self.0, a.shape.dims()[self.0] + b.shape.dims()[self.0]),
            Element::F32,
        ))
    }

    fn gradient(&self, graph: &mut Graph, at: &Backward) -> Gradients {
        let [a, b] = [0, 1].map(|i| graph.tensor(at.inputs[i]).shape.dims()[self.0]);
        let da = if at.needed[0] {
            Some(graph.slice(at.dy, self.0, 0, a)?)
        } else {
            None
        };
        let db = if at.needed[1] {
            Some(graph.slice(at.dy, self.0, a, b)?)
        } else {
            None
        };
        Ok(vec![da, db])
    }

    fn lower(&self, inputs: &[&Tensor], _: &[&Tensor]) -> Lowered {
        let [outer, axis_a, inner] = inputs[0].shape.around(self.0).map(size);
        let axis_b = size(inputs[1].shape.dims()[self.0]);
        Lowered::Kernel(
            kernel::Concat {
                outer,
                axis_a,
                axis_b,
                inner,
            }
            .into(),
        )
    }
}

impl Graph {
    /// `a` and `b` end to end along an axis.
    ///
    /// # Errors
    /// If the shapes differ along another axis.
    pub fn concat(
        &mut self,
        a: TensorId,
        b: TensorId,
        axis: usize,
    ) -> Result<TensorId, GraphError> {
        self.apply(Concat(axis), &[a, b])
    }
}

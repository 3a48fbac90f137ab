use super::{Gradients, Output, expect_axis, expect_reals, size};
use crate::graph::{Backward, Graph, GraphError, Lowered, Op, Tensor, TensorId};
use crate::kernel;
use crate::tensor::Element;

/// A range along an axis.
#[derive(Debug, Clone, Copy)]
struct Slice {
    axis: usize,
    start: usize,
    len: usize,
}

impl Op for Slice {
    fn name(&self) -> &'static str {
        "slice"
    }

    fn output(&self, inputs: &[&Tensor]) -> Output {
        expect_reals(self.name(), inputs)?;
        expect_axis(self.name(), inputs[0], self.axis)?;
        let shape = &inputs[0].shape;
        let end = self
            .start
            .checked_add(self.len)
            .filter(|&end| end <= shape.dims()[self.axis]);
        if end.is_none() {
            let expected = format!(
                "at least {} + {} along axis {}",
                self.start, self.len, self.axis
            );
            return Err(GraphError::Shape {
                op: self.name(),
                found: shape.clone(),
                expected,
            });
        }
        Ok((shape.with_axis(self.axis, self.len), Element::F32))
    }

    fn gradient(&self, graph: &mut Graph, at: &Backward) -> Gradients {
        let extent = graph.tensor(at.inputs[0]).shape.dims()[self.axis];
        Ok(vec![Some(graph.apply(
            Pad {
                axis: self.axis,
                start: self.start,
                extent,
            },
            &[at.dy],
        )?)])
    }

    fn lower(&self, inputs: &[&Tensor], _: &[&Tensor]) -> Lowered {
        let [outer, axis, inner] = inputs[0].shape.around(self.axis).map(size);
        let (start, len) = (size(self.start), size(self.len));
        Lowered::Kernel(
            kernel::Slice {
                outer,
                axis,
                inner,
                start,
                len,
            }
            .into(),
        )
    }
}

/// A range along an axis, zero elsewhere.
#[derive(Debug, Clone, Copy)]
struct Pad {
    axis: usize,
    start: usize,
    extent: usize,
}

impl Op for Pad {
    fn name(&self) -> &'static str {
        "pad"
    }

    fn output(&self, inputs: &[&Tensor]) -> Output {
        expect_reals(self.name(), inputs)?;
        expect_axis(self.name(), inputs[0], self.axis)?;
        let shape = &inputs[0].shape;
        let end = self
            .start
            .checked_add(shape.dims()[self.axis])
            .filter(|&end| end <= self.extent);
        if end.is_none() {
            let expected = format!(
                "at most {} - {} along axis {}",
                self.extent, self.start, self.axis
            );
            return Err(GraphError::Shape {
                op: self.name(),
                found: shape.clone(),
                expected,
            });
        }
        Ok((shape.with_axis(self.axis, self.extent), Element::F32))
    }

    fn gradient(&self, graph: &mut Graph, at: &Backward) -> Gradients {
        let len = graph.tensor(at.inputs[0]).shape.dims()[self.axis];
        Ok(vec![Some(graph.slice(at.dy, self.axis, self.start, len)?)])
    }

    fn lower(&self, inputs: &[&Tensor], outputs: &[&Tensor]) -> Lowered {
        let [outer, axis, inner] = outputs[0].shape.around(self.axis).map(size);
        let (start, len) = (size(self.start), size(inputs[0].shape.dims()[self.axis]));
        Lowered::Kernel(
            kernel::Pad {
                outer,
                axis,
                inner,
                start,
                len,
            }
            .into(),
        )
    }
}

impl Graph {
    /// The `len` positions from `start` along an axis.
    ///
    /// # Errors
    /// If the tensor has no such axis or positions.
    pub fn slice(
        &mut self,
        x: TensorId,
        axis: usize,
        start: usize,
        len: usize,
    ) -> Result<TensorId, GraphError> {
        self.apply(Slice { axis, start, len }, &[x])
    }

    /// Puts `x` at `start` along an axis of `extent`, with zeros before and behind.
    ///
    /// # Errors
    /// If it does not fit there, or there is no such axis.
    pub fn pad(
        &mut self,
        x: TensorId,
        axis: usize,
        start: usize,
        extent: usize,
    ) -> Result<TensorId, GraphError> {
        self.apply(
            Pad {
                axis,
                start,
                extent,
            },
            &[x],
        )
    }
}

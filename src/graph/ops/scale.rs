use super::{Gradients, Output, expect_reals, size};
use crate::graph::{Backward, Graph, GraphError, Lowered, Op, Tensor, TensorId};
use crate::kernel;
use crate::tensor::Element;

/// `y = factor x`.
#[derive(Debug, Clone, Copy)]
struct Scale(f64);

impl Op for Scale {
    fn name(&self) -> &'static str {
        "scale"
    }

    fn output(&self, inputs: &[&Tensor]) -> Output {
        expect_reals(self.name(), inputs)?;
        Ok((inputs[0].shape.clone(), Element::F32))
    }

    fn gradient(&self, graph: &mut Graph, at: &Backward) -> Gradients {
        Ok(vec![Some(graph.scale(at.dy, self.0)?)])
    }

    fn lower(&self, inputs: &[&Tensor], _: &[&Tensor]) -> Lowered {
        Lowered::Kernel(
            kernel::Scale {
                count: size(inputs[0].shape.len()),
                factor: self.0,
            }
            .into(),
        )
    }
}

impl Graph {
    /// `factor x`, with a number fixed when the graph is made.
    ///
    /// # Errors
    /// If `x` holds integers or the factor is not finite.
    pub fn scale(&mut self, x: TensorId, factor: f64) -> Result<TensorId, GraphError> {
        if !factor.is_finite() {
            return Err(GraphError::Value {
                op: "scale",
                name: "factor",
                value: factor,
                expected: "a finite number",
            });
        }
        match self.constant_value(x) {
            Some(value) => Ok(self.constant(self.shape(x), factor * value)),
            None if factor == 1.0 => Ok(x),
            None => self.apply(Scale(factor), &[x]),
        }
    }
}

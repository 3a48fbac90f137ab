use super::{Gradients, Output, expect_reals, expect_same_shape, size};
use crate::graph::{Backward, Graph, GraphError, Lowered, Op, Tensor, TensorId};
use crate::kernel::{self, BinaryKind};
use crate::tensor::Element;

/// `y = a + b`, `a - b` or `a * b`, element by element.
#[derive(Debug, Clone, Copy)]
struct Binary(BinaryKind);

impl Op for Binary {
    fn name(&self) -> &'static str {
        match self.0 {
            BinaryKind::Add => "add",
            BinaryKind::Sub => "sub",
            BinaryKind::Mul => "mul",
        }
    }

    fn output(&self, inputs: &[&Tensor]) -> Output {
        expect_reals(self.name(), inputs)?;
        expect_same_shape(self.name(), inputs[0], inputs[1])?;
        Ok((inputs[0].shape.clone(), Element::F32))
    }

    fn gradient(&self, graph: &mut Graph, at: &Backward) -> Gradients {
        let (a, b, dy) = (at.inputs[0], at.inputs[1], at.dy);
        Ok(match self.0 {
            BinaryKind::Add => vec![Some(dy), Some(dy)],
            BinaryKind::Sub => vec![
                Some(dy),
                if at.needed[1] {
                    Some(graph.scale(dy, -1.0)?)
                } else {
                    None
                },
            ],
            BinaryKind::Mul => vec![
                if at.needed[0] {
                    Some(graph.mul(dy, b)?)
                } else {
                    None
                },
                if at.needed[1] {
                    Some(graph.mul(dy, a)?)
                } else {
                    None
                },
            ],
        })
    }

    fn lower(&self, inputs: &[&Tensor], _: &[&Tensor]) -> Lowered {
        Lowered::Kernel(
            kernel::Binary {
                kind: self.0,
                count: size(inputs[0].shape.len()),
            }
            .into(),
        )
    }
}

impl Graph {
    /// `a + b`, element by element.
    ///
    /// # Errors
    /// If the shapes differ.
    pub fn add(&mut self, a: TensorId, b: TensorId) -> Result<TensorId, GraphError> {
        match (self.constant_value(a), self.constant_value(b)) {
            (Some(x), Some(y)) if self.shape(a) == self.shape(b) => {
                Ok(self.constant(self.shape(a), x + y))
            }
            _ => self.apply(Binary(BinaryKind::Add), &[a, b]),
        }
    }

    /// `a - b`, element by element.
    ///
    /// # Errors
    /// If the shapes differ.
    pub fn sub(&mut self, a: TensorId, b: TensorId) -> Result<TensorId, GraphError> {
        self.apply(Binary(BinaryKind::Sub), &[a, b])
    }

    /// `a * b`, element by element.
    ///
    /// # Errors
    /// If the shapes differ.
    pub fn mul(&mut self, a: TensorId, b: TensorId) -> Result<TensorId, GraphError> {
        if self.shape(a) == self.shape(b) {
            if let Some(factor) = self.constant_value(a) {
                return self.scale(b, factor);
            }
            if let Some(factor) = self.constant_value(b) {
                return self.scale(a, factor);
            }
        }
        self.apply(Binary(BinaryKind::Mul), &[a, b])
    }
}

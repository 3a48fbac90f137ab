use super::{Gradients, Output, expect_reals, second_derivative, size};
use crate::graph::{Backward, Graph, GraphError, Lowered, Op, Tensor, TensorId};
use crate::kernel;
use crate::tensor::Element;

/// The largest of each so many neighbours in a row.
#[derive(Debug, Clone, Copy)]
struct MaxPieces {
    pieces: usize,
}

impl Op for MaxPieces {
    fn name(&self) -> &'static str {
        "max_pieces"
    }

    fn output(&self, inputs: &[&Tensor]) -> Output {
        expect_reals(self.name(), inputs)?;
        match *inputs[0].shape.dims() {
            [rows, columns] if self.pieces > 0 && columns.is_multiple_of(self.pieces) => {
                Ok(([rows, columns / self.pieces].into(), Element::F32))
            }
            _ => Err(GraphError::Shape {
                op: self.name(),
                found: inputs[0].shape.clone(),
                expected: format!("[rows, columns] with columns a multiple of {}", self.pieces),
            }),
        }
    }

    fn gradient(&self, graph: &mut Graph, at: &Backward) -> Gradients {
        let gradient = graph.apply(MaxPiecesGrad(*self), &[at.inputs[0], at.dy])?;
        Ok(vec![Some(gradient)])
    }

    fn lower(&self, inputs: &[&Tensor], _: &[&Tensor]) -> Lowered {
        let count = size(inputs[0].shape.len() / self.pieces);
        let pieces = size(self.pieces);
        Lowered::Kernel(kernel::MaxPieces { count, pieces }.into())
    }
}

#[derive(Debug, Clone, Copy)]
struct MaxPiecesGrad(MaxPieces);

impl Op for MaxPiecesGrad {
    fn name(&self) -> &'static str {
        "max_pieces_grad"
    }

    fn output(&self, inputs: &[&Tensor]) -> Output {
        Ok((inputs[0].shape.clone(), Element::F32))
    }

    fn gradient(&self, graph: &mut Graph, at: &Backward) -> Gradients {
        second_derivative(self.name(), graph, at)
    }

    fn lower(&self, inputs: &[&Tensor], _: &[&Tensor]) -> Lowered {
        let (count, pieces) = (size(inputs[1].shape.len()), size(self.0.pieces));
        Lowered::Kernel(kernel::MaxPiecesGrad { count, pieces }.into())
    }
}

impl Graph {
    /// The largest of each `pieces` neighbouring columns: from `[rows, outputs * pieces]` to `[rows, outputs]`. Of equal
    /// ones the first has the gradient.
    ///
    /// # Errors
    /// If the columns are no multiple of `pieces`.
    pub fn max_pieces(&mut self, x: TensorId, pieces: usize) -> Result<TensorId, GraphError> {
        self.apply(MaxPieces { pieces }, &[x])
    }
}

use super::{Gradients, Output, expect_reals, size};
use crate::graph::{Backward, Graph, GraphError, Lowered, Op, Tensor, TensorId};
use crate::kernel;
use crate::tensor::Element;

/// A copy in half precision.
#[derive(Debug, Clone, Copy)]
struct Narrow;

impl Op for Narrow {
    fn name(&self) -> &'static str {
        "narrow"
    }

    fn output(&self, inputs: &[&Tensor]) -> Output {
        expect_reals(self.name(), inputs)?;
        let shape = &inputs[0].shape;
        if (2..=3).contains(&shape.rank()) {
            return Ok((shape.clone(), Element::F16));
        }
        Err(GraphError::Shape {
            op: self.name(),
            found: shape.clone(),
            expected: "a matrix, or matrices with a leading group axis".to_owned(),
        })
    }

    /// As if nothing were rounded: gradients are f32 all the way, so there is nothing to do.
    fn gradient(&self, _: &mut Graph, at: &Backward) -> Gradients {
        Ok(vec![Some(at.dy)])
    }

    fn lower(&self, inputs: &[&Tensor], _: &[&Tensor]) -> Lowered {
        let [groups, rows, columns] = match *inputs[0].shape.dims() {
            [rows, columns] => [1, rows, columns],
            [groups, rows, columns] => [groups, rows, columns],
            _ => unreachable!("the shape rule has accepted matrices alone"),
        }
        .map(size);
        Lowered::Kernel(
            kernel::Narrow {
                groups,
                rows,
                columns,
            }
            .into(),
        )
    }
}

impl Graph {
    /// A copy of a matrix, or of matrices, in half precision: an operand of products. Asked for again, it is the same.
    ///
    /// # Errors
    /// If `x` holds integers or is no matrix.
    pub fn narrow(&mut self, x: TensorId) -> Result<TensorId, GraphError> {
        if self.tensor(x).element == Element::F16 {
            return Ok(x);
        }
        let copies = |n: &&crate::graph::Node| n.op.name() == "narrow" && n.inputs == [x];
        match self.nodes.iter().rev().find(copies) {
            Some(known) => Ok(known.outputs[0]),
            None => self.apply(Narrow, &[x]),
        }
    }
}

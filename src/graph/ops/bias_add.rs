use super::{Gradients, Output, expect_reals, size};
use crate::graph::{Backward, Graph, GraphError, Lowered, Op, Tensor, TensorId};
use crate::kernel;
use crate::tensor::{Element, Shape};

/// `y = x + b`, one `b` to each row: `[rows, columns] + [columns]`, or in groups
/// `[groups, rows, columns] + [groups, columns]`.
#[derive(Debug, Clone, Copy)]
struct BiasAdd;

/// Groups, rows and columns; `None` if the shapes do not fit.
fn sizes(x: &Shape, b: &Shape) -> Option<[usize; 3]> {
    match (x.dims(), b.dims()) {
        (&[rows, columns], &[c]) if columns == c => Some([1, rows, columns]),
        (&[groups, rows, columns], &[g, c]) if columns == c && groups == g => {
            Some([groups, rows, columns])
        }
        _ => None,
    }
}

impl Op for BiasAdd {
    fn name(&self) -> &'static str {
        "bias_add"
    }

    fn output(&self, inputs: &[&Tensor]) -> Output {
        expect_reals(self.name(), inputs)?;
        let (x, b) = (inputs[0], inputs[1]);
        match sizes(&x.shape, &b.shape) {
            Some(_) => Ok((x.shape.clone(), Element::F32)),
            None => Err(GraphError::ShapeMismatch {
                op: self.name(),
                lhs: x.shape.clone(),
                rhs: b.shape.clone(),
                expected: "[rows, columns] and [columns], or [groups, rows, columns] and [groups, columns]",
            }),
        }
    }

    /// `dx = dy` and `db = Σ dy` over the rows.
    fn gradient(&self, graph: &mut Graph, at: &Backward) -> Gradients {
        let rows = graph.tensor(at.dy).shape.rank() - 2;
        let db = if at.needed[1] {
            Some(graph.sum_axis(at.dy, rows)?)
        } else {
            None
        };
        Ok(vec![Some(at.dy), db])
    }

    fn lower(&self, inputs: &[&Tensor], _: &[&Tensor]) -> Lowered {
        let sizes = sizes(&inputs[0].shape, &inputs[1].shape);
        let [groups, rows, columns] = sizes
            .expect("the shape rule has accepted these shapes")
            .map(size);
        Lowered::Kernel(
            kernel::BiasAdd {
                groups,
                rows,
                columns,
            }
            .into(),
        )
    }
}

impl Graph {
    /// `x + b` with one `b` for all rows: `[rows, columns] + [columns]`, or `[groups, rows, columns] + [groups, columns]`.
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub fn bias_add(&mut self, x: TensorId, b: TensorId) -> Result<TensorId, GraphError> {
        self.apply(BiasAdd, &[x, b])
    }
}

use super::{Gradients, Output, expect_reals, expect_stored, no_gradient, size};
use crate::graph::{Backward, Graph, GraphError, Lowered, Op, Tensor, TensorId};
use crate::kernel;
use crate::tensor::Element;

/// Writes one row of a log in the store.
#[derive(Debug, Clone, Copy)]
struct Record;

impl Op for Record {
    fn name(&self) -> &'static str {
        "record"
    }

    fn output(&self, inputs: &[&Tensor]) -> Output {
        Ok((inputs[0].shape.clone(), Element::F32))
    }

    fn gradient(&self, graph: &mut Graph, at: &Backward) -> Gradients {
        no_gradient(self.name(), graph, at, "it writes to the store")
    }

    fn lower(&self, inputs: &[&Tensor], outputs: &[&Tensor]) -> Lowered {
        let (slots, columns) = (
            size(outputs[0].shape.dims()[0]),
            size(inputs[0].shape.len()),
        );
        Lowered::Kernel(
            kernel::Record {
                slots,
                columns,
                slot: 0,
                first_slot: 0,
            }
            .into(),
        )
    }
}

impl Graph {
    /// Writes `x` `[columns]` (or a scalar) as one row of the stored `log` `[slots, columns]`: the row that the
    /// [`Tick`](crate::kernel::Tick)'s `slot` says.
    ///
    /// # Errors
    /// If `log` is not stored or its rows have another length.
    pub fn record(&mut self, x: TensorId, log: TensorId) -> Result<(), GraphError> {
        expect_reals("record", &[self.tensor(x), self.tensor(log)])?;
        expect_stored("record", self.tensor(log))?;
        let fits = matches!(self.tensor(log).shape.dims(), &[_, columns] if columns == self.tensor(x).shape.len());
        if !fits {
            return Err(GraphError::ShapeMismatch {
                op: "record",
                lhs: self.shape(x),
                rhs: self.shape(log),
                expected: "[columns] and a log [slots, columns]",
            });
        }
        self.push_node(Box::new(Record), vec![x], vec![log])
    }
}

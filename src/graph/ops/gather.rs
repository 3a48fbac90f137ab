use super::{Gradients, Output, expect_element, second_derivative, size};
use crate::graph::{Backward, Graph, GraphError, Lowered, Op, Tensor, TensorId};
use crate::kernel;
use crate::tensor::{Element, Shape};

/// Rows of a table, in the order of an index.
#[derive(Debug, Clone, Copy)]
struct Gather {
    rows: usize,
    batch: bool,
    factor: f64,
}

/// The table's rows, and the length of one.
fn table_size(table: &Shape) -> [usize; 2] {
    let rows = table.dims()[0];
    [rows, table.len() / rows]
}

impl Op for Gather {
    fn name(&self) -> &'static str {
        "gather"
    }

    fn output(&self, inputs: &[&Tensor]) -> Output {
        let (table, index) = (inputs[0], inputs[1]);
        expect_element(self.name(), index, Element::U32)?;
        if table.element == Element::F16 {
            expect_element(self.name(), table, Element::F32)?;
        }
        if table.shape.rank() == 0 || index.shape.rank() != 1 || self.rows > index.shape.len() {
            return Err(GraphError::ShapeMismatch {
                op: self.name(),
                lhs: table.shape.clone(),
                rhs: index.shape.clone(),
                expected: "a table [rows, ..] and an index with at least as many row numbers as rows are gathered",
            });
        }
        let element = if table.element == Element::U32 {
            Element::U32
        } else {
            Element::F32
        };
        Ok((table.shape.with_axis(0, self.rows), element))
    }

    fn addresses_rows(&self) -> bool {
        true
    }

    fn gradient(&self, graph: &mut Graph, at: &Backward) -> Gradients {
        let (table, index) = (graph.tensor(at.inputs[0]), graph.tensor(at.inputs[1]));
        if self.batch || index.shape.len() != self.rows {
            return Err(GraphError::NoGradient {
                op: self.name(),
                tensor: table.name.clone(),
                reason: "a batch is data; gather with an index of its own to learn a table",
            });
        }
        let shape = table.shape.clone();
        Ok(vec![
            Some(graph.apply(GatherGrad(shape), &[at.dy, at.inputs[1]])?),
            None,
        ])
    }

    fn lower(&self, inputs: &[&Tensor], _: &[&Tensor]) -> Lowered {
        let [table_rows, columns] = table_size(&inputs[0].shape).map(size);
        let (element, indices) = (inputs[0].element, size(inputs[1].shape.len()));
        let &Self {
            batch,
            factor,
            rows,
        } = self;
        let rows = size(rows);
        Lowered::Kernel(
            kernel::Gather {
                element,
                first_row: 0,
                table_rows,
                rows,
                columns,
                indices,
                start: 0,
                batch,
                skip: 0,
                factor,
            }
            .into(),
        )
    }
}

/// The gradient at the table: rows gathered more than once get the sum.
#[derive(Debug, Clone)]
struct GatherGrad(Shape);

impl Op for GatherGrad {
    fn name(&self) -> &'static str {
        "gather_grad"
    }

    fn output(&self, _: &[&Tensor]) -> Output {
        Ok((self.0.clone(), Element::F32))
    }

    fn gradient(&self, graph: &mut Graph, at: &Backward) -> Gradients {
        second_derivative(self.name(), graph, at)
    }

    fn lower(&self, inputs: &[&Tensor], _: &[&Tensor]) -> Lowered {
        let [table_rows, columns] = table_size(&self.0).map(size);
        let rows = size(inputs[1].shape.len());
        Lowered::Kernel(
            kernel::GatherGrad {
                first_row: 0,
                table_rows,
                rows,
                columns,
            }
            .into(),
        )
    }
}

impl Graph {
    /// The rows of `table` that `index` names: a table `[n, ..]` and an index `[rows]` give `[rows, ..]`. Bytes become
    /// reals. A row number outside the table gives zeros.
    ///
    /// # Errors
    /// If the index does not hold integers, or the shapes do not fit.
    pub fn gather(&mut self, table: TensorId, index: TensorId) -> Result<TensorId, GraphError> {
        let rows = self.tensor(index).shape.len();
        self.apply(
            Gather {
                rows,
                batch: false,
                factor: 1.0,
            },
            &[table, index],
        )
    }

    /// The next batch of a data set: `rows` rows of `table`, by the entries of `order` from the
    /// [`Tick`](crate::kernel::Tick)'s `start` on. Bytes become reals, times `factor`.
    ///
    /// # Errors
    /// If the order does not hold integers, or has fewer than `rows`.
    pub fn batch(
        &mut self,
        table: TensorId,
        order: TensorId,
        rows: usize,
        factor: f64,
    ) -> Result<TensorId, GraphError> {
        self.apply(
            Gather {
                rows,
                batch: true,
                factor,
            },
            &[table, order],
        )
    }
}

use super::{Gradients, Output, expect_classes, no_gradient, size};
use crate::graph::{Backward, Graph, GraphError, Lowered, Op, Tensor, TensorId};
use crate::kernel;
use crate::tensor::Element;

/// 1 for each row whose largest element is at the class.
#[derive(Debug, Clone, Copy)]
struct Correct;

impl Op for Correct {
    fn name(&self) -> &'static str {
        "correct"
    }

    fn output(&self, inputs: &[&Tensor]) -> Output {
        expect_classes(self.name(), inputs[0], inputs[1])?;
        Ok((inputs[1].shape.clone(), Element::F32))
    }

    fn gradient(&self, graph: &mut Graph, at: &Backward) -> Gradients {
        no_gradient(
            self.name(),
            graph,
            at,
            "it counts, and does not change smoothly",
        )
    }

    fn lower(&self, inputs: &[&Tensor], _: &[&Tensor]) -> Lowered {
        let [rows, columns] = inputs[0].shape.rows_columns().map(size);
        Lowered::Kernel(kernel::Correct { rows, columns }.into())
    }
}

impl Graph {
    /// 1 for each row of `x` `[rows, classes]` whose first largest element is at `target` `[rows]`, else 0.
    ///
    /// # Errors
    /// If the shapes or element types do not fit.
    pub fn correct(&mut self, x: TensorId, target: TensorId) -> Result<TensorId, GraphError> {
        self.apply(Correct, &[x, target])
    }
}

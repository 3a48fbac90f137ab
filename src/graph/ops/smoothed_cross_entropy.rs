use super::{Gradients, Output, expect_classes, expect_reals, second_derivative, size};
use crate::graph::{Backward, Graph, GraphError, Lowered, Op, Tensor, TensorId};
use crate::kernel;
use crate::tensor::Element;

/// The loss of each row, from logits `[rows, classes]`, class numbers `[rows]` and weights `[classes]`.
#[derive(Debug, Clone, Copy)]
struct SmoothedCrossEntropy {
    smoothing: f64,
}

impl Op for SmoothedCrossEntropy {
    fn name(&self) -> &'static str {
        "smoothed_cross_entropy"
    }

    fn output(&self, inputs: &[&Tensor]) -> Output {
        expect_classes(self.name(), inputs[0], inputs[1])?;
        expect_reals(self.name(), &inputs[2..])?;
        let [_, classes] = inputs[0].shape.rows_columns();
        if inputs[2].shape.dims() != [classes] {
            return Err(GraphError::ShapeMismatch {
                op: self.name(),
                lhs: inputs[0].shape.clone(),
                rhs: inputs[2].shape.clone(),
                expected: "logits [rows, classes] and one weight a class, [classes]",
            });
        }
        Ok((inputs[1].shape.clone(), Element::F32))
    }

    fn gradient(&self, graph: &mut Graph, at: &Backward) -> Gradients {
        if at.needed[2] {
            return Err(GraphError::NoGradient {
                op: self.name(),
                tensor: graph.tensor(at.inputs[2]).name.clone(),
                reason: "weights of classes are given, not learnt",
            });
        }
        let gradient = SmoothedCrossEntropyGrad {
            smoothing: self.smoothing,
        };
        let [x, target, weights] = [0, 1, 2].map(|i| at.inputs[i]);
        let dx = graph.apply(gradient, &[x, target, weights, at.dy])?;
        Ok(vec![Some(dx), None, None])
    }

    fn lower(&self, inputs: &[&Tensor], _: &[&Tensor]) -> Lowered {
        let [rows, columns] = inputs[0].shape.rows_columns().map(size);
        let kernel = kernel::SmoothedCrossEntropy {
            rows,
            columns,
            smoothing: self.smoothing,
        };
        Lowered::Kernel(kernel.into())
    }
}

/// Its gradient at the logits.
#[derive(Debug, Clone, Copy)]
struct SmoothedCrossEntropyGrad {
    smoothing: f64,
}

impl Op for SmoothedCrossEntropyGrad {
    fn name(&self) -> &'static str {
        "smoothed_cross_entropy_grad"
    }

    fn output(&self, inputs: &[&Tensor]) -> Output {
        Ok((inputs[0].shape.clone(), Element::F32))
    }

    fn gradient(&self, graph: &mut Graph, at: &Backward) -> Gradients {
        second_derivative(self.name(), graph, at)
    }

    fn lower(&self, inputs: &[&Tensor], _: &[&Tensor]) -> Lowered {
        let [rows, columns] = inputs[0].shape.rows_columns().map(size);
        let kernel = kernel::SmoothedCrossEntropyGrad {
            rows,
            columns,
            smoothing: self.smoothing,
        };
        Lowered::Kernel(kernel.into())
    }
}

impl Graph {
    /// Softmax cross-entropy of each row with smoothed labels: of each label the share `smoothing` is given to all classes
    /// alike, and the part of each class counts by its weight. Logits `[rows, classes]`, class numbers `[rows]` and weights
    /// `[classes]` give losses `[rows]`. Their sum over the sum of the weights of the labels is PyTorch's
    /// `CrossEntropyLoss(weight, label_smoothing)`.
    ///
    /// # Errors
    /// If the shapes or element types do not fit, or the smoothing is not from 0 to 1.
    pub fn smoothed_cross_entropy(
        &mut self,
        logits: TensorId,
        target: TensorId,
        weights: TensorId,
        smoothing: f64,
    ) -> Result<TensorId, GraphError> {
        if !(0.0..=1.0).contains(&smoothing) {
            return Err(GraphError::Value {
                op: "smoothed_cross_entropy",
                name: "smoothing",
                value: smoothing,
                expected: "a number from 0 to 1",
            });
        }
        self.apply(
            SmoothedCrossEntropy { smoothing },
            &[logits, target, weights],
        )
    }
}

use super::normalize::{expect_shape, matrix};
use super::{Gradients, Output, expect_reals, expect_stored, no_gradient, size};
use crate::graph::{Backward, Graph, GraphError, Lowered, Op, Phase, Tensor, TensorId};
use crate::kernel;
use crate::tensor::Element;

/// The running mean and variance, changed in place.
#[derive(Debug, Clone, Copy)]
struct RunningMoments {
    momentum: f64,
    correction: f64,
}

impl Op for RunningMoments {
    fn name(&self) -> &'static str {
        "running_moments"
    }

    fn output(&self, inputs: &[&Tensor]) -> Output {
        Ok((inputs[0].shape.clone(), Element::F32))
    }

    fn gradient(&self, graph: &mut Graph, at: &Backward) -> Gradients {
        no_gradient(self.name(), graph, at, "it writes to the store")
    }

    fn lower(&self, inputs: &[&Tensor], _: &[&Tensor]) -> Lowered {
        let columns = size(inputs[0].shape.dims()[1]);
        let &Self {
            momentum,
            correction,
        } = self;
        Lowered::Kernel(
            kernel::RunningMoments {
                columns,
                momentum,
                correction,
            }
            .into(),
        )
    }
}

impl Graph {
    /// Moves the stored running `mean` and `variance` `[columns]` towards the `moments` of a batch of so many rows, by the
    /// share `momentum`; the variance as an unbiased estimate, as PyTorch's `BatchNorm1d` does.
    ///
    /// # Errors
    /// If they are not stored, or the shapes do not fit.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a tensor has fewer than 2^32 rows"
    )]
    pub fn track_moments(
        &mut self,
        moments: TensorId,
        [mean, variance]: [TensorId; 2],
        momentum: f64,
        rows: usize,
    ) -> Result<(), GraphError> {
        let op = "running_moments";
        let [_, columns] = matrix(op, self.tensor(moments))?;
        for running in [mean, variance] {
            expect_stored(op, self.tensor(running))?;
            expect_reals(op, &[self.tensor(running)])?;
            expect_shape(op, self.tensor(running), &[columns])?;
        }
        let rows = rows as f64;
        let correction = rows / (rows - 1.0);
        let phase = self.phase;
        self.phase = Phase::Update;
        let update = RunningMoments {
            momentum,
            correction,
        };
        let pushed = self.push_node(Box::new(update), vec![moments], vec![mean, variance]);
        self.phase = phase;
        pushed
    }
}

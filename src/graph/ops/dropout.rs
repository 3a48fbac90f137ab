use super::{Gradients, Output, expect_reals, size};
use crate::graph::{Backward, Graph, GraphError, Lowered, Op, Tensor, TensorId};
use crate::kernel;
use crate::tensor::Element;

/// What decides which units a dropout layer drops, together with the number of the training step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DropoutKey {
    /// The run's seed.
    pub seed: u64,
    /// The layer's stream, different for each dropout layer; see [`crate::random::stream`].
    pub stream: u32,
}

/// Inverted dropout.
#[derive(Debug, Clone, Copy)]
struct Dropout {
    p: f64,
    key: DropoutKey,
}

impl Op for Dropout {
    fn name(&self) -> &'static str {
        "dropout"
    }

    fn output(&self, inputs: &[&Tensor]) -> Output {
        expect_reals(self.name(), inputs)?;
        Ok((inputs[0].shape.clone(), Element::F32))
    }

    /// The same units of `dy` are kept, so the gradient is the op itself.
    fn gradient(&self, graph: &mut Graph, at: &Backward) -> Gradients {
        Ok(vec![Some(graph.apply(*self, &[at.dy])?)])
    }

    fn lower(&self, inputs: &[&Tensor], _: &[&Tensor]) -> Lowered {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "0 <= p < 1, so it saturates at most"
        )]
        let threshold = (self.p * 4_294_967_296.0).round() as u32;
        let count = size(inputs[0].shape.len());
        let (factor, DropoutKey { seed, stream }) = (1.0 / (1.0 - self.p), self.key);
        Lowered::Kernel(
            kernel::Dropout {
                count,
                offset: 0,
                threshold,
                factor,
                seed,
                stream,
                step: 0,
            }
            .into(),
        )
    }
}

impl Graph {
    /// Sets each element to 0 with probability `p` and divides the others by `1 - p`, by the key and the step of the
    /// [`Tick`](crate::kernel::Tick).
    ///
    /// # Errors
    /// If `p` is not at least 0 and below 1.
    pub fn dropout(
        &mut self,
        x: TensorId,
        p: f64,
        key: DropoutKey,
    ) -> Result<TensorId, GraphError> {
        if !(0.0..1.0).contains(&p) {
            let expected = "a probability of at least 0 and below 1";
            return Err(GraphError::Value {
                op: "dropout",
                name: "p",
                value: p,
                expected,
            });
        }
        if p == 0.0 {
            Ok(x)
        } else {
            self.apply(Dropout { p, key }, &[x])
        }
    }
}

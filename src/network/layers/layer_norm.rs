use super::{At, Build, Lasting, Rule};
use crate::graph::{GraphError, TensorId};
use crate::network::NetworkError;

/// Layer normalisation: of each row by itself, always.
pub(super) struct LayerNorm {
    pub(super) epsilon: f64,
}

impl Rule for LayerNorm {
    fn check(&self, at: At, _: usize) -> Result<(), NetworkError> {
        at.check_epsilon(self.epsilon)
    }

    fn has_parameters(&self) -> bool {
        true
    }

    fn declare(&self, prefix: &str, inputs: usize, lasting: &mut Lasting) {
        lasting.scale_and_shift(prefix, inputs);
    }

    fn forward(
        &self,
        build: &mut Build<'_>,
        prefix: &str,
        x: TensorId,
    ) -> Result<TensorId, GraphError> {
        let gamma = build.stored(prefix, "weight")?;
        let beta = build.stored(prefix, "bias")?;
        build.graph.layer_norm(x, gamma, beta, self.epsilon)
    }
}

use super::{At, Build, Lasting, Rule};
use crate::graph::{GraphError, TensorId};
use crate::network::NetworkError;

/// `y = x wᵀ + b`
pub(super) struct Linear {
    pub(super) outputs: usize,
    pub(super) bias: bool,
}

impl Rule for Linear {
    fn outputs(&self, _: usize) -> usize {
        self.outputs
    }

    fn check(&self, at: At, _: usize) -> Result<(), NetworkError> {
        let At { index, .. } = at;
        match self.outputs {
            0 => Err(NetworkError::NoUnits { index }),
            _ => Ok(()),
        }
    }

    fn has_parameters(&self) -> bool {
        true
    }

    fn declare(&self, prefix: &str, inputs: usize, lasting: &mut Lasting) {
        lasting.linear(prefix, inputs, self.outputs, self.bias);
    }

    fn forward(
        &self,
        build: &mut Build<'_>,
        prefix: &str,
        x: TensorId,
    ) -> Result<TensorId, GraphError> {
        build.linear(prefix, x, self.bias)
    }

    fn width(&self) -> Option<String> {
        Some(self.outputs.to_string())
    }
}

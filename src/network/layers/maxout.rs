use super::{At, Build, Lasting, Rule};
use crate::graph::{GraphError, TensorId};
use crate::network::NetworkError;

/// A linear map, and the largest of each so many neighbouring columns of it.
pub(super) struct Maxout {
    pub(super) outputs: usize,
    pub(super) pieces: usize,
}

impl Rule for Maxout {
    fn outputs(&self, _: usize) -> usize {
        self.outputs
    }

    fn check(&self, at: At, _: usize) -> Result<(), NetworkError> {
        let At { index, .. } = at;
        if self.outputs == 0 {
            return Err(NetworkError::NoUnits { index });
        }
        let columns = self.outputs.checked_mul(self.pieces);
        match columns.filter(|&columns| u32::try_from(columns).is_ok()) {
            Some(0) => Err(at.value("the number of maxout's pieces", 0, "at least 1")),
            Some(_) => Ok(()),
            None => {
                let found = format!("{} for {} units", self.pieces, self.outputs);
                let expected = "fewer than 2^32 of all units together";
                Err(at.value("the number of maxout's pieces", found, expected))
            }
        }
    }

    fn has_parameters(&self) -> bool {
        true
    }

    fn declare(&self, prefix: &str, inputs: usize, lasting: &mut Lasting) {
        lasting.linear(prefix, inputs, self.outputs * self.pieces, true);
    }

    fn forward(
        &self,
        build: &mut Build<'_>,
        prefix: &str,
        x: TensorId,
    ) -> Result<TensorId, GraphError> {
        let z = build.linear(prefix, x, true)?;
        build.graph.max_pieces(z, self.pieces)
    }

    fn width(&self) -> Option<String> {
        Some(self.outputs.to_string())
    }
}

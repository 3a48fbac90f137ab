use super::{At, Build, DEEPEST, Lasting, Rule};
use crate::graph::{GraphError, TensorId};
use crate::network::{Layer, NetworkError};

/// `y = x + f(x)`, with `f` the layers of the block.
pub(super) struct Residual<'a> {
    pub(super) layers: &'a [Layer],
}

impl Rule for Residual<'_> {
    fn check(&self, at: At, inputs: usize) -> Result<(), NetworkError> {
        let (index, depth) = (at.index, at.depth + 1);
        if depth > DEEPEST {
            let expected = "at most 8 blocks in each other";
            return Err(at.value("the depth of its residual blocks", depth, expected));
        }
        if self.layers.is_empty() {
            let expected = "at least 1";
            return Err(at.value("the number of layers in its residual block", 0, expected));
        }
        let outputs = super::check(self.layers, inputs, |_| At { index, depth })?;
        if outputs == inputs {
            Ok(())
        } else {
            Err(NetworkError::Residual {
                index,
                inputs,
                outputs,
            })
        }
    }

    fn has_parameters(&self) -> bool {
        self.layers.iter().any(|l| l.rule().has_parameters())
    }

    fn declare(&self, prefix: &str, inputs: usize, lasting: &mut Lasting) {
        super::declare(self.layers, prefix, inputs, lasting);
    }

    fn forward(
        &self,
        build: &mut Build<'_>,
        prefix: &str,
        x: TensorId,
    ) -> Result<TensorId, GraphError> {
        build.depth += 1;
        let y = build.layers(self.layers, prefix, x);
        build.depth -= 1;
        build.graph.add(x, y?)
    }

    fn width(&self) -> Option<String> {
        let widths = super::widths(self.layers);
        (!widths.is_empty()).then(|| format!("({})", widths.join("-")))
    }

    fn least_rows(&self) -> usize {
        super::least_rows(self.layers)
    }
}

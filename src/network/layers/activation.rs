use super::{Build, Rule};
use crate::graph::{GraphError, TensorId};
use crate::network::Activation;

/// A function of each unit, or the softmax of all.
pub(super) struct Function(pub(super) Activation);

impl Rule for Function {
    fn forward(&self, build: &mut Build<'_>, _: &str, x: TensorId) -> Result<TensorId, GraphError> {
        build.graph.activation(x, self.0)
    }
}

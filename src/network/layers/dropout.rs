use super::{At, Build, Rule};
use crate::graph::{GraphError, TensorId};
use crate::network::NetworkError;
use crate::random::stream;

/// Inverted dropout while training: kept units are divided by `1 - p`.
pub(super) struct Dropout {
    pub(super) p: f64,
}

impl Rule for Dropout {
    fn check(&self, at: At, _: usize) -> Result<(), NetworkError> {
        let (&Self { p }, At { index, .. }) = (self, at);
        if (0.0..1.0).contains(&p) {
            Ok(())
        } else {
            Err(NetworkError::Dropout { index, p })
        }
    }

    fn forward(&self, build: &mut Build<'_>, _: &str, x: TensorId) -> Result<TensorId, GraphError> {
        let key = build.key(stream::DROPOUT | build.dropouts);
        build.dropouts += 1;
        match key {
            Some(key) => build.graph.dropout(x, self.p, key),
            None => Ok(x),
        }
    }
}

use super::{At, Build, Rule};
use crate::graph::{GraphError, TensorId};
use crate::network::NetworkError;
use crate::random::stream;

/// Normal noise while training.
pub(super) struct Noise {
    pub(super) std: f64,
}

impl Rule for Noise {
    fn check(&self, at: At, _: usize) -> Result<(), NetworkError> {
        if (0.0..=f64::from(f32::MAX)).contains(&self.std) {
            return Ok(());
        }
        let expected = "a finite number of at least 0";
        Err(at.value("the standard deviation of the noise", self.std, expected))
    }

    fn forward(&self, build: &mut Build<'_>, _: &str, x: TensorId) -> Result<TensorId, GraphError> {
        let key = build.key(stream::NOISE | build.noises);
        build.noises += 1;
        match key {
            Some(key) => build.graph.noise(x, self.std, key),
            None => Ok(x),
        }
    }
}

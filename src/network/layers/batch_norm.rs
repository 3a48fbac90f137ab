use super::{At, Build, Lasting, Rule};
use crate::graph::{GraphError, TensorId};
use crate::network::{Mode, NetworkError};

/// Batch normalisation: by the batch's own mean and variance while training, by the running ones otherwise.
pub(super) struct BatchNorm {
    pub(super) momentum: f64,
    pub(super) epsilon: f64,
}

impl Rule for BatchNorm {
    fn check(&self, at: At, _: usize) -> Result<(), NetworkError> {
        if !(0.0..=1.0).contains(&self.momentum) {
            let what = "the momentum of batch normalisation";
            return Err(at.value(what, self.momentum, "a number from 0 to 1"));
        }
        at.check_epsilon(self.epsilon)
    }

    fn has_parameters(&self) -> bool {
        true
    }

    fn declare(&self, prefix: &str, inputs: usize, lasting: &mut Lasting) {
        lasting.scale_and_shift(prefix, inputs);
        lasting.running(prefix, inputs);
    }

    fn forward(
        &self,
        build: &mut Build<'_>,
        prefix: &str,
        x: TensorId,
    ) -> Result<TensorId, GraphError> {
        let gamma = build.stored(prefix, "weight")?;
        let beta = build.stored(prefix, "bias")?;
        let mean = build.stored(prefix, "running_mean")?;
        let variance = build.stored(prefix, "running_var")?;
        if build.mode == Mode::Evaluation {
            let (running, affine) = ([mean, variance], [gamma, beta]);
            return build.graph.batch_norm_by(x, running, affine, self.epsilon);
        }
        let rows = build.graph.tensor(x).shape.dims()[0];
        let [y, moments] = build.graph.batch_norm(x, gamma, beta, self.epsilon)?;
        let running = [mean, variance];
        build
            .graph
            .track_moments(moments, running, self.momentum, rows)?;
        Ok(y)
    }

    fn least_rows(&self) -> usize {
        2
    }
}

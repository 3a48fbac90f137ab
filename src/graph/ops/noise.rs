use super::{DropoutKey, Gradients, Output, expect_reals, size};
use crate::graph::{Backward, Graph, GraphError, Lowered, Op, Tensor, TensorId};
use crate::kernel;
use crate::tensor::Element;

/// Normal noise, added.
#[derive(Debug, Clone, Copy)]
struct Noise {
    deviation: f64,
    key: DropoutKey,
}

impl Op for Noise {
    fn name(&self) -> &'static str {
        "noise"
    }

    fn output(&self, inputs: &[&Tensor]) -> Output {
        expect_reals(self.name(), inputs)?;
        Ok((inputs[0].shape.clone(), Element::F32))
    }

    fn gradient(&self, _: &mut Graph, at: &Backward) -> Gradients {
        Ok(vec![Some(at.dy)])
    }

    fn lower(&self, inputs: &[&Tensor], _: &[&Tensor]) -> Lowered {
        let count = size(inputs[0].shape.len());
        let (deviation, DropoutKey { seed, stream }) = (self.deviation, self.key);
        Lowered::Kernel(
            kernel::Noise {
                count,
                offset: 0,
                deviation,
                seed,
                stream,
                step: 0,
            }
            .into(),
        )
    }
}

impl Graph {
    /// Adds to each element a normal number of this standard deviation, drawn by the key and the step of the
    /// [`Tick`](crate::kernel::Tick).
    ///
    /// # Errors
    /// If the deviation is negative or not finite.
    pub fn noise(
        &mut self,
        x: TensorId,
        deviation: f64,
        key: DropoutKey,
    ) -> Result<TensorId, GraphError> {
        if !(0.0..=f64::from(f32::MAX)).contains(&deviation) {
            return Err(GraphError::Value {
                op: "noise",
                name: "deviation",
                value: deviation,
                expected: "a finite number of at least 0",
            });
        }
        if deviation == 0.0 {
            Ok(x)
        } else {
            self.apply(Noise { deviation, key }, &[x])
        }
    }
}

use serde::{Deserialize, Serialize};

use super::{Gradients, Output, expect_reals, second_derivative, size};
use crate::graph::{Backward, Graph, GraphError, Lowered, Op, Tensor, TensorId};
use crate::kernel::{self, ActivationKind};
use crate::tensor::Element;

/// An activation applied to each element: PyTorch's formulas and defaults.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActivationFunction {
    /// `x`
    Identity,
    /// `1 / (1 + exp(-x))`
    Sigmoid,
    /// `tanh(x)`
    Tanh,
    /// `max(x, 0)`
    Relu,
    /// `x` if positive, else `slope x`
    LeakyRelu(f64),
    /// `x` if positive, else `alpha (exp(x) - 1)`
    Elu(f64),
    /// `x Φ(x)`
    Gelu,
    /// `0.5 x (1 + tanh(sqrt(2/π) (x + 0.044715 x³)))`
    GeluTanh,
    /// `x sigmoid(x)`
    Silu,
    /// `log(1 + exp(x))`
    Softplus,
}

impl ActivationFunction {
    const fn kind(self) -> ActivationKind {
        match self {
            Self::Identity => ActivationKind::Identity,
            Self::Sigmoid => ActivationKind::Sigmoid,
            Self::Tanh => ActivationKind::Tanh,
            Self::Relu => ActivationKind::Relu,
            Self::LeakyRelu(_) => ActivationKind::LeakyRelu,
            Self::Elu(_) => ActivationKind::Elu,
            Self::Gelu => ActivationKind::Gelu,
            Self::GeluTanh => ActivationKind::GeluTanh,
            Self::Silu => ActivationKind::Silu,
            Self::Softplus => ActivationKind::Softplus,
        }
    }

    const fn alpha(self) -> f64 {
        match self {
            Self::LeakyRelu(alpha) | Self::Elu(alpha) => alpha,
            _ => 0.0,
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Activation(ActivationFunction);

impl Op for Activation {
    fn name(&self) -> &'static str {
        "activation"
    }

    fn output(&self, inputs: &[&Tensor]) -> Output {
        expect_reals(self.name(), inputs)?;
        Ok((inputs[0].shape.clone(), Element::F32))
    }

    fn gradient(&self, graph: &mut Graph, at: &Backward) -> Gradients {
        let saved = if self.0.kind().saves_output() {
            at.output
        } else {
            at.inputs[0]
        };
        Ok(vec![Some(
            graph.apply(ActivationGrad(self.0), &[saved, at.dy])?,
        )])
    }

    fn lower(&self, inputs: &[&Tensor], _: &[&Tensor]) -> Lowered {
        let count = size(inputs[0].shape.len());
        Lowered::Kernel(
            kernel::Activation {
                kind: self.0.kind(),
                count,
                alpha: self.0.alpha(),
            }
            .into(),
        )
    }
}

/// `dx = f'(x) dy`, from the activation's input or output.
#[derive(Debug, Clone, Copy)]
struct ActivationGrad(ActivationFunction);

impl Op for ActivationGrad {
    fn name(&self) -> &'static str {
        "activation_grad"
    }

    fn output(&self, inputs: &[&Tensor]) -> Output {
        Ok((inputs[0].shape.clone(), Element::F32))
    }

    fn gradient(&self, graph: &mut Graph, at: &Backward) -> Gradients {
        second_derivative(self.name(), graph, at)
    }

    fn lower(&self, inputs: &[&Tensor], _: &[&Tensor]) -> Lowered {
        let count = size(inputs[0].shape.len());
        Lowered::Kernel(
            kernel::ActivationGrad {
                kind: self.0.kind(),
                count,
                alpha: self.0.alpha(),
            }
            .into(),
        )
    }
}

impl Graph {
    /// Applies an activation to each element.
    ///
    /// # Errors
    /// If `x` holds integers, or the function's parameter is not finite.
    pub fn activation(
        &mut self,
        x: TensorId,
        function: ActivationFunction,
    ) -> Result<TensorId, GraphError> {
        if !function.alpha().is_finite() {
            let value = function.alpha();
            return Err(GraphError::Value {
                op: "activation",
                name: "alpha",
                value,
                expected: "a finite number",
            });
        }
        match function {
            ActivationFunction::Identity => Ok(x),
            _ => self.apply(Activation(function), &[x]),
        }
    }
}

use serde::{Deserialize, Serialize};

use super::{Gradients, Output, expect_reals, second_derivative, size};
use crate::graph::{Backward, Graph, GraphError, Lowered, Op, Tensor, TensorId};
use crate::kernel::{self, ActivationKind};
use crate::tensor::Element;

/// An activation: PyTorch's formulas and defaults.
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
    /// Softmax along the last axis.
    Softmax,
    /// Its logarithm: log-probabilities.
    LogSoftmax,
}

impl ActivationFunction {
    /// The kernel's function and its parameter; `None` for what is no kernel of one variable.
    const fn kernel(self) -> Option<(ActivationKind, f64)> {
        Some(match self {
            Self::Identity | Self::Softmax | Self::LogSoftmax => return None,
            Self::Sigmoid => (ActivationKind::Sigmoid, 0.0),
            Self::Tanh => (ActivationKind::Tanh, 0.0),
            Self::Relu => (ActivationKind::Relu, 0.0),
            Self::LeakyRelu(slope) => (ActivationKind::LeakyRelu, slope),
            Self::Elu(alpha) => (ActivationKind::Elu, alpha),
            Self::Gelu => (ActivationKind::Gelu, 0.0),
            Self::GeluTanh => (ActivationKind::GeluTanh, 0.0),
            Self::Silu => (ActivationKind::Silu, 0.0),
            Self::Softplus => (ActivationKind::Softplus, 0.0),
        })
    }
}

#[derive(Debug, Clone, Copy)]
struct Activation {
    kind: ActivationKind,
    alpha: f64,
}

impl Op for Activation {
    fn name(&self) -> &'static str {
        "activation"
    }

    fn output(&self, inputs: &[&Tensor]) -> Output {
        expect_reals(self.name(), inputs)?;
        Ok((inputs[0].shape.clone(), Element::F32))
    }

    fn gradient(&self, graph: &mut Graph, at: &Backward) -> Gradients {
        let &Self { kind, alpha } = self;
        let saved = if kind.saves_output() {
            at.output
        } else {
            at.inputs[0]
        };
        Ok(vec![Some(
            graph.apply(ActivationGrad { kind, alpha }, &[saved, at.dy])?,
        )])
    }

    fn lower(&self, inputs: &[&Tensor], _: &[&Tensor]) -> Lowered {
        let count = size(inputs[0].shape.len());
        let &Self { kind, alpha } = self;
        Lowered::Kernel(kernel::Activation { kind, count, alpha }.into())
    }
}

/// `dx = f'(x) dy`, from the activation's input or output.
#[derive(Debug, Clone, Copy)]
struct ActivationGrad {
    kind: ActivationKind,
    alpha: f64,
}

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
        let &Self { kind, alpha } = self;
        Lowered::Kernel(kernel::ActivationGrad { kind, count, alpha }.into())
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
        match (function, function.kernel()) {
            (ActivationFunction::Softmax, _) => self.softmax(x),
            (ActivationFunction::LogSoftmax, _) => self.log_softmax(x),
            (_, None) => Ok(x),
            (_, Some((kind, alpha))) if alpha.is_finite() => {
                self.apply(Activation { kind, alpha }, &[x])
            }
            (_, Some((_, value))) => {
                let expected = "a finite number";
                Err(GraphError::Value {
                    op: "activation",
                    name: "alpha",
                    value,
                    expected,
                })
            }
        }
    }
}

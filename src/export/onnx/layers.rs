//! Each kind of layer and each function in ONNX's operators. Dropout and noise do nothing when a network is used.

use super::model::{Attribute, Graph};
use crate::network::{Activation, Layer, Stage};

impl Graph {
    /// Layers one behind the other.
    pub(super) fn layers(&mut self, stages: &[Stage<'_>], x: String) -> String {
        stages.iter().fold(x, |x, stage| self.layer(stage, x))
    }

    fn layer(&mut self, stage: &Stage<'_>, x: String) -> String {
        let epsilon = |value: f64| Attribute::Float("epsilon", value);
        let stored = |name: &str| format!("{}{name}", stage.prefix);
        let [weight, bias] = ["weight", "bias"].map(stored);
        match stage.layer {
            Layer::Linear { bias: true, .. } => self.product(&[&x, &weight, &bias]),
            Layer::Linear { bias: false, .. } => self.product(&[&x, &weight]),
            Layer::Activation { function } => self.activation(*function, x),
            Layer::Dropout { .. } | Layer::Noise { .. } => x,
            Layer::BatchNorm { epsilon: e, .. } => {
                let [mean, variance] = ["running_mean", "running_var"].map(stored);
                let inputs = [&*x, &weight, &bias, &mean, &variance];
                self.node("BatchNormalization", &inputs, vec![epsilon(*e)])
            }
            Layer::LayerNorm { epsilon: e } => {
                let attributes = vec![Attribute::Int("axis", -1), epsilon(*e)];
                self.node("LayerNormalization", &[&x, &weight, &bias], attributes)
            }
            Layer::Residual { .. } => {
                let y = self.layers(&stage.block(), x.clone());
                self.node("Add", &[&x, &y], Vec::new())
            }
            Layer::Recurrent { .. } => unreachable!("they are refused before"),
            Layer::Maxout { outputs, pieces } => {
                let z = self.product(&[&x, &weight, &bias]);
                // 0 is the size that the axis has: the rows.
                let shape = self.shape(&[0, *outputs, *pieces]);
                let pieces = self.node("Reshape", &[&z, &shape], Vec::new());
                let axis = Attribute::Ints("axes", vec![2]);
                let attributes = vec![axis, Attribute::Int("keepdims", 0)];
                self.node("ReduceMax", &[&pieces], attributes)
            }
        }
    }

    /// `y = x wᵀ + b`
    fn product(&mut self, inputs: &[&str]) -> String {
        self.node("Gemm", inputs, vec![Attribute::Int("transB", 1)])
    }

    /// A function of each unit, or the softmax of all. Opset 17 has neither `Gelu` nor `SiLU`.
    pub(super) fn activation(&mut self, function: Activation, x: String) -> String {
        let alpha = |value: f64| vec![Attribute::Float("alpha", value)];
        let last_axis = || vec![Attribute::Int("axis", -1)];
        match function {
            Activation::Identity => x,
            Activation::Sigmoid => self.node("Sigmoid", &[&x], Vec::new()),
            Activation::Tanh => self.node("Tanh", &[&x], Vec::new()),
            Activation::Relu => self.node("Relu", &[&x], Vec::new()),
            Activation::LeakyRelu(slope) => self.node("LeakyRelu", &[&x], alpha(slope)),
            Activation::Elu(value) => self.node("Elu", &[&x], alpha(value)),
            Activation::Softplus => self.node("Softplus", &[&x], Vec::new()),
            Activation::Softmax => self.node("Softmax", &[&x], last_axis()),
            Activation::LogSoftmax => self.node("LogSoftmax", &[&x], last_axis()),
            Activation::Silu => {
                let gate = self.node("Sigmoid", &[&x], Vec::new());
                self.node("Mul", &[&x, &gate], Vec::new())
            }
            Activation::Gelu => {
                let scaled = self.by("Mul", &x, std::f64::consts::FRAC_1_SQRT_2);
                let erf = self.node("Erf", &[&scaled], Vec::new());
                self.half_of(&x, &erf)
            }
            Activation::GeluTanh => {
                let square = self.node("Mul", &[&x, &x], Vec::new());
                let cube = self.node("Mul", &[&square, &x], Vec::new());
                let cube = self.by("Mul", &cube, 0.044_715);
                let sum = self.node("Add", &[&x, &cube], Vec::new());
                let inner = self.by("Mul", &sum, std::f64::consts::FRAC_2_PI.sqrt());
                let tanh = self.node("Tanh", &[&inner], Vec::new());
                self.half_of(&x, &tanh)
            }
        }
    }

    /// `x (1 + s) / 2`
    fn half_of(&mut self, x: &str, s: &str) -> String {
        let factor = self.by("Add", s, 1.0);
        let whole = self.node("Mul", &[x, &factor], Vec::new());
        self.by("Mul", &whole, 0.5)
    }

    fn by(&mut self, op: &'static str, x: &str, number: f64) -> String {
        let number = self.number(number);
        self.node(op, &[x, &number], Vec::new())
    }
}

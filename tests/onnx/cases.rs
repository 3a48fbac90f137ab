//! The networks that are exported, and the data that they are trained on.

use thalweg::data::Normalize;
use thalweg::network::{Activation, Layer, Loss, Network};

/// A network, what it was trained with, and what on.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) network: fn(usize, usize) -> Network,
    pub(super) loss: Loss,
    pub(super) data: Data,
    pub(super) normalize: Normalize,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Data {
    /// Two numbers, one of them far from 0, and a column of categories; three classes.
    Flowers,
    /// The same inputs and a number far from 0.
    Prices,
    /// The same inputs and two numbers.
    Several,
    /// Pictures of bytes; ten classes.
    Glyphs,
    /// Two unnamed numbers; two classes.
    Moons,
    /// As the flowers, and some widths are missing.
    Gaps,
}

impl Data {
    pub(super) fn spec(self) -> &'static str {
        match self {
            Self::Flowers | Self::Prices | Self::Several | Self::Gaps => "data.csv",
            Self::Glyphs => "glyphs:n=40,seed=5",
            Self::Moons => "moons:n=40,seed=5",
        }
    }

    pub(super) fn target(self) -> Option<&'static str> {
        match self {
            Self::Flowers | Self::Gaps => Some("kind"),
            Self::Prices => Some("price"),
            Self::Several => Some("price,age"),
            Self::Glyphs | Self::Moons => None,
        }
    }
}

/// A table with a column far from 0 (years), one of categories, one small; a class and two numbers to answer.
pub(super) fn table(data: Data) -> String {
    let mut text = String::from("year,colour,width,kind,price,age\n");
    for i in 0..60_u32 {
        let (wave, colour) = (
            (f64::from(i) * 0.7).sin(),
            ["red", "blue", "pale, green"][i as usize % 3],
        );
        let colour = if colour.contains(',') {
            format!("\"{colour}\"")
        } else {
            colour.to_owned()
        };
        let kind = ["rose", "lily", "iris"][(i as usize / 3) % 3];
        let (year, width) = (1990 + i % 37, 0.01 * wave);
        let width = if data == Data::Gaps && i % 5 == 1 {
            String::new()
        } else {
            width.to_string()
        };
        let price = 250_000.0 + 1000.0 * f64::from(i) + 300.0 * wave;
        text.push_str(&format!(
            "{year},{colour},{width},{kind},{price},{}\n",
            40 + i % 13
        ));
    }
    text
}

const fn linear(outputs: usize) -> Layer {
    Layer::Linear {
        outputs,
        bias: true,
    }
}

fn with(function: Activation) -> impl Fn(usize, usize) -> Network {
    move |inputs, outputs| Network::mlp(inputs, &[7, 5], outputs, function)
}

/// Layers of every kind, one in another.
fn all_layers(inputs: usize, outputs: usize) -> Network {
    let inner = Layer::Residual {
        layers: vec![
            Layer::Dropout { p: 0.5 },
            Layer::Linear {
                outputs: 6,
                bias: false,
            },
            Layer::Activation {
                function: Activation::Gelu,
            },
        ],
    };
    let block = Layer::Residual {
        layers: vec![
            linear(9),
            Layer::LAYER_NORM,
            inner_activation(),
            linear(6),
            inner,
        ],
    };
    let without_parameters = Layer::Residual {
        layers: vec![inner_activation()],
    };
    Network::new(inputs)
        .layer(Layer::Noise { std: 0.1 })
        .layer(Layer::Maxout {
            outputs: 6,
            pieces: 3,
        })
        .layer(Layer::BATCH_NORM)
        .layer(block)
        .layer(without_parameters)
        .dropout(0.25)
        .layer(Layer::BatchNorm {
            momentum: 0.3,
            epsilon: 1e-3,
        })
        .layer(linear(outputs))
        .dropout(0.1)
}

fn inner_activation() -> Layer {
    Layer::Activation {
        function: Activation::Tanh,
    }
}

#[expect(clippy::too_many_lines, reason = "a list")]
pub(super) fn cases() -> Vec<Case> {
    let case = |name, network, loss, data| Case {
        name,
        network,
        loss,
        data,
        normalize: Normalize::Auto,
    };
    let (classes, numbers) = (Loss::CrossEntropy, Loss::SquaredError);
    vec![
        case(
            "identity",
            |i, o| with(Activation::Identity)(i, o),
            classes,
            Data::Flowers,
        ),
        case(
            "sigmoid",
            |i, o| with(Activation::Sigmoid)(i, o),
            classes,
            Data::Moons,
        ),
        case(
            "tanh",
            |i, o| with(Activation::Tanh)(i, o),
            classes,
            Data::Flowers,
        ),
        case(
            "relu",
            |i, o| with(Activation::Relu)(i, o),
            classes,
            Data::Glyphs,
        ),
        case(
            "leaky_relu",
            |i, o| with(Activation::LeakyRelu(0.2))(i, o),
            classes,
            Data::Moons,
        ),
        case(
            "elu",
            |i, o| with(Activation::Elu(1.3))(i, o),
            numbers,
            Data::Prices,
        ),
        case(
            "gelu",
            |i, o| with(Activation::Gelu)(i, o),
            numbers,
            Data::Several,
        ),
        case(
            "gelu_tanh",
            |i, o| with(Activation::GeluTanh)(i, o),
            classes,
            Data::Moons,
        ),
        case(
            "silu",
            |i, o| with(Activation::Silu)(i, o),
            classes,
            Data::Moons,
        ),
        case(
            "softplus",
            |i, o| with(Activation::Softplus)(i, o),
            classes,
            Data::Moons,
        ),
        case(
            "softmax",
            |i, o| with(Activation::Softmax)(i, o),
            classes,
            Data::Moons,
        ),
        case("all_layers", all_layers, classes, Data::Flowers),
        case("all_layers_numbers", all_layers, numbers, Data::Prices),
        case(
            "hinge",
            |i, o| with(Activation::Relu)(i, o),
            Loss::Hinge,
            Data::Flowers,
        ),
        case(
            "log_softmax",
            |i, o| with(Activation::Relu)(i, o).activation(Activation::LogSoftmax),
            Loss::NegativeLogLikelihood,
            Data::Flowers,
        ),
        case(
            "divergence",
            |i, o| with(Activation::Relu)(i, o),
            Loss::KullbackLeibler,
            Data::Flowers,
        ),
        Case {
            normalize: Normalize::Standard,
            ..case(
                "bytes",
                |i, o| with(Activation::Relu)(i, o),
                classes,
                Data::Glyphs,
            )
        },
        Case {
            normalize: Normalize::None,
            ..case(
                "as_they_are",
                |i, o| with(Activation::Tanh)(i, o),
                classes,
                Data::Glyphs,
            )
        },
        Case {
            normalize: Normalize::MinMax,
            ..case(
                "minmax",
                |i, o| with(Activation::Relu)(i, o),
                numbers,
                Data::Prices,
            )
        },
    ]
}

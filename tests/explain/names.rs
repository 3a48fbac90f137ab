//! What hidden units are called, and which they are.

use thalweg::explain::{Place, Quantity};
use thalweg::network::{Activation, Cell, Layer, Network};

use super::{drawn, explainer, near, rows};
use crate::common::executors;

/// Blocks, normed layers and functions with a parameter have names that tell them apart.
#[test]
fn layers_have_names_of_their_own() {
    let relu = || Layer::Activation {
        function: Activation::Relu,
    };
    let linear = |outputs| Layer::Linear {
        outputs,
        bias: true,
    };
    let network = Network::new(3)
        .linear(4)
        .layer(Layer::BATCH_NORM)
        .activation(Activation::LeakyRelu(0.25))
        .layer(Layer::Residual {
            layers: vec![relu(), linear(4), relu(), linear(4)],
        })
        .activation(Activation::Relu)
        .layer(Layer::Maxout {
            outputs: 5,
            pieces: 2,
        })
        .linear(6)
        .activation(Activation::Softmax)
        .linear(2)
        .activation(Activation::LogSoftmax);
    let model = drawn(network, Activation::Softmax, 51);
    for named in executors().into_iter().take(1) {
        let (_, mut explainer) = explainer(&model, named);
        let layers = explainer.unit_layers().unwrap();
        let names: Vec<_> = layers
            .iter()
            .map(|l| (l.name.as_str(), l.function.as_str(), l.units))
            .collect();
        assert_eq!(
            names,
            [
                ("1", "leaky_relu:0.25", 4),
                ("1+", "relu", 4),
                ("2.0", "relu", 4),
                ("2", "relu", 4),
                ("3", "maxout of 2", 5),
                ("4", "softmax", 6),
            ]
        );
        assert_eq!(
            layers[0].behind,
            ["0", "1"],
            "behind the norm stands the linear layer"
        );
        let softmax = explainer
            .unit_values(Place::Hidden(5), &rows(3, 3, 52))
            .unwrap();
        let sums: Vec<f64> = softmax.chunks(6).map(|row| row.iter().sum()).collect();
        near(&sums, &[1.0; 3], 1e-6, "a softmax");
    }
}

/// Of a recurrent layer the units are its states, a layer a time step, and no gates.
#[test]
fn the_units_of_a_recurrent_layer_are_its_states() {
    for cell in [Cell::Rnn, Cell::RnnRelu, Cell::Lstm, Cell::Gru] {
        let layer = |sequence| Layer::Recurrent {
            cell,
            outputs: 4,
            steps: 3,
            sequence,
        };
        let model = drawn(
            Network::new(6)
                .layer(layer(false))
                .linear(5)
                .activation(Activation::Relu)
                .linear(2),
            Activation::Softmax,
            53,
        );
        let mut states = model.clone();
        states.network = Network::new(6).layer(layer(true));
        states.values.truncate(4);
        states.output = Activation::Identity;
        let x = rows(7, 6, 54);
        let expected = states.predict(&x).unwrap();
        for named in executors() {
            let (name, mut explainer) = explainer(&model, named);
            let layers = explainer.unit_layers().unwrap();
            let found: Vec<_> = layers
                .iter()
                .map(|l| (l.name.as_str(), l.step, l.units))
                .collect();
            assert_eq!(
                found,
                [
                    ("0:0", Some(0), 4),
                    ("0:1", Some(1), 4),
                    ("0:2", Some(2), 4),
                    ("1", None, 5)
                ],
                "{name}, {cell:?}"
            );
            for step in 0..3 {
                let values = explainer.unit_values(Place::Hidden(step), &x).unwrap();
                let of_step = expected
                    .chunks(12)
                    .flat_map(|row| &row[4 * step..4 * step + 4]);
                let of_step: Vec<f64> = of_step.map(|&y| f64::from(y)).collect();
                near(&values, &of_step, 1e-5, &format!("{name}, {cell:?}"));
            }
            let y = explainer.answers(Quantity::Logit, &x).unwrap();
            assert_eq!(y.len(), 14, "{name}");
        }
    }
}

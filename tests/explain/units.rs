//! Units that do nothing, effective linear networks, and linear regions.

use std::collections::HashSet;

use thalweg::explain::{Affine, Quantity};
use thalweg::network::{Activation, Layer, Network};
use thalweg::reference::Reference;

use super::{drawn, explainer, near, rows};
use crate::common::{executors, named};

/// The linear network at a row gives the network's outputs, and its weights are the gradients.
#[test]
fn a_network_of_straight_pieces_is_linear_at_a_row() {
    let block = vec![
        Layer::Linear {
            outputs: 6,
            bias: true,
        },
        Layer::Activation {
            function: Activation::Relu,
        },
        Layer::Linear {
            outputs: 8,
            bias: false,
        },
    ];
    let networks = [
        Network::mlp(7, &[20, 15], 4, Activation::Relu),
        Network::mlp(7, &[9], 4, Activation::LeakyRelu(0.1)).dropout(0.2),
        Network::new(7)
            .linear(8)
            .layer(Layer::BATCH_NORM)
            .activation(Activation::Relu)
            .layer(Layer::Residual { layers: block })
            .layer(Layer::Maxout {
                outputs: 5,
                pieces: 3,
            })
            .linear(4),
    ];
    let x = rows(6, 7, 41);
    for network in networks {
        let model = drawn(network, Activation::Softmax, 29);
        for named in executors() {
            let (name, mut explainer) = explainer(&model, named);
            let name = format!("{name}, {}", model.network);
            for row in x.chunks(7) {
                let found = Affine::at(&model, row).unwrap();
                let y = explainer.answers(Quantity::Logit, row).unwrap();
                near(&found.answer(row), &y, 1e-5, &name);
                for output in 0..4 {
                    let gradient = explainer
                        .gradients(Quantity::Logit, row, &[output])
                        .unwrap();
                    near(
                        &found.weight[output * 7..(output + 1) * 7],
                        &gradient.gradients,
                        1e-5,
                        &name,
                    );
                }
            }
        }
    }
    let curved = drawn(
        Network::mlp(7, &[5], 4, Activation::Tanh),
        Activation::Softmax,
        1,
    );
    let error = Affine::at(&curved, &x[..7]).unwrap_err().to_string();
    assert!(
        error.contains("layer 1") && error.contains("tanh"),
        "{error}"
    );
}

/// Units whose bias holds them off are dead, and regions are counted as here.
#[test]
fn dead_units_and_regions() {
    let mut model = drawn(
        Network::mlp(3, &[6, 5], 2, Activation::Relu),
        Activation::Softmax,
        31,
    );
    for (tensor, unit) in [(1, 2), (1, 4), (3, 0)] {
        model.values[tensor][unit] = -100.0;
    }
    let x = rows(1500, 3, 43);
    let mut all = HashSet::new();
    for row in x.chunks(3) {
        let mut pattern = Vec::new();
        let mut values: Vec<f64> = row.iter().map(|&x| f64::from(x)).collect();
        for tensor in [0, 2] {
            let (weight, bias) = (&model.values[tensor], &model.values[tensor + 1]);
            let unit = |(w, b): (&[f32], &f32)| {
                let sum: f64 = w.iter().zip(&values).map(|(&w, x)| f64::from(w) * x).sum();
                (sum + f64::from(*b)).max(0.0)
            };
            values = weight.chunks(values.len()).zip(bias).map(unit).collect();
            pattern.extend(values.iter().map(|v| *v > 0.0));
        }
        all.insert(pattern);
    }
    for named in executors() {
        let (name, mut explainer) = explainer(&model, named);
        let (layers, regions) = explainer.units(&x).unwrap();
        let dead: Vec<_> = layers
            .iter()
            .map(|l| (l.of.layer, l.of.units, l.dead.clone()))
            .collect();
        assert_eq!(dead[0], (0, 6, vec![2, 4]), "{name}");
        assert!(dead[1].2.contains(&0) && dead[1].1 == 5, "{name}: {dead:?}");
        let regions = regions.expect("all units are relus");
        // A row on a border may fall to either side by rounding.
        let difference = regions.count.abs_diff(all.len());
        assert!(
            difference <= 1 && regions.units == 11,
            "{name}: {regions:?} for {}",
            all.len()
        );
        assert!(
            regions.most >= 1500 / regions.count && regions.alone < regions.count,
            "{regions:?}"
        );
    }
}

/// A sigmoid that is driven far out is saturated; a network that is not of straight pieces has no regions.
#[test]
fn saturated_units() {
    let mut model = drawn(
        Network::mlp(3, &[4], 2, Activation::Sigmoid),
        Activation::Softmax,
        33,
    );
    model.values[1][1] = 50.0;
    model.values[1][3] = -50.0;
    for named in executors() {
        let (name, mut explainer) = explainer(&model, named);
        let (layers, regions) = explainer.units(&rows(100, 3, 45)).unwrap();
        assert_eq!(layers[0].saturated, [1, 3], "{name}");
        assert!(
            layers[0].of.function == "sigmoid" && regions.is_none(),
            "{name}: {layers:?}"
        );
    }
}

/// A function that makes probabilities at the end is left out, and the network's outputs come of what is left behind it.
#[test]
fn the_end_of_a_network_is_left_out() {
    let x = rows(5, 7, 47);
    for end in [
        Activation::LogSoftmax,
        Activation::Softmax,
        Activation::Sigmoid,
    ] {
        let network = Network::mlp(7, &[20], 4, Activation::Relu).activation(end);
        let model = drawn(network, Activation::Softmax, 35);
        let mut bare = model.clone();
        bare.network = Network::mlp(7, &[20], 4, Activation::Relu);
        for device in executors() {
            let (name, mut explainer) = explainer(&model, device);
            let (_, mut without) = super::explainer(&bare, named("reference", Reference::f64()));
            for row in x.chunks(7) {
                let found = Affine::at(&model, row).unwrap();
                assert_eq!(found.end, Some(end), "{name}");
                let logits = without.answers(Quantity::Logit, row).unwrap();
                near(&found.answer(row), &logits, 1e-5, &name);
                let y = explainer.answers(Quantity::Logit, row).unwrap();
                near(&found.network_answer(row), &y, 1e-5, &name);
                assert!(
                    found.error(row, &y) < 1e-6,
                    "{name}: {}",
                    found.error(row, &y)
                );
                let wrong: Vec<f64> = y.iter().map(|y| y + 1e-3).collect();
                assert!(
                    found.error(row, &wrong) > 1e-5,
                    "{name}: what is wrong is seen"
                );
            }
        }
    }
    for curved in [Activation::Tanh, Activation::Softplus] {
        let network = Network::mlp(7, &[20], 4, Activation::Relu).activation(curved);
        let error = Affine::check(&network).unwrap_err().to_string();
        assert!(error.contains("layer 3"), "{error}");
    }
}

/// The product is taken from the outputs back: that of 49,152 inputs takes no square of them.
#[test]
fn many_inputs_take_no_square() {
    let model = drawn(
        Network::mlp(49_152, &[8], 2, Activation::Relu),
        Activation::Softmax,
        37,
    );
    let x = rows(1, 49_152, 48);
    let found = Affine::at(&model, &x).unwrap();
    let (_, mut explainer) = explainer(&model, named("reference", Reference::f64()));
    let y = explainer.answers(Quantity::Logit, &x).unwrap();
    near(&found.answer(&x), &y, 1e-9, "49,152 inputs");
}

/// There are linear regions exactly where there are effective linear networks.
#[test]
fn regions_are_of_straight_pieces_only() {
    let x = rows(200, 3, 49);
    let linear = Network::new(3).linear(6);
    let normed = linear
        .clone()
        .layer(Layer::LAYER_NORM)
        .activation(Activation::Relu)
        .linear(2);
    let soft = linear.clone().activation(Activation::Softmax).linear(2);
    for (network, units) in [
        (normed, None),
        (soft, None),
        (Network::mlp(3, &[6], 2, Activation::Tanh), None),
        (Network::mlp(3, &[6], 2, Activation::Identity), Some(0)),
        (linear, Some(0)),
        (
            Network::mlp(3, &[6], 2, Activation::Relu).activation(Activation::LogSoftmax),
            Some(6),
        ),
    ] {
        let model = drawn(network, Activation::Softmax, 39);
        for device in executors() {
            let (name, mut explainer) = explainer(&model, device);
            let name = format!("{name}, {}", model.network);
            let (_, regions) = explainer.units(&x).unwrap();
            assert_eq!(regions.as_ref().map(|r| r.units), units, "{name}");
            assert_eq!(
                Affine::check(&model.network).is_ok(),
                regions.is_some(),
                "{name}"
            );
            if units == Some(0) {
                let regions = regions.unwrap();
                assert_eq!(
                    (regions.count, regions.alone, regions.most),
                    (1, 0, 200),
                    "{name}"
                );
            }
            // Rows in parts are the same rows.
            let parts = [
                Ok::<_, thalweg::explain::ExplainError>(&x[..30]),
                Ok(&x[30..]),
            ];
            let whole = explainer.units(&x).unwrap();
            assert_eq!(explainer.units_of_parts(parts).unwrap(), whole, "{name}");
        }
    }
}

/// Active is the mean share of rows above 0, and a tanh that is driven far out is saturated.
#[test]
fn shares_and_saturated_tanh() {
    let mut model = drawn(
        Network::mlp(1, &[2], 1, Activation::Relu),
        Activation::Identity,
        41,
    );
    model.values[0] = vec![1.0, -1.0];
    model.values[1] = vec![0.0, 0.0];
    let mut far = drawn(
        Network::mlp(1, &[3], 1, Activation::Tanh),
        Activation::Identity,
        41,
    );
    far.values[0] = vec![50.0, 0.1, -80.0];
    far.values[1] = vec![0.0; 3];
    for device in executors() {
        let (name, mut explainer) = explainer(&model, device);
        let (layers, _) = explainer.units(&[-1.0, 1.0, 2.0, 3.0, 0.0]).unwrap();
        assert!((layers[0].active - 0.4).abs() < 1e-12, "{name}: {layers:?}");
        let (layers, _) = explainer.units(&[-1.0, -2.0, -3.0]).unwrap();
        assert_eq!(layers[0].dead, [0], "{name}");
    }
    for device in executors() {
        let (name, mut explainer) = explainer(&far, device);
        let (layers, _) = explainer.units(&[-1.0, 1.0, 2.0, 3.0]).unwrap();
        assert_eq!(
            (&layers[0].saturated[..], layers[0].dead.len()),
            (&[0, 2][..], 0),
            "{name}"
        );
    }
}

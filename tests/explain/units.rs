//! Units that do nothing, effective linear networks, and linear regions.

use std::collections::HashSet;

use thalweg::explain::{Affine, Quantity};
use thalweg::network::{Activation, Layer, Network};

use super::{drawn, explainer, near, rows};
use crate::common::executors;

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

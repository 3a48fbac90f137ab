//! Normalisation, maxout, noise and residual blocks.

use thalweg::graph::ops::DropoutKey;
use thalweg::graph::{Graph, Store};
use thalweg::network::{Activation, Layer, Loss, Mode, Network};
use thalweg::random::stream;
use thalweg::tensor::Element;

use super::{Scalar, check, numbers};

#[test]
fn normalisation() {
    for [rows, columns] in [[2, 1], [3, 2], [7, 5]] {
        let shapes: [&[usize]; 3] = [&[rows, columns], &[columns], &[columns]];
        check("batch_norm", &shapes, &[], |graph, x, _| {
            Ok(graph.batch_norm(x[0], x[1], x[2], 1e-2)?[0])
        });
        check("layer_norm", &shapes, &[], |graph, x, _| {
            graph.layer_norm(x[0], x[1], x[2], 1e-2)
        });
    }
    // By statistics that do not depend on the batch: then the variance is a square here, so that it is positive.
    let shapes: [&[usize]; 3] = [&[4, 3], &[3], &[3]];
    check("batch_norm by others", &shapes, &[], |graph, x, _| {
        let running = [graph.constant([3], 0.3), graph.constant([3], 1.7)];
        graph.batch_norm_by(x[0], running, [x[1], x[2]], 1e-2)
    });
    check("of one operand alone", &[&[4, 3]], &[], |graph, x, _| {
        let (gamma, beta) = (graph.constant([3], 0.8), graph.constant([3], 0.1));
        let y = graph.batch_norm(x[0], gamma, beta, 1e-2)?[0];
        graph.layer_norm(y, gamma, beta, 1e-2)
    });
}

#[test]
fn largest_of_pieces() {
    for pieces in [1, 2, 3] {
        check("max_pieces", &[&[5, 6]], &[], |graph, x, _| {
            graph.max_pieces(x[0], pieces)
        });
    }
}

#[test]
fn noise() {
    let key = DropoutKey {
        seed: 1,
        stream: stream::NOISE,
    };
    check("noise", &[&[4, 3]], &[], |graph, x, _| {
        let y = graph.noise(x[0], 0.5, key)?;
        graph.mul(y, y)
    });
}

/// Networks with all of them, at their parameters and inputs, in training and in evaluation mode.
#[test]
fn whole_networks() {
    let inner = vec![
        Layer::Linear {
            outputs: 4,
            bias: false,
        },
        Layer::BATCH_NORM,
        Layer::Residual {
            layers: vec![Layer::LAYER_NORM, Layer::Noise { std: 0.1 }],
        },
    ];
    let network = Network::new(3)
        .layer(Layer::Noise { std: 0.2 })
        .layer(Layer::BATCH_NORM)
        .linear(4)
        .layer(Layer::Residual { layers: inner })
        .activation(Activation::Tanh)
        .layer(Layer::Maxout {
            outputs: 5,
            pieces: 2,
        })
        .dropout(0.3)
        .layer(Layer::LAYER_NORM)
        .linear(2);
    network.check().expect("it can be built");
    for mode in [Mode::Training { seed: 4 }, Mode::Evaluation] {
        let mut store = Store::new();
        network.declare(&mut store).expect("a new store");
        for (name, columns) in [("x", 3), ("targets", 2)] {
            store
                .declare(name, [6, columns], Element::F32)
                .expect("a new name");
        }
        let mut graph = Graph::new();
        let x = graph.stored(&store, "x").expect("it is there");
        let y = network
            .forward(&mut graph, &store, x, mode)
            .expect("it fits");
        let target = graph.stored(&store, "targets").expect("it is there");
        let built = Loss::SquaredError
            .build(&mut graph, y, target)
            .expect("it fits");
        let mut wrt = vec![("x".to_owned(), numbers(18, 50))];
        for (salt, parameter) in (60..).zip(network.parameters()) {
            wrt.push((parameter.name, numbers(parameter.shape.len(), salt)));
        }
        let mut scalar = Scalar::new(store, graph, built.loss, &wrt);
        scalar.set("targets", &numbers(12, 3));
        for statistic in network.statistics() {
            let values: Vec<f64> = numbers(statistic.shape.len(), 7)
                .iter()
                .map(|x| {
                    if statistic.name.ends_with("var") {
                        x * x + 0.5
                    } else {
                        *x
                    }
                })
                .collect();
            scalar.set(&statistic.name, &values);
        }
        let [kinks, elements] = scalar.check(&format!("{mode:?}"));
        assert!(
            kinks * 20 < elements,
            "{kinks} of {elements} were passed over"
        );
    }
}

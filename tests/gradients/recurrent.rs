//! Recurrent cells, unrolled.

use thalweg::graph::{Graph, Store};
use thalweg::network::{Activation, Cell, Layer, Loss, Mode, Network};
use thalweg::tensor::Element;

use super::{Scalar, numbers};

fn layer(cell: Cell, outputs: usize, steps: usize, sequence: bool) -> Layer {
    Layer::Recurrent {
        cell,
        outputs,
        steps,
        sequence,
    }
}

/// The loss of a network at its input and its parameters, in f64 against finite differences.
fn check(what: &str, network: &Network) {
    network.check().expect("it can be built");
    let (rows, outputs) = (3, network.outputs());
    let mut store = Store::new();
    network.declare(&mut store).expect("a new store");
    for (name, columns) in [("x", network.inputs), ("targets", outputs)] {
        let shape = [rows, columns];
        (store.declare(name, shape, Element::F32)).expect("a new name");
    }
    let mut graph = Graph::new();
    let x = graph.stored(&store, "x").expect("it is there");
    let y = network.forward(&mut graph, &store, x, Mode::Evaluation);
    let target = graph.stored(&store, "targets").expect("it is there");
    let built = Loss::SquaredError.build(&mut graph, y.expect("it fits"), target);
    let mut wrt = vec![("x".to_owned(), numbers(rows * network.inputs, 50))];
    for (salt, parameter) in (60..).zip(network.parameters()) {
        // Small enough that gates do not saturate.
        let values = numbers(parameter.shape.len(), salt);
        wrt.push((parameter.name, values.iter().map(|x| 0.4 * x).collect()));
    }
    let mut scalar = Scalar::new(store, graph, built.expect("it fits").loss, &wrt);
    scalar.set("targets", &numbers(rows * outputs, 3));
    let [kinks, elements] = scalar.check(what);
    assert!(
        kinks * 20 < elements,
        "{what}: {kinks} of {elements} were passed over"
    );
}

#[test]
fn every_cell() {
    for cell in [Cell::Rnn, Cell::RnnRelu, Cell::Lstm, Cell::Gru] {
        for steps in [1, 2, 3, 7] {
            for sequence in [false, true] {
                let network = Network::new(2 * steps).layer(layer(cell, 3, steps, sequence));
                check(
                    &format!("{cell}, {steps} steps, sequence {sequence}"),
                    &network,
                );
            }
        }
    }
}

#[test]
fn stacked_and_among_others() {
    let network = Network::new(4 * 3)
        .layer(layer(Cell::Lstm, 3, 4, true))
        .layer(Layer::Residual {
            layers: vec![layer(Cell::Gru, 3, 4, true)],
        })
        .activation(Activation::Tanh)
        .layer(layer(Cell::Rnn, 5, 6, false))
        .linear(2);
    check("stacked", &network);
}

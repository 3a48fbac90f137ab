//! Whole random networks, at their parameters and their inputs, and tensors in the middle of one.

use std::sync::Arc;

use thalweg::executor::{Data, Executor};
use thalweg::graph::{Graph, Store};
use thalweg::kernel::{Limits, Tick};
use thalweg::network::{Activation, Layer, Loss, Mode, Network};
use thalweg::plan::Plan;
use thalweg::random::{Random, stream};
use thalweg::reference::Reference;
use thalweg::tensor::Element;

use super::{Scalar, numbers};

const ACTIVATIONS: [Activation; 12] = [
    Activation::Identity,
    Activation::Sigmoid,
    Activation::Tanh,
    Activation::Relu,
    Activation::LeakyRelu(0.1),
    Activation::Elu(1.0),
    Activation::Gelu,
    Activation::GeluTanh,
    Activation::Silu,
    Activation::Softplus,
    Activation::Softmax,
    Activation::LogSoftmax,
];
const LOSSES: [Loss; 9] = [
    Loss::CrossEntropy,
    Loss::SigmoidCrossEntropy,
    Loss::SquaredError,
    Loss::AbsoluteError,
    Loss::Huber { delta: 0.5 },
    Loss::SmoothL1 { beta: 0.7 },
    Loss::Hinge,
    Loss::KullbackLeibler,
    Loss::NegativeLogLikelihood,
];

/// A network drawn by a seed: 0 to 4 hidden layers of 1 to 7 units.
fn random_network(seed: u64) -> (Network, Loss, usize) {
    let random = Random::new(seed, stream::TEST, 4);
    let mut draws = 0..;
    let mut below = |n: u32| random.below(draws.next().expect("endless"), n) as usize;
    let mut network = Network::new(1 + below(6));
    for _ in 0..below(5) {
        let (outputs, bias) = (1 + below(7), below(4) > 0);
        let function = ACTIVATIONS[below(12)];
        network = network
            .layer(Layer::Linear { outputs, bias })
            .activation(function);
        if below(3) == 0 {
            network = network.dropout([0.1, 0.5, 0.8][below(3)]);
        }
    }
    let loss = LOSSES[below(9)];
    (network.linear(2 + below(4)), loss, 1 + below(5))
}

#[test]
fn random_networks() {
    let (mut kinks, mut elements) = (0, 0);
    for seed in 0..60 {
        let (network, loss, rows) = random_network(seed);
        let what = format!("network {seed}: {:?}, {loss}, {rows} rows", network.layers);
        let mut store = Store::new();
        network.declare(&mut store).expect("a new store");
        store
            .declare("x", [rows, network.inputs], Element::F32)
            .expect("a new name");
        store
            .declare("labels", [rows], Element::U32)
            .expect("a new name");
        store
            .declare("targets", [rows, network.outputs()], Element::F32)
            .expect("a new name");

        let mut graph = Graph::new();
        let x = graph.stored(&store, "x").expect("it is there");
        let y = network
            .forward(&mut graph, &store, x, Mode::Training { seed })
            .expect("it fits");
        let target = if loss.takes_classes() {
            "labels"
        } else {
            "targets"
        };
        let target = graph.stored(&store, target).expect("it is there");
        let built = loss.build(&mut graph, y, target).expect("it fits");

        let mut wrt = vec![("x".to_owned(), numbers(rows * network.inputs, seed))];
        for (salt, parameter) in (1000..).zip(network.parameters()) {
            wrt.push((parameter.name, numbers(parameter.shape.len(), seed + salt)));
        }
        let mut scalar = Scalar::new(store, graph, built.loss, &wrt);
        let random = Random::new(seed, stream::TEST, 5);
        let classes = u32::try_from(network.outputs()).expect("it is small");
        let labels = (0..rows as u64).map(|i| random.below(i, classes)).collect();
        scalar
            .executor
            .write_stored(&scalar.store, "labels", &Data::U32(labels))
            .expect("it fits");
        let targets: Vec<f64> = (0..(rows * network.outputs()) as u64)
            .map(|i| random.uniform(i))
            .collect();
        scalar.set("targets", &targets);
        let counts = scalar.check(&what);
        kinks += counts[0];
        elements += counts[1];
    }
    assert!(elements > 3000, "only {elements} numbers were checked");
    assert!(
        kinks * 100 < elements,
        "{kinks} of {elements} were passed over"
    );
}

/// The gradient at a hidden tensor is that of the rest of the network, with the tensor as its input.
#[test]
fn at_a_hidden_tensor() {
    let whole = Network::mlp(3, &[4, 5], 2, Activation::Tanh);
    let first = 4 * 3 + 4;
    let values = numbers(first + 5 * 4 + 5 + 2 * 5 + 2, 1);
    let x = numbers(6 * 3, 2);

    let gradient = |from_hidden: Option<&[f64]>| -> (Vec<f64>, Vec<f64>) {
        let mut store = Store::new();
        whole.declare(&mut store).expect("a new store");
        store
            .declare("x", [6, 3], Element::F32)
            .expect("a new name");
        store
            .declare("hidden", [6, 4], Element::F32)
            .expect("a new name");
        let mut graph = Graph::new();
        let stored =
            |graph: &mut Graph, name: &str| graph.stored(&store, name).expect("it is there");
        let hidden = if from_hidden.is_some() {
            stored(&mut graph, "hidden")
        } else {
            let (x, w, b) = (
                stored(&mut graph, "x"),
                stored(&mut graph, "layers.0.weight"),
                stored(&mut graph, "layers.0.bias"),
            );
            let y = graph.matmul_transposed(x, w, false, true).expect("it fits");
            let y = graph.bias_add(y, b).expect("it fits");
            graph.activation(y, Activation::Tanh).expect("reals")
        };
        let (w, b) = (
            stored(&mut graph, "layers.1.weight"),
            stored(&mut graph, "layers.1.bias"),
        );
        let y = graph
            .matmul_transposed(hidden, w, false, true)
            .expect("it fits");
        let y = graph.bias_add(y, b).expect("it fits");
        let square = graph.mul(y, y).expect("the same shape");
        let loss = graph.mean(square).expect("reals");
        let [dhidden] = graph.differentiate(loss, &[hidden]).expect("it has one")[..] else {
            panic!("one gradient for one tensor")
        };
        let plan = Arc::new(
            Plan::new("hidden", &graph, &[hidden, dhidden], &Limits::SMALLEST)
                .expect("it is small"),
        );
        let places = [hidden, dhidden].map(|t| plan.output(t).expect("an output").place);
        let mut executor = Reference::f64();
        let handle = executor.load(plan, &store).expect("it loads");
        let mut at = 0;
        for parameter in whole.parameters() {
            let part = values[at..at + parameter.shape.len()].to_vec();
            at += part.len();
            executor
                .write_stored(&store, &parameter.name, &Data::F64(part))
                .expect("it fits");
        }
        executor
            .write_stored(&store, "x", &Data::F64(x.clone()))
            .expect("it fits");
        if let Some(hidden) = from_hidden {
            executor
                .write_stored(&store, "hidden", &Data::F64(hidden.to_vec()))
                .expect("it fits");
        }
        executor.run(handle, &[Tick::default()]).expect("it runs");
        let [hidden, gradient] =
            places.map(|p| executor.read(handle, p).expect("it can be read").to_f64());
        (hidden, gradient)
    };
    let (hidden, found) = gradient(None);
    let (same, expected) = gradient(Some(&hidden));
    assert_eq!(hidden, same, "the hidden tensor");
    assert_eq!(found, expected, "the gradient at it");
    assert!(
        found.iter().any(|g| g.abs() > 1e-3),
        "it is not zero: {found:?}"
    );
}

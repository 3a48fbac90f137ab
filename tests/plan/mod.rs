//! Plans: what they promise, checked by rules that know nothing of how plans are made.

mod fusion;
mod half;
mod long;
mod random;
mod rules;
mod training;

use thalweg::graph::{Graph, GraphError, Store, TensorId};
use thalweg::kernel::Limits;
use thalweg::network::{Activation, Mode, Network};
use thalweg::plan::{Plan, PlanError};
use thalweg::tensor::Element;

/// The forward pass of a network on 8 rows, with nothing but the prediction wanted.
fn forward(network: &Network, limits: &Limits) -> Result<(Store, Plan), PlanError> {
    let mut store = Store::new();
    network.declare(&mut store).expect("a new store");
    store
        .declare("x", [8, network.inputs], Element::F32)
        .expect("a new name");
    let mut graph = Graph::new();
    let x = graph.stored(&store, "x").expect("it is there");
    let y = network
        .forward(&mut graph, &store, x, Mode::Evaluation)
        .expect("it fits");
    Plan::new("forward", &graph, &[y], limits).map(|plan| (store, plan))
}

#[test]
fn what_nobody_needs_is_not_computed() {
    let mut store = Store::new();
    store
        .declare("x", [4, 3], Element::F32)
        .expect("a new name");
    store
        .declare("kept", [4, 3], Element::F32)
        .expect("a new name");
    let mut graph = Graph::new();
    let x = graph.stored(&store, "x").expect("it is there");
    let mut build = || -> Result<[TensorId; 3], GraphError> {
        let a = graph.scale(x, 2.0)?;
        let b = graph.activation(a, Activation::Tanh)?;
        let c = graph.mul(a, a)?;
        Ok([a, b, c])
    };
    let [a, b, c] = build().expect("it fits");
    let steps = |graph: &Graph, outputs: &[TensorId]| {
        let plan = Plan::new("some", graph, outputs, &Limits::SMALLEST).expect("it is small");
        plan.steps
            .iter()
            .map(|s| s.kernel.name())
            .collect::<Vec<_>>()
    };
    assert_eq!(steps(&graph, &[]), [""; 0], "nothing");
    assert_eq!(steps(&graph, &[a]), ["scale"]);
    assert_eq!(steps(&graph, &[b]), ["scale", "activation"]);
    assert_eq!(steps(&graph, &[c]), ["scale", "binary"]);
    assert_eq!(
        steps(&graph, &[x]),
        [""; 0],
        "what is stored is there already"
    );
    let kept = graph.stored(&store, "kept").expect("it is there");
    graph.copy_to(c, kept).expect("it fits");
    assert_eq!(
        steps(&graph, &[]),
        ["scale", "binary", "copy"],
        "the store needs it"
    );
}

#[test]
fn memory_is_used_again() {
    let deep = Network::mlp(16, &[64; 60], 4, Activation::Relu);
    let (_, plan) = forward(&deep, &Limits::SMALLEST).expect("it is small");
    assert!(
        plan.buffers.len() <= 3,
        "{} buffers for a chain",
        plan.buffers.len()
    );
    let (with, without) = (plan.bytes(), plan.bytes_without_reuse());
    assert!(with * 20 < without, "{with} bytes, {without} without reuse");
    let largest = 8 * 64 * 4;
    assert!(
        with <= 3 * largest,
        "{with} bytes for tensors of at most {largest}"
    );
}

/// A layer's weight that is one byte too large is taken in two halves, also where its rows begin where no device can bind;
/// a row that is too large by itself is refused, as is a buffer.
#[test]
fn what_a_device_cannot_bind_is_split_or_refused_with_its_name() {
    let limits = |binding, buffer| Limits {
        binding,
        buffer,
        ..Limits::SMALLEST
    };
    let network = |inputs| Network::mlp(inputs, &[64], 4, Activation::Relu);
    let products = |inputs, limits: &Limits| {
        let (store, plan) = forward(&network(inputs), limits).expect("it can be split");
        rules::check(&plan, &store, &[]);
        let kernels = plan.steps.iter().map(|s| s.kernel.name());
        kernels.filter(|name| *name == "matmul").count()
    };
    for inputs in [16, 15] {
        let weight = inputs as u64 * 64 * 4;
        assert_eq!(products(inputs, &limits(weight, 1 << 20)), 2, "just enough");
        assert_eq!(products(inputs, &limits(weight - 1, 1 << 20)), 3, "halves");
        let small = products(inputs, &limits(512, 1 << 20));
        assert!(small > 8, "{small} products of small pieces");
    }

    let classes = Network::mlp(4, &[128], 4, Activation::Softmax);
    assert!(forward(&classes, &limits(512, 1 << 20)).is_ok());
    let error = forward(&classes, &limits(511, 1 << 20)).expect_err("no place to cut");
    let PlanError::TooLarge {
        plan, bytes, limit, ..
    } = &error
    else {
        panic!("found {error:?}")
    };
    assert_eq!((plan.as_str(), *bytes, *limit), ("forward", 512, 511));
    let message = error.to_string();
    for part in ["layers.0.", "512", "511", "--device cpu"] {
        assert!(message.contains(part), "`{part}` is missing in: {message}");
    }
    let network = network(16);
    let error =
        forward(&network, &limits(1 << 20, 8 * 64 * 4 - 1)).expect_err("a buffer is larger");
    let message = error.to_string();
    for part in ["plan `forward`", "2048", "2047", "--device cpu"] {
        assert!(message.contains(part), "`{part}` is missing in: {message}");
    }
}

/// A driver that ends loops early gets shorter ones, whose sums are added; a loop that cannot be cut is refused.
#[test]
fn loops_that_a_driver_would_end_are_split_or_refused() {
    let limits = |turns| Limits {
        turns,
        software: true,
        subgroup: Some(8),
        ..Limits::SMALLEST
    };
    let network = Network::mlp(4000, &[8], 4, Activation::Relu);
    let kernels = |turns| -> Vec<_> {
        let (_, plan) = forward(&network, &limits(turns)).expect("it can be split");
        plan.steps.iter().map(|s| s.kernel.name()).collect()
    };
    // A quarter of the terms, and what stores the results.
    assert_eq!(kernels(1256), ["matmul", "matmul"], "just enough");
    let half = ["slice", "slice", "matmul"];
    let rest = ["binary", "bias_add", "activation", "matmul"];
    assert_eq!(kernels(1255), [&half[..], &half, &rest].concat());

    let network = Network::mlp(4, &[400], 4, Activation::Softmax);
    let error = forward(&network, &limits(1199)).expect_err("1200 turns");
    assert!(
        matches!(
            error,
            PlanError::TooLong {
                turns: 1200,
                limit: 1199,
                ..
            }
        ),
        "{error:?}"
    );
    assert!(
        error
            .to_string()
            .contains("step 1 (softmax, layer 0, forward)"),
        "{error}"
    );
    assert!(forward(&network, &limits(1200)).is_ok(), "just enough");
}

#[test]
fn a_plan_counts_its_work() {
    let network = Network::mlp(16, &[64], 4, Activation::Relu);
    let (_, plan) = forward(&network, &Limits::SMALLEST).expect("it is small");
    let products = 2 * 8 * (16 * 64 + 64 * 4);
    // One addition an element of both biases, and one for each ReLU.
    assert_eq!(plan.operations(), products + 8 * (64 + 64 + 4));
}

/// Constants of one value share a buffer that is filled once; two values do not.
#[test]
fn constants_are_filled_once() {
    let mut store = Store::new();
    store
        .declare("x", [4, 3], Element::F32)
        .expect("a new name");
    let mut graph = Graph::new();
    let x = graph.stored(&store, "x").expect("it is there");
    let mut y = x;
    for value in [2.0, 3.0, 2.0, 0.0] {
        let constant = graph.constant([4, 3], value);
        y = graph.sub(constant, y).expect("the same shape");
    }
    let plan = Plan::new("constants", &graph, &[y], &Limits::SMALLEST).expect("it is small");
    rules::check(&plan, &store, &[y]);
    let fills: Vec<f64> = plan
        .buffers
        .iter()
        .map(|b| b.fill)
        .filter(|&f| f != 0.0)
        .collect();
    assert_eq!(fills, [2.0, 3.0], "in {plan}");
    assert_eq!(plan.steps.len(), 4);
}

/// A device binds a buffer to a step for reading or for writing, so what is copied within a block is refused.
#[test]
fn a_step_within_one_block_of_the_store_is_refused() {
    let mut store = Store::new();
    let members = ["a", "b"].map(|name| (name.to_owned(), [4, 3].into()));
    store
        .declare_block("block", members.to_vec())
        .expect("new names");
    let mut graph = Graph::new();
    let [a, b] = ["a", "b"].map(|name| graph.stored(&store, name).expect("it is there"));
    graph.copy_to(a, b).expect("the same shape");
    let error = Plan::new("tied", &graph, &[], &Limits::SMALLEST).expect_err("one buffer");
    let message = error.to_string();
    for part in ["plan `tied`", "step 0 (copy", "`b`", "block"] {
        assert!(message.contains(part), "`{part}` is missing in: {message}");
    }
}

/// An output that is a view of another tensor has its own shape, and the other's place.
#[test]
fn an_output_that_is_a_view_keeps_its_shape() {
    let mut store = Store::new();
    store
        .declare("x", [4, 3], Element::F32)
        .expect("a new name");
    let mut graph = Graph::new();
    let x = graph.stored(&store, "x").expect("it was declared");
    let doubled = graph.scale(x, 2.0).expect("reals");
    let flat = graph.reshape(doubled, [12]).expect("as many elements");
    let plan = Plan::new("view", &graph, &[doubled, flat], &Limits::SMALLEST).expect("it fits");
    let [doubled, flat] = [doubled, flat].map(|o| plan.output(o).expect("it is an output"));
    assert_eq!(
        (doubled.shape.dims(), flat.shape.dims()),
        (&[4, 3][..], &[12][..])
    );
    assert_eq!(doubled.place, flat.place, "nothing is copied");
}

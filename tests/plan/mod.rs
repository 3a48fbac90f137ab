//! Plans: what they promise, checked by rules that know nothing of how plans are made.

mod fusion;
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

#[test]
fn what_a_device_cannot_bind_is_refused_with_its_name() {
    let network = Network::mlp(16, &[64], 4, Activation::Relu);
    let limits = |binding, buffer| Limits {
        binding,
        buffer,
        ..Limits::SMALLEST
    };
    let weight = 16 * 64 * 4;
    assert!(
        forward(&network, &limits(weight, 1 << 20)).is_ok(),
        "just enough"
    );
    match forward(&network, &limits(weight - 1, 1 << 20)) {
        Err(PlanError::TooLarge {
            plan,
            tensor,
            bytes,
            limit,
        }) => {
            assert_eq!(
                (plan.as_str(), tensor.as_str()),
                ("forward", "layers.0.weight")
            );
            assert_eq!((bytes, limit), (weight, weight - 1));
        }
        other => panic!("found {other:?}"),
    }
    let error =
        forward(&network, &limits(1 << 20, 8 * 64 * 4 - 1)).expect_err("a buffer is larger");
    assert!(
        matches!(
            error,
            PlanError::TooLarge {
                bytes: 2048,
                limit: 2047,
                ..
            }
        ),
        "{error:?}"
    );
    let message = error.to_string();
    assert!(
        message.contains("2048") && message.contains("--device cpu"),
        "{message}"
    );
}

#[test]
fn loops_that_a_driver_would_end_are_refused() {
    let network = Network::mlp(4000, &[8], 4, Activation::Relu);
    let limits = Limits {
        turns: 999,
        ..Limits::SMALLEST
    };
    let error = forward(&network, &limits).expect_err("1000 turns");
    assert!(
        matches!(
            error,
            PlanError::TooLong {
                turns: 1000,
                limit: 999,
                ..
            }
        ),
        "{error:?}"
    );
    assert!(
        error
            .to_string()
            .contains("step 0 (matmul, layer 0, forward)"),
        "{error}"
    );
    let limits = Limits {
        turns: 1000,
        ..Limits::SMALLEST
    };
    assert!(forward(&network, &limits).is_ok(), "just enough");
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

//! What is fused, what must not be, and that it changes no result.

use thalweg::data::Dataset;
use thalweg::graph::ops::{ActivationFunction, Update};
use thalweg::graph::{Graph, GraphError, Store, TensorId};
use thalweg::kernel::{Finish, Kernel, Limits, Tick};
use thalweg::network::{Activation, Loss, Network};
use thalweg::plan::Plan;
use thalweg::random::{Random, stream};
use thalweg::tensor::Element;
use thalweg::train::{Optimizer, Purpose, Trainer};

use super::rules;
use crate::common::{Named, executors};

/// `x` `[4, 3]`, `w` `[5, 3]`, `b` `[5]` and `kept` `[4, 5]`.
fn store() -> Store {
    let mut store = Store::new();
    let members: [(&str, &[usize]); 4] = [
        ("x", &[4, 3]),
        ("w", &[5, 3]),
        ("b", &[5]),
        ("kept", &[4, 5]),
    ];
    for (name, shape) in members {
        store
            .declare(name, shape, Element::F32)
            .expect("a new name");
    }
    store
}

/// Names of the kernels of a plan, a product's with what is fused into it.
fn kernels(plan: &Plan) -> Vec<String> {
    let name = |kernel: &Kernel| match kernel {
        Kernel::Matmul(k) => {
            let finish = match k.finish {
                Finish::None => String::new(),
                Finish::Bias(f) => format!(" + bias, {:?}", f.kind),
                Finish::Gradient(f) => format!(" + gradient of {:?}", f.kind),
                Finish::Sgd { .. } => " + sgd".to_owned(),
            };
            format!("matmul{finish}{}", if k.row_sums { " + sums" } else { "" })
        }
        other => other.name().to_owned(),
    };
    plan.steps.iter().map(|s| name(&s.kernel)).collect()
}

/// The kernels of a graph on the tensors of [`store`]; the closure returns what is wanted.
fn plan_of(
    build: impl Fn(&mut Graph, &Store, [TensorId; 4]) -> Result<Vec<TensorId>, GraphError>,
) -> Vec<String> {
    let store = store();
    let mut graph = Graph::new();
    let stored =
        ["x", "w", "b", "kept"].map(|name| graph.stored(&store, name).expect("it is there"));
    let outputs = build(&mut graph, &store, stored).expect("it fits");
    let plan = Plan::new("fused", &graph, &outputs, &Limits::SMALLEST).expect("it is small");
    rules::check(&plan, &store, &outputs);
    kernels(&plan)
}

#[test]
fn a_layer_is_one_step() {
    let layer = plan_of(|graph, _, [x, w, b, _]| {
        let product = graph.matmul_transposed(x, w, false, true)?;
        let sum = graph.bias_add(product, b)?;
        Ok(vec![graph.activation(sum, ActivationFunction::Gelu)?])
    });
    assert_eq!(layer, ["matmul + bias, Gelu"]);
    let line = plan_of(|graph, _, [x, w, b, _]| {
        let product = graph.matmul_transposed(x, w, false, true)?;
        Ok(vec![graph.bias_add(product, b)?])
    });
    assert_eq!(line, ["matmul + bias, Identity"]);
    let twice = plan_of(|graph, _, [x, w, b, _]| {
        let product = graph.matmul_transposed(x, w, false, true)?;
        let sum = graph.bias_add(product, b)?;
        let once = graph.activation(sum, ActivationFunction::Tanh)?;
        Ok(vec![graph.activation(once, ActivationFunction::Tanh)?])
    });
    assert_eq!(twice, ["matmul + bias, Tanh", "activation"]);
}

#[test]
fn what_somebody_else_reads_is_kept() {
    // The sums are wanted too.
    let wanted = plan_of(|graph, _, [x, w, b, _]| {
        let product = graph.matmul_transposed(x, w, false, true)?;
        let sum = graph.bias_add(product, b)?;
        Ok(vec![graph.activation(sum, ActivationFunction::Tanh)?, sum])
    });
    assert_eq!(wanted, ["matmul + bias, Identity", "activation"]);
    // Through a view.
    let viewed = plan_of(|graph, _, [x, w, b, _]| {
        let product = graph.matmul_transposed(x, w, false, true)?;
        let flat = graph.reshape(product, [20])?;
        let flat = graph.scale(flat, 2.0)?;
        Ok(vec![graph.bias_add(product, b)?, flat])
    });
    assert_eq!(viewed, ["matmul", "scale", "bias_add"]);
    // By the same step twice.
    let doubled = plan_of(|graph, _, [x, w, _, _]| {
        let product = graph.matmul_transposed(x, w, false, true)?;
        Ok(vec![graph.mul(product, product)?])
    });
    assert_eq!(doubled, ["matmul", "binary"]);
}

/// A product moved behind a write would read what was written.
#[test]
fn nothing_moves_past_a_write_to_the_store() {
    let moved = plan_of(|graph, store, [x, w, b, kept]| {
        let product = graph.matmul_transposed(x, w, false, true)?;
        let other = graph.scale(kept, 2.0)?;
        graph.copy_to(other, kept)?;
        assert!(store.find("kept").is_ok(), "it is declared");
        Ok(vec![graph.bias_add(product, b)?])
    });
    assert_eq!(moved, ["matmul", "scale", "copy", "bias_add"]);
}

#[test]
fn a_training_step_of_an_mlp() {
    let network = Network::mlp(6, &[9, 8], 3, Activation::Relu);
    let mut session = trainer(network)
        .session(Box::new(thalweg::reference::Reference::f32()), &data())
        .expect("it fits");
    let plan = session.plan(Purpose::Training(4)).expect("it fits").plan;
    let products: Vec<_> = kernels(&plan)
        .into_iter()
        .filter(|name| !matches!(name.as_str(), "gather" | "record" | "sum" | "correct"))
        .collect();
    let expected = [
        "matmul + bias, Relu",
        "matmul + bias, Relu",
        "matmul + bias, Identity",
        "softmax_cross_entropy",
        "softmax_cross_entropy_grad",
        "matmul + gradient of Relu",
        "matmul + sgd + sums",
        "matmul + gradient of Relu",
        "matmul + sgd + sums",
        "matmul + sgd + sums",
    ];
    assert_eq!(products, expected, "{plan}");
}

/// The kernels of one training step on the members of a block of parameters, `w` `[5, 3]`, `v` `[5, 5]` and `b` `[5]`; the
/// closure returns their gradients.
fn update_of(
    update: Update,
    gradients: impl Fn(&mut Graph, [TensorId; 2], [TensorId; 3]) -> Result<Vec<TensorId>, GraphError>,
) -> Vec<String> {
    let mut store = store();
    let members = vec![
        ("w2".to_owned(), [5, 3].into()),
        ("v2".to_owned(), [5, 5].into()),
        ("b2".to_owned(), [5].into()),
    ];
    store.declare_block("block", members).expect("a new block");
    for state in update.states() {
        store.declare_like("block", state).expect("a new block");
    }
    let mut graph = Graph::new();
    let mut stored = |name: &str| graph.stored(&store, name).expect("it is there");
    let data = ["x", "kept"].map(&mut stored);
    let parameters = ["w2", "v2", "b2"].map(&mut stored);
    let gradients = gradients(&mut graph, data, parameters).expect("they fit");
    graph
        .update(&store, "block", &gradients, update)
        .expect("they fit");
    let plan = Plan::new("update", &graph, &[], &Limits::SMALLEST).expect("it is small");
    rules::check(&plan, &store, &[]);
    kernels(&plan)
}

const PLAIN: Update = Update::Sgd {
    momentum: 0.0,
    nesterov: false,
    weight_decay: 0.1,
};

#[test]
fn an_update_goes_into_the_products_that_compute_all_of_its_gradient() {
    let plain = |graph: &mut Graph, [x, kept]: [TensorId; 2], _: [TensorId; 3]| {
        let dw = graph.matmul_transposed(kept, x, true, false)?;
        let dv = graph.matmul_transposed(kept, kept, true, false)?;
        Ok(vec![dw, dv, graph.sum_axis(kept, 0)?])
    };
    let both = ["matmul + sgd", "matmul + sgd + sums"];
    let mut found = update_of(PLAIN, plain);
    found.sort();
    assert_eq!(found, both);
    let momentum = Update::Sgd {
        momentum: 0.9,
        nesterov: false,
        weight_decay: 0.0,
    };
    for update in [momentum, Optimizer::adam(0.1).update] {
        let found = update_of(update, plain);
        assert!(
            found.last().is_some_and(|last| last.ends_with("_update")),
            "{found:?}"
        );
        assert!(!found.concat().contains("sgd +"), "{found:?}");
    }
}

/// The weight is read once more behind its gradient: the update waits.
#[test]
fn an_update_comes_behind_the_last_step_that_reads_what_it_changes() {
    let found = update_of(PLAIN, |graph, [x, kept], [w, ..]| {
        let dw = graph.matmul_transposed(kept, x, true, false)?;
        let y = graph.matmul_transposed(x, w, false, true)?;
        let dv = graph.matmul_transposed(y, kept, true, false)?;
        Ok(vec![dw, dv, graph.sum_axis(y, 0)?])
    });
    assert_eq!(found, ["matmul", "matmul + sgd", "matmul + sgd + sums"]);
}

#[test]
fn an_update_stays_whole_if_a_part_of_its_gradient_is_no_plain_product() {
    let scaled = update_of(PLAIN, |graph, [x, kept], _| {
        let dw = graph.matmul_transposed(kept, x, true, false)?;
        let dv = graph.matmul_transposed(kept, kept, true, false)?;
        let db = graph.sum_axis(kept, 0)?;
        Ok(vec![dw, dv, graph.scale(db, 2.0)?])
    });
    assert!(scaled.contains(&"sgd_update".to_owned()), "{scaled:?}");
    assert!(!scaled.concat().contains("+ sgd"), "{scaled:?}");
    // A product that reads a parameter would have to come before the update of that one.
    let reading = update_of(PLAIN, |graph, [x, kept], [_, v, _]| {
        let dw = graph.matmul_transposed(kept, x, true, false)?;
        let dv = graph.matmul_transposed(v, v, true, false)?;
        Ok(vec![dw, dv, graph.sum_axis(kept, 0)?])
    });
    assert!(reading.contains(&"sgd_update".to_owned()), "{reading:?}");
    // The weight is read behind a write to what its gradient is computed from: the product can come neither before nor behind.
    let written = update_of(PLAIN, |graph, [x, kept], [w, ..]| {
        let dw = graph.matmul_transposed(kept, x, true, false)?;
        let doubled = graph.scale(x, 2.0)?;
        graph.copy_to(doubled, x)?;
        let y = graph.matmul(kept, w)?;
        let z = graph.matmul_transposed(y, w, false, true)?;
        let dv = graph.matmul_transposed(z, kept, true, false)?;
        Ok(vec![dw, dv, graph.sum_axis(z, 0)?])
    });
    assert!(written.contains(&"sgd_update".to_owned()), "{written:?}");
}

/// A gradient that is read when the plan has run is computed, and the update stays whole.
#[test]
fn an_update_stays_whole_if_its_gradient_is_wanted() {
    let mut store = Store::new();
    store
        .declare("x", [4, 5], Element::F32)
        .expect("a new name");
    let members = vec![("w".to_owned(), [5, 5].into())];
    store.declare_block("block", members).expect("a new block");
    let mut graph = Graph::new();
    let x = graph.stored(&store, "x").expect("it is there");
    graph.stored(&store, "w").expect("it is there");
    let dw = graph.matmul_transposed(x, x, true, false).expect("it fits");
    graph
        .update(&store, "block", &[dw], PLAIN)
        .expect("it fits");
    for (outputs, expected) in [
        (vec![], vec!["matmul + sgd"]),
        (vec![dw], vec!["matmul", "sgd_update"]),
    ] {
        let plan = Plan::new("update", &graph, &outputs, &Limits::SMALLEST).expect("it is small");
        rules::check(&plan, &store, &outputs);
        assert_eq!(kernels(&plan), expected);
    }
}

fn data() -> Dataset {
    let random = Random::new(3, stream::TEST, 9);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the inputs are small numbers"
    )]
    let x: Vec<f32> = (0..60).map(|i| random.normal(i) as f32).collect();
    let labels: Vec<u32> = (0..10).map(|i| i % 3).collect();
    Dataset::classes(&x, 6, &labels).expect("they fit")
}

fn trainer(network: Network) -> Trainer {
    Trainer::new(network, Loss::CrossEntropy)
        .optimizer(Optimizer::sgd(0.1))
        .batch_size(4)
}

/// On every executor, after some steps: the same parameters but for rounding.
#[test]
fn fused_and_unfused_training_agree() {
    let run = |fuse: bool, activation: Activation| -> Vec<(String, Vec<f64>)> {
        let network = Network::mlp(6, &[9, 8], 3, activation);
        let mut trainer = trainer(network);
        trainer.options.fuse = fuse;
        let one = |Named { name, executor }| {
            let mut session = trainer.session(executor, &data()).expect("it fits");
            let ready = session.plan(Purpose::Training(4)).expect("it fits");
            let tick = |step| Tick {
                step,
                start: 4 * (step % 2),
                learning_rate: 0.1,
                ..Tick::default()
            };
            let ticks: Vec<Tick> = (1..=20).map(tick).collect();
            session.executor.run(ready.handle, &ticks).expect("it runs");
            let model = session.model(false).expect("it can be read");
            let values = model.values.iter().flatten().map(|&v| f64::from(v));
            (name, values.collect())
        };
        executors().into_iter().map(one).collect()
    };
    for activation in [Activation::Relu, Activation::Gelu, Activation::Tanh] {
        for ((name, fused), (_, unfused)) in
            run(true, activation).iter().zip(run(false, activation))
        {
            let largest = unfused.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
            assert!(largest > 0.1, "{name}: nothing was trained");
            let worst = fused
                .iter()
                .zip(&unfused)
                .map(|(a, b)| (a - b).abs())
                .fold(0.0, f64::max);
            assert!(
                worst <= 1e-5 * largest,
                "{name}, {activation:?}: {worst} apart, weights up to {largest}"
            );
        }
    }
}

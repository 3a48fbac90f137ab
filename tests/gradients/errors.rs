//! Gradients that do not exist, and shapes that do not fit: errors that say what and why.

use thalweg::graph::ops::{ActivationFunction, DropoutKey, Update};
use thalweg::graph::{Graph, GraphError, Phase, Store, TensorId};
use thalweg::tensor::{Element, Shape};

/// A graph over `x`, `z` `[2, 3]`, `v` `[3]`, `w` `[4, 3]`, a table `[5, 3]`, a log `[4, 2]`, and integers `i` `[2]`.
fn start() -> (Graph, impl Fn(&mut Graph, &str) -> TensorId) {
    let mut store = Store::new();
    let shapes: [(&str, &[usize]); 6] = [
        ("x", &[2, 3]),
        ("z", &[2, 3]),
        ("v", &[3]),
        ("w", &[4, 3]),
        ("table", &[5, 3]),
        ("log", &[4, 2]),
    ];
    for (name, shape) in shapes {
        store
            .declare(name, shape, Element::F32)
            .expect("a new name");
    }
    store.declare("i", [2], Element::U32).expect("a new name");
    (Graph::new(), move |graph: &mut Graph, name: &str| {
        graph.stored(&store, name).expect("it is there")
    })
}

/// Asserts that an error's message holds all of these.
fn assert_says<T: std::fmt::Debug>(result: Result<T, GraphError>, parts: &[&str]) {
    let message = result.expect_err("it cannot be done").to_string();
    for part in parts {
        assert!(message.contains(part), "`{part}` is missing in: {message}");
    }
}

#[test]
fn integers_have_no_gradient() {
    let (mut graph, stored) = start();
    let (x, i) = (stored(&mut graph, "x"), stored(&mut graph, "i"));
    let rows = graph.softmax_cross_entropy(x, i).expect("it fits");
    let loss = graph.mean(rows).expect("reals");
    let result = graph.differentiate(loss, &[x, i]);
    assert!(
        matches!(result, Err(GraphError::IntegerGradient { .. })),
        "{result:?}"
    );
    assert_says(result, &["`i`", "u32"]);
}

#[test]
fn only_a_scalar_has_a_gradient() {
    let (mut graph, stored) = start();
    let x = stored(&mut graph, "x");
    let y = graph.scale(x, 2.0).expect("reals");
    graph.rename(y, "twice");
    let result = graph.differentiate(y, &[x]);
    assert!(
        matches!(result, Err(GraphError::NotScalar { .. })),
        "{result:?}"
    );
    assert_says(result, &["`twice`", "[2, 3]", "mean"]);
}

#[test]
fn what_is_not_connected_has_no_gradient() {
    let (mut graph, stored) = start();
    let (x, z) = (stored(&mut graph, "x"), stored(&mut graph, "z"));
    let loss = graph.mean(x).expect("reals");
    let result = graph.differentiate(loss, &[x, z]);
    assert!(
        matches!(result, Err(GraphError::Unconnected { .. })),
        "{result:?}"
    );
    assert_says(result, &["`z`", "does not depend"]);
}

/// The op that is named is the gradient's own.
#[test]
fn a_second_derivative_names_the_op() {
    type Square = fn(&mut Graph, TensorId, TensorId) -> Result<TensorId, GraphError>;
    let table: [(&str, Square); 8] = [
        ("activation_grad", |graph, x, _| {
            graph.activation(x, ActivationFunction::Tanh)
        }),
        ("softmax_grad", |graph, x, _| graph.softmax(x)),
        ("softmax_cross_entropy_grad", |graph, x, i| {
            graph.softmax_cross_entropy(x, i)
        }),
        ("class_loss_grad", |graph, x, i| graph.hinge(x, i)),
        ("log_softmax_grad", |graph, x, _| graph.log_softmax(x)),
        ("smoothed_cross_entropy_grad", |graph, x, i| {
            let classes = graph.tensor(x).shape.rows_columns()[1];
            let ones = graph.constant([classes], 1.0);
            graph.smoothed_cross_entropy(x, i, ones, 0.1)
        }),
        ("pointwise_loss_grad", |graph, x, _| {
            graph.squared_error(x, x)
        }),
        ("mul", |graph, x, _| {
            let square = graph.mul(x, x)?;
            graph.mul(square, x)
        }),
    ];
    for (op, build) in table {
        let (mut graph, stored) = start();
        let (x, i) = (stored(&mut graph, "x"), stored(&mut graph, "i"));
        let y = build(&mut graph, x, i).expect("it fits");
        let loss = graph.mean(y).expect("reals");
        let dx = graph.differentiate(loss, &[x]).expect("the first is there")[0];
        let penalty = graph.sum(dx).expect("reals");
        let before = graph.nodes().len();
        let result = graph.differentiate(penalty, &[x]);
        assert!(
            matches!(result, Err(GraphError::SecondDerivative { .. })),
            "{op}: {result:?}"
        );
        assert_says(result, &["second derivative", "`"]);
        assert!(graph.nodes().len() >= before, "the graph stands");
    }
    let (mut graph, stored) = start();
    let x = stored(&mut graph, "x");
    let y = graph
        .activation(x, ActivationFunction::Tanh)
        .expect("reals");
    let loss = graph.mean(y).expect("reals");
    let dx = graph.differentiate(loss, &[x]).expect("the first is there")[0];
    let penalty = graph.sum(dx).expect("reals");
    assert_says(graph.differentiate(penalty, &[x]), &["`activation_grad`"]);
}

#[test]
fn ops_that_keep_books_have_no_gradient() {
    let (mut graph, stored) = start();
    let (x, i) = (stored(&mut graph, "x"), stored(&mut graph, "i"));
    let right = graph.correct(x, i).expect("it fits");
    let loss = graph.mean(right).expect("reals");
    assert_says(graph.differentiate(loss, &[x]), &["correct", "no gradient"]);

    let (mut graph, stored) = start();
    let (table, i) = (stored(&mut graph, "table"), stored(&mut graph, "i"));
    let batch = graph.batch(table, i, 2, 1.0).expect("it fits");
    let loss = graph.mean(batch).expect("reals");
    assert_says(graph.differentiate(loss, &[table]), &["gather", "`table`"]);
}

#[test]
fn shapes_that_do_not_fit_are_both_told() {
    type Build = fn(&mut Graph, [TensorId; 6]) -> Result<TensorId, GraphError>;
    let table: [(&str, [&str; 2], Build); 13] = [
        ("add", ["[2, 3]", "[4, 3]"], |g, [x, _, w, ..]| g.add(x, w)),
        ("sub", ["[2, 3]", "[3]"], |g, [x, v, ..]| g.sub(x, v)),
        ("mul", ["[3]", "[4, 3]"], |g, [_, v, w, ..]| g.mul(v, w)),
        ("matmul", ["[2, 3]", "[4, 3]"], |g, [x, _, w, ..]| {
            g.matmul(x, w)
        }),
        ("matmul", ["[2, 3]", "[4, 3]"], |g, [x, _, w, ..]| {
            g.matmul_transposed(x, w, true, true)
        }),
        ("matmul", ["[2, 3]", "[3]"], |g, [x, v, ..]| g.matmul(x, v)),
        ("bias_add", ["[3]", "[3]"], |g, [_, v, ..]| g.bias_add(v, v)),
        ("squared_error", ["[2, 3]", "[4, 3]"], |g, [x, _, w, ..]| {
            g.squared_error(x, w)
        }),
        (
            "sigmoid_cross_entropy",
            ["[2, 3]", "[3]"],
            |g, [x, v, ..]| g.sigmoid_cross_entropy(x, v),
        ),
        (
            "softmax_cross_entropy",
            ["[4, 3]", "[2]"],
            |g, [_, _, w, _, _, i]| g.softmax_cross_entropy(w, i),
        ),
        ("concat", ["[2, 3]", "[4, 3]"], |g, [x, _, w, ..]| {
            g.concat(x, w, 1)
        }),
        ("concat", ["[2, 3]", "[3]"], |g, [x, v, ..]| {
            g.concat(x, v, 0)
        }),
        ("reshape", ["[2, 3]", "[7]"], |g, [x, ..]| g.reshape(x, [7])),
    ];
    for (op, shapes, build) in table {
        let (mut graph, stored) = start();
        let tensors = ["x", "v", "w", "table", "log", "i"].map(|name| stored(&mut graph, name));
        let result = build(&mut graph, tensors);
        assert!(
            matches!(result, Err(GraphError::ShapeMismatch { .. })),
            "{op}: {result:?}"
        );
        assert_says(result, &[op, shapes[0], shapes[1]]);
        assert!(graph.nodes().is_empty(), "{op}: nothing was added");
    }
}

#[test]
fn wrong_axes_ranges_elements_and_values_are_told() {
    type Build = fn(&mut Graph, [TensorId; 3]) -> Result<TensorId, GraphError>;
    let key = DropoutKey { seed: 0, stream: 0 };
    assert!(key.seed == 0, "a key for the closures below");
    let table: [(&str, Build); 17] = [
        ("sum", |g, [x, ..]| g.sum_axis(x, 2)),
        ("mean", |g, [x, ..]| g.mean_axis(x, 5)),
        ("slice", |g, [x, ..]| g.slice(x, 1, 2, 2)),
        ("slice", |g, [x, ..]| g.slice(x, 1, usize::MAX, 2)),
        ("slice", |g, [x, ..]| g.slice(x, 3, 0, 1)),
        ("pad", |g, [x, ..]| g.pad(x, 1, 1, 3)),
        ("broadcast", |g, [x, ..]| g.broadcast(x, 3, 2)),
        ("broadcast", |g, [x, ..]| g.broadcast(x, 0, 0)),
        ("slice", |g, [x, ..]| g.slice(x, 0, 0, 0)),
        ("add", |g, [_, i, _]| g.add(i, i)),
        ("activation", |g, [_, i, _]| {
            g.activation(i, ActivationFunction::Relu)
        }),
        ("gather", |g, [x, _, log]| g.gather(x, log)),
        ("softmax_cross_entropy", |g, [x, _, log]| {
            g.softmax_cross_entropy(x, log)
        }),
        ("scale", |g, [x, ..]| g.scale(x, f64::NAN)),
        ("activation", |g, [x, ..]| {
            g.activation(x, ActivationFunction::Elu(f64::INFINITY))
        }),
        ("dropout", |g, [x, ..]| {
            g.dropout(x, 1.0, DropoutKey { seed: 0, stream: 0 })
        }),
        ("dropout", |g, [x, ..]| {
            g.dropout(x, f64::NAN, DropoutKey { seed: 0, stream: 0 })
        }),
    ];
    for (op, build) in table {
        let (mut graph, stored) = start();
        let tensors = ["x", "i", "log"].map(|name| stored(&mut graph, name));
        assert_says(build(&mut graph, tensors), &[op]);
        assert!(graph.nodes().is_empty(), "{op}: nothing was added");
    }
}

#[test]
fn what_writes_to_the_store_wants_a_stored_tensor() {
    let (mut graph, stored) = start();
    let x = stored(&mut graph, "x");
    let y = graph.scale(x, 2.0).expect("reals");
    assert_says(graph.copy_to(x, y), &["copy", "scale", "store"]);
    assert_says(graph.lerp_to(x, y, 0.5), &["lerp_update", "scale", "store"]);
    let log = stored(&mut graph, "log");
    assert_says(
        graph.lerp_to(x, log, 0.5),
        &["lerp_update", "[2, 3]", "[4, 2]"],
    );
    let row = graph.slice(x, 0, 0, 1).expect("it is there");
    assert_says(graph.record(row, y).map(|()| row), &["record"]);
    let log = stored(&mut graph, "log");
    assert_says(
        graph.record(row, log).map(|()| row),
        &["record", "[1, 3]", "[4, 2]"],
    );
}

#[test]
fn a_store_knows_its_names() {
    let mut store = Store::new();
    store
        .declare("weights", [2], Element::F32)
        .expect("a new name");
    let mut graph = Graph::new();
    assert_says(graph.stored(&store, "weight"), &["`weight`", "weights"]);
    assert_says(store.declare("weights", [3], Element::F32), &["`weights`"]);
    assert_says(
        store.declare("none", [3, 0], Element::F32),
        &["`none`", "[3, 0]"],
    );
    assert_says(
        store.declare_block("b", vec![("weights".to_owned(), [1].into())]),
        &["`weights`"],
    );
    assert_says(store.declare_block("empty", Vec::new()), &["`empty`"]);
    assert_says(store.declare_like("nothing", "good"), &["`nothing`"]);
}

/// What fails leaves the graph as it was: what is built next still belongs to the forward phase.
#[test]
fn a_gradient_that_does_not_exist_leaves_the_phase_alone() {
    let (mut graph, stored) = start();
    let [x, z] = ["x", "z"].map(|name| stored(&mut graph, name));
    let square = graph.mul(x, x).expect("the same shape");
    let loss = graph.sum(square).expect("reals");
    let gradient = graph.differentiate(loss, &[x]).expect("it exists")[0];
    let penalty = graph.sum(gradient).expect("reals");
    let result = graph.differentiate(penalty, &[x]);
    assert!(
        matches!(result, Err(GraphError::SecondDerivative { .. })),
        "{result:?}"
    );
    let square = graph.mul(z, z).expect("the same shape");
    let loss = graph.sum(square).expect("reals");
    let phase = graph.nodes().last().expect("there are nodes").phase;
    assert_eq!(phase, Phase::Forward);
    graph.differentiate(loss, &[z]).expect("it exists");
}

#[test]
fn a_name_stands_once_in_a_block() {
    for names in [["a", "a"], ["a", "block"]] {
        let mut store = Store::new();
        let members = names.map(|name| (name.to_owned(), Shape::from([3])));
        let result = store.declare_block("block", members.to_vec());
        assert_says(result, &["already", names[1]]);
        assert!(store.blocks().is_empty(), "nothing is declared");
    }
}

/// The number of elements of such a tensor is 0 if it is counted in 64 bits.
#[test]
fn shapes_that_cannot_be_counted_are_refused() {
    let (mut graph, stored) = start();
    let table = stored(&mut graph, "table");
    let column = graph.slice(table, 1, 0, 1).expect("it has one");
    let four = graph.slice(column, 0, 0, 4).expect("it has them");
    let result = graph.broadcast(four, 0, 1 << 62);
    assert!(
        matches!(result, Err(GraphError::TooLarge { .. })),
        "{result:?}"
    );
}

/// What no kernel can count or no machine address is an error where it is declared or used, never a panic.
#[test]
fn sizes_that_overflow_are_refused() {
    let mut store = Store::new();
    for shape in [[1 << 40, 1 << 40], [1 << 31, 1 << 31]] {
        let found = store.declare("huge", shape, Element::F32);
        assert!(
            matches!(found, Err(GraphError::Unaddressable { .. })),
            "{found:?}"
        );
    }
    let half = || ("half".to_owned(), [1 << 60].into());
    let (a, b) = (half(), ("other".to_owned(), [1 << 60].into()));
    let found = store.declare_block("both", vec![a, b]);
    assert!(found.is_err(), "{found:?}");
    store
        .declare("large", [1 << 17, 1 << 16], Element::F32)
        .expect("64-bit machines address it");
    store
        .declare("order", [4], Element::U32)
        .expect("a new name");
    let mut graph = Graph::new();
    let [large, order] =
        ["large", "order"].map(|name| graph.stored(&store, name).expect("it is there"));
    let found = [
        graph.nonfinite(large),
        graph.scale(large, 2.0),
        graph.sum(large),
    ];
    for found in found {
        assert!(
            matches!(found, Err(GraphError::TooLarge { .. })),
            "{found:?}"
        );
    }
    let constant = graph.constant([1 << 40, 1 << 40], 1.0);
    let found = graph.sum(constant);
    assert!(
        matches!(found, Err(GraphError::TooLarge { .. })),
        "{found:?}"
    );
    graph
        .gather(large, order)
        .expect("of a table only the rows are counted");
}

/// `loss = Σ (x w)²`, updated at `w`: what was read of `w` before is not there any more.
#[test]
fn what_an_update_has_overwritten_is_not_read_as_if_it_had_not() {
    let mut store = Store::new();
    store
        .declare_block("weights", vec![("w".to_owned(), [3, 2].into())])
        .expect("a new name");
    store
        .declare("x", [2, 3], Element::F32)
        .expect("a new name");
    let mut graph = Graph::new();
    let [x, w] = ["x", "w"].map(|name| graph.stored(&store, name).expect("it was declared"));
    let flat = graph.reshape(w, [6]).expect("as many elements");
    let y = graph.matmul(x, w).expect("the shapes fit");
    let squares = graph.mul(y, y).expect("the shapes fit");
    let loss = graph.sum(squares).expect("reals");
    let gradients = graph.differentiate(loss, &[w]).expect("it depends on w");
    let sgd = Update::Sgd {
        momentum: 0.0,
        nesterov: false,
        weight_decay: 0.0,
    };
    graph
        .update(&store, "weights", &gradients, sgd)
        .expect("the gradient fits");

    assert_says(
        graph.differentiate(loss, &[x]),
        &["matmul", "`w`", "overwrote", "`stored`"],
    );
    assert_says(graph.scale(w, 2.0), &["scale", "`w`"]);
    assert_says(graph.scale(flat, 2.0), &["scale", "`reshape`"]);
    let now = graph.stored(&store, "w").expect("it is still there");
    assert_ne!(now, w, "the new value has a number of its own");
    graph.scale(now, 2.0).expect("the new value can be read");
}

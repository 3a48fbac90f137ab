//! Normalisation, maxout and dropout's scaling against `PyTorch` in f64: values and gradients, to ten digits on the f64
//! reference and to single precision on every executor. See `tests/fixtures/layers.py`.

use std::sync::Arc;

use serde_json::Value;
use thalweg::executor::Data;
use thalweg::graph::{Graph, GraphError, Store, TensorId};
use thalweg::kernel::{Limits, Tick};
use thalweg::plan::Plan;
use thalweg::reference::Reference;
use thalweg::tensor::Element;

use crate::common::{Named, executors, named};

fn fixture() -> Value {
    serde_json::from_str(include_str!("../fixtures/layers.json")).expect("the fixture is JSON")
}

fn array(tensor: &Value) -> Vec<f64> {
    let data = tensor["data"].as_array().expect("a tensor");
    data.iter().map(|x| x.as_f64().expect("a number")).collect()
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

fn close(what: &str, found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(1e-30_f64, |most, x| most.max(x.abs()));
    for (i, (a, e)) in found.iter().zip(expected).enumerate() {
        let off = (a - e).abs() / largest;
        assert!(
            off <= tolerance,
            "{what}[{i}]: {a} is not {e}, off by {off:e} of the largest"
        );
    }
}

type Built = Result<Vec<TensorId>, GraphError>;

/// Builds a graph over stored tensors, and holds its outputs, and what it changes in the store, against these values on
/// every executor.
fn check(
    what: &str,
    stored: &[(&str, &[usize], Vec<f64>)],
    build: impl Fn(&mut Graph, &Store) -> Built,
    outputs: &[(&str, Vec<f64>)],
    changed: &[(&str, Vec<f64>)],
) {
    let all = std::iter::once((named("f64", Reference::f64()), 1e-12));
    // Sums of seven terms around 100, of which the mean is taken.
    let all = all.chain(executors().into_iter().map(|named| (named, 1e-4)));
    for (Named { name, mut executor }, tolerance) in all {
        let mut store = Store::new();
        for (name, shape, _) in stored {
            store
                .declare(name, *shape, Element::F32)
                .expect("a new name");
        }
        let mut graph = Graph::new();
        let found = build(&mut graph, &store).unwrap_or_else(|e| panic!("{what}: {e}"));
        let plan = Plan::new(what, &graph, &found, &Limits::SMALLEST).expect("it is small");
        let places: Vec<_> = (found.iter())
            .map(|&o| plan.output(o).expect("an output").place)
            .collect();
        let handle = executor.load(Arc::new(plan), &store).expect("it loads");
        for (name, _, values) in stored {
            let data = Data::F64(values.clone());
            executor.write_stored(&store, name, &data).expect("it fits");
        }
        executor.run(handle, &[Tick::default()]).expect("it runs");
        for (place, (output, expected)) in places.into_iter().zip(outputs) {
            let found = executor.read(handle, place).expect("an output").to_f64();
            close(
                &format!("{what}, {output}, {name}"),
                &found,
                expected,
                tolerance,
            );
        }
        for (tensor, expected) in changed {
            let found = executor.read_stored(&store, tensor).expect("it is there");
            let what = format!("{what}, {tensor}, {name}");
            close(&what, &found.to_f64(), expected, tolerance);
        }
    }
}

/// `y`, and the gradients of `Σ y dy` at these tensors.
fn with_gradients(graph: &mut Graph, store: &Store, y: TensorId, at: &[TensorId]) -> Built {
    let dy = graph.stored(store, "dy")?;
    let weighted = graph.mul(y, dy)?;
    let loss = graph.sum(weighted)?;
    let mut found = vec![y];
    found.extend(graph.differentiate(loss, at)?);
    Ok(found)
}

/// The tensors that a normalisation starts from.
fn operands(case: &Value) -> Vec<(&'static str, &'static [usize], Vec<f64>)> {
    vec![
        ("x", &[7, 5], array(&case["x"])),
        ("weight", &[5], array(&case["weight"])),
        ("bias", &[5], array(&case["bias"])),
        ("dy", &[7, 5], array(&case["dy"])),
        ("mean", &[5], vec![0.0; 5]),
        ("variance", &[5], vec![1.0; 5]),
    ]
}

fn expected(case: &Value) -> Vec<(&'static str, Vec<f64>)> {
    ["y", "dx", "dw", "db"]
        .into_iter()
        .map(|name| (name, array(&case[name])))
        .collect()
}

#[test]
fn batch_norm() {
    let case = &fixture()["batch_norm"];
    let (momentum, epsilon) = (number(&case["momentum"]), number(&case["epsilon"]));
    let build = |graph: &mut Graph, store: &Store| {
        let [x, gamma, beta, mean, variance] = ["x", "weight", "bias", "mean", "variance"]
            .map(|name| graph.stored(store, name).expect("it is there"));
        let [y, moments] = graph.batch_norm(x, gamma, beta, epsilon)?;
        graph.track_moments(moments, [mean, variance], momentum, 7)?;
        with_gradients(graph, store, y, &[x, gamma, beta])
    };
    let running = [
        ("mean", array(&case["running_mean"])),
        ("variance", array(&case["running_var"])),
    ];
    check(
        "batch_norm",
        &operands(case),
        build,
        &expected(case),
        &running,
    );

    let mut evaluated = operands(case);
    evaluated[4].2 = running[0].1.clone();
    evaluated[5].2 = running[1].1.clone();
    let build = |graph: &mut Graph, store: &Store| {
        let [x, gamma, beta, mean, variance] = ["x", "weight", "bias", "mean", "variance"]
            .map(|name| graph.stored(store, name).expect("it is there"));
        let y = graph.batch_norm_by(x, [mean, variance], [gamma, beta], epsilon)?;
        Ok(vec![y])
    };
    let y = [("evaluated", array(&case["evaluated"]))];
    check("batch_norm, evaluated", &evaluated, build, &y, &running);
}

#[test]
fn layer_norm() {
    let case = &fixture()["layer_norm"];
    let epsilon = number(&case["epsilon"]);
    let build = |graph: &mut Graph, store: &Store| {
        let [x, gamma, beta] =
            ["x", "weight", "bias"].map(|name| graph.stored(store, name).expect("it is there"));
        let y = graph.layer_norm(x, gamma, beta, epsilon)?;
        with_gradients(graph, store, y, &[x, gamma, beta])
    };
    check("layer_norm", &operands(case), build, &expected(case), &[]);
}

/// Of equal pieces the first has the gradient.
#[test]
fn maxout() {
    let case = &fixture()["maxout"];
    let operands: [(&str, &[usize], Vec<f64>); 2] = [
        ("x", &[6, 12], array(&case["x"])),
        ("dy", &[6, 3], array(&case["dy"])),
    ];
    let build = |graph: &mut Graph, store: &Store| {
        let x = graph.stored(store, "x")?;
        let y = graph.max_pieces(x, 4)?;
        with_gradients(graph, store, y, &[x])
    };
    let expected = [("y", array(&case["y"])), ("dx", array(&case["dx"]))];
    check("maxout", &operands, build, &expected, &[]);
}

/// A unit that is kept is as large as `PyTorch` makes it.
#[test]
fn dropout_scales_what_it_keeps() {
    let fixture = fixture();
    for case in fixture["dropout"].as_array().expect("a list") {
        let (p, kept) = (number(&case["p"]), number(&case["kept"]));
        for Named { name, mut executor } in executors() {
            let mut store = Store::new();
            store
                .declare("x", [4000], Element::F32)
                .expect("a new name");
            let mut graph = Graph::new();
            let x = graph.stored(&store, "x").expect("it is there");
            let (seed, stream) = (1, thalweg::random::stream::DROPOUT);
            let key = thalweg::graph::ops::DropoutKey { seed, stream };
            let y = graph.dropout(x, p, key).expect("a probability");
            let plan = Plan::new("dropout", &graph, &[y], &Limits::SMALLEST).expect("it is small");
            let place = plan.output(y).expect("an output").place;
            let handle = executor.load(Arc::new(plan), &store).expect("it loads");
            let ones = Data::F32(vec![1.0; 4000]);
            executor.write_stored(&store, "x", &ones).expect("it fits");
            executor.run(handle, &[Tick::default()]).expect("it runs");
            let found = executor.read(handle, place).expect("an output").to_f64();
            let scaled = found.iter().filter(|&&y| y != 0.0);
            assert!(
                scaled.clone().all(|y| (y - kept).abs() <= 1e-6 * kept),
                "{name}, p {p}: {:?} is not {kept}",
                scaled.clone().next()
            );
            #[expect(clippy::cast_precision_loss, reason = "a small count")]
            let share = 1.0 - scaled.count() as f64 / 4000.0;
            // Five standard deviations.
            let room = 5.0 * (p * (1.0 - p) / 4000.0).sqrt();
            assert!((share - p).abs() < room, "{name}: dropped {share}, not {p}");
        }
    }
}

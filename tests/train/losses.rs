//! Losses, smoothed labels and weights: values, gradients and twenty training steps against `PyTorch`'s in double precision
//! (see `tests/fixtures/losses.py`).

use std::sync::Arc;

use serde_json::Value;
use thalweg::data::Dataset;
use thalweg::executor::{Data, Executor};
use thalweg::graph::{Graph, Store};
use thalweg::kernel::{Limits, Tick};
use thalweg::network::{Activation, ClassOptions, Loss, Network, Weighing};
use thalweg::plan::Plan;
use thalweg::reference::Reference;
use thalweg::tensor::Element;
use thalweg::train::{Objective, Optimizer, Purpose, Trainer, batches};

use super::Notes;
use crate::common::{Named, executors};

fn fixture() -> Value {
    serde_json::from_str(include_str!("../fixtures/losses.json")).expect("the fixture is JSON")
}

fn array(tensor: &Value) -> Vec<f64> {
    let data = tensor["data"].as_array().expect("a tensor");
    data.iter().map(|x| x.as_f64().expect("a number")).collect()
}

/// All inputs are multiples of a power of two that f32 holds.
#[expect(clippy::cast_possible_truncation, reason = "exact, and held to be so")]
fn exact(values: &[f64]) -> Vec<f32> {
    let singles: Vec<f32> = values.iter().map(|&x| x as f32).collect();
    let same = singles.iter().zip(values).all(|(&s, &x)| f64::from(s) == x);
    assert!(same, "not exact in f32");
    singles
}

fn integers(values: &[f64]) -> Vec<u32> {
    let class = |&c: &f64| (0..9).find(|&i| f64::from(i) == c).expect("a class");
    values.iter().map(class).collect()
}

fn given(value: &Value) -> Option<Vec<f32>> {
    (!value.is_null()).then(|| exact(&array(value)))
}

fn loss(value: &Value) -> Loss {
    let word = value["loss"].as_str().expect("a word");
    word.parse().expect("a known one")
}

/// The value and the gradient at the inputs, computed by an executor.
fn value_and_gradient(case: &Value, executor: &mut dyn Executor) -> [Vec<f64>; 2] {
    let loss = loss(case);
    let extent = |i: usize| case["inputs"]["shape"][i].as_u64().expect("a size");
    let [rows, columns] = [0, 1].map(|i| usize::try_from(extent(i)).expect("it is small"));
    let is_class = case["targets"]["shape"].as_array().map(Vec::len) == Some(1);
    let (smoothing, [of_classes, of_rows]) = (
        case["smoothing"].as_f64().expect("a number"),
        ["class_weights", "row_weights"].map(|key| given(&case[key])),
    );
    let mut store = Store::new();
    let mut declare = |name: &str, shape: &[usize], element| {
        store.declare(name, shape, element).expect("a new name");
    };
    declare("y", &[rows, columns], Element::F32);
    declare("labels", &[rows], Element::U32);
    declare("targets", &[rows, columns], Element::F32);
    declare("classes", &[columns], Element::F32);
    declare("rows", &[rows], Element::F32);
    let mut graph = Graph::new();
    let names = ["y", "labels", "targets", "classes", "rows"];
    let [y, labels, targets, class_weights, row_weights] =
        names.map(|name| graph.stored(&store, name).expect("it is there"));
    let weighing = Weighing {
        rows: of_rows.as_ref().map(|_| row_weights),
        classes: of_classes.as_ref().map(|_| [class_weights, labels]),
        label_smoothing: smoothing,
    };
    let target = if loss.takes_classes() {
        labels
    } else {
        targets
    };
    let built = loss.build_weighed(&mut graph, (y, target), &weighing);
    let built = built.expect("it fits");
    let dy = graph.differentiate(built.loss, &[y]).expect("it has one")[0];
    let outputs = [built.loss, dy];
    let plan = Arc::new(Plan::new("loss", &graph, &outputs, &Limits::SMALLEST).expect("small"));
    let places = outputs.map(|o| plan.output(o).expect("an output").place);
    let handle = executor.load(plan, &store).expect("it loads");
    let target = array(&case["targets"]);
    let one_hot = || {
        let hot =
            |&class: &u32| (0..columns).map(move |c| f32::from(u8::from(c == class as usize)));
        integers(&target).iter().flat_map(hot).collect::<Vec<_>>()
    };
    let mut write = |name: &str, data| executor.write_stored(&store, name, &data).expect("it fits");
    write("y", Data::F32(exact(&array(&case["inputs"]))));
    if is_class {
        write("labels", Data::U32(integers(&target)));
        write("targets", Data::F32(one_hot()));
    } else {
        write("targets", Data::F32(exact(&target)));
    }
    for (name, values) in [("classes", of_classes), ("rows", of_rows)] {
        if let Some(values) = values {
            write(name, Data::F32(values));
        }
    }
    executor.run(handle, &[Tick::default()]).expect("it runs");
    places.map(|p| executor.read(handle, p).expect("it can be read").to_f64())
}

/// Each loss, with ties, zeros, margins and knees, weights of classes and rows, and smoothed labels.
#[test]
fn values_and_gradients_are_those_of_pytorch() {
    let fixture = fixture();
    let cases = fixture["cases"].as_array().expect("a list");
    assert!(cases.len() > 35, "only {} cases", cases.len());
    let check = |executor: &mut dyn Executor, who: &str, tolerance: f64| {
        for case in cases {
            let what = format!("{who}: {} {}", case["loss"], case["name"]);
            let [value, gradient] = value_and_gradient(case, executor);
            let expected = case["value"].as_f64().expect("a number");
            let off = (value[0] - expected).abs();
            assert!(
                off <= tolerance * expected.abs().max(1.0),
                "{what}: {} and not {expected}",
                value[0]
            );
            let expected = array(&case["gradient"]);
            assert_eq!(gradient.len(), expected.len(), "{what}");
            for (i, (found, expected)) in gradient.iter().zip(&expected).enumerate() {
                assert!(
                    (found - expected).abs() <= tolerance,
                    "{what}: the gradient at {i} is {found} and not {expected}"
                );
            }
        }
    };
    check(&mut Reference::f64(), "reference", 1e-12);
    for Named { name, mut executor } in executors() {
        check(executor.as_mut(), &name, 2e-6);
    }
}

/// A training run of the fixture.
struct Run {
    name: String,
    trainer: Trainer,
    data: Dataset,
    losses: Vec<f64>,
    after: Vec<Vec<f64>>,
}

fn runs() -> Vec<Run> {
    let fixture = fixture();
    let training = &fixture["training"];
    let x = exact(&array(&training["x"]));
    let runs = training["runs"].as_array().expect("a list");
    let read = |run: &Value| {
        let loss = loss(run);
        let targets = run["targets"].as_str().expect("a word");
        let values = array(&training[targets]);
        let data = if targets == "labels" {
            Dataset::classes(&x, 5, &integers(&values))
        } else {
            Dataset::numbers(&x, 5, &exact(&values), 3)
        };
        let mut data = data.expect("it is well formed");
        if let Some(weights) = given(&run["row_weights"]) {
            data = data.with_weights(weights).expect("they are well formed");
        }
        let mut network = Network::mlp(5, &[6], 3, Activation::Tanh);
        if loss == Loss::NegativeLogLikelihood {
            network = network.activation(Activation::LogSoftmax);
        }
        let of = |values: &Value| -> Vec<Vec<f64>> {
            let parameters = network.parameters();
            parameters.iter().map(|p| array(&values[&p.name])).collect()
        };
        let after = of(&run["after"]);
        let lr = run["lr"].as_f64().expect("a number");
        let optimizer = if run["adam"] == true {
            Optimizer::adam(lr)
        } else {
            Optimizer::sgd(lr)
        };
        let mut trainer = Trainer::new(network.clone(), loss)
            .optimizer(optimizer)
            .batch_size(16);
        trainer.initial = Some(
            of(&training["parameters"])
                .iter()
                .map(|v| exact(v))
                .collect(),
        );
        trainer.options.shuffle = false;
        trainer.options.steps = Some(20);
        trainer.objective = Objective::Loss {
            loss,
            classes: ClassOptions {
                label_smoothing: run["smoothing"].as_f64().expect("a number"),
                weights: given(&run["class_weights"]),
            },
        };
        let losses = run["losses"].as_array().expect("a list");
        Run {
            name: format!(
                "{} {}",
                run["loss"], trainer.options.optimizer.learning_rate
            ),
            trainer,
            data,
            losses: losses
                .iter()
                .map(|x| x.as_f64().expect("a number"))
                .collect(),
            after,
        }
    };
    runs.iter().map(read).collect()
}

fn largest_difference(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len(), "lengths");
    let differences = a.iter().zip(b).map(|(a, b)| (a - b).abs());
    differences.fold(0.0, f64::max)
}

#[test]
fn twenty_steps_in_double_precision_are_those_of_pytorch() {
    for run in runs() {
        let executor: Box<dyn Executor> = Box::new(Reference::f64());
        let mut session = run.trainer.session(executor, &run.data).expect("it fits");
        let order = batches(run.data.rows(), 16);
        for ((step, position), expected) in (1..).zip(order.iter().cycle()).zip(&run.losses) {
            let ready = session.plan(Purpose::Training(position.rows));
            let tick = Tick {
                step,
                start: position.start,
                slot: 0,
                learning_rate: run.trainer.options.optimizer.learning_rate,
                momentum: None,
            };
            let handle = ready.expect("it can be built").handle;
            session.executor.run(handle, &[tick]).expect("it runs");
            let log = session
                .executor
                .read_stored(&session.store, "train.log.loss");
            let found = log.expect("a log").to_f64()[0];
            assert!(
                (found - expected).abs() <= 1e-10,
                "{}: loss {found} at step {step}, not {expected}",
                run.name
            );
        }
        for (parameter, expected) in run.trainer.network.parameters().iter().zip(&run.after) {
            let found = session
                .executor
                .read_stored(&session.store, &parameter.name);
            let off = largest_difference(&found.expect("it is there").to_f64(), expected);
            assert!(
                off <= 1e-10,
                "{}: {} off by {off:e}",
                run.name,
                parameter.name
            );
        }
    }
}

#[test]
fn twenty_steps_on_every_executor_are_those_of_pytorch() {
    for run in runs() {
        for Named { name, executor } in executors() {
            let what = format!("{}, {name}", run.name);
            let mut notes = Notes::default();
            let fit = run.trainer.fit_on(executor, &run.data, None, &mut notes);
            let model = fit.unwrap_or_else(|e| panic!("{what}: {e}")).model;
            for (found, expected) in model.values.iter().zip(&run.after) {
                let found: Vec<f64> = found.iter().map(|&x| f64::from(x)).collect();
                let largest = expected.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
                let off = largest_difference(&found, expected) / largest;
                assert!(off <= 2e-5, "{what}: off by {off:e} of the largest");
            }
            let off = largest_difference(&notes.losses, &run.losses);
            assert!(off <= 2e-5, "{what}: a loss is off by {off:e}");
        }
    }
}

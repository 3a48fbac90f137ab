//! Losses, smoothed labels and weights: values, gradients and twenty training steps against `PyTorch`'s in double precision
//! (see `tests/fixtures/losses.py`), and what they come to over an epoch.

use std::sync::Arc;

use serde_json::Value;
use thalweg::data::{Dataset, Targets};
use thalweg::executor::{Data, Executor};
use thalweg::graph::{Graph, Store};
use thalweg::kernel::{Limits, Tick};
use thalweg::network::{Activation, ClassOptions, Loss, Network, Weighing};
use thalweg::plan::Plan;
use thalweg::reference::Reference;
use thalweg::tensor::Element;
use thalweg::train::{Objective, Optimizer, Purpose, Trainer, batches};

use super::{Notes, classes, network, numbers};
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

fn inputs(data: &Dataset) -> Vec<f32> {
    (0..data.rows()).flat_map(|row| data.row(row)).collect()
}

/// Weights that are not the same in each batch, with zeros: 0, 1, 2, 0, 1, 2 and so on, and the first 16 all 0.
fn weights(rows: usize) -> Vec<f32> {
    let weight = |row: usize| if row < 16 { 0.0 } else { (row % 3) as f32 };
    (0..rows).map(weight).collect()
}

/// Without shuffling and learning, the epoch's loss is the mean with weights over all rows, whatever the batches; one whose
/// weights are all 0 loses nothing and changes nothing.
#[test]
fn an_epoch_is_the_mean_with_weights() {
    let (numbers, classes) = (numbers(75, 7, 3), classes(75, 12, 4));
    let units = [10.0, 0.5, 3.0];
    let by_class = [1.0, 0.0, 3.0, 0.5];
    for (loss, power) in [
        (Loss::SquaredError, 2),
        (Loss::AbsoluteError, 1),
        (Loss::Huber { delta: 0.5 }, 0),
    ] {
        let data = numbers.clone().with_weights(weights(75)).expect("they fit");
        let Targets::Numbers { values, .. } = data.targets() else {
            panic!("there are numbers")
        };
        for Named { name, executor } in executors() {
            let network = Network::mlp(7, &[5], 3, Activation::Tanh);
            let mut trainer = Trainer::new(network, loss).batch_size(16).epochs(1);
            trainer.options.optimizer = Optimizer::sgd(0.0);
            trainer.options.shuffle = false;
            trainer.units = Some(units.to_vec());
            let mut notes = Notes::default();
            let fit = trainer
                .fit_on(executor, &data, Some(&data), &mut notes)
                .expect("it trains");
            let y = fit.model.predict(&inputs(&data)).expect("whole rows");
            let (mut sum, mut all) = (0.0, 0.0);
            for (row, weight) in weights(75).into_iter().enumerate() {
                for (output, unit) in units.iter().enumerate() {
                    let at = 3 * row + output;
                    let d = f64::from(y[at] - values[at]).abs();
                    let l = match loss {
                        Loss::SquaredError => d * d,
                        Loss::AbsoluteError => d,
                        _ if d < 0.5 => 0.5 * d * d,
                        _ => 0.5 * (d - 0.25),
                    };
                    sum += f64::from(weight) * l * unit.powi(power) / 3.0;
                }
                all += f64::from(weight);
            }
            let what = format!("{name}: {loss}");
            assert_eq!(
                notes.losses[0], 0.0,
                "{what}: the first batch weighs nothing"
            );
            let validation = fit.summary.validation.expect("there are rows");
            for (found, of) in [(&fit.summary.train, "train"), (&validation, "validation")] {
                assert!(
                    (found.loss - sum / all).abs() <= 1e-5 * (sum / all),
                    "{what}: the {of} loss is {}, not {}",
                    found.loss,
                    sum / all
                );
            }
        }
    }
    let data = classes.with_weights(weights(75)).expect("they fit");
    let Targets::Classes { labels, .. } = data.targets() else {
        panic!("there are classes")
    };
    for Named { name, executor } in executors() {
        let network = Network::mlp(12, &[5], 4, Activation::Tanh);
        let mut trainer = Trainer::new(network, Loss::CrossEntropy)
            .batch_size(16)
            .epochs(1)
            .class_weights(&by_class);
        trainer.options.optimizer = Optimizer::sgd(0.0);
        let fit = trainer
            .fit_on(executor, &data, Some(&data), &mut Notes::default())
            .expect("it trains");
        let p = fit.model.predict(&inputs(&data)).expect("whole rows");
        let (mut sum, mut all, mut right) = (0.0, 0.0, 0);
        for (row, (weight, &label)) in weights(75).into_iter().zip(labels).enumerate() {
            let (p, label) = (&p[4 * row..][..4], label as usize);
            let weight = f64::from(weight * by_class[label]);
            sum -= weight * f64::from(p[label]).ln();
            all += weight;
            right += usize::from(p.iter().all(|&other| other <= p[label]));
        }
        for found in [&fit.summary.train, &fit.summary.validation.expect("rows")] {
            assert!(
                (found.loss - sum / all).abs() <= 1e-5 * (sum / all),
                "{name}: {} and not {}",
                found.loss,
                sum / all
            );
            assert_eq!(
                found.accuracy,
                Some(right as f64 / 75.0),
                "accuracy knows no weights"
            );
        }
    }
}

/// Weights of all rows that are the same change nothing, and their size does not: also where their sum leaves f32.
#[test]
fn the_size_of_weights_does_not_matter() {
    let data = classes(203, 12, 4);
    let train = |data: &Dataset, executor| {
        let trainer = Trainer::new(network(12, 4), Loss::CrossEntropy)
            .batch_size(16)
            .epochs(2);
        let fit = trainer.fit_on(executor, data, Some(data), &mut Notes::default());
        fit.expect("it trains")
    };
    let (first, mut others) = (executors(), vec![executors(), executors()]);
    for Named { name, executor } in first {
        let plain = train(&data, executor);
        for weight in [3e38_f32, 1e-40] {
            let data = data
                .clone()
                .with_weights(vec![weight; 203])
                .expect("they fit");
            let executor = others
                .iter_mut()
                .find_map(|list| {
                    list.iter()
                        .position(|n| n.name == name)
                        .map(|at| list.remove(at))
                })
                .expect("another of them");
            let weighed = train(&data, executor.executor);
            let off = (weighed.summary.train.loss - plain.summary.train.loss).abs();
            assert!(off < 1e-4, "{name}: off by {off:e} with {weight:e}");
        }
    }
}

/// Without weights a plan has none of this in it.
#[test]
fn plain_plans_have_no_weights() {
    let trainer = Trainer::new(network(12, 4), Loss::CrossEntropy);
    let executor: Box<dyn Executor> = Box::new(Reference::f32());
    let mut session = trainer
        .session(executor, &classes(20, 12, 4))
        .expect("it fits");
    let plan = session.plan(Purpose::Training(8)).expect("it builds").plan;
    let kernels: Vec<_> = plan.steps.iter().map(|s| s.kernel.name()).collect();
    assert!(
        !kernels.contains(&"share") && !kernels.contains(&"concat"),
        "{kernels:?}"
    );
    assert!(
        session
            .store
            .blocks()
            .iter()
            .all(|b| !b.name.contains("weights")),
        "no table of weights"
    );
}

#[test]
fn what_makes_no_sense_is_refused() {
    let trainer = |loss| Trainer::new(network(12, 4), loss);
    let classes = classes(10, 12, 4);
    let numbers = numbers(10, 12, 4);
    let cases: Vec<(Trainer, &Dataset, [&str; 2])> = vec![
        (trainer(Loss::Hinge), &numbers, ["hinge", "classes"]),
        (
            trainer(Loss::NegativeLogLikelihood),
            &numbers,
            ["negative_log", "classes"],
        ),
        (
            trainer(Loss::KullbackLeibler),
            &numbers,
            ["kullback_leibler", "sum"],
        ),
        (
            trainer(Loss::Huber { delta: 0.0 }),
            &numbers,
            ["delta", "above 0"],
        ),
        (
            trainer(Loss::Huber { delta: f64::NAN }),
            &numbers,
            ["delta", "NaN"],
        ),
        (
            trainer(Loss::SmoothL1 { beta: -1.0 }),
            &numbers,
            ["beta", "-1"],
        ),
        (
            trainer(Loss::CrossEntropy).label_smoothing(1.0),
            &classes,
            ["label_smoothing", "below 1"],
        ),
        (
            trainer(Loss::Hinge).label_smoothing(0.1),
            &classes,
            ["label_smoothing", "hinge"],
        ),
        (
            trainer(Loss::SquaredError).class_weights(&[1.0; 4]),
            &classes,
            ["class_weights", "squared_error"],
        ),
        (
            trainer(Loss::CrossEntropy).class_weights(&[1.0; 3]),
            &classes,
            ["class_weights", "3 numbers"],
        ),
        (
            trainer(Loss::CrossEntropy).class_weights(&[1.0, -1.0, 0.0, 0.0]),
            &classes,
            ["class_weights", "-1"],
        ),
        (
            trainer(Loss::CrossEntropy).class_weights(&[0.0; 4]),
            &classes,
            ["class_weights", "above 0"],
        ),
    ];
    for (trainer, data, parts) in cases {
        let error = trainer
            .fit(data)
            .expect_err("it makes no sense")
            .to_string();
        assert!(
            parts.iter().all(|p| error.contains(p)),
            "{error}: {parts:?}"
        );
    }
    for weights in [
        vec![1.0; 9],
        vec![-1.0; 10],
        vec![f32::NAN; 10],
        vec![0.0; 10],
    ] {
        let found = classes.clone().with_weights(weights);
        assert!(found.is_err(), "{found:?}");
    }
    let weighed = classes.with_weights(weights(10)).err();
    assert!(weighed.is_some(), "the first 16 are all 0");
    let own = trainer(Loss::SquaredError).loss(|graph, y, t| {
        let errors = graph.squared_error(y, t)?;
        graph.mean(errors)
    });
    let data = numbers.with_weights(vec![1.0; 10]).expect("they fit");
    let error = own.fit(&data).expect_err("it cannot weigh").to_string();
    assert!(
        error.contains("custom") && error.contains("weights"),
        "{error}"
    );
}

/// Words, aliases and parameters.
#[test]
fn words() {
    for (words, loss) in [
        (vec!["absolute_error", "mae", "l1"], Loss::AbsoluteError),
        (vec!["huber", "huber:1"], Loss::Huber { delta: 1.0 }),
        (vec!["huber:1.5"], Loss::Huber { delta: 1.5 }),
        (
            vec!["smooth_l1", "smooth_l1:1"],
            Loss::SmoothL1 { beta: 1.0 },
        ),
        (vec!["smooth_l1:0"], Loss::SmoothL1 { beta: 0.0 }),
        (vec!["hinge"], Loss::Hinge),
        (vec!["kl", "kullback_leibler"], Loss::KullbackLeibler),
        (
            vec!["nll", "negative_log_likelihood"],
            Loss::NegativeLogLikelihood,
        ),
    ] {
        for word in words {
            assert_eq!(word.parse::<Loss>().expect("a known one"), loss, "{word}");
        }
        assert_eq!(loss.to_string().parse::<Loss>().expect("its own"), loss);
        let json = serde_json::to_string(&loss).expect("it can be written");
        assert_eq!(
            serde_json::from_str::<Loss>(&json).expect("its own"),
            loss,
            "{json}"
        );
    }
    for word in [
        "huber:x",
        "huber:0",
        "huber:inf",
        "smooth_l1:-1",
        "mse:1",
        "hubr",
    ] {
        assert!(word.parse::<Loss>().is_err(), "{word}");
    }
    assert_eq!(
        serde_json::to_string(&Loss::CrossEntropy).expect("a word"),
        "\"cross_entropy\"",
        "as in old model files"
    );
}

/// A loss of one's own weighs classes and smooths labels itself, or not at all: what would be ignored is refused, whichever
/// came first.
#[test]
fn a_loss_of_ones_own_takes_no_options_of_classes() {
    let own = |trainer: Trainer| trainer.loss(|graph, y, _| graph.mean(y));
    let theirs = Trainer::new(network(12, 4), Loss::CrossEntropy);
    let data = classes(10, 12, 4);
    for (trainer, option) in [
        (
            own(theirs.clone()).class_weights(&[1.0; 4]),
            "class_weights",
        ),
        (
            own(theirs.clone().class_weights(&[1.0; 4])),
            "class_weights",
        ),
        (own(theirs.clone()).label_smoothing(0.1), "label_smoothing"),
    ] {
        let error = trainer.fit(&data).expect_err("it would be ignored");
        let error = error.to_string();
        for part in [option, "a loss of one's own"] {
            assert!(error.contains(part), "`{part}` is missing: {error}");
        }
    }
    own(theirs).epochs(1).fit(&data).expect("it trains without");
}

//! Twenty training steps of networks with normalisation, residual blocks and maxout, against `PyTorch`'s in double
//! precision: the losses, the weights, the running statistics, and what the network gives in evaluation mode. See
//! `tests/fixtures/layers.py`.

use serde_json::Value;
use thalweg::data::Dataset;
use thalweg::device::Device;
use thalweg::executor::{Data, Executor};
use thalweg::kernel::Tick;
use thalweg::network::{Activation, Layer, Loss, Network};
use thalweg::random::{Random, stream};
use thalweg::reference::Reference;
use thalweg::train::{Model, Optimizer, Purpose, TrainError, Trainer};

use super::{Notes, classes};
use crate::common::{Named, executors};

const BATCH: usize = 16;

fn array(tensor: &Value) -> Vec<f64> {
    let data = tensor["data"].as_array().expect("a tensor");
    data.iter().map(|x| x.as_f64().expect("a number")).collect()
}

#[expect(clippy::cast_possible_truncation, reason = "exact, and held to be so")]
fn exact(values: &[f64]) -> Vec<f32> {
    let singles: Vec<f32> = values.iter().map(|&x| x as f32).collect();
    let all = singles.iter().zip(values);
    assert!(
        all.clone().all(|(&s, &x)| f64::from(s) == x),
        "not exact in f32"
    );
    singles
}

/// A run of the fixture, ready to be trained.
struct Run {
    name: String,
    trainer: Trainer,
    data: Dataset,
    x: Vec<f32>,
    losses: Vec<f64>,
    /// The parameters and statistics after 1 step and after 20.
    after: [Vec<Vec<f64>>; 2],
    evaluated: Vec<f64>,
}

fn runs() -> Vec<Run> {
    let text = include_str!("../fixtures/layers.json");
    let fixture: Value = serde_json::from_str(text).expect("the fixture is JSON");
    let runs = fixture["trained"].as_array().expect("a list");
    runs.iter().map(read).collect()
}

fn read(run: &Value) -> Run {
    let number = |value: &Value| value.as_f64().expect("a number");
    let word = |value: &Value| value.as_str().expect("a word").to_owned();
    let network: Network = serde_json::from_value(run["network"].clone()).expect("a network");
    let loss: Loss = word(&run["loss"]).parse().expect("a known one");
    let x = exact(&array(&run["x"]));
    let targets = array(&run["targets"]);
    let data = if loss.takes_classes() {
        let class = |c: &f64| (0..9).find(|&i| f64::from(i) == *c).expect("a class");
        let labels: Vec<u32> = targets.iter().map(class).collect();
        Dataset::classes(&x, 5, &labels)
    } else {
        Dataset::numbers(&x, 5, &exact(&targets), network.outputs())
    };
    let values = |values: &Value| -> Vec<Vec<f64>> {
        (network.lasting())
            .map(|p| array(&values[&p.name]))
            .collect()
    };
    let lr = number(&run["optimizer"]["lr"]);
    let optimizer = match word(&run["optimizer"]["kind"]).as_str() {
        "sgd" => Optimizer::with_momentum(lr, number(&run["optimizer"]["momentum"]), false),
        _ => Optimizer::adam(lr),
    };
    let mut trainer = Trainer::new(network.clone(), loss)
        .optimizer(optimizer)
        .batch_size(BATCH);
    trainer.initial = Some(values(&run["before"]).iter().map(|v| exact(v)).collect());
    trainer.options.shuffle = false;
    let losses = run["losses"].as_array().expect("a list");
    Run {
        name: word(&run["name"]),
        trainer,
        data: data.expect("it is well formed"),
        x,
        losses: losses.iter().map(number).collect(),
        after: ["1", "20"].map(|steps| values(&run["after"][steps])),
        evaluated: array(&run["evaluated"]),
    }
}

fn largest_difference(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len(), "lengths");
    let differences = a.iter().zip(b).map(|(a, b)| (a - b).abs());
    differences.fold(0.0, f64::max)
}

#[test]
fn the_reference_equals_pytorch_to_ten_digits() {
    for run in runs() {
        let name = &run.name;
        let executor: Box<dyn Executor> = Box::new(Reference::f64());
        let mut session = run.trainer.session(executor, &run.data).expect("it fits");
        let ready = session
            .plan(Purpose::Training(BATCH))
            .expect("it can be built");
        let learning_rate = run.trainer.options.optimizer.learning_rate;
        for (step, expected) in (1_u32..=20).zip(&run.losses) {
            let tick = Tick {
                step,
                start: (step - 1) * 16 % 48,
                learning_rate,
                ..Tick::default()
            };
            session
                .executor
                .run(ready.handle, &[tick])
                .expect("it runs");
            let log = session
                .executor
                .read_stored(&session.store, "train.log.loss");
            let found = log.expect("a log").to_f64()[0];
            assert!(
                (found - expected).abs() <= 1e-10,
                "{name}: loss {found} at step {step}, not {expected}"
            );
            let after = match step {
                1 => &run.after[0],
                20 => &run.after[1],
                _ => continue,
            };
            for (tensor, expected) in run.trainer.network.lasting().zip(after) {
                let found = session.executor.read_stored(&session.store, &tensor.name);
                let off = largest_difference(&found.expect("it is there").to_f64(), expected);
                assert!(
                    off <= 1e-10,
                    "{name}: {} is off by {off:e} after step {step}",
                    tensor.name
                );
            }
        }
    }
}

#[test]
fn every_executor_equals_pytorch_to_single_precision() {
    let mut worst = 0.0_f64;
    for run in runs() {
        for (steps, after) in [1, 20].into_iter().zip(&run.after) {
            let mut trainer = run.trainer.clone();
            trainer.options.steps = Some(steps);
            for (Named { name, executor }, fuse) in executors().into_iter().zip([true, false, true])
            {
                let what = format!("{}, {name}, {steps} steps", run.name);
                trainer.options.fuse = fuse;
                let mut notes = Notes::default();
                let fit = trainer.fit_on(executor, &run.data, None, &mut notes);
                let model = fit.unwrap_or_else(|e| panic!("{what}: {e}")).model;
                for ((tensor, found), expected) in
                    trainer.network.lasting().zip(&model.values).zip(after)
                {
                    let found: Vec<f64> = found.iter().map(|&x| f64::from(x)).collect();
                    let largest = expected
                        .iter()
                        .fold(1e-12, |most: f64, x| most.max(x.abs()));
                    let off = largest_difference(&found, expected) / largest;
                    assert!(off <= 2e-5, "{what}: {} is off by {off:e}", tensor.name);
                    worst = worst.max(off);
                }
                if steps == 20 {
                    holds_when_evaluated(&what, &run, &model);
                }
            }
        }
    }
    eprintln!("off by at most {worst:e} of the largest");
}

/// Evaluation mode: by the running statistics, a row as among others.
fn holds_when_evaluated(what: &str, run: &Run, model: &Model) {
    // The numbers before the softmax.
    let plain = Model::from_values(
        model.network.clone(),
        Activation::Identity,
        model.values.clone(),
    );
    let plain = plain.expect("it fits");
    let largest = run
        .evaluated
        .iter()
        .fold(0.0, |most: f64, x| most.max(x.abs()));
    for device in [Device::Cpu, Device::Reference] {
        let found = plain.predict_on(&run.x, &device).expect("it predicts");
        let found: Vec<f64> = found.iter().map(|&y| f64::from(y)).collect();
        let off = largest_difference(&found, &run.evaluated) / largest;
        assert!(off <= 1e-4, "{what}: evaluated off by {off:e}");
    }
    let outputs = model.network.outputs();
    let all = plain.predict(&run.x).expect("it predicts");
    let alone = plain.predict(&run.x[..5]).expect("it predicts");
    let apart = |(a, b): (&f32, &f32)| f64::from((a - b).abs());
    let off = all[..outputs]
        .iter()
        .zip(&alone)
        .map(apart)
        .fold(0.0, f64::max);
    assert!(
        off <= 1e-5 * largest,
        "{what}: a row alone is off by {off:e}"
    );
}

/// A last batch of one row would end a run at the end of its first epoch: it is refused before the first step.
#[test]
fn a_lone_row_is_refused_before_the_run() {
    let network = |layer: Layer| Network::new(3).linear(4).layer(layer).linear(3);
    let block = Layer::Residual {
        layers: vec![Layer::BATCH_NORM],
    };
    let data = classes(13, 3, 3);
    let fit = |network: Network, batch, steps| {
        let mut trainer = Trainer::new(network, Loss::CrossEntropy).batch_size(batch);
        (trainer.options.epochs, trainer.options.steps) = (2, steps);
        trainer.fit(&data)
    };
    for (layer, batch) in [
        (Layer::BATCH_NORM, 4),
        (Layer::BATCH_NORM, 1),
        (Layer::BATCH_NORM, 12),
        (block, 3),
    ] {
        let error = fit(network(layer), batch, None).expect_err("one row is left");
        assert!(
            matches!(
                error,
                TrainError::Option {
                    name: "batch_size",
                    ..
                }
            ),
            "{error}"
        );
        assert!(error.to_string().contains("out of 13"), "{error}");
    }
    // Two rows are left, none is, or the run ends before.
    for (batch, steps) in [(11, None), (13, None), (100, None), (4, Some(3))] {
        fit(network(Layer::BATCH_NORM), batch, steps).expect("no batch has one row");
    }
    fit(network(Layer::LAYER_NORM), 4, None).expect("a row has its own mean");
}

/// The noise is normal, new in every step, and the numbers of its stream.
#[test]
fn noise_is_normal_and_gone_in_evaluation() {
    let std = 0.3;
    let network = Network::new(1).layer(Layer::Noise { std }).linear(1);
    let count = 100_000_usize;
    for Named { name, mut executor } in executors() {
        let mut store = thalweg::graph::Store::new();
        network.declare(&mut store).expect("a new store");
        let element = thalweg::tensor::Element::F32;
        store.declare("x", [count, 1], element).expect("a new name");
        let mut graph = thalweg::graph::Graph::new();
        let x = graph.stored(&store, "x").expect("it is there");
        let mode = thalweg::network::Mode::Training { seed: 9 };
        let y = network
            .forward(&mut graph, &store, x, mode)
            .expect("it fits");
        let limits = thalweg::kernel::Limits::SMALLEST;
        let plan = thalweg::plan::Plan::new("noise", &graph, &[y], &limits).expect("it is small");
        let place = plan.output(y).expect("an output").place;
        let handle = executor
            .load(std::sync::Arc::new(plan), &store)
            .expect("it loads");
        let one = Data::F32(vec![1.0]);
        executor
            .write_stored(&store, "layers.0.weight", &one)
            .expect("it fits");
        let mut draws = Vec::new();
        for step in [1, 2] {
            let tick = Tick {
                step,
                ..Tick::default()
            };
            executor.run(handle, &[tick]).expect("it runs");
            let found = executor.read(handle, place).expect("an output").to_f64();
            let random = Random::new(9, stream::NOISE, step);
            for (i, y) in (0..).zip(&found) {
                let expected = std * random.normal(i);
                let off = (y - expected).abs();
                assert!(
                    off <= 4e-6 * expected.abs() + 1e-9,
                    "{name}[{i}]: {y}, not {expected}"
                );
            }
            #[expect(clippy::cast_precision_loss, reason = "a small count")]
            let n = count as f64;
            let mean = found.iter().sum::<f64>() / n;
            let variance = found.iter().map(|y| (y - mean) * (y - mean)).sum::<f64>() / n;
            // Five standard deviations of each.
            assert!(mean.abs() < 5.0 * std / n.sqrt(), "{name}: mean {mean}");
            let deviation = variance.sqrt();
            assert!(
                (deviation - std).abs() < 5.0 * std / (2.0 * n).sqrt(),
                "{name}: {deviation}"
            );
            draws.push(found);
        }
        assert_ne!(draws[0], draws[1], "{name}: every step draws anew");
    }
    let model = Model::from_values(network, Activation::Identity, vec![vec![2.0], vec![1.0]]);
    let found = model
        .expect("it fits")
        .predict(&[0.5])
        .expect("it predicts");
    assert_eq!(found, [2.0], "evaluation adds no noise");
}

/// What keeps the last good model keeps its statistics too.
#[test]
fn statistics_are_kept_with_the_parameters() {
    let network = Network::new(3).linear(4).layer(Layer::BATCH_NORM).linear(3);
    let names: Vec<String> = network.lasting().map(|p| p.name).collect();
    let expected = [
        "layers.0.weight",
        "layers.0.bias",
        "layers.1.weight",
        "layers.1.bias",
        "layers.2.weight",
        "layers.2.bias",
        "layers.1.running_mean",
        "layers.1.running_var",
    ];
    assert_eq!(names, expected);
    let data = classes(12, 3, 3);
    for Named { name, executor } in executors() {
        let trainer = Trainer::new(network.clone(), Loss::CrossEntropy).batch_size(6);
        let mut session = trainer.session(executor, &data).expect("it fits");
        let first = session.model(false).expect("it reads").values;
        assert_eq!(first, network.initial(trainer.options.init, 0), "{name}");
        session.run_once(Purpose::Keep).expect("it runs");
        session.run_once(Purpose::Training(6)).expect("it runs");
        let second = session.model(false).expect("it reads").values;
        assert!(
            second[6] != first[6] && second[7] != first[7],
            "{name}: they moved"
        );
        assert_eq!(
            session.model(true).expect("it reads").values,
            first,
            "{name}: kept"
        );
        session.run_once(Purpose::Restore).expect("it runs");
        assert_eq!(
            session.model(false).expect("it reads").values,
            first,
            "{name}: restored"
        );
    }
}

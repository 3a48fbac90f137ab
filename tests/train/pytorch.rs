//! Twenty training steps from given weights on given data, held against `PyTorch`'s in double precision: for each
//! update, with and without decay, on one batch again and again and on several in turn. See `tests/fixtures/pytorch.py`.

use serde_json::Value;
use thalweg::data::Dataset;
use thalweg::executor::Executor;
use thalweg::graph::ops::Update;
use thalweg::kernel::Tick;
use thalweg::network::{Activation, Loss, Network};
use thalweg::reference::Reference;
use thalweg::train::{Optimizer, Purpose, Trainer};

use super::Notes;
use crate::common::{Named, executors};

const BATCH: usize = 16;

fn fixture() -> Value {
    serde_json::from_str(include_str!("../fixtures/pytorch.json")).expect("the fixture is JSON")
}

pub(super) fn array(tensor: &Value) -> Vec<f64> {
    let data = tensor["data"].as_array().expect("a tensor");
    data.iter().map(|x| x.as_f64().expect("a number")).collect()
}

/// All inputs are multiples of a power of two that f32 holds.
#[expect(clippy::cast_possible_truncation, reason = "exact, and held to be so")]
pub(super) fn exact(values: &[f64]) -> Vec<f32> {
    let singles: Vec<f32> = values.iter().map(|&x| x as f32).collect();
    assert!(
        singles.iter().zip(values).all(|(&s, &x)| f64::from(s) == x),
        "not exact in f32"
    );
    singles
}

fn optimizer(update: &Value) -> Optimizer {
    let number = |value: &Value| value.as_f64().expect("a number");
    let (lr, weight_decay) = (number(&update["lr"]), number(&update["weight_decay"]));
    match update["kind"].as_str().expect("a word") {
        "sgd" => {
            let nesterov = update["nesterov"].as_bool().expect("true or false");
            Optimizer::with_momentum(lr, number(&update["momentum"]), nesterov)
                .weight_decay(weight_decay)
        }
        kind => {
            let (beta1, beta2) = (number(&update["betas"][0]), number(&update["betas"][1]));
            let (epsilon, decoupled) = (number(&update["eps"]), kind == "adamw");
            let update = Update::Adam {
                beta1,
                beta2,
                epsilon,
                weight_decay,
                decoupled,
            };
            Optimizer {
                learning_rate: lr,
                update,
            }
        }
    }
}

/// A run of the fixture, ready to be trained.
struct Run {
    name: String,
    trainer: Trainer,
    data: Dataset,
    losses: Vec<f64>,
    /// The parameters after 1 step and after 20.
    after: [Vec<Vec<f64>>; 2],
}

fn runs() -> Vec<Run> {
    let fixture = fixture();
    let updates = &fixture["updates"];
    let runs = updates["runs"].as_array().expect("a list");
    runs.iter()
        .map(|run| {
            read(
                run,
                &updates["problems"][run["problem"].as_str().expect("a name")],
            )
        })
        .collect()
}

fn read(run: &Value, problem: &Value) -> Run {
    let activation: Activation = problem["activation"]
        .as_str()
        .expect("a word")
        .parse()
        .expect("a known one");
    let loss = match problem["loss"].as_str().expect("a word") {
        "softmax_cross_entropy" => Loss::CrossEntropy,
        word => word.parse().expect("a known one"),
    };
    let x = exact(&array(&problem["x"]));
    let targets = &problem["targets"];
    let (data, outputs) = if loss.takes_classes() {
        let labels: Vec<u32> = array(targets)
            .iter()
            .map(|&c| (0..9).find(|&i| f64::from(i) == c).expect("a class"))
            .collect();
        (Dataset::classes(&x, 5, &labels), 3)
    } else {
        (Dataset::numbers(&x, 5, &exact(&array(targets)), 2), 2)
    };
    let network = Network::mlp(5, &[8, 6], outputs, activation);
    let values = |parameters: &Value| -> Vec<Vec<f64>> {
        network
            .parameters()
            .iter()
            .map(|p| array(&parameters[&p.name]))
            .collect()
    };
    let mut trainer = Trainer::new(network.clone(), loss)
        .optimizer(optimizer(&run["update"]))
        .batch_size(BATCH);
    trainer.initial = Some(
        values(&problem["parameters"])
            .iter()
            .map(|v| exact(v))
            .collect(),
    );
    trainer.options.shuffle = false;
    let losses = run["losses"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|x| x.as_f64().expect("a number"))
        .collect();
    let [name, problem] = [&run["name"], &run["problem"]].map(|v| v.as_str().expect("a name"));
    Run {
        name: format!("{name} on {problem}"),
        trainer,
        data: data.expect("it is well formed"),
        losses,
        after: ["1", "20"].map(|steps| values(&run["after"][steps])),
    }
}

/// The parameters in double precision, as only the reference holds them.
#[test]
fn the_reference_equals_it_to_ten_digits() {
    for Run {
        name,
        trainer,
        data,
        losses,
        after,
    } in runs()
    {
        let executor: Box<dyn Executor> = Box::new(Reference::f64());
        let mut session = trainer.session(executor, &data).expect("it fits");
        let ready = session
            .plan(Purpose::Training(BATCH))
            .expect("it can be built");
        let learning_rate = trainer.options.optimizer.learning_rate;
        for (step, expected) in (1_u32..=20).zip(&losses) {
            let start = (step - 1) * 16 % u32::try_from(data.rows()).expect("it is small");
            let tick = Tick {
                step,
                start,
                slot: step,
                learning_rate,
                momentum: None,
            };
            session
                .executor
                .run(ready.handle, &[tick])
                .expect("it runs");
            let logged = session
                .executor
                .read_stored(&session.store, "train.log.loss")
                .expect("a log")
                .to_f64();
            let found = logged[step as usize];
            assert!(
                (found - expected).abs() <= 1e-10,
                "{name}: loss {found} at step {step}, not {expected}"
            );
            let after = match step {
                1 => &after[0],
                20 => &after[1],
                _ => continue,
            };
            for (parameter, expected) in trainer.network.parameters().iter().zip(after) {
                let found = session
                    .executor
                    .read_stored(&session.store, &parameter.name)
                    .expect("it is there")
                    .to_f64();
                let off = largest_difference(&found, expected);
                assert!(
                    off <= 1e-10,
                    "{name}: {} is off by {off:e} after step {step}",
                    parameter.name
                );
            }
        }
    }
}

pub(super) fn largest_difference(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len(), "lengths");
    a.iter()
        .zip(b)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f64::max)
}

#[test]
fn every_executor_equals_it_to_single_precision() {
    let mut worst = 0.0_f64;
    for run in runs() {
        for (steps, after) in [1, 20].into_iter().zip(&run.after) {
            let mut trainer = run.trainer.clone();
            trainer.options.steps = Some(steps);
            for Named { name, executor } in executors() {
                let what = format!("{}, {name}, {steps} steps", run.name);
                let mut notes = Notes::default();
                let fit = trainer.fit_on(executor, &run.data, None, &mut notes);
                let model = fit.unwrap_or_else(|e| panic!("{what}: {e}")).model;
                for ((parameter, found), expected) in trainer
                    .network
                    .parameters()
                    .iter()
                    .zip(&model.values)
                    .zip(after)
                {
                    let found: Vec<f64> = found.iter().map(|&x| f64::from(x)).collect();
                    let largest = expected
                        .iter()
                        .fold(0.0, |largest: f64, x| largest.max(x.abs()));
                    let off = largest_difference(&found, expected) / largest;
                    assert!(
                        off <= 2e-5,
                        "{what}: {} is off by {off:e} of its largest",
                        parameter.name
                    );
                    worst = worst.max(off);
                }
                let losses = &run.losses[..notes.losses.len()];
                assert_eq!(losses.len() as u64, steps, "{what}");
                for (step, (found, expected)) in (1..).zip(notes.losses.iter().zip(losses)) {
                    assert!(
                        (found - expected).abs() <= 2e-5 * expected,
                        "{what}: loss {found} at step {step}, not {expected}"
                    );
                }
            }
        }
    }
    eprintln!("off by at most {worst:e} of the largest");
}

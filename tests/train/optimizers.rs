//! Twenty training steps by each optimiser, and under each rule for gradients and weights, held against `PyTorch`'s in double
//! precision. See `tests/fixtures/optimizers.py`.

use serde_json::Value;
use thalweg::data::Dataset;
use thalweg::executor::Executor;
use thalweg::graph::ops::Update;
use thalweg::kernel::Tick;
use thalweg::network::{Activation, Loss, Network};
use thalweg::reference::Reference;
use thalweg::train::{Optimizer, Purpose, Session, Trainer};

use super::pytorch::{array, exact, largest_difference};
use crate::common::{Named, executors};

const BATCH: usize = 8;

/// A run of the fixture, ready to be trained.
struct Run {
    name: String,
    trainer: Trainer,
    /// The parameters after 1 step and after 20.
    after: [Vec<Vec<f64>>; 2],
    /// Their average after 20, if there is one.
    average: Option<Vec<Vec<f64>>>,
}

fn runs() -> (Vec<Run>, Dataset) {
    let fixture: Value = serde_json::from_str(include_str!("../fixtures/optimizers.json"))
        .expect("the fixture is JSON");
    let problem = &fixture["problem"];
    let labels: Vec<u32> = array(&problem["targets"])
        .iter()
        .map(|&c| (0..9).find(|&i| f64::from(i) == c).expect("a class"))
        .collect();
    let data = Dataset::classes(&exact(&array(&problem["x"])), 4, &labels);
    let runs = fixture["runs"].as_array().expect("a list");
    let runs = runs.iter().map(|run| read(run, &problem["parameters"]));
    (runs.collect(), data.expect("it is well formed"))
}

fn read(run: &Value, initial: &Value) -> Run {
    let network = Network::mlp(4, &[5], 3, Activation::Tanh);
    let values = |parameters: &Value| -> Vec<Vec<f64>> {
        network
            .parameters()
            .iter()
            .map(|p| array(&parameters[&p.name]))
            .collect()
    };
    let learning_rate = run["learning_rate"].as_f64().expect("a number");
    let update: Update = serde_json::from_value(run["update"].clone()).expect("a rule");
    let optimizer = Optimizer {
        learning_rate,
        update,
    };
    let mut trainer = Trainer::new(network.clone(), Loss::CrossEntropy)
        .optimizer(optimizer)
        .batch_size(BATCH);
    trainer.initial = Some(values(initial).iter().map(|v| exact(v)).collect());
    trainer.options.shuffle = false;
    trainer.options.rules = serde_json::from_value(run["rules"].clone()).expect("rules");
    Run {
        name: run["name"].as_str().expect("a name").to_owned(),
        trainer,
        after: ["1", "20"].map(|steps| values(&run["after"][steps])),
        average: (!run["average"].is_null()).then(|| values(&run["average"])),
    }
}

fn stored(session: &mut Session, name: &str) -> Vec<f64> {
    let executor = &mut session.executor;
    let data = executor.read_stored(&session.store, name);
    data.expect("it is there").to_f64()
}

/// The parameters in double precision, as only the reference holds them.
#[test]
fn the_reference_equals_it_to_ten_digits() {
    let (runs, data) = runs();
    for Run {
        name,
        trainer,
        after,
        average,
    } in runs
    {
        let executor: Box<dyn Executor> = Box::new(Reference::f64());
        let mut session = trainer.session(executor, &data).expect("it fits");
        let ready = session.plan(Purpose::Training(BATCH)).expect("it is built");
        let learning_rate = trainer.options.optimizer.learning_rate;
        for step in 1_u32..=20 {
            let start = (step - 1) * 8 % u32::try_from(data.rows()).expect("it is small");
            let tick = Tick {
                step,
                start,
                slot: step,
                learning_rate,
                ..Tick::default()
            };
            let executor = &mut session.executor;
            executor.run(ready.handle, &[tick]).expect("it runs");
            let after = match step {
                1 => &after[0],
                20 => &after[1],
                _ => continue,
            };
            for (parameter, expected) in trainer.network.parameters().iter().zip(after) {
                let off = largest_difference(&stored(&mut session, &parameter.name), expected);
                let what = &parameter.name;
                assert!(
                    off <= 1e-10,
                    "{name}: {what} is off by {off:e} after step {step}"
                );
            }
        }
        for (parameter, expected) in trainer
            .network
            .parameters()
            .iter()
            .zip(average.iter().flatten())
        {
            let average = stored(&mut session, &format!("{}.ema", parameter.name));
            let off = largest_difference(&average, expected);
            assert!(
                off <= 1e-10,
                "{name}: the average of {} is off by {off:e}",
                parameter.name
            );
        }
    }
}

#[test]
fn every_executor_equals_it_to_single_precision() {
    let mut worst = 0.0_f64;
    let (runs, data) = runs();
    for run in runs {
        // A model with an average is its average.
        let after = match &run.average {
            None => vec![(1, &run.after[0]), (20, &run.after[1])],
            Some(average) => vec![(20, average)],
        };
        for (steps, after) in after {
            let mut trainer = run.trainer.clone();
            trainer.options.steps = Some(steps);
            for Named { name, executor } in executors() {
                let what = format!("{}, {name}, {steps} steps", run.name);
                let fit = trainer.fit_on(executor, &data, None, &mut super::Notes::default());
                let model = fit.unwrap_or_else(|e| panic!("{what}: {e}")).model;
                let parameters = trainer.network.parameters();
                for ((parameter, found), expected) in
                    parameters.iter().zip(&model.values).zip(after)
                {
                    let found: Vec<f64> = found.iter().map(|&x| f64::from(x)).collect();
                    let off = largest_difference(&found, expected) / largest(expected);
                    assert!(
                        off <= 2e-5,
                        "{what}: {} is off by {off:e} of its largest",
                        parameter.name
                    );
                    worst = worst.max(off);
                }
            }
        }
    }
    eprintln!("off by at most {worst:e} of the largest");
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |most: f64, x| most.max(x.abs()))
}

//! Rules for gradients and weights: groups of batches, averages, and what is refused.

use thalweg::executor::{Data, Executor};
use thalweg::graph::ops::Update;
use thalweg::kernel::{Adagrad, Tick};
use thalweg::network::{Activation, Loss, Network};
use thalweg::reference::Reference;
use thalweg::train::{Optimizer, Precision, Purpose, Rules, Session, Trainer};

use super::{Notes, classes};
use crate::common::{Named, executors};

/// 28 rows in batches of 4, three of them to an update: 12, 12 and 4 rows.
const ROWS: usize = 28;

fn trainer(batch: usize, rules: Rules) -> Trainer {
    let network = Network::mlp(5, &[7], 3, Activation::Tanh);
    let mut trainer = Trainer::new(network, Loss::CrossEntropy)
        .optimizer(Optimizer::adam(0.02).weight_decay(0.05))
        .batch_size(batch)
        .seed(4);
    trainer.options.rules = rules;
    trainer
}

fn gathering() -> Rules {
    Rules {
        accumulate: Some(3),
        ..rules()
    }
}

fn rules() -> Rules {
    Rules {
        clip_norm: Some(0.3),
        l1: 0.001,
        ema: Some(0.7),
        groups: vec!["*.bias:lr=0.5,weight-decay=0".parse().expect("it is right")],
        ..Rules::default()
    }
}

fn read(session: &mut Session, name: &str) -> Vec<f64> {
    let executor = &mut session.executor;
    let data = executor.read_stored(&session.store, name);
    data.expect("it is there").to_f64()
}

fn run(session: &mut Session, purpose: Purpose, step: u32, start: u32) {
    let ready = session.plan(purpose).expect("it is built");
    let tick = Tick {
        step,
        start,
        learning_rate: 0.02,
        ..Tick::default()
    };
    let executor = &mut session.executor;
    executor.run(ready.handle, &[tick]).expect("it runs");
}

#[test]
fn batches_that_are_gathered_are_one_batch_to_twelve_digits() {
    let data = classes(ROWS, 5, 3);
    let open = |trainer: &Trainer| {
        let executor: Box<dyn Executor> = Box::new(Reference::f64());
        trainer.session(executor, &data).expect("it fits")
    };
    let mut whole = open(&trainer(12, rules()));
    let mut parts = open(&trainer(4, gathering()));
    // The last group has only one batch.
    for (step, start, rows) in [(1, 0, 12), (2, 12, 12), (3, 24, 4)] {
        run(&mut whole, Purpose::Training(rows), step, start);
        for batch in (0..rows).step_by(4) {
            let start = start + u32::try_from(batch).expect("it is small");
            run(&mut parts, Purpose::Training(4), 17, start);
        }
        run(&mut parts, Purpose::Update(rows), step, 0);
        for name in [
            "parameters",
            "parameters.mean",
            "parameters.square",
            "parameters.ema",
        ] {
            let (found, expected) = (read(&mut parts, name), read(&mut whole, name));
            let off = found.iter().zip(&expected).map(|(a, b)| (a - b).abs());
            let off = off.fold(0.0, f64::max);
            assert!(off <= 1e-12, "`{name}` is off by {off:e} after {step}");
        }
        let left = read(&mut parts, "parameters.gradient");
        assert!(
            left.iter().all(|&x| x == 0.0),
            "something is left: {left:?}"
        );
    }
}

#[test]
fn a_run_with_gathered_batches_is_one_with_large_ones() {
    let data = classes(ROWS, 5, 3);
    for steps in [None, Some(5)] {
        for Named { name, executor } in executors() {
            let fit = |executor: Box<dyn Executor>, batch, rules| {
                let mut trainer = trainer(batch, rules).epochs(4);
                trainer.options.steps = steps;
                let fitted = trainer.fit_on(executor, &data, Some(&data), &mut Notes::default());
                fitted.unwrap_or_else(|e| panic!("{name}: {e}"))
            };
            let parts = fit(executor, 4, gathering());
            let whole = fit(Box::new(Reference::f64()), 12, rules());
            assert_eq!(parts.summary.steps, whole.summary.steps, "{name}");
            assert_eq!(parts.summary.epochs, whole.summary.epochs, "{name}");
            assert_eq!(parts.summary.samples, whole.summary.samples, "{name}");
            for (found, expected) in parts.model.values.iter().zip(&whole.model.values) {
                let largest = expected.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
                for (found, expected) in found.iter().zip(expected) {
                    let off = (found - expected).abs();
                    assert!(off <= 2e-5 * largest, "{name}: {found} is not {expected}");
                }
            }
        }
    }
}

/// Validation and the model take the average, and training goes on with the parameters themselves.
#[test]
fn the_average_is_what_is_evaluated() {
    let data = classes(40, 5, 3);
    for Named { name, executor } in executors() {
        let mut plain = trainer(8, Rules::default());
        plain.options.rules.ema = Some(0.9);
        let fitted = plain.fit_on(executor, &data, Some(&data), &mut Notes::default());
        let fitted = fitted.unwrap_or_else(|e| panic!("{name}: {e}"));
        let validation = fitted.summary.validation.expect("there are rows").loss;
        let mut alone = trainer(8, Rules::default());
        alone.initial = Some(fitted.model.values.clone());
        let mut session = alone
            .session(Box::new(Reference::f64()), &data)
            .expect("it fits");
        session.set_validation(&data).expect("it fits");
        let expected = session.evaluate_rows(&data, 8, None).expect("it runs").loss;
        assert!(
            (validation - expected).abs() <= 1e-5,
            "{name}: {validation}, and the model's own loss is {expected}"
        );
        let raw = trainer(8, Rules::default())
            .fit_on(
                Box::new(Reference::f64()),
                &data,
                Some(&data),
                &mut Notes::default(),
            )
            .expect("it runs");
        let other = raw.summary.validation.expect("there are rows").loss;
        assert!(
            (validation - other).abs() > 1e-4,
            "{name}: nothing is averaged"
        );
    }
}

/// The first value of Adagrad's sum stands before the first step on every device.
#[test]
fn a_state_has_its_first_value() {
    let data = classes(20, 5, 3);
    for Named { name, executor } in executors() {
        let mut trainer = trainer(8, Rules::default());
        trainer.options.optimizer.update = Update::Adagrad(Adagrad {
            initial: 0.25,
            ..Adagrad::default()
        });
        let mut session = trainer.session(executor, &data).expect("it fits");
        let first = read(&mut session, "layers.0.weight.total");
        assert!(first.iter().all(|&x| x == 0.25), "{name}: {first:?}");
        let fresh = Data::F32(vec![0.5; 7]);
        let executor = &mut session.executor;
        executor
            .write_stored(&session.store, "layers.0.bias.total", &fresh)
            .expect("it is there");
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    let data = classes(20, 5, 3);
    let refused = |change: &dyn Fn(&mut Trainer), parts: &[&str]| {
        let mut trainer = trainer(8, Rules::default());
        change(&mut trainer);
        let error = trainer
            .fit(&data)
            .expect_err("it makes no sense")
            .to_string();
        for part in parts {
            assert!(error.contains(part), "`{part}` is missing: {error}");
        }
    };
    refused(
        &|t| t.options.rules.clip_norm = Some(0.0),
        &["clip_norm is 0"],
    );
    refused(
        &|t| t.options.rules.clip_value = Some(f64::NAN),
        &["clip_value"],
    );
    refused(
        &|t| t.options.rules.max_norm = Some(-1.0),
        &["max_norm is -1"],
    );
    refused(&|t| t.options.rules.l1 = f64::INFINITY, &["l1 is inf"]);
    refused(&|t| t.options.rules.ema = Some(1.0), &["ema is 1"]);
    refused(
        &|t| t.options.rules.accumulate = Some(0),
        &["accumulate is 0"],
    );
    let group = |text: &str| vec![text.parse().expect("it is right")];
    refused(
        &|t| t.options.rules.groups = group("layers.7.*:lr=0.1"),
        &["`layers.7.*`", "layers.0.weight, layers.0.bias"],
    );
    let mixed = |t: &mut Trainer| t.options.precision = Precision::Mixed;
    refused(
        &|t| {
            mixed(t);
            t.options.optimizer = Optimizer::nadam(0.002);
        },
        &["mixed", "nadam", "single precision"],
    );
    refused(
        &|t| {
            mixed(t);
            t.options.rules.accumulate = Some(2);
        },
        &["accumulate is 2", "mixed"],
    );
    refused(
        &|t| t.options.optimizer = Optimizer::rmsprop(0.1).weight_decay(-1.0),
        &["weight_decay is -1"],
    );
}

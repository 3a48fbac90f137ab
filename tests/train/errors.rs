//! Mistakes of the caller, and runs that are told to stop.

use std::io;

use thalweg::data::{Dataset, Inputs, Targets};
use thalweg::graph::ops::Update;
use thalweg::network::{Activation, Layer, Loss, Network};
use thalweg::train::{Callback, Model, Optimizer, Silent, StepsReport, TrainError, Trainer};

use super::{Notes, bits, classes, network, numbers, steps_by_hand};
use crate::common::{Named, executors};

fn says(error: &TrainError, parts: &[&str]) {
    let message = error.to_string();
    for part in parts {
        assert!(message.contains(part), "`{part}` is missing in: {message}");
    }
}

#[test]
fn data_that_do_not_fit_are_refused() {
    let refused = |trainer: &Trainer, data: &Dataset, parts: &[&str]| {
        let error = trainer.fit(data).expect_err("the data do not fit");
        says(&error, parts);
    };
    let trainer = |loss| Trainer::new(network(12, 4), loss);
    let cross_entropy = trainer(Loss::CrossEntropy);
    refused(
        &cross_entropy,
        &classes(10, 11, 4),
        &["11 features", "12", "12-33-20-4"],
    );
    refused(&cross_entropy, &classes(10, 12, 3), &["3 classes", "4"]);
    refused(
        &cross_entropy,
        &numbers(10, 12, 4),
        &["cross_entropy", "classes", "numbers"],
    );
    let squared_error = trainer(Loss::SquaredError);
    refused(&squared_error, &numbers(10, 12, 3), &["3 outputs", "4"]);
    let unknown = Dataset::inputs_only(&[0.0; 24], 12).expect("it is well formed");
    refused(
        &squared_error,
        &unknown,
        &["squared_error", "targets", "none"],
    );
    let beyond =
        Dataset::numbers(&[0.0; 12], 12, &[0.0, 1.0, 1.5, 0.0], 4).expect("it is well formed");
    refused(
        &trainer(Loss::SigmoidCrossEntropy),
        &beyond,
        &["sigmoid_cross_entropy", "from 0 to 1", "1.5"],
    );
}

#[test]
fn data_without_rows_cannot_be_made() {
    assert!(Dataset::classes(&[], 2, &[]).is_err(), "no rows");
    assert!(Dataset::numbers(&[], 2, &[], 1).is_err(), "no rows");
    assert!(
        Dataset::new(Inputs::F32(vec![1.0]), &[0], Targets::None).is_err(),
        "no features"
    );
    assert!(Dataset::numbers(&[f32::NAN], 1, &[0.0], 1).is_err(), "NaN");
}

#[test]
fn options_that_make_no_sense_are_refused() {
    type Change = fn(Trainer) -> Trainer;
    let table: [(&str, Change); 12] = [
        ("batch_size", |t| t.batch_size(0)),
        ("epochs", |t| t.epochs(0)),
        ("epochs", |mut t| {
            t.options.steps = Some(0);
            t
        }),
        ("learning_rate", |t| t.optimizer(Optimizer::sgd(f64::NAN))),
        ("learning_rate", |t| t.optimizer(Optimizer::sgd(-0.1))),
        ("learning_rate", |t| {
            t.optimizer(Optimizer::adam(f64::INFINITY))
        }),
        ("momentum", |t| {
            t.optimizer(Optimizer::with_momentum(0.1, 1.0, false))
        }),
        ("momentum", |t| {
            t.optimizer(Optimizer::with_momentum(0.1, 0.0, true))
        }),
        ("weight_decay", |t| {
            t.optimizer(Optimizer::sgd(0.1).weight_decay(-1.0))
        }),
        ("weight_decay", |t| {
            t.optimizer(Optimizer::adamw(0.1).weight_decay(f64::NAN))
        }),
        ("6 weight tensors", |mut t| {
            t.initial = Some(vec![vec![0.0]]);
            t
        }),
        ("`layers.0.bias`", |mut t| {
            let mut values = t.network.initial(t.options.init, 0);
            values[1].pop();
            t.initial = Some(values);
            t
        }),
    ];
    let data = classes(10, 12, 4);
    for (name, change) in table {
        let trainer = change(Trainer::new(network(12, 4), Loss::CrossEntropy));
        let error = trainer.fit(&data).expect_err(name);
        if name.starts_with(|c: char| c.is_ascii_digit()) {
            says(&error, &["1 weight tensors", "6"]);
        } else {
            says(&error, &[name]);
        }
    }
}

/// Where a gradient is 0, as between the members of a block, Adam would divide 0 by 0. 1e-50 is 0 in f32.
#[test]
fn an_epsilon_of_zero_is_refused() {
    for epsilon in [0.0, 1e-50, -1e-8, f64::NAN] {
        let mut optimizer = Optimizer::adam(0.1);
        let Update::Adam { epsilon: e, .. } = &mut optimizer.update else {
            panic!("it is Adam's")
        };
        *e = epsilon;
        let trainer = Trainer::new(network(12, 4), Loss::CrossEntropy).optimizer(optimizer);
        let error = trainer.fit(&classes(10, 12, 4)).expect_err("it is 0");
        says(&error, &["epsilon is"]);
    }
}

#[test]
fn networks_that_cannot_be_are_refused() {
    let networks = [
        ("inputs", Network::new(0).linear(4)),
        ("0 units", Network::new(12).linear(0).linear(4)),
        (
            "dropout of 1",
            Network::new(12).linear(5).dropout(1.0).linear(4),
        ),
        (
            "no parameters",
            Network::new(12).activation(Activation::Relu),
        ),
        (
            "parameters",
            Network::new(1 << 20).layer(Layer::Linear {
                outputs: 1 << 20,
                bias: true,
            }),
        ),
    ];
    let data = classes(10, 12, 4);
    for (part, network) in networks {
        let error = Trainer::new(network, Loss::CrossEntropy)
            .fit(&data)
            .expect_err(part);
        says(&error, &[part]);
    }
}

#[test]
fn predictions_want_whole_rows() {
    let trainer = Trainer::new(network(12, 4), Loss::CrossEntropy);
    let values = trainer.network.initial(trainer.options.init, 0);
    let model =
        Model::from_values(trainer.network, Activation::Softmax, values.clone()).expect("it fits");
    for len in [0, 11, 13] {
        let error = model.predict(&vec![0.0; len]).expect_err("no whole rows");
        says(&error, &[&format!("{len} numbers"), "whole rows"]);
    }
    assert_eq!(model.predict(&[0.0; 24]).expect("two rows").len(), 8);
    let other = Network::mlp(12, &[33], 4, Activation::Relu);
    let error =
        Model::from_values(other, Activation::Softmax, values).expect_err("another network");
    says(&error, &["6 weight tensors", "4"]);
}

/// The model is the one after the steps that were done.
#[test]
fn an_interrupted_run_keeps_what_was_learnt() {
    let data = classes(160, 12, 4);
    let mut trainer = Trainer::new(network(12, 4), Loss::CrossEntropy)
        .batch_size(16)
        .epochs(1000);
    trainer.options.shuffle = false;
    for (first, second) in executors().into_iter().zip(executors()) {
        let name = first.name;
        let mut notes = Notes {
            stop_after: Some(25),
            ..Notes::default()
        };
        let fit = trainer
            .fit_on(first.executor, &data, Some(&data), &mut notes)
            .expect("it was only interrupted");
        let steps = notes.losses.len();
        assert!(fit.summary.interrupted, "{name}");
        assert!((25..200).contains(&steps), "{name}: {steps} steps");
        assert_eq!(fit.summary.steps, steps as u64, "{name}");
        assert_eq!(
            fit.summary.epochs,
            notes.epochs.len() as u64,
            "{name}: the last one is told too"
        );
        assert!(
            fit.summary.validation.is_some(),
            "{name}: evaluated once more"
        );
        let mut session = trainer.session(second.executor, &data).expect("it fits");
        steps_by_hand(&mut session, 160, 16, steps, 0.001);
        let expected = session.model(false).expect("it can be read");
        assert!(
            bits(&expected.values) == bits(&fit.model.values),
            "{name}: another model"
        );
    }
}

#[test]
fn steps_win_over_epochs_and_stop_within_one() {
    let data = classes(160, 12, 4);
    for (steps, epochs) in [(1, 1), (10, 1), (11, 2), (35, 4)] {
        let mut trainer = Trainer::new(network(12, 4), Loss::CrossEntropy)
            .batch_size(16)
            .epochs(2);
        trainer.options.steps = Some(steps);
        let mut notes = Notes::default();
        let fit = trainer
            .fit_with(&data, None, &mut notes)
            .expect("it trains");
        assert_eq!((fit.summary.steps, fit.summary.epochs), (steps, epochs));
        assert_eq!(fit.summary.samples, steps * 16);
        assert!(!fit.summary.interrupted, "it came to its end");
    }
}

#[test]
fn a_callbacks_error_ends_the_run() {
    struct Full;
    impl Callback for Full {
        fn steps(&mut self, _: &StepsReport<'_>) -> io::Result<()> {
            Err(io::Error::other("the disk is full"))
        }
    }
    let data = classes(160, 12, 4);
    for Named { name, executor } in executors() {
        let trainer = Trainer::new(network(12, 4), Loss::CrossEntropy);
        let error = trainer
            .fit_on(executor, &data, None, &mut Full)
            .expect_err("the callback failed");
        assert!(
            matches!(error, TrainError::Callback(_)),
            "{name}: {error:?}"
        );
        says(&error, &["the disk is full"]);
    }
    assert!(
        Silent
            .steps(&StepsReport {
                epoch: 1,
                first: 1,
                losses: &[],
                accuracy: None,
                samples: 0,
                total: 1
            })
            .is_ok(),
        "silent"
    );
}

//! What is told of losses and metrics, against a plain recomputation from predictions.

use thalweg::data::{Dataset, Targets};
use thalweg::executor::Executor;
use thalweg::network::{Activation, Loss, Network};
use thalweg::reference::Reference;
use thalweg::train::{Fitted, Optimizer, Trainer};

use super::{Notes, classes, network, numbers};
use crate::common::{Named, executors};

fn close(what: &str, found: f64, expected: f64) {
    assert!(
        (found - expected).abs() <= 1e-5 * expected.abs().max(1e-3),
        "{what}: {found}, recomputed {expected}"
    );
}

/// Trains on the first rows and evaluates all, which no batch size divides.
fn fit(trainer: &Trainer, executor: Box<dyn Executor>, data: &Dataset) -> (Fitted, Notes) {
    let mut notes = Notes::default();
    let training = data.select(&(0..40).collect::<Vec<_>>());
    let fit = trainer
        .fit_on(executor, &training, Some(data), &mut notes)
        .expect("it trains");
    (fit, notes)
}

fn inputs(data: &Dataset) -> Vec<f32> {
    (0..data.rows()).flat_map(|row| data.row(row)).collect()
}

#[test]
fn classification() {
    let data = classes(300, 12, 4);
    let Targets::Classes { labels, .. } = data.targets() else {
        panic!("there are classes")
    };
    for Named { name, executor } in executors() {
        let trainer = Trainer::new(network(12, 4), Loss::CrossEntropy)
            .batch_size(16)
            .epochs(2);
        let (Fitted { model, summary }, _) = fit(&trainer, executor, &data);
        let found = summary.validation.expect("there are validation rows");
        let predictions = model.predict(&inputs(&data)).expect("whole rows");
        let rows = predictions.chunks(4).zip(labels);
        let loss: f64 = rows
            .clone()
            .map(|(p, &label)| -f64::from(p[label as usize]).ln())
            .sum::<f64>()
            / 300.0;
        let right = rows
            .filter(|(p, label)| p.iter().all(|x| *x <= p[**label as usize]))
            .count();
        assert_eq!(found.rows, 300, "{name}");
        close(&format!("{name}: loss"), found.loss, loss);
        close(
            &format!("{name}: accuracy"),
            found.accuracy.expect("there are classes"),
            right as f64 / 300.0,
        );
        assert_eq!((found.squared_errors, found.r2), (None, None), "{name}");
        let found = model.predict_classes(&inputs(&data)).expect("whole rows");
        assert_eq!(
            found.iter().zip(labels).filter(|(a, b)| a == b).count(),
            right,
            "{name}"
        );
        assert!(
            predictions
                .chunks(4)
                .all(|p| (p.iter().sum::<f32>() - 1.0).abs() < 1e-5),
            "{name}: probabilities"
        );
    }
}

/// A class for each output with a sigmoid of its own, or with squared errors to one-hot rows.
#[test]
fn classes_as_one_hot_rows() {
    let data = classes(300, 12, 4);
    let Targets::Classes { labels, .. } = data.targets() else {
        panic!("there are classes")
    };
    for loss in [Loss::SigmoidCrossEntropy, Loss::SquaredError] {
        for Named { name, executor } in executors() {
            let trainer = Trainer::new(network(12, 4), loss).batch_size(16).epochs(2);
            let (Fitted { model, summary }, _) = fit(&trainer, executor, &data);
            let found = summary.validation.expect("there are validation rows");
            let predictions = model.predict(&inputs(&data)).expect("whole rows");
            let mut sum = 0.0;
            for (row, &label) in predictions.chunks(4).zip(labels) {
                for (output, &p) in (0..).zip(row) {
                    let (p, t) = (f64::from(p), f64::from(u8::from(output == label)));
                    sum += match loss {
                        Loss::SquaredError => (p - t).powi(2),
                        _ => -(t * p.ln() + (1.0 - t) * (1.0 - p).ln()),
                    };
                }
            }
            close(&format!("{name}: {loss}"), found.loss, sum / 1200.0);
            assert!(found.accuracy.is_some(), "{name}: {loss}");
        }
    }
}

/// Losses of a squared error are told in the target's own units.
#[test]
fn regression() {
    let data = numbers(300, 7, 3);
    let Targets::Numbers { values, .. } = data.targets() else {
        panic!("there are numbers")
    };
    let units = [10.0, 0.5, 3.0];
    for Named { name, executor } in executors() {
        let mut trainer = Trainer::new(network(7, 3), Loss::SquaredError)
            .batch_size(16)
            .epochs(2);
        trainer.units = Some(units.to_vec());
        let (Fitted { model, summary }, _) = fit(&trainer, executor, &data);
        let found = summary.validation.expect("there are validation rows");
        let predictions = model.predict(&inputs(&data)).expect("whole rows");
        let (mut loss, mut r2) = (0.0, 0.0);
        for (output, unit) in units.iter().enumerate() {
            let column = |v: &[f32]| -> Vec<f64> {
                v.iter()
                    .skip(output)
                    .step_by(3)
                    .map(|&x| f64::from(x))
                    .collect()
            };
            let (p, t) = (column(&predictions), column(values));
            let squares: f64 = p.iter().zip(&t).map(|(p, t)| (p - t).powi(2)).sum();
            let mean = t.iter().sum::<f64>() / 300.0;
            let total: f64 = t.iter().map(|t| (t - mean).powi(2)).sum();
            loss += squares / 300.0 * unit * unit / 3.0;
            r2 += (1.0 - squares / total) / 3.0;
            let errors = found.squared_errors.as_ref().expect("there are numbers");
            close(
                &format!("{name}: squared error {output}"),
                errors[output],
                squares / 300.0,
            );
        }
        close(&format!("{name}: loss"), found.loss, loss);
        close(&format!("{name}: R²"), found.r2.expect("they vary"), r2);
        assert_eq!(found.accuracy, None, "{name}");
    }
}

#[test]
fn a_target_that_does_not_vary_has_no_r2() {
    let x: Vec<f32> = (0..8).map(|i| i as f32).collect();
    let data = Dataset::numbers(&x, 1, &[2.0; 8], 1).expect("it is well formed");
    let trainer =
        Trainer::new(Network::new(1).linear(1), Loss::SquaredError).optimizer(Optimizer::sgd(0.01));
    let fit = trainer
        .fit_with(&data, Some(&data), &mut Notes::default())
        .expect("it trains");
    assert_eq!(fit.summary.validation.expect("there are rows").r2, None);
}

/// The training loss of an epoch is the mean over its batches, each weighted by its rows.
#[test]
fn an_epochs_loss_is_weighted_by_rows() {
    let data = classes(40, 12, 4);
    for Named { name, executor } in executors() {
        let trainer = Trainer::new(network(12, 4), Loss::CrossEntropy)
            .batch_size(16)
            .epochs(3);
        let mut notes = Notes::default();
        let fit = trainer
            .fit_on(executor, &data, None, &mut notes)
            .expect("it trains");
        assert_eq!(notes.epochs.len(), 3, "{name}");
        for (batches, epoch) in notes.losses.chunks(3).zip(&notes.epochs) {
            let expected = (16.0 * batches[0] + 16.0 * batches[1] + 8.0 * batches[2]) / 40.0;
            close(&format!("{name}: loss of an epoch"), epoch.0, expected);
            let accuracy = epoch.1.expect("there are classes") * 40.0;
            assert!(
                (accuracy - accuracy.round()).abs() < 1e-9,
                "{name}: {accuracy} rows of 40 are right"
            );
            assert_eq!(epoch.2, 40, "{name}");
        }
        let last = notes.epochs.last().expect("there were three");
        assert_eq!(
            (
                fit.summary.train.loss,
                fit.summary.samples,
                fit.summary.steps
            ),
            (last.0, 120, 9),
            "{name}"
        );
        let falls: Vec<bool> = (0..3)
            .map(|i| notes.epochs[..i].iter().all(|e| notes.epochs[i].0 < e.0))
            .collect();
        assert_eq!(notes.best, falls, "{name}: the best epochs so far");
    }
}

/// Dropout drops nothing when it is not trained: predictions are those of a network without it.
#[test]
fn prediction_drops_nothing() {
    let data = classes(100, 12, 4);
    for Named { name, executor } in executors() {
        let trainer = Trainer::new(network(12, 4), Loss::CrossEntropy).epochs(1);
        let model = trainer
            .fit_on(executor, &data, None, &mut Notes::default())
            .expect("it trains")
            .model;
        let plain = Network::new(12)
            .linear(33)
            .activation(Activation::Gelu)
            .linear(20)
            .activation(Activation::Tanh)
            .linear(4);
        let plain = thalweg::train::Model::from_values(plain, model.output, model.values.clone())
            .expect("it fits");
        let x = inputs(&data);
        let same = model.predict(&x).expect("whole rows") == plain.predict(&x).expect("whole rows");
        assert!(same, "{name}: dropout while predicting");
    }
}

/// Logistic regression with a remainder, in plain loops: no part of the engine but the data set.
#[test]
fn a_line_by_hand() {
    let x: Vec<f32> = (0..10).map(|i| i as f32 * 0.25 - 1.0).collect();
    let y: Vec<f32> = x.iter().map(|x| 2.0 * x - 0.5).collect();
    let data = Dataset::numbers(&x, 1, &y, 1).expect("it is well formed");
    let mut trainer = Trainer::new(Network::new(1).linear(1), Loss::SquaredError)
        .optimizer(Optimizer::sgd(0.1).weight_decay(0.01));
    trainer.initial = Some(vec![vec![0.25], vec![0.5]]);
    let mut session = trainer
        .session(Box::new(Reference::f64()), &data)
        .expect("it fits");
    let losses = super::steps_by_hand(&mut session, 10, 4, 9, 0.1);

    let (mut w, mut b) = (0.25_f64, 0.5_f64);
    for (rows, found) in [0..4, 4..8, 8..10].into_iter().cycle().zip(&losses) {
        let n = rows.len() as f64;
        let (mut loss, mut dw, mut db) = (0.0, 0.0, 0.0);
        for i in rows {
            let (x, y) = (f64::from(x[i]), f64::from(y[i]));
            let error = w * x + b - y;
            loss += error * error / n;
            dw += 2.0 * error * x / n;
            db += 2.0 * error / n;
        }
        assert!((found - loss).abs() < 1e-12, "loss {found}, by hand {loss}");
        w -= 0.1 * (dw + 0.01 * w);
        b -= 0.1 * (db + 0.01 * b);
    }
    for (name, expected) in [("layers.0.weight", w), ("layers.0.bias", b)] {
        let found = session
            .executor
            .read_stored(&session.store, name)
            .expect("it is there")
            .to_f64()[0];
        assert!(
            (found - expected).abs() < 1e-12,
            "{name} is {found}, by hand {expected}"
        );
    }
}

/// Squared errors and R² are those of the predictions, also where the loss is computed from logits.
#[test]
fn regression_by_logits() {
    let data = numbers(300, 7, 2);
    let Targets::Numbers { values, .. } = data.targets() else {
        panic!("there are numbers")
    };
    for Named { name, executor } in executors() {
        let trainer = Trainer::new(network(7, 2), Loss::SigmoidCrossEntropy)
            .batch_size(16)
            .epochs(2);
        let (Fitted { model, summary }, _) = fit(&trainer, executor, &data);
        let found = summary.validation.expect("there are validation rows");
        let predictions = model.predict(&inputs(&data)).expect("whole rows");
        let errors = found.squared_errors.expect("there are numbers");
        for (output, error) in errors.iter().enumerate() {
            let rows = predictions.chunks(2).zip(values.chunks(2));
            let sum: f64 = rows
                .map(|(p, t)| f64::from(p[output] - t[output]).powi(2))
                .sum();
            let what = format!("{name}: squared error {output}");
            close(&what, *error, sum / 300.0);
        }
    }
}

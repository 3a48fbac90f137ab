//! What losses and weights come to over an epoch, and which are refused.

use thalweg::data::{Dataset, Targets};
use thalweg::executor::Executor;
use thalweg::network::{Activation, Loss, Network};
use thalweg::reference::Reference;
use thalweg::train::{Optimizer, Purpose, Trainer};

use super::{Notes, classes, network, numbers};
use crate::common::{Named, executors};

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

//! Rows that stream through a part of the device: the same training, to the bit.

use std::io;

use thalweg::data::{Dataset, Inputs, Order, Targets};
use thalweg::executor::Executor;
use thalweg::kernel::Limits;
use thalweg::network::{Activation, Loss, Network};
use thalweg::random::{Random, stream};
use thalweg::reference::Reference;
use thalweg::train::{
    Callback, EpochReport, Evaluation, NonFinite, Optimizer, Precision, StepsReport, Streamed,
    TrainError, Trainer,
};

use super::stored::stored;
use super::{Notes, bits, classes, numbers};
use crate::common::{Named, cpu, executors, gpu, named};

/// Rows of bytes with a class each.
fn pixels(rows: usize, features: usize, classes: u32) -> Dataset {
    let random = Random::new(3, stream::TEST, 12);
    let byte = |i| u8::try_from(random.below(i, 256)).expect("it is below 256");
    let pixels: Vec<u8> = (0..(rows * features) as u64).map(byte).collect();
    let label = |row: &[u8]| u32::from(row[0]) * classes / 256;
    let targets = Targets::Classes {
        labels: pixels.chunks(features).map(label).collect(),
        classes: classes as usize,
    };
    let scale = 1.0 / 255.0;
    Dataset::new(Inputs::U8 { pixels, scale }, &[features], targets).expect("it is well formed")
}

/// Notes what streams.
#[derive(Debug, Default)]
struct Watch {
    notes: Notes,
    streamed: Vec<Streamed>,
}

impl Callback for Watch {
    fn streams(&mut self, streamed: &[Streamed]) -> io::Result<()> {
        assert!(self.notes.losses.is_empty(), "it is told before the run");
        self.streamed.extend_from_slice(streamed);
        Ok(())
    }

    fn steps(&mut self, report: &StepsReport<'_>) -> io::Result<()> {
        self.notes.steps(report)
    }

    fn epoch(&mut self, report: &EpochReport<'_>) -> io::Result<()> {
        self.notes.epoch(report)
    }

    fn interrupted(&self) -> bool {
        self.notes.interrupted()
    }
}

/// All that a run comes to, in bits where it is numbers.
#[derive(Debug, PartialEq)]
pub(super) struct Came {
    losses: Vec<u64>,
    pub(super) values: Vec<Vec<u32>>,
    train: Evaluation,
    validation: Option<Evaluation>,
    steps: u64,
    samples: u64,
}

pub(super) fn run(
    trainer: &Trainer,
    executor: Box<dyn Executor>,
    data: &Dataset,
    validation: Option<&Dataset>,
    stop_after: Option<usize>,
) -> (Came, Vec<Streamed>) {
    let mut watch = Watch::default();
    watch.notes.stop_after = stop_after;
    let fit = trainer
        .fit_on(executor, data, validation, &mut watch)
        .expect("it trains");
    let summary = fit.summary;
    let came = Came {
        losses: watch.notes.losses.iter().map(|l| l.to_bits()).collect(),
        values: bits(&fit.model.values),
        train: summary.train,
        validation: summary.validation,
        steps: summary.steps,
        samples: summary.samples,
    };
    (came, watch.streamed)
}

pub(super) struct Case {
    pub(super) trainer: Trainer,
    pub(super) data: Dataset,
    pub(super) validation: Dataset,
}

pub(super) fn network(features: usize, outputs: usize) -> Network {
    Network::new(features)
        .linear(9)
        .activation(Activation::Tanh)
        .dropout(0.25)
        .linear(outputs)
}

fn weighed(data: Dataset) -> Dataset {
    let weights = (0..data.rows()).map(|row| (row % 5) as f32).collect();
    data.with_weights(weights).expect("they are well formed")
}

pub(super) fn cases() -> Vec<Case> {
    let trainer = |features, outputs, loss| {
        Trainer::new(network(features, outputs), loss)
            .optimizer(Optimizer::adam(0.01))
            .batch_size(16)
            .epochs(3)
            .seed(5)
    };
    let case = |trainer, make: &dyn Fn(usize) -> Dataset| Case {
        trainer,
        data: make(203),
        validation: make(1100),
    };
    // Seven bytes a row: chunks do not always begin at a whole word of the device.
    let mut odd = trainer(7, 3, Loss::CrossEntropy).batch_size(5);
    odd.options.epochs = 2;
    let mut in_order = trainer(12, 4, Loss::CrossEntropy);
    in_order.options.shuffle = false;
    let mut windows = trainer(12, 4, Loss::CrossEntropy);
    windows.options.window = Some(50);
    vec![
        case(trainer(12, 4, Loss::CrossEntropy), &|n| classes(n, 12, 4)),
        case(trainer(7, 3, Loss::CrossEntropy), &|n| pixels(n, 7, 3)),
        case(odd, &|n| pixels(n, 7, 3)),
        case(trainer(6, 3, Loss::SquaredError), &|n| numbers(n, 6, 3)),
        // Classes as one-hot rows.
        case(trainer(12, 4, Loss::SigmoidCrossEntropy), &|n| {
            classes(n, 12, 4)
        }),
        case(in_order, &|n| classes(n, 12, 4)),
        // Weights of rows and of classes.
        case(
            trainer(12, 4, Loss::CrossEntropy)
                .label_smoothing(0.1)
                .class_weights(&[1.0, 2.0, 0.5, 0.0]),
            &|n| weighed(classes(n, 12, 4)),
        ),
        case(trainer(6, 3, Loss::AbsoluteError), &|n| {
            weighed(numbers(n, 6, 3))
        }),
        case(windows, &|n| classes(n, 12, 4)),
        case(
            trainer(12, 4, Loss::CrossEntropy).precision(Precision::Mixed),
            &|n| classes(n, 12, 4),
        ),
    ]
}

#[test]
fn streamed_and_resident_give_the_same_bits() {
    for (number, case) in cases().into_iter().enumerate() {
        let Case {
            mut trainer,
            data,
            validation,
        } = case;
        let batch = trainer.options.batch_size;
        for (whole, parts) in executors()
            .into_iter()
            .zip(executors().into_iter().zip(executors()))
        {
            let name = format!("case {number}, {}", whole.name);
            trainer.options.stream = None;
            let (expected, streamed) =
                run(&trainer, whole.executor, &data, Some(&validation), None);
            assert_eq!(streamed, [], "{name}: all fit");
            let (one_batch, some) = (parts.0.executor, parts.1.executor);
            for (executor, stream) in [(one_batch, 0), (some, data.bytes() * 3 / 4)] {
                trainer.options.stream = Some(stream);
                let (found, streamed) = run(&trainer, executor, &data, Some(&validation), None);
                assert_eq!(found, expected, "{name}, streamed through {stream} bytes");
                let told: Vec<_> = streamed.iter().map(|s| (s.rows, s.count)).collect();
                assert_eq!(told, [("training", 203), ("validation", 1100)], "{name}");
                let chunk = streamed[0].chunk;
                if stream == 0 {
                    assert_eq!((chunk, streamed[1].chunk), (batch, 256), "{name}");
                } else {
                    assert!(chunk > batch && chunk % batch == 0, "{name}: {chunk}");
                }
            }
        }
    }
}

/// Fewer steps than an epoch has, and a run that somebody ends.
#[test]
fn a_streamed_run_ends_where_it_shall() {
    let data = classes(203, 12, 4);
    let mut trainer = Trainer::new(network(12, 4), Loss::CrossEntropy).batch_size(16);
    for (steps, stop_after) in [(Some(17), None), (Some(5), None), (None, Some(20))] {
        trainer.options.steps = steps;
        for (first, second) in executors().into_iter().zip(executors()) {
            trainer.options.stream = None;
            let (expected, _) = run(&trainer, first.executor, &data, None, stop_after);
            trainer.options.stream = Some(0);
            let (found, streamed) = run(&trainer, second.executor, &data, None, stop_after);
            assert_eq!(streamed.len(), 1, "{}", second.name);
            if steps.is_some() {
                assert_eq!(found, expected, "{}", second.name);
            } else {
                // Where a submission ends depends on the clock.
                let both = found.losses.len().min(expected.losses.len());
                assert!(both >= 20, "{}", second.name);
                assert_eq!(found.losses[..both], expected.losses[..both]);
            }
        }
    }
}

/// What is larger than a binding of the device streams, unless an option says that it shall not.
#[test]
fn beyond_one_binding() {
    let (data, validation) = (classes(900, 20, 5), classes(90, 20, 5));
    let mut trainer = Trainer::new(network(20, 5), Loss::CrossEntropy)
        .batch_size(32)
        .epochs(2);
    let limited = |binding| -> Vec<Named> {
        let limits = |limits: &Limits| Limits {
            binding: limits.binding.min(binding),
            ..limits.clone()
        };
        let (mut reference, mut host) = (Reference::f32(), cpu(2));
        reference.choose_as(limits(reference.limits()));
        host.choose_as(limits(host.limits()));
        let gpu = gpu().map(|mut gpu| {
            gpu.choose_as(limits(gpu.limits()));
            named("gpu", gpu)
        });
        let host = [named("reference", reference), named("cpu", host)];
        host.into_iter().chain(gpu).collect()
    };
    let (whole, bound) = (limited(72_000), limited(71_999));
    for ((whole, bound), split) in whole.into_iter().zip(bound).zip(limited(71_999)) {
        let name = bound.name;
        let (expected, streamed) = run(&trainer, whole.executor, &data, Some(&validation), None);
        assert_eq!(streamed, [], "{name}: 900 rows of 80 bytes");
        let (found, streamed) = run(&trainer, bound.executor, &data, Some(&validation), None);
        assert_eq!(found, expected, "{name}");
        assert_eq!(streamed.len(), 1, "{name}: the validation rows fit");
        trainer.options.stream = Some(1 << 20);
        let (found, streamed) = run(&trainer, split.executor, &data, Some(&validation), None);
        assert_eq!(streamed, [], "{name}: a megabyte was allowed");
        assert_eq!(found, expected, "{name}: gathered from two bindings");
        trainer.options.stream = None;
    }
}

/// Rows that are evaluated without a run.
#[test]
fn an_evaluation_streams() {
    let data = classes(1100, 12, 4);
    let trainer = Trainer::new(network(12, 4), Loss::CrossEntropy);
    let mut found = Vec::new();
    for (binding, read) in [(u64::MAX, false), (20_000, false), (20_000, true)] {
        let mut host = cpu(2);
        let limits = host.limits().clone();
        host.choose_as(Limits { binding, ..limits });
        let training = classes(16, 12, 4);
        let mut session = trainer.session(Box::new(host), &training).expect("it fits");
        let data = if read {
            stored(&data, usize::MAX)
        } else {
            data.clone()
        };
        session.set_validation_rows(&data, 64).expect("it fits");
        let shape = session
            .store
            .find("validation.inputs")
            .expect("it is there")
            .1
            .clone();
        assert_eq!(shape.dims()[0] < 1100, binding == 20_000, "{shape:?}");
        let evaluation = session.evaluate_rows(&data, 64, None).expect("it is read");
        assert_eq!(evaluation.rows, 1100);
        found.push((
            evaluation,
            session.evaluate_rows(&data, 64, None).expect("again"),
        ));
    }
    assert!(
        found
            .iter()
            .all(|pair| pair.0 == pair.1 && *pair == found[0])
    );
}

/// Without memory for all rows they stream, and a run that even so does not fit says it.
#[test]
fn where_all_rows_do_not_fit() {
    let (network, data) = (network(50, 4), classes(1000, 50, 4));
    let mut trainer = Trainer::new(network, Loss::CrossEntropy).batch_size(16);
    trainer.options.steps = Some(70);
    let limited = |buffer| {
        let mut host = cpu(2);
        let limits = host.limits().clone();
        host.choose_as(Limits { buffer, ..limits });
        Box::new(host)
    };
    let (expected, streamed) = run(&trainer, limited(200_192), &data, None, None);
    assert_eq!(streamed, []);
    let (found, streamed) = run(&trainer, limited(199_999), &data, None, None);
    assert_eq!((found, streamed.len()), (expected, 1));
    trainer.options.batch_size = 300;
    let refused = trainer.fit_on(limited(60_160), &data, None, &mut Notes::default());
    let error = refused.expect_err("two batches take 120,000 bytes");
    let TrainError::Memory {
        streamed: true,
        largest: Some(150),
        ..
    } = error
    else {
        panic!("{error:?}")
    };
    let message = error.to_string();
    for part in ["though rows stream", "`train.inputs` takes", "150 rows"] {
        assert!(message.contains(part), "`{part}`: {message}");
    }
}

/// The steps since the last check are run again, on rows that are still there.
#[test]
fn a_number_that_is_not_finite_is_found_where_it_is() {
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for row in 0..400_u16 {
        x.extend([f32::from(row % 7), f32::from(row % 5)]);
        y.push(if row == 333 { 1e30 } else { 0.5 });
    }
    let data = Dataset::numbers(&x, 2, &y, 1).expect("all are finite");
    let trainer = Trainer::new(Network::new(2).linear(1), Loss::SquaredError)
        .optimizer(Optimizer::sgd(0.001))
        .batch_size(4);
    let order = Order {
        seed: 0,
        shuffle: true,
        window: None,
    };
    let at = order.epoch(400, 1).iter().position(|row| *row == 333);
    let step = at.expect("all rows come") as u64 / 4 + 1;
    assert!(
        (8..90).contains(&step),
        "in the middle of the epoch: {step}"
    );
    for number in 0..executors().len() {
        let fails = |stream: Option<u64>, chunk| -> NonFinite {
            let mut trainer = trainer.clone();
            trainer.options.stream = stream;
            let executor = executors().remove(number).executor;
            let mut watch = Watch::default();
            let error = trainer.fit_on(executor, &data, None, &mut watch);
            assert_eq!(watch.streamed.first().map(|s| s.chunk), chunk);
            match error.expect_err("a loss overflows") {
                TrainError::NonFinite(found) => *found,
                other => panic!("{other}"),
            }
        };
        let resident = fails(None, None);
        assert_eq!(resident.step, step);
        for (bytes, chunk) in [(0, 4), (16 * 4 * 20, 40)] {
            let found = fails(Some(bytes), Some(chunk));
            let told = |f: &NonFinite| (f.step, f.tensor.clone(), f.index, f.plan_step.clone());
            assert_eq!(told(&found), told(&resident));
            let good = usize::try_from(found.last_good_step).expect("it is small");
            assert_eq!(
                good,
                (at.unwrap_or(0) / chunk) * chunk / 4,
                "the chunks before were good"
            );
            let values = found.last_good.values.iter().flatten();
            assert!(values.into_iter().all(|x| x.is_finite()));
            // It is the model after that step.
            if good > 0 {
                let mut shorter = trainer.clone();
                shorter.options.steps = Some(good as u64);
                let executor = executors().remove(number).executor;
                let (expected, _) = run(&shorter, executor, &data, None, None);
                assert_eq!(bits(&found.last_good.values), expected.values);
            }
        }
    }
}

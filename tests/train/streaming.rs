//! Rows that stream through a part of the device: the same training, to the bit.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use thalweg::data::{DataError, Dataset, Inputs, Order, Rows, Stored, Targets};
use thalweg::executor::Executor;
use thalweg::kernel::Limits;
use thalweg::network::{Activation, Loss, Network};
use thalweg::random::{Random, stream};
use thalweg::reference::Reference;
use thalweg::train::{
    EpochReport, Evaluation, NonFinite, Observer, Optimizer, Precision, StepsReport, Streamed,
    TrainError, Trainer,
};

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

impl Observer for Watch {
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
struct Came {
    losses: Vec<u64>,
    values: Vec<Vec<u32>>,
    train: Evaluation,
    validation: Option<Evaluation>,
    steps: u64,
    samples: u64,
}

fn run(
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

struct Case {
    trainer: Trainer,
    data: Dataset,
    validation: Dataset,
}

fn network(features: usize, outputs: usize) -> Network {
    Network::new(features)
        .linear(9)
        .activation(Activation::Tanh)
        .dropout(0.25)
        .linear(outputs)
}

fn cases() -> Vec<Case> {
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

/// Values in memory that behave as if they were in a file, which fails after so many readings.
#[derive(Debug)]
struct Held<T> {
    values: Vec<T>,
    features: usize,
    readings: AtomicUsize,
}

impl<T: Copy + std::fmt::Debug + Send + Sync> Rows<T> for Held<T> {
    fn rows(&self) -> usize {
        self.values.len() / self.features
    }

    fn features(&self) -> usize {
        self.features
    }

    fn read(&self, first: usize, into: &mut [T]) -> Result<(), DataError> {
        let left = self.readings.fetch_sub(1, Ordering::Relaxed);
        if left == 0 {
            return Err(DataError::Io {
                path: "rows.idx".into(),
                source: io::Error::other("the disk is gone"),
            });
        }
        into.copy_from_slice(&self.values[first * self.features..][..into.len()]);
        Ok(())
    }
}

/// The same data set, with inputs that are read when they are wanted.
fn stored(data: &Dataset, readings: usize) -> Dataset {
    fn held<T: Copy + std::fmt::Debug + Send + Sync>(
        values: &[T],
        features: usize,
        readings: usize,
    ) -> Arc<Held<T>> {
        Arc::new(Held {
            values: values.to_vec(),
            features,
            readings: AtomicUsize::new(readings),
        })
    }
    let features = data.features();
    let inputs = match data.inputs() {
        Inputs::F32(values) => Inputs::StoredF32(Stored::new(held(values, features, readings))),
        Inputs::U8 { pixels, scale } => Inputs::StoredU8 {
            rows: Stored::new(held(pixels, features, readings)),
            scale: *scale,
        },
        other => panic!("{other:?}"),
    };
    Dataset::new(inputs, &[features], data.targets().clone()).expect("it is well formed")
}

/// Inputs that are not in memory give the bits of those that are, on the device as a whole or streamed, all or selected.
#[test]
fn stored_and_held_give_the_same_bits() {
    for (number, case) in cases().into_iter().enumerate() {
        let Case {
            mut trainer,
            data,
            validation,
        } = case;
        let rows: Vec<u32> = (0..203).filter(|row| row % 5 != 2).collect();
        for (window, all) in [(60, true), (60, false), (500, true)] {
            trainer.options.window = Some(window);
            trainer.options.stream = None;
            let pick = |data: Dataset| if all { data } else { data.select(&rows) };
            let [data, read] = [data.clone(), stored(&data, usize::MAX)].map(pick);
            let validation_read = stored(&validation, usize::MAX);
            let executor = Box::new(cpu(2));
            let (expected, streamed) = run(&trainer, executor, &data, Some(&validation), None);
            assert_eq!(streamed, []);
            for stream in [None, Some(0), Some(data.bytes() * 3 / 4)] {
                trainer.options.stream = stream;
                let executor = Box::new(cpu(2));
                let (found, told) = run(&trainer, executor, &read, Some(&validation_read), None);
                let name = format!("case {number}, window {window}, {all}, {stream:?}");
                assert_eq!(found, expected, "{name}");
                assert!(told.iter().all(|s| s.stored), "{name}");
                let windows = trainer.options.shuffle && window < data.rows();
                assert_eq!(told[0].window, windows.then_some(window), "{name}");
                assert_eq!(told[0].chunk < told[0].count, stream.is_some(), "{name}");
            }
        }
    }
}

/// The model so far is not lost when the rows are.
#[test]
fn rows_that_cannot_be_read_any_more() {
    let data = classes(203, 12, 4);
    let mut trainer = Trainer::new(network(12, 4), Loss::CrossEntropy).batch_size(16);
    trainer.options.stream = Some(0);
    trainer.options.window = Some(40);
    for Named { name, executor } in executors() {
        let read = stored(&data, 60);
        let error = trainer.fit_on(executor, &read, None, &mut Notes::default());
        let TrainError::Rows(lost) = error.expect_err("the disk is gone") else {
            panic!("{name}: another error")
        };
        let message = lost.to_string();
        let step = lost.last_good_step;
        for part in [
            "rows.idx",
            "the disk is gone",
            &format!("training step {step} "),
        ] {
            assert!(message.contains(part), "{name}: `{part}`: {message}");
        }
        assert!(step > 13, "{name}: in the second epoch or later: {step}");
        let mut shorter = trainer.clone();
        shorter.options.steps = Some(step);
        let executor = executors().into_iter().find(|e| e.name == name);
        let executor = executor.expect("it was there").executor;
        let (expected, _) = run(&shorter, executor, &data, None, None);
        assert_eq!(bits(&lost.last_good.values), expected.values, "{name}");
    }
    // The rows that validate.
    let (read, validation) = (stored(&data, usize::MAX), classes(1100, 12, 4));
    let validation = stored(&validation, 2);
    let error = trainer.fit_on(
        Box::new(cpu(1)),
        &read,
        Some(&validation),
        &mut Notes::default(),
    );
    let TrainError::Rows(lost) = error.expect_err("the disk is gone") else {
        panic!("another error")
    };
    assert_eq!(lost.last_good_step, 13, "after the first epoch");
    assert!(
        lost.last_good
            .values
            .iter()
            .flatten()
            .all(|x| x.is_finite())
    );
}

#[test]
fn a_stored_number_that_is_not_finite_is_told_with_its_row() {
    let mut values = vec![0.5_f32; 300];
    values[3 * 71 + 1] = f32::NAN;
    let rows = Arc::new(Held {
        values,
        features: 3,
        readings: AtomicUsize::new(usize::MAX),
    });
    let targets = Targets::Numbers {
        values: vec![0.1; 100],
        outputs: 1,
    };
    let inputs = Inputs::StoredF32(Stored::new(rows));
    let data = Dataset::new(inputs, &[3], targets).expect("nobody has looked at it");
    let mut trainer = Trainer::new(Network::new(3).linear(1), Loss::SquaredError).batch_size(10);
    for stream in [None, Some(0)] {
        trainer.options.stream = stream;
        let error = trainer.fit(&data).expect_err("a value is NaN").to_string();
        for part in ["row 71, column 1", "NaN", "finite"] {
            assert!(error.contains(part), "`{part}`: {error}");
        }
    }
}

//! Rows that stay where they are kept, such as in a file, and are read when they are wanted.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use thalweg::data::{DataError, Dataset, Inputs, Rows, Stored, Targets};
use thalweg::network::{Loss, Network};
use thalweg::train::{TrainError, Trainer};

use super::streaming::{Case, cases, network, run};
use super::{Notes, bits, classes};
use crate::common::{Named, cpu, executors};

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
pub(super) fn stored(data: &Dataset, readings: usize) -> Dataset {
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
    let all = Dataset::new(inputs, &[features], data.targets().clone());
    let all = all.expect("it is well formed");
    match data.weights() {
        Some(weights) => all
            .with_weights(weights.to_vec())
            .expect("they were weights"),
        None => all,
    }
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

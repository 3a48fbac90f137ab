//! Training, evaluation and prediction on every device.

mod adversarial;
mod callbacks;
mod errors;
mod evaluation;
mod grad_scaler;
mod inspection;
mod layers;
mod learning;
mod losses;
mod memory;
mod mixed;
mod nonfinite;
mod optimizers;
mod population;
mod profile;
mod pytorch;
mod reading;
mod recurrent;
mod repeat;
mod resume;
mod rules;
mod schedule;
mod shared;
mod split;
mod stopping;
mod stored;
mod streaming;
mod submission;
mod weights;

use std::io;

use thalweg::data::Dataset;
use thalweg::kernel::Tick;
use thalweg::network::{Activation, Network};
use thalweg::random::{Random, stream};
use thalweg::train::{Callback, EpochReport, Position, Purpose, Session, StepsReport, batches};

/// Rows of random numbers with a class each.
#[expect(
    clippy::cast_possible_truncation,
    reason = "rounded to f32, as is meant"
)]
fn classes(rows: usize, features: usize, classes: u32) -> Dataset {
    let random = Random::new(1, stream::TEST, 10);
    let x: Vec<f32> = (0..(rows * features) as u64)
        .map(|i| random.normal(i) as f32)
        .collect();
    // The class follows from the first features, so that there is something to learn.
    let label = |row: &[f32]| {
        ((row[0] + 0.5 * row[1]).abs() * 1.7).min(f64::from(classes) as f32 - 1.0) as u32
    };
    let mut labels: Vec<u32> = x.chunks(features).map(label).collect();
    labels[0] = classes - 1;
    Dataset::classes(&x, features, &labels).expect("it is well formed")
}

/// Rows of random numbers, with numbers that follow from them.
#[expect(
    clippy::cast_possible_truncation,
    reason = "rounded to f32, as is meant"
)]
fn numbers(rows: usize, features: usize, outputs: usize) -> Dataset {
    let random = Random::new(2, stream::TEST, 11);
    let x: Vec<f32> = (0..(rows * features) as u64)
        .map(|i| random.normal(i) as f32)
        .collect();
    let y = |row: &[f32], output: usize| {
        (row[output % features] * 0.8 + row[0].sin()).tanh() * 0.5 + 0.5
    };
    let y: Vec<f32> = x
        .chunks(features)
        .flat_map(|row| (0..outputs).map(|o| y(row, o)).collect::<Vec<_>>())
        .collect();
    Dataset::numbers(&x, features, &y, outputs).expect("it is well formed")
}

/// With dropout, several layers, and widths that fill no tile.
fn network(features: usize, outputs: usize) -> Network {
    Network::new(features)
        .linear(33)
        .activation(Activation::Gelu)
        .dropout(0.25)
        .linear(20)
        .activation(Activation::Tanh)
        .linear(outputs)
}

fn bits(values: &[Vec<f32>]) -> Vec<Vec<u32>> {
    values
        .iter()
        .map(|v| v.iter().map(|x| x.to_bits()).collect())
        .collect()
}

/// Writes down what it is told, and stops when told to.
#[derive(Debug, Default)]
struct Notes {
    losses: Vec<f64>,
    /// Loss, accuracy and rows of each epoch, as trained.
    epochs: Vec<(f64, Option<f64>, usize)>,
    best: Vec<bool>,
    stop_after: Option<usize>,
}

impl Callback for Notes {
    fn steps(&mut self, report: &StepsReport<'_>) -> io::Result<()> {
        assert_eq!(
            report.first,
            self.losses.len() as u64 + 1,
            "steps are counted without gaps"
        );
        self.losses.extend(report.losses);
        Ok(())
    }

    fn epoch(&mut self, report: &EpochReport<'_>) -> io::Result<()> {
        assert_eq!(
            report.epoch,
            self.epochs.len() as u64 + 1,
            "epochs are counted without gaps"
        );
        self.epochs
            .push((report.train.loss, report.train.accuracy, report.train.rows));
        self.best.push(report.best);
        Ok(())
    }

    fn interrupted(&self) -> bool {
        self.stop_after
            .is_some_and(|steps| self.losses.len() >= steps)
    }
}

/// Trains by hand: one run of a plan for each batch, the rows in file order, and returns the losses.
fn steps_by_hand(
    session: &mut Session,
    rows: usize,
    batch_size: usize,
    steps: usize,
    learning_rate: f64,
) -> Vec<f64> {
    let order = batches(rows, batch_size);
    let mut losses = Vec::new();
    for (step, position) in (1..).zip(order.iter().cycle().take(steps)) {
        losses.push(one_step(session, *position, step, learning_rate));
    }
    losses
}

/// One training step, and its loss.
fn one_step(session: &mut Session, position: Position, step: u32, learning_rate: f64) -> f64 {
    let ready = session
        .plan(Purpose::Training(position.rows))
        .expect("it can be built");
    let tick = Tick {
        step,
        start: position.start,
        slot: 0,
        learning_rate,
        momentum: None,
    };
    session
        .executor
        .run(ready.handle, &[tick])
        .expect("it runs");
    session
        .executor
        .read_stored(&session.store, "train.log.loss")
        .expect("it is there")
        .to_f64()[0]
}

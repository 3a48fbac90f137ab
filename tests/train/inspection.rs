//! A look into the network at the end of an epoch: right, and without a trace in the run.

use std::io;

use thalweg::network::{Activation, Loss, Network, Parameter};
use thalweg::random::{Random, stream};
use thalweg::train::{Callback, EpochReport, Inspection, Optimizer, Trainer};

use super::{bits, classes, network, numbers};
use crate::common::{cpu, executors};

/// Keeps what was seen, and the models.
#[derive(Default)]
struct Look {
    asks: bool,
    seen: Vec<Option<Inspection>>,
    models: Vec<Vec<Vec<f32>>>,
}

impl Callback for Look {
    fn inspects(&self, epoch: u64) -> bool {
        self.asks && epoch != 2
    }

    fn epoch(&mut self, report: &EpochReport<'_>) -> io::Result<()> {
        self.seen.push(report.inspection.cloned());
        self.models.push(report.model.values.clone());
        Ok(())
    }
}

fn look() -> Look {
    Look {
        asks: true,
        ..Look::default()
    }
}

/// A step of SGD with the rate 1 moves the parameters by the gradient.
#[test]
fn the_norm_is_that_of_the_next_step() {
    let data = numbers(24, 7, 3);
    let network = Network::new(7)
        .linear(9)
        .activation(Activation::Tanh)
        .linear(3);
    let mut trainer = Trainer::new(network, Loss::SquaredError)
        .optimizer(Optimizer::sgd(1.0))
        .batch_size(24)
        .epochs(4);
    trainer.options.shuffle = false;
    for device in executors() {
        let mut look = look();
        let fit = trainer.fit_on(device.executor, &data, None, &mut look);
        fit.expect("it trains");
        for (epoch, seen) in look.seen.iter().enumerate().take(3) {
            let Some(seen) = seen else {
                assert_eq!(epoch, 1, "{}: only epoch 2 was not asked for", device.name);
                continue;
            };
            assert_eq!(seen.rows, 24);
            let pairs = look.models[epoch].iter().zip(&look.models[epoch + 1]);
            let moved = pairs.map(|(a, b)| {
                let moved = a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2));
                moved.sum::<f64>()
            });
            let moved: Vec<f64> = moved.collect();
            let expected = [(moved[0] + moved[1]).sqrt(), (moved[2] + moved[3]).sqrt()];
            for ((layer, norm), expected) in seen.gradients.iter().zip(expected) {
                let off = (norm - expected).abs() / expected;
                assert!(
                    off < 1e-4,
                    "{}, layer {layer}: {norm}, not {expected}",
                    device.name
                );
            }
            assert_eq!(
                seen.gradients.iter().map(|g| g.0).collect::<Vec<_>>(),
                [0, 1]
            );
        }
    }
}

#[test]
#[expect(
    clippy::cast_possible_truncation,
    reason = "rounded to f32, as is meant"
)]
fn units_that_do_nothing_are_counted() {
    let data = classes(40, 5, 3);
    let network = Network::new(5)
        .linear(6)
        .activation(Activation::Relu)
        .linear(4)
        .activation(Activation::Sigmoid)
        .linear(3);
    // Two units of the first layer are far below 0 for all rows, and one of the second is far from its middle.
    let random = Random::new(5, stream::TEST, 13);
    let drawn = |p: Parameter| (0..p.shape.len() as u64).map(|i| random.normal(i) as f32 * 0.3);
    let mut values: Vec<Vec<f32>> = network.lasting().map(|p| drawn(p).collect()).collect();
    values[1] = vec![3.0, -1000.0, 3.0, 3.0, -1000.0, 3.0];
    values[3] = vec![0.0, 0.0, 50.0, 0.0];
    let mut trainer = Trainer::new(network, Loss::CrossEntropy)
        .optimizer(Optimizer::sgd(1e-6))
        .batch_size(16)
        .epochs(1);
    trainer.initial = Some(values);
    for device in executors() {
        let mut look = look();
        let fit = trainer.fit_on(device.executor, &data, None, &mut look);
        fit.expect("it trains");
        let seen = look.seen[0].clone().expect("it was asked for");
        let units = seen
            .units
            .iter()
            .map(|u| (u.layer, u.function, u.units, u.idle));
        assert_eq!(
            units.collect::<Vec<_>>(),
            [(0, "relu", 6, 2), (1, "sigmoid", 4, 1)],
            "{}",
            device.name
        );
    }
}

#[test]
fn a_run_that_is_looked_into_has_the_same_bits() {
    let data = classes(90, 12, 4);
    let trainer = Trainer::new(network(12, 4), Loss::CrossEntropy)
        .batch_size(16)
        .epochs(5);
    for device in 0..executors().len() {
        let run = |asks: bool| {
            let executor = executors().swap_remove(device).executor;
            let mut look = Look {
                asks,
                ..Look::default()
            };
            let fit = trainer.fit_on(executor, &data, Some(&data), &mut look);
            (bits(&fit.expect("it trains").model.values), look.seen)
        };
        let ((with, seen), (without, none)) = (run(true), run(false));
        assert!(with == without, "executor {device}: the bits differ");
        assert!(none.iter().all(Option::is_none), "nobody asked");
        assert_eq!(seen.iter().flatten().count(), 4);
    }
}

/// Where rows stream, the batch is the epoch's last, whose rows are there.
#[test]
fn rows_that_stream_are_looked_at() {
    let data = numbers(300, 6, 2);
    let mut trainer = Trainer::new(
        Network::mlp(6, &[8], 2, Activation::Tanh),
        Loss::SquaredError,
    )
    .batch_size(20)
    .epochs(3);
    trainer.options.shuffle = false;
    trainer.options.stream = Some(3000);
    let mut streamed = look();
    let fit = trainer.fit_on(Box::new(cpu(2)), &data, None, &mut streamed);
    fit.expect("it trains");
    // The same batch by hand: one step of SGD from the model after the epoch.
    let last: Vec<u32> = (280..300).collect();
    let mut step = Trainer::new(
        Network::mlp(6, &[8], 2, Activation::Tanh),
        Loss::SquaredError,
    )
    .optimizer(Optimizer::sgd(1.0))
    .batch_size(20)
    .epochs(1);
    step.options.shuffle = false;
    step.initial = Some(streamed.models[2].clone());
    let moved = step
        .fit(&data.select(&last))
        .expect("it trains")
        .model
        .values;
    let pairs = streamed.models[2].iter().zip(&moved).take(2);
    let squares = pairs.flat_map(|(a, b)| a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)));
    let expected = squares.sum::<f64>().sqrt();
    let seen = streamed.seen[2].clone().expect("it was asked for");
    let off = (seen.gradients[0].1 - expected).abs() / expected;
    assert!(off < 1e-4, "{:?}, not {expected}", seen.gradients);
}

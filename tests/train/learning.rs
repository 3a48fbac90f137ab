//! Networks that learn: on every executor, with a loss of one's own, and along the same curve everywhere.

use thalweg::data::{Dataset, Inputs, Normalize, Preparation, Spec, TableOptions, Task};
use thalweg::network::{Activation, Loss, Network};
use thalweg::reference::Reference;
use thalweg::train::{Objective, Optimizer, TrainError, Trainer};

use super::{Notes, numbers};
use crate::common::{Named, cpu, executors, gpu, named};

#[test]
fn xor_is_learnt_everywhere() {
    let x = [0., 0., 0., 1., 1., 0., 1., 1.];
    let data = Dataset::classes(&x, 2, &[0, 1, 1, 0]).expect("it is well formed");
    let network = Network::mlp(2, &[8], 2, Activation::Tanh);
    let trainer = Trainer::new(network, Loss::CrossEntropy)
        .optimizer(Optimizer::adam(0.05))
        .epochs(200);
    let mut all = executors();
    all.push(named("reference f64", Reference::f64()));
    for Named { name, executor } in all {
        let fit = trainer
            .fit_on(executor, &data, None, &mut Notes::default())
            .expect("it trains");
        assert_eq!(
            fit.model.predict_classes(&x).expect("whole rows"),
            [0, 1, 1, 0],
            "{name}"
        );
        assert!(
            fit.summary.train.loss < 0.05,
            "{name}: loss {}",
            fit.summary.train.loss
        );
        assert_eq!(fit.summary.train.accuracy, Some(1.0), "{name}");
        assert_eq!(fit.summary.steps, 200, "{name}");
    }
}

/// `log cosh(y - t)` by way of softplus: `softplus(2 d) - d - log 2`.
#[test]
fn a_loss_of_ones_own() {
    let data = numbers(64, 4, 1);
    let network = Network::mlp(4, &[16], 1, Activation::Tanh);
    let trainer = Trainer::new(network, Loss::SquaredError)
        .optimizer(Optimizer::adam(0.02))
        .epochs(60);
    let trainer = trainer.batch_size(32).loss(|graph, y, target| {
        let d = graph.sub(y, target)?;
        let twice = graph.scale(d, 2.0)?;
        let soft = graph.activation(twice, Activation::Softplus)?;
        let difference = graph.sub(soft, d)?;
        let mean = graph.mean(difference)?;
        let log2 = graph.constant([], std::f64::consts::LN_2);
        graph.sub(mean, log2)
    });
    for Named { name, executor } in executors() {
        let mut notes = Notes::default();
        let fit = trainer
            .fit_on(executor, &data, Some(&data), &mut notes)
            .expect("it trains");
        let found = fit.summary.validation.expect("there are rows");
        assert!(
            found.loss < 0.1 * notes.losses[0],
            "{name}: {} from {}",
            found.loss,
            notes.losses[0]
        );
        assert_eq!(fit.model.output, Activation::Identity, "{name}");
        let predictions = fit
            .model
            .predict(&(0..64).flat_map(|row| data.row(row)).collect::<Vec<_>>());
        let thalweg::data::Targets::Numbers { values, .. } = data.targets() else {
            panic!("there are numbers")
        };
        let pairs = predictions.expect("whole rows").into_iter().zip(values);
        let expected: f64 = pairs
            .map(|(y, t)| f64::from(y - t).cosh().ln())
            .sum::<f64>()
            / 64.0;
        assert!(
            (found.loss - expected).abs() < 1e-5,
            "{name}: loss {}, by hand {expected}",
            found.loss
        );
        assert!(
            found.r2.is_some_and(|r2| r2 > 0.5),
            "{name}: the metric beside it: {found:?}"
        );
    }
}

/// A loss of one's own that is one of the engine's trains the same.
#[test]
fn a_custom_squared_error_is_the_squared_error() {
    let data = numbers(64, 4, 2);
    let own = Trainer::new(
        Network::mlp(4, &[16], 2, Activation::Tanh),
        Loss::SquaredError,
    )
    .epochs(3)
    .batch_size(32);
    let custom = own.clone().loss(|graph, y, target| {
        let d = graph.sub(y, target)?;
        let square = graph.mul(d, d)?;
        graph.mean(square)
    });
    assert!(
        matches!(custom.objective, Objective::Custom { .. }),
        "{:?}",
        custom.objective
    );
    let [own, custom] = [own, custom].map(|trainer| {
        let mut notes = Notes::default();
        trainer
            .fit_on(Box::new(Reference::f64()), &data, None, &mut notes)
            .expect("it trains");
        notes.losses
    });
    assert!(
        own.iter().zip(&custom).all(|(a, b)| (a - b).abs() < 1e-12),
        "{own:?}, {custom:?}"
    );
}

#[test]
fn a_loss_that_is_no_scalar_is_refused() {
    let data = numbers(8, 4, 1);
    let trainer = Trainer::new(Network::new(4).linear(1), Loss::SquaredError);
    let trainer = trainer.loss(|graph, y, target| graph.sub(y, target));
    let error = trainer.fit(&data).expect_err("the loss has 8 elements");
    assert!(matches!(error, TrainError::Graph(_)), "{error:?}");
    let message = error.to_string();
    assert!(message.contains("[8, 1]"), "{message}");
}

/// Drawn digits in pixels of one byte each.
fn glyphs(rows: u32) -> Dataset {
    let spec: Spec = format!("glyphs:n={rows},seed=3")
        .parse()
        .expect("a generator");
    let table = spec
        .load(&TableOptions::default())
        .expect("it is generated");
    let rows: Vec<u32> = (0..rows).collect();
    let preparation =
        Preparation::fit(&table, &rows, Task::Auto, Normalize::Auto).expect("it can be prepared");
    preparation
        .prepare(&table)
        .expect("it is what was prepared for")
}

/// The same digits as MNIST has them: in the middle of 28 x 28 pixels, on black.
fn framed(data: &Dataset) -> Dataset {
    const SIZE: usize = 28;
    let (Inputs::U8 { pixels, scale }, &[height, width]) = (data.inputs(), data.sample_shape())
    else {
        panic!("pictures of bytes, not {:?}", data.sample_shape())
    };
    let (top, left) = ((SIZE - height) / 2, (SIZE - width) / 2);
    let mut framed = vec![0; data.rows() * SIZE * SIZE];
    for (picture, frame) in pixels
        .chunks(height * width)
        .zip(framed.chunks_mut(SIZE * SIZE))
    {
        for (row, line) in picture.chunks(width).zip(frame.chunks_mut(SIZE).skip(top)) {
            line[left..left + width].copy_from_slice(row);
        }
    }
    let inputs = Inputs::U8 {
        pixels: framed,
        scale: *scale,
    };
    Dataset::new(inputs, &[SIZE, SIZE], data.targets().clone()).expect("it is well formed")
}

/// The curves of two devices stay together over the first hundred steps.
#[test]
fn the_curves_of_cpu_and_gpu_agree() {
    curves_agree(&glyphs(800), &[64, 32], 64);
}

/// So do those of the network that everybody trains on MNIST.
#[test]
fn the_curves_agree_in_the_shape_of_mnist() {
    curves_agree(&framed(&glyphs(2000)), &[256, 128], 128);
}

fn curves_agree(data: &Dataset, hidden: &[usize], batch_size: usize) {
    let Some(gpu) = gpu() else { return };
    let network = Network::mlp(data.features(), hidden, data.outputs(), Activation::Relu);
    let mut trainer = Trainer::new(network, Loss::CrossEntropy).batch_size(batch_size);
    trainer.options.steps = Some(100);
    let curve = |Named { name, executor }: Named| {
        let mut notes = Notes::default();
        trainer
            .fit_on(executor, data, None, &mut notes)
            .unwrap_or_else(|e| panic!("{name}: {e}"));
        notes.losses
    };
    let [cpu, gpu] = [named("cpu", cpu(2)), named("gpu", gpu)].map(curve);
    assert_eq!((cpu.len(), gpu.len()), (100, 100), "a loss a step");
    let mut worst = 0.0_f64;
    for (step, (cpu, gpu)) in (1..).zip(cpu.iter().zip(&gpu)) {
        let off = (cpu - gpu).abs() / cpu;
        assert!(
            off <= 1e-3,
            "step {step}: {cpu} on the CPU, {gpu} on the GPU"
        );
        worst = worst.max(off);
    }
    assert!(
        cpu[99] < 0.5 * cpu[0],
        "it learns: {} after {}",
        cpu[99],
        cpu[0]
    );
    eprintln!("the curves are off by at most {worst:e}");
}

/// A mean and a weight of the error for each target: two outputs for one number, so there is no metric beside the loss.
#[test]
fn a_loss_of_ones_own_over_more_outputs_than_targets() {
    let data = numbers(64, 4, 1);
    let network = Network::mlp(4, &[16], 2, Activation::Tanh);
    let trainer = Trainer::new(network, Loss::SquaredError)
        .optimizer(Optimizer::adam(0.02))
        .epochs(100);
    let trainer = trainer.batch_size(24).loss(|graph, y, target| {
        let (mean, raw) = (graph.slice(y, 1, 0, 1)?, graph.slice(y, 1, 1, 1)?);
        let error = graph.squared_error(mean, target)?;
        let weight = graph.activation(raw, Activation::Sigmoid)?;
        let weighted = graph.mul(error, weight)?;
        let reward = graph.scale(weight, -0.1)?;
        let sum = graph.add(weighted, reward)?;
        graph.mean(sum)
    });
    for Named { name, executor } in executors() {
        let fit = trainer
            .fit_on(executor, &data, Some(&data), &mut Notes::default())
            .expect("it trains");
        let found = fit.summary.validation.expect("there are validation rows");
        assert!(
            found.loss.is_finite() && found.loss < fit.summary.train.loss + 0.1,
            "{name}: {found:?}"
        );
        assert_eq!(
            (found.accuracy, found.squared_errors, found.r2),
            (None, None, None),
            "{name}"
        );
    }
}

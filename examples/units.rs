//! What do hidden units do? `cargo run --release --example units [--device DEVICE] [--short]`.
//!
//! The text claims: a network of relu units is a linear network around each input, whose weight and bias can be written down, and
//! another one in each of many regions; training on data that need a bent border makes the rows fall into more of them the
//! more units there are. A large negative bias makes units die: they are 0 on all rows, and never come back, since no
//! gradient reaches them. Sigmoids that begin with large weights are saturated.

mod common;

use std::process::ExitCode;

use common::{Example, Failure, Table, mean, rows};
use thalweg::chart::{Chart, Panel};
use thalweg::data::Dataset;
use thalweg::explain::{Affine, Explainer, Quantity};
use thalweg::network::{Activation, Init, Loss, Network};
use thalweg::train::{Model, Optimizer, Trainer};

fn main() -> ExitCode {
    Example::run("units", |example| {
        let data = rows(&format!(
            "spirals:n={},noise=0.02,seed=5",
            example.either(1000, 300)
        ))?;
        let x = data.inputs_of(0..data.rows())?;
        let widths: &[usize] = example.either(&[2, 4, 8, 16, 32, 64], &[4, 16, 48]);
        let seeds = example.either(5, 2);
        let mut told = Table::new(["units in each of 2 layers", "regions visited", "accuracy"]);
        let (mut course, mut worst) = (Vec::new(), 0.0_f64);
        for &width in widths {
            let (mut regions, mut accuracy) = (Vec::new(), Vec::new());
            for seed in 0..seeds {
                let (model, right) = trained(example, &data, width, seed)?;
                let mut explainer = Explainer::new(&model, example.device.open(None)?.executor)?;
                let (_, found) = explainer.units(&x)?;
                regions.push(found.ok_or("relus have regions")?.count as f64);
                accuracy.push(right);
                worst = worst.max(furthest(&mut explainer, &model, &x[..2 * 50])?);
            }
            let cells = [
                format!("{:.0}", mean(&regions)),
                format!("{:.3}", mean(&accuracy)),
            ];
            told.row(width, cells);
            course.push((width as f64, mean(&regions)));
        }
        example.tell(told);
        example.claim(
            "rows fall into more linear regions, the more units there are",
            format!(
                "{:.0} with {} units a layer, {:.0} with {}",
                course[0].1,
                widths[0],
                course[course.len() - 1].1,
                widths[widths.len() - 1]
            ),
            course.windows(2).all(|w| w[1].1 > w[0].1),
        );
        example.claim(
            "the linear network at a row gives the network's answer, to 1e-5",
            format!("the furthest of all networks and 50 rows each is off by {worst:.1e}"),
            worst < 1e-5,
        );
        dead(example, &data, &x)?;
        saturated(example, &x)?;
        let chart = Chart::new("Linear regions that the rows of two spirals visit").panel(
            Panel::new("two layers of relu units", "units in each", "regions")
                .log_x()
                .log_y()
                .line("after training", course),
        );
        example.chart("units.svg", &chart)
    })
}

/// By how much the linear networks at some rows are off the network, at most.
fn furthest(explainer: &mut Explainer, model: &Model, x: &[f32]) -> Result<f64, Failure> {
    let expected = explainer.answers(Quantity::Logit, x)?;
    let mut worst = 0.0_f64;
    for (row, expected) in x.chunks(2).zip(expected.chunks(2)) {
        let found = Affine::at(model, row)?.answer(row);
        for (found, expected) in found.iter().zip(expected) {
            worst = worst.max((found - expected).abs() / expected.abs().max(1.0));
        }
    }
    Ok(worst)
}

fn trained(
    example: &Example,
    data: &Dataset,
    width: usize,
    seed: u64,
) -> Result<(Model, f64), Failure> {
    let network = Network::mlp(2, &[width; 2], 2, Activation::Relu);
    let mut trainer = Trainer::new(network, Loss::CrossEntropy).optimizer(Optimizer::adam(0.01));
    trainer = trainer
        .batch_size(50)
        .epochs(example.either(60, 10))
        .seed(seed);
    let fit = trainer.device(example.device.clone()).fit(data)?;
    Ok((fit.model, fit.summary.train.accuracy.unwrap_or(0.0)))
}

/// Half of the units begin with a bias that holds them off, and stay so.
fn dead(example: &mut Example, data: &Dataset, x: &[f32]) -> Result<(), Failure> {
    let network = Network::mlp(2, &[16], 2, Activation::Relu);
    let mut values = network.initial(Init::Default, 0);
    values[1][..8].fill(-20.0);
    let mut trainer = Trainer::new(network, Loss::CrossEntropy).optimizer(Optimizer::adam(0.01));
    trainer.initial = Some(values);
    let fit = trainer
        .batch_size(50)
        .epochs(example.either(40, 10))
        .device(example.device.clone())
        .fit(data)?;
    let mut explainer = Explainer::new(&fit.model, example.device.open(None)?.executor)?;
    let (layers, _) = explainer.units(x)?;
    let stay = (0..8).filter(|unit| layers[0].dead.contains(unit)).count();
    let others = layers[0].dead.len() - stay;
    example.claim(
        "units that a bias holds off on all rows stay dead through training",
        format!(
            "{stay} of 8 are dead after training, and {others} of the 8 others that began free"
        ),
        stay == 8,
    );
    Ok(())
}

/// Sigmoids with weights that are 1000 times as large are saturated.
fn saturated(example: &mut Example, x: &[f32]) -> Result<(), Failure> {
    let network = Network::mlp(2, &[64], 2, Activation::Sigmoid);
    let mut shares = Vec::new();
    for factor in [1.0, 1000.0] {
        let mut values = network.initial(Init::Default, 1);
        values[0].iter_mut().for_each(|w| *w *= factor);
        values[1].iter_mut().for_each(|b| *b *= factor);
        let model = Model::from_values(network.clone(), Activation::Softmax, values)?;
        let mut explainer = Explainer::new(&model, example.device.open(None)?.executor)?;
        let (layers, _) = explainer.units(x)?;
        shares.push(layers[0].saturated.len());
    }
    example.claim(
        "sigmoids with weights that are too large are saturated",
        format!(
            "{} of 64 with PyTorch's first weights, {} with 1000 times those",
            shares[0], shares[1]
        ),
        shares[0] == 0 && shares[1] > 32,
    );
    Ok(())
}

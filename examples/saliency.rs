//! What does an answer depend on? Four ways to ask a network for digits, and what must hold among them:
//! `cargo run --release --example saliency [--device DEVICE] [--short]`.
//!
//! The text claims: the gradient of an answer at its inputs tells which inputs matter (saliency), and is got as the gradient
//! at the weights is. Small changes of each input in turn must say the same. On a linear network gradient times input,
//! integrated gradients and changes agree exactly. Integrated gradients sum to the difference of the answers, which gradient
//! times input does not on a network that bends.

mod common;

use std::process::ExitCode;

use common::{Example, Failure, largest, mean, rate, reader, rows};
use thalweg::chart::{Chart, Panel, Picture};
use thalweg::data::Dataset;
use thalweg::explain::{Explainer, Quantity};
use thalweg::train::Model;

const LOGIT: Quantity = Quantity::Logit;

fn main() -> ExitCode {
    Example::run("saliency", |example| {
        let data = rows(&format!("glyphs:n={},seed=1", example.either(2000, 600)))?;
        let linear = reader(example, &data, &[])?;
        let deep = reader(example, &data, &[48, 32])?;
        agree(example, &linear, &data)?;
        let mut explainer = Explainer::new(&deep, example.device.open(None)?.executor)?;
        let rows: Vec<u32> = (0..example.either(40, 6)).collect();
        let x = data.select(&rows).inputs_of(0..rows.len())?;
        let answers = explainer.answers(LOGIT, &x)?;
        let outputs: Vec<usize> = answers.chunks(10).map(largest).collect();

        let found = explainer.gradients(LOGIT, &x, &outputs)?;
        let few = example.either(6, 2);
        let changed = explainer.perturbation(LOGIT, &x[..few * 256], &outputs[..few], 0.01)?;
        let alike: Vec<f64> = (0..few)
            .map(|row| {
                cosine(
                    &changed[row * 256..(row + 1) * 256],
                    &found.gradients[row * 256..(row + 1) * 256],
                )
            })
            .collect();
        let least = alike.iter().copied().fold(1.0, f64::min);
        example.claim(
            "a small change of each input in turn says what the gradient says",
            format!("over {few} pictures the cosine between the two is at least {least:.6}"),
            least > 0.99,
        );

        let paths = explainer.integrated_gradients(LOGIT, &x, &outputs, &[0.0; 256], 32)?;
        let complete = paths.iter().filter(|p| p.gap().abs() <= 1e-3).count();
        let worst = paths.iter().map(|p| p.gap().abs()).fold(0.0, f64::max);
        let gradients = mean(&paths.iter().map(|p| p.gradients as f64).collect::<Vec<_>>());
        example.claim(
            "integrated gradients sum to the difference of the answers, to 1e-3",
            format!(
                "in {}, off by {worst:.1e} at most, with {gradients:.0} gradients in the mean",
                rate(complete, rows.len())
            ),
            complete == rows.len(),
        );
        let times = found.times_input(&x);
        let off: Vec<f64> = paths
            .iter()
            .enumerate()
            .map(|(row, path)| {
                (times[row * 256..(row + 1) * 256].iter().sum::<f64>() - (path.to - path.from))
                    .abs()
            })
            .collect();
        example.claim(
            "gradient times input does not, where a network bends",
            format!("it is off by {:.3} in the mean", mean(&off)),
            mean(&off) > 100.0 * worst,
        );

        let saliency = found.saliency();
        let mut chart =
            Chart::new("What an answer depends on: red speaks for it, blue against").columns(4);
        for row in 0..rows.len().min(3) {
            let of = |values: &[f64]| values[row * 256..(row + 1) * 256].to_vec();
            let input: Vec<f64> = x[row * 256..(row + 1) * 256]
                .iter()
                .map(|&x| f64::from(x))
                .collect();
            chart = chart
                .panel(Panel::of(
                    Picture::gray(16, input),
                    format!("read as {}", outputs[row]),
                    "input",
                ))
                .panel(Panel::of(
                    Picture::gray(16, of(&saliency)),
                    "saliency",
                    "|dy/dx|",
                ))
                .panel(Panel::of(
                    Picture::signed(16, of(&times)),
                    "gradient times input",
                    "x dy/dx",
                ))
                .panel(Panel::of(
                    Picture::signed(16, paths[row].attributions.clone()),
                    "integrated gradients",
                    "sums to the answer",
                ));
        }
        example.chart("saliency.svg", &chart)
    })
}

/// On a linear network all tell the same contributions.
fn agree(example: &mut Example, model: &Model, data: &Dataset) -> Result<(), Failure> {
    let mut explainer = Explainer::new(model, example.device.open(None)?.executor)?;
    let x = data.row(0);
    let times = explainer.gradients(LOGIT, &x, &[3])?.times_input(&x);
    let path = explainer
        .integrated_gradients(LOGIT, &x, &[3], &[0.0; 256], 1)?
        .remove(0);
    let changes = explainer.perturbation(LOGIT, &x, &[3], 0.5)?;
    let changes: Vec<f64> = changes
        .iter()
        .zip(&x)
        .map(|(g, &x)| g * f64::from(x))
        .collect();
    let furthest = |of: &[f64]| {
        times
            .iter()
            .zip(of)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f64::max)
    };
    let apart = [furthest(&path.attributions), furthest(&changes)];
    example.claim(
        "on a linear network gradient times input, integrated gradients and changes agree, to rounding",
        format!("they are apart by {:.1e} and {:.1e} at most", apart[0], apart[1]),
        apart[0] < 1e-5 && apart[1] < 1e-5,
    );
    Ok(())
}

fn cosine(a: &[f64], b: &[f64]) -> f64 {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

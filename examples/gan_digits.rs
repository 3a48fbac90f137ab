//! A generative adversarial network that draws: `cargo run --release --example gan_digits [-- --device DEVICE]`.
//!
//! A generator of 16 x 16 pixels learns against a discriminator that sees drawn digits and its pictures. Claimed: what it draws
//! comes nearer to digits, is of most kinds (a generator that always draws the same has collapsed), and is no copy of what was
//! shown. A classifier of digits, trained apart, reads what was drawn.

#![expect(clippy::cast_possible_truncation, reason = "rows are few")]

mod common;

use std::process::ExitCode;

use common::{Example, Failure, mean, rows};
use thalweg::chart::{Chart, Panel, Picture};
use thalweg::data::Dataset;
use thalweg::graph::ops::Update;
use thalweg::network::{Activation, Loss, Network};
use thalweg::train::adversarial::{Game, Goal, Terms};
use thalweg::train::{Model, Optimizer, Trainer};

const SIDE: usize = 16;
const PIXELS: usize = SIDE * SIDE;

/// Pictures side by side.
fn sheet(pixels: &[f32], across: usize) -> Picture {
    let width = across * SIDE;
    let at = |i: usize| {
        let (y, x) = (i / width, i % width);
        let picture = y / SIDE * across + x / SIDE;
        f64::from(pixels[picture * PIXELS + y % SIDE * SIDE + x % SIDE])
    };
    Picture::gray(width, (0..width * width).map(at).collect())
}

/// The distance of a picture to the nearest of those that are known, a mean.
fn nearest(pictures: &[f32], known: &[f32]) -> f64 {
    let distance =
        |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f32>();
    let least = |a: &[f32]| {
        known
            .chunks(PIXELS)
            .map(|b| distance(a, b))
            .fold(f32::INFINITY, f32::min)
    };
    mean(
        &pictures
            .chunks(PIXELS)
            .map(|a| f64::from(least(a)).sqrt())
            .collect::<Vec<_>>(),
    )
}

/// A network that reads digits.
fn reader(example: &Example, data: &Dataset) -> Result<Model, Failure> {
    let network = Network::mlp(PIXELS, &[64], 10, Activation::Relu);
    let trainer = Trainer::new(network, Loss::CrossEntropy)
        .optimizer(Optimizer::adam(0.003))
        .batch_size(32)
        .epochs(10)
        .device(example.device.clone());
    Ok(trainer.fit(data)?.model)
}

/// The share of pictures of which the reader is sure, and how often it sees each digit.
fn read(reader: &Model, pixels: &[f32]) -> Result<(f64, Vec<usize>), Failure> {
    let p = reader.predict(pixels)?;
    let sure = p.chunks(10).filter(|p| p.iter().any(|p| *p > 0.9)).count();
    let classes = reader.predict_classes(pixels)?;
    let seen = |digit| classes.iter().filter(|class| **class == digit).count();
    Ok((
        sure as f64 / classes.len() as f64,
        (0..10).map(seen).collect(),
    ))
}

/// A generator and a discriminator that have not learnt yet.
fn game(example: &Example, data: &Dataset) -> Result<Game, Failure> {
    let players = [
        Network::mlp(32, &[128], PIXELS, Activation::LeakyRelu(0.2))
            .activation(Activation::Sigmoid),
        Network::mlp(PIXELS, &[128], 1, Activation::LeakyRelu(0.2)),
    ];
    // A beta1 of one half is what Radford et al. 2016 found to be steady.
    let adam = Optimizer {
        learning_rate: 5e-4,
        update: Update::Adam {
            beta1: 0.5,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.0,
            decoupled: false,
        },
    };
    let terms = Terms {
        goal: Goal::NonSaturating,
        generator: adam,
        discriminator: adam,
        ..Terms::default()
    };
    Ok(Game::new(players, data, terms, &example.device)?)
}

fn main() -> ExitCode {
    Example::run("gan_digits", |example| {
        let data = rows(&format!("glyphs:n={},seed=4", example.either(4000, 1000)))?;
        let (all, half) = (data.rows() as u32, data.rows() as u32 / 2);
        let [shown, held_out] =
            [0..half, half..all].map(|rows| data.select(&rows.collect::<Vec<_>>()));
        let (known, fresh) = (
            shown.inputs_of(0..shown.rows())?,
            held_out.inputs_of(0..300)?,
        );

        let mut game = game(example, &shown)?;
        let before = nearest(&game.generate(300)?, &known);
        game.train(example.either(6000, 300))?;
        let made = game.generate(1000)?;
        let (after, of_fresh) = (
            nearest(&made[..300 * PIXELS], &known),
            nearest(&fresh, &known),
        );
        example.claim(
            "what is drawn comes nearer to digits, and copies none of those that were shown",
            format!(
                "distance to the nearest of {half} pictures that were shown: {before:.2} before training, {after:.2} after it, \
                 {of_fresh:.2} of new real ones; value of the game {:.2}",
                game.value(1000)?
            ),
            after < example.either(0.8, 0.95) * before && after > 0.5 * of_fresh,
        );
        let reader = reader(example, &shown)?;
        let (sure, seen) = read(&reader, &made)?;
        let (of_real, _) = read(&reader, &fresh)?;
        let kinds = seen.iter().filter(|count| **count >= 20).count();
        example.claim(
            "it is of most kinds",
            format!(
                "a reader sees {kinds} of the 10 digits in 20 or more of 1000 pictures: {seen:?};\n          \
                 it is sure (above 0.9) of {:.0} % of them, and of {:.0} % of real ones",
                100.0 * sure,
                100.0 * of_real
            ),
            kinds >= example.either(8, 1),
        );
        let sheet = |title, pixels: &[f32]| Panel::of(sheet(pixels, 6), title, "");
        let chart = Chart::new("Digits that a network drew")
            .columns(2)
            .panel(sheet("Drawn by the generator", &made))
            .panel(sheet("Shown to the discriminator", &known[..36 * PIXELS]));
        example.chart("gan_digits.svg", &chart)
    })
}

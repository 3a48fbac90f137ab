//! Generative adversarial networks: `cargo run --release --example gan [-- --device DEVICE]`.
//!
//! The texts claim (Goodfellow et al. 2014): for a fixed generator the best discriminator is
//! `D*(x) = p_data(x) / (p_data(x) + p_g(x))`; the optimum of the function values is the same; where the generator's density is
//! that of the data, the value of the game is `-log 4`; and two networks that learn against each other come near to that. The
//! data are numbers of a mixture of two normal distributions; `gan_digits` draws.

#![expect(
    clippy::cast_possible_truncation,
    reason = "numbers are given in f32, and counts are small"
)]

mod common;

use std::f64::consts::{LN_2, TAU};
use std::process::ExitCode;

use common::{Example, Failure, mean, rate};
use thalweg::chart::{Chart, Panel};
use thalweg::data::Dataset;
use thalweg::graph::Graph;
use thalweg::kernel::Tick;
use thalweg::network::{Activation, Network};
use thalweg::random::{Random, stream};
use thalweg::tensor::Element;
use thalweg::train::Optimizer;
use thalweg::train::adversarial::{Game, Terms};

const LOG_4: f64 = 2.0 * LN_2;
/// The fixed generator: `1.5 z + 0.5`.
const AFFINE: [f64; 2] = [1.5, 0.5];

fn normal(x: f64, mean: f64, deviation: f64) -> f64 {
    let z = (x - mean) / deviation;
    (-0.5 * z * z).exp() / (deviation * TAU.sqrt())
}

/// The density of the data: half around -2, half around 2, the second wider.
fn p_data(x: f64) -> f64 {
    0.5 * normal(x, -2.0, 0.5) + 0.5 * normal(x, 2.0, 0.8)
}

fn p_affine(x: f64) -> f64 {
    normal(x, AFFINE[1], AFFINE[0])
}

fn mixture(rows: usize, seed: u64) -> Result<Dataset, Failure> {
    let (side, random) = (
        Random::new(seed, stream::TEST, 0),
        Random::new(seed, stream::TEST, 1),
    );
    let draw = |i: u64| match side.below(i, 2) {
        0 => -2.0 + 0.5 * random.normal(i),
        _ => 2.0 + 0.8 * random.normal(i),
    };
    Ok(Dataset::inputs_only(
        &(0..rows as u64).map(|i| draw(i) as f32).collect::<Vec<_>>(),
        1,
    )?)
}

/// What the affine generator makes, as data.
fn affine_data(rows: usize) -> Result<Dataset, Failure> {
    let random = Random::new(9, stream::TEST, 0);
    let x: Vec<_> = (0..rows as u64)
        .map(|i| (AFFINE[0] * random.normal(i) + AFFINE[1]) as f32)
        .collect();
    Ok(Dataset::inputs_only(&x, 1)?)
}

fn grid() -> Vec<f64> {
    (0..=240).map(|i| f64::from(i) * 0.05 - 6.0).collect()
}

/// A discriminator that is trained against the fixed generator.
fn against_affine(example: &Example, data: &Dataset, steps: u32) -> Result<Game, Failure> {
    let players = [
        Network::new(1).linear(1),
        Network::mlp(1, &[32, 32], 1, Activation::Tanh),
    ];
    let terms = Terms {
        batch_size: 256,
        discriminator: Optimizer::adam(0.005),
        ..Terms::default()
    };
    let mut game = Game::new(players, data, terms, &example.device)?;
    game.set_generator(&AFFINE.map(|x| vec![x as f32]))?;
    game.train_discriminator(steps)?;
    Ok(game)
}

/// The values of a discriminator on the grid, each a number of its own, after gradient ascent on the value of the game; and
/// that value.
fn in_function_space(example: &Example, p: &[f64], q: &[f64]) -> Result<(Vec<f64>, f64), Failure> {
    let mut workspace = example.workspace()?;
    let count = p.len();
    workspace.put("p", [count], p.to_vec())?;
    workspace.put("q", [count], q.to_vec())?;
    workspace.store.declare("logits", [count], Element::F32)?;
    let update = Optimizer::adam(0.0).update;
    for state in update.states() {
        workspace.store.declare_like("logits", state)?;
    }
    let mut graph = Graph::new();
    let [l, p, q] = ["logits", "p", "q"].map(|name| graph.stored(&workspace.store, name));
    let (l, p, q) = (l?, p?, q?);
    let (one, zero) = (graph.constant([count], 1.0), graph.constant([count], 0.0));
    let (real, made) = (
        graph.sigmoid_cross_entropy(l, one)?,
        graph.sigmoid_cross_entropy(l, zero)?,
    );
    let (real, made) = (graph.mul(p, real)?, graph.mul(q, made)?);
    let sum = graph.add(real, made)?;
    let cost = graph.sum(sum)?;
    let gradient = graph.differentiate(cost, &[l])?;
    graph.update(&workspace.store, "logits", &gradient, update)?;
    let program = workspace.load("function space", &graph, &[cost])?;
    let rate = |step: u32| if step <= 600 { 0.1 } else { 0.01 };
    let ticks: Vec<_> = (1..=800)
        .map(|step| Tick {
            step,
            learning_rate: rate(step),
            ..Tick::default()
        })
        .collect();
    workspace.run(&program, &ticks)?;
    let value = -workspace.read(&program, 0)?[0];
    Ok((
        workspace
            .get("logits")?
            .iter()
            .map(|l| 1.0 / (1.0 + (-l).exp()))
            .collect(),
        value,
    ))
}

/// The best discriminator: trained, as free values, and by the formula.
fn fixed(example: &mut Example) -> Result<Panel, Failure> {
    let steps = example.either(4000, 1400);
    let x = grid();
    let single: Vec<f32> = x.iter().map(|&x| x as f32).collect();
    let (p, q): (Vec<_>, Vec<_>) = x.iter().map(|&x| (p_data(x), p_affine(x))).unzip();
    let best: Vec<_> = p.iter().zip(&q).map(|(p, q)| p / (p + q)).collect();
    let data = mixture(example.either(40_000, 20_000), 1)?;
    let mut game = against_affine(example, &data, steps)?;
    let trained = game.discriminate(&single)?;
    // Where there is data: 99.9 % of it.
    let apart = |d: &[f64]| {
        let there = (0..x.len()).filter(|&i| p[i] > 2e-3);
        mean(&there.map(|i| (d[i] - best[i]).abs()).collect::<Vec<_>>())
    };
    example.claim(
        "against a fixed generator the discriminator learns p_data / (p_data + p_g)",
        format!(
            "mean absolute difference {:.4} where there is data (below 0.05)",
            apart(&trained)
        ),
        apart(&trained) < 0.05,
    );
    let weigh = |p: &[f64]| p.iter().map(|p| p * 0.05).collect::<Vec<_>>();
    let (free, value) = in_function_space(example, &weigh(&p), &weigh(&q))?;
    let by_formula = p
        .iter()
        .zip(&q)
        .zip(&best)
        .map(|((p, q), d)| 0.05 * (p * d.ln() + q * (1.0 - d).ln()));
    let by_formula: f64 = by_formula.filter(|v| v.is_finite()).sum();
    example.claim(
        "optimising the values of D on a grid directly reaches the same",
        format!(
            "mean absolute difference {:.1e}; value {value:.4}, by the formula {by_formula:.4}",
            apart(&free)
        ),
        apart(&free) < 0.01 && (value - by_formula).abs() < 1e-3,
    );
    let (_, even) = in_function_space(example, &weigh(&q), &weigh(&q))?;
    let alike = affine_data(example.either(40_000, 10_000))?;
    let trained_value = against_affine(example, &alike, steps / 2)?.value(20_000)?;
    example.claim(
        "where the generator's density is that of the data, the value is -log 4 = -1.3863",
        format!(
            "{even:.4} on the grid, {trained_value:.4} with a trained discriminator (within 0.01)"
        ),
        (even + LOG_4).abs() < 0.01 && (trained_value + LOG_4).abs() < 0.01,
    );
    let line = |d: Vec<f64>| x.clone().into_iter().zip(d);
    Ok(Panel::new("A fixed generator", "x", "D")
        .line("p/(p+q)", line(best))
        .line("trained D", line(trained))
        .line("free values", line(free)))
}

/// The share of numbers in each bin, as a density.
fn histogram(x: &[f32]) -> Vec<(f64, f64)> {
    let bin = |at: f64| {
        x.iter()
            .filter(|&&x| (f64::from(x) - at).abs() < 0.1)
            .count()
    };
    (-20..=20)
        .map(|i| f64::from(i) * 0.2)
        .map(|at| (at, bin(at) as f64 / x.len() as f64 / 0.2))
        .collect()
}

/// Both players learn.
fn played(example: &mut Example) -> Result<Panel, Failure> {
    let (rounds, seeds) = example.either((4000, 5), (600, 1));
    let data = mixture(10_000, 2)?;
    let (mut values, mut shares, mut told) = (Vec::new(), Vec::new(), Vec::new());
    let mut panel = Panel::new("The trained game", "x", "density").line(
        "p_data",
        grid()
            .into_iter()
            .filter(|x| x.abs() < 4.1)
            .map(|x| (x, p_data(x))),
    );
    for seed in 1..=seeds {
        let players = [
            Network::mlp(4, &[32, 32], 1, Activation::Relu),
            Network::mlp(1, &[32, 32], 1, Activation::Relu),
        ];
        let terms = Terms {
            batch_size: 128,
            seed,
            ..Terms::default()
        };
        let mut game = Game::new(players, &data, terms, &example.device)?;
        game.train(rounds)?;
        let made = game.generate(10_000)?;
        let left = made.iter().filter(|x| **x < 0.0).count() as f64 / made.len() as f64;
        shares.push(left);
        values.push(game.value(10_000)?);
        told.push(format!(
            "{:.3} ({:.0} %)",
            values[values.len() - 1],
            100.0 * left
        ));
        if seed == 1 {
            panel = panel.line("generated", histogram(&made));
        }
    }
    let near = values.iter().filter(|v| (**v + LOG_4).abs() < 0.1).count();
    let both = shares.iter().filter(|s| (0.25..0.75).contains(*s)).count();
    example.claim(
        "two networks that learn against each other come near to -log 4, and the generator finds both halves",
        format!(
            "value within 0.1 of -1.386: {}; from 25 to 75 % in the left half: {}\n          each: {}",
            rate(near, values.len()), rate(both, values.len()), told.join(", ")
        ),
        2 * near > values.len() && 2 * both > values.len(),
    );
    Ok(panel)
}

fn main() -> ExitCode {
    Example::run("gan", |example| {
        let chart = Chart::new("Generative adversarial networks")
            .columns(2)
            .panel(fixed(example)?)
            .panel(played(example)?);
        example.chart("gan.svg", &chart)
    })
}

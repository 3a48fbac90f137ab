//! What maxout units can be: `cargo run --release --example maxout [-- --device DEVICE]`.
//!
//! A maxout unit is the largest of k linear functions of its inputs. The texts say that one unit learns its own activation:
//! ReLU, the absolute value, or any convex curve the better the more pieces it has; and that the difference of two units comes as
//! near as one likes to any continuous function of one variable.

#![expect(clippy::cast_possible_truncation, reason = "single precision is meant")]

mod common;

use std::process::ExitCode;

use common::{Example, Failure, Table};
use thalweg::chart::{Chart, Panel};
use thalweg::data::Dataset;
use thalweg::network::{Layer, Loss, Network};
use thalweg::random::{Random, stream};
use thalweg::train::{Optimizer, Schedule, Trainer};

const ROWS: usize = 129;

fn grid() -> Vec<f32> {
    (0..ROWS)
        .map(|i| 2.0 * i as f32 / (ROWS - 1) as f32 - 1.0)
        .collect()
}

/// What a network begins with: each unit is a polygon below a parabola, of which every piece is the largest somewhere. Pieces
/// that are nowhere the largest, as most are that are drawn, get no gradient and stay so.
fn polygons(units: usize, pieces: usize, seed: u64) -> Vec<Vec<f32>> {
    let random = Random::new(seed, stream::TEST, 16);
    let touch = |i: usize| {
        let piece = (i % pieces) as f32;
        let off = random.uniform(i as u64) as f32;
        2.0 * (piece + off) / pieces as f32 - 1.0
    };
    let all = 0..units * pieces;
    // The difference of two has to bend both ways, so they are steeper.
    let steep = if units > 1 { 6.0 } else { 1.0 };
    let slopes = all.clone().map(|i| 2.0 * steep * touch(i)).collect();
    let offsets = all.map(|i| -steep * touch(i) * touch(i)).collect();
    match units {
        1 => vec![slopes, offsets],
        _ => vec![slopes, offsets, vec![1.0, -1.0], vec![0.0]],
    }
}

/// The best of several fits of a curve on -1 to 1: the root of its mean squared error, and its values.
fn fit(
    example: &Example,
    units: usize,
    pieces: usize,
    curve: fn(f32) -> f32,
    seeds: u64,
) -> Result<(f64, Vec<f32>), Failure> {
    let x = grid();
    let y: Vec<f32> = x.iter().map(|x| curve(*x)).collect();
    let data = Dataset::numbers(&x, 1, &y, 1)?;
    let unit = Layer::Maxout {
        outputs: units,
        pieces,
    };
    let mut network = Network::new(1).layer(unit);
    if units > 1 {
        network = network.linear(1);
    }
    let mut best = (f64::INFINITY, Vec::new());
    for seed in 0..seeds {
        let mut trainer = Trainer::new(network.clone(), Loss::SquaredError)
            .optimizer(Optimizer::adam(0.03))
            .batch_size(ROWS)
            .seed(seed)
            .device(example.device.clone());
        trainer.initial = Some(polygons(units, pieces, seed));
        trainer.options.steps = Some(example.either(2500, 500));
        trainer.options.schedule = "cosine".parse::<Schedule>()?;
        let found = trainer.fit(&data)?.model.predict(&x)?;
        let error = y.iter().zip(&found).map(|(y, f)| f64::from(y - f).powi(2));
        let error = (error.sum::<f64>() / ROWS as f64).sqrt();
        if error < best.0 {
            best = (error, found);
        }
    }
    Ok(best)
}

fn main() -> ExitCode {
    Example::run("maxout", |example| {
        let seeds = example.either(5, 1);
        let with_x = |y: &[f32]| {
            grid()
                .into_iter()
                .zip(y)
                .map(|(x, y)| (f64::from(x), f64::from(*y)))
                .collect::<Vec<_>>()
        };
        let mut chart = Chart::new("What maxout units can be").columns(2);

        let (relu, as_relu) = fit(example, 1, 2, |x| x.max(0.0), seeds)?;
        let (absolute, as_absolute) = fit(example, 1, 2, f32::abs, seeds)?;
        example.claim(
            "one unit of two pieces learns ReLU, and the absolute value",
            format!(
                "errors {relu:.1e} and {absolute:.1e} (root mean square, best of {seeds} seeds)"
            ),
            relu < 0.01 && absolute < 0.01,
        );
        chart = chart.panel(
            Panel::new("One unit, 2 pieces", "x", "y")
                .line("ReLU", with_x(&as_relu))
                .line("absolute value", with_x(&as_absolute)),
        );

        let pieces = [1, 2, 4, 8];
        let name = |k| format!("{k} {}", if k == 1 { "piece" } else { "pieces" });
        let mut convex = Vec::new();
        let mut panel = Panel::new("One unit, a parabola", "x", "y");
        for k in pieces {
            let (error, y) = fit(example, 1, k, |x| x * x, seeds)?;
            panel = panel.line(name(k), with_x(&y));
            convex.push(error);
        }
        chart = chart.panel(panel);
        let wave = |x: f32| (2.0 * std::f32::consts::PI * x).sin() * (1.0 - 0.5 * x);
        let mut difference = Vec::new();
        let mut panel = Panel::new("Two units, a wave", "x", "y");
        for k in pieces {
            let (error, y) = fit(example, 2, k, wave, seeds)?;
            panel = panel.line(name(k), with_x(&y));
            difference.push(error);
        }
        chart = chart.panel(panel.line(
            "wave",
            with_x(&grid().into_iter().map(wave).collect::<Vec<_>>()),
        ));
        let mut table = Table::new(["pieces", "one unit, x²", "two units, wave"]);
        for (i, k) in pieces.iter().enumerate() {
            table.row(
                k,
                [convex[i], difference[i]].map(|error| format!("{error:.4}")),
            );
        }
        example.tell(table);
        example.claim(
            "one unit follows a convex curve, the better the more pieces it has",
            format!("errors {convex:.4?} with {pieces:?} pieces"),
            convex[1] < 0.5 * convex[0] && convex[2] < 0.5 * convex[1] && convex[3] < convex[2],
        );
        example.claim(
            "two units and their difference follow a curve that is not convex, the better the more pieces they have",
            format!("errors {difference:.4?} with {pieces:?} pieces"),
            difference.windows(2).all(|pair| pair[1] < pair[0]) && difference[3] < 0.25 * difference[0],
        );
        let errors = |found: &[f64]| {
            pieces
                .iter()
                .zip(found)
                .map(|(k, e)| (*k as f64, *e))
                .collect::<Vec<_>>()
        };
        let panel = Panel::new("Error by pieces", "pieces", "root mean square")
            .log_x()
            .log_y();
        chart = chart.panel(
            panel
                .line("one unit, parabola", errors(&convex))
                .line("two units, wave", errors(&difference)),
        );
        example.chart("maxout.svg", &chart)
    })
}

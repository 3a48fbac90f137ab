//! Bias and variance: many training sets from one known curve, networks from too small to too large:
//! `cargo run --release --example bias_variance [-- --device gpu]`.
//!
//! The expected squared error of a network that was trained on a random training set is, at each x, the square of the bias (of
//! the mean of all networks from the curve) plus the variance (of the networks around their mean), plus the noise, which no
//! network can help (Geman, Bienenstock and Doursat 1992). The networks of all training sets are trained at once, each on rows of
//! its own.
//!
//! Claims: as networks grow, the bias falls and the variance rises; their sum has its least value in between, a U; and L2 and
//! dropout make the variance of the largest network smaller, and the sum too.

#![expect(
    clippy::cast_possible_truncation,
    reason = "inputs are rounded to f32, and rows are few"
)]

mod common;

use std::process::ExitCode;

use thalweg::chart::{Chart, Panel};
use thalweg::data::Dataset;
use thalweg::network::{Activation, Loss, Network};
use thalweg::random::{Random, stream};
use thalweg::train::Optimizer;
use thalweg::train::population::{Common, Member, Population};

use common::{Example, Failure, Table, mean};

/// Rows of a training set.
const ROWS: usize = 24;
const NOISE: f64 = 0.3;
/// Points at which the networks are compared.
const GRID: usize = 60;

fn curve(x: f64) -> f64 {
    (3.0 * x).sin() + 0.5 * (7.0 * x).cos()
}

/// All training sets, one behind the other. Each has its points in the same strata, so that none has a gap.
fn training_sets(sets: usize) -> Result<Dataset, Failure> {
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for set in 0..sets {
        let random = Random::new(7, stream::GENERATOR, u32::try_from(set)?);
        for row in 0..ROWS {
            let place = (row as f64 + random.uniform(row as u64)) / ROWS as f64;
            let at = 2.0 * place - 1.0;
            x.push(at as f32);
            y.push((curve(at) + NOISE * random.normal((100 + row) as u64)) as f32);
        }
    }
    Ok(Dataset::numbers(&x, 1, &y, 1)?)
}

/// What is done against variance.
#[derive(Clone, Copy)]
struct Remedy {
    name: &'static str,
    decay: f64,
    dropout: f64,
}

/// Bias², variance and their sum.
type Parts = [f64; 3];

fn network(units: usize, dropout: f64) -> Network {
    let layer = |network: Network| {
        let network = network.linear(units).activation(Activation::Tanh);
        if dropout > 0.0 {
            network.dropout(dropout)
        } else {
            network
        }
    };
    layer(layer(Network::new(1))).linear(1)
}

/// The parts of networks of some sizes, a network for each training set.
fn parts(
    example: &Example,
    data: &Dataset,
    sizes: &[usize],
    remedy: Remedy,
) -> Result<Vec<Parts>, Failure> {
    let sets = data.rows() / ROWS;
    let mut members = Vec::new();
    for &units in sizes {
        for set in 0..sets {
            let rows = set * ROWS..(set + 1) * ROWS;
            let rows = rows.map(|row| row as u32).collect();
            let member = Member::new(network(units, remedy.dropout), set as u64).rows(rows);
            let rate = example.either(0.01, 0.03);
            members.push(member.learning_rate(rate).weight_decay(remedy.decay));
        }
    }
    let common = Common {
        loss: Loss::SquaredError,
        batch_size: ROWS,
        shuffle: false,
        update: Optimizer::adam(0.0).update,
    };
    let mut population = Population::new(members, data, common, &example.device)?;
    population.train(example.either(2500, 900))?;
    let grid: Vec<f64> = (0..GRID)
        .map(|i| 1.9 * (i as f64 / (GRID - 1) as f64) - 0.95)
        .collect();
    let x: Vec<f32> = grid.iter().map(|&x| x as f32).collect();
    let predicted = population.predict(&x)?;
    Ok(predicted.chunks(sets).map(|y| parted(y, &grid)).collect())
}

/// The parts of networks by what they predict on the grid.
fn parted(networks: &[Vec<f32>], grid: &[f64]) -> Parts {
    let (mut bias, mut variance) = (0.0, 0.0);
    for (at, &x) in grid.iter().enumerate() {
        let y: Vec<f64> = networks.iter().map(|y| f64::from(y[at])).collect();
        let middle = mean(&y);
        let spread = y.iter().map(|y| (y - middle).powi(2)).sum::<f64>() / (y.len() - 1) as f64;
        // The mean of n networks has a variance of its own, which is no bias.
        bias += (middle - curve(x)).powi(2) - spread / y.len() as f64;
        variance += spread;
    }
    let (bias, variance) = (bias.max(0.0) / GRID as f64, variance / GRID as f64);
    [bias, variance, bias + variance]
}

fn main() -> ExitCode {
    Example::run("bias_variance", |example| {
        let sizes: &[usize] = example.either(&[1, 2, 3, 4, 6, 8, 16, 32], &[1, 3, 16]);
        let data = training_sets(example.either(40, 12))?;
        let remedies = [
            Remedy {
                name: "plain",
                decay: 0.0,
                dropout: 0.0,
            },
            Remedy {
                name: "L2 of 0.001",
                decay: 0.001,
                dropout: 0.0,
            },
            Remedy {
                name: "dropout of 0.2",
                decay: 0.0,
                dropout: 0.2,
            },
        ];
        let mut chart = Chart::new(format!(
            "{} training sets of {ROWS} rows",
            data.rows() / ROWS
        ));
        let mut found = Vec::new();
        for remedy in remedies {
            // Small networks are not padded to large ones, where that would take long.
            let mut all = Vec::new();
            for sizes in sizes.chunks(example.either(1, sizes.len())) {
                all.extend(parts(example, &data, sizes, remedy)?);
            }
            let mut table = Table::new(["units of a layer", "bias²", "variance", "sum"]);
            for (units, parts) in sizes.iter().zip(&all) {
                table.row(units, parts.map(|p| format!("{p:.4}")));
            }
            example.tell(format!("{}\n{table}", remedy.name));
            let mut panel = Panel::new(remedy.name, "units of a layer", "squared error").log_x();
            for (part, name) in ["bias²", "variance", "bias² + variance"]
                .into_iter()
                .enumerate()
            {
                panel = panel.line(
                    name,
                    sizes
                        .iter()
                        .zip(&all)
                        .map(|(&s, parts)| (s as f64, parts[part])),
                );
            }
            chart = chart.panel(panel);
            found.push(all);
        }
        let (plain, last) = (&found[0], sizes.len() - 1);
        let best = (0..=last).fold(0, |best, at| {
            if plain[at][2] < plain[best][2] {
                at
            } else {
                best
            }
        });
        example.claim(
            "as networks grow the bias falls",
            format!(
                "bias² {:.4} with 1 unit, {:.4} with {}",
                plain[0][0], plain[last][0], sizes[last]
            ),
            plain[last][0] < 0.2 * plain[0][0],
        );
        example.claim(
            "as networks grow the variance rises",
            format!(
                "variance {:.4} with 1 unit, {:.4} with {}",
                plain[0][1], plain[last][1], sizes[last]
            ),
            plain[last][1] > example.either(2.0, 1.2) * plain[0][1],
        );
        example.claim(
            "their sum is a U: least between the smallest and the largest",
            format!(
                "{:.4} with 1 unit, {:.4} with {}, {:.4} with {}",
                plain[0][2], plain[best][2], sizes[best], plain[last][2], sizes[last]
            ),
            (1..last).contains(&best) && plain[last][2] > example.either(1.2, 1.0) * plain[best][2],
        );
        for (remedy, parts) in remedies.iter().zip(&found).skip(1) {
            example.claim(
                &format!(
                    "{} makes the variance of the largest smaller, and the sum too",
                    remedy.name
                ),
                format!(
                    "variance {:.4} against {:.4}, sum {:.4} against {:.4}",
                    parts[last][1], plain[last][1], parts[last][2], plain[last][2]
                ),
                parts[last][1] < plain[last][1] && parts[last][2] < plain[last][2],
            );
        }
        example.chart("bias_variance.svg", &chart)
    })
}

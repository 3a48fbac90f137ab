//! Overfitting and underfitting: `cargo run --release --example overfitting [-- --device gpu]`.
//!
//! Two noisy moons, a few rows to train on, and a network with far more weights than rows. Its training loss goes to 0 while
//! the validation loss, after a while, rises: it is sure of what is noise. A network that is too small has both losses high.
//!
//! Claims, each over several training sets and seeds: so it is; and early stopping (by the validation rows), L2, dropout and more
//! data each make the loss on test rows, which nothing was chosen by, smaller than that of the large network at the end.

#![expect(
    clippy::cast_possible_truncation,
    reason = "inputs are rounded to f32, and rows are few"
)]

mod common;

use std::process::ExitCode;

use thalweg::chart::{Chart, Panel};
use thalweg::data::{Dataset, Normalize, Preparation, Spec, TableOptions, Targets, Task};
use thalweg::network::{Activation, Loss, Network};
use thalweg::train::Optimizer;
use thalweg::train::population::{Common, Member, Population};

use common::{Example, Failure, Table, mean, rate};

/// Rows of a training set, and of one with more data.
const FEW: usize = 40;
const MORE: usize = 400;
/// Rows of the validation and of the test set.
const JUDGES: usize = 500;
/// Steps between two looks.
const EVERY: u32 = 25;

/// One way to train.
struct Way {
    name: &'static str,
    units: usize,
    decay: f64,
    dropout: f64,
    rows: usize,
}

/// Losses on the rows that train, that validate and that test: for each look those of each seed.
struct Course {
    losses: [Vec<Vec<f64>>; 3],
}

fn moons(seeds: usize) -> Result<Dataset, Failure> {
    let rows = 2 * JUDGES + seeds * MORE;
    let spec: Spec = format!("moons:n={rows},noise=0.35,seed=3").parse()?;
    let read = spec.load(&TableOptions::default())?;
    let judges: Vec<u32> = (0..JUDGES as u32).collect();
    let prepared = Preparation::fit(&read, &judges, Task::Auto, Normalize::Auto)?;
    Ok(prepared.prepare(&read)?)
}

/// The mean negative log-likelihood.
fn loss(predicted: &[f32], labels: &[u32]) -> f64 {
    let each = predicted.chunks(2).zip(labels);
    let each = each.map(|(row, &label)| -f64::from(row[label as usize].max(1e-30)).ln());
    each.sum::<f64>() / labels.len() as f64
}

fn course(example: &Example, data: &Dataset, seeds: usize, way: &Way) -> Result<Course, Failure> {
    let layer = |network: Network| {
        let network = network.linear(way.units).activation(Activation::Relu);
        if way.dropout > 0.0 {
            network.dropout(way.dropout)
        } else {
            network
        }
    };
    let network = layer(layer(Network::new(2))).linear(2);
    let first = |seed: usize| 2 * JUDGES + seed * MORE;
    let rows = |seed: usize| {
        (first(seed)..first(seed) + way.rows)
            .map(|row| row as u32)
            .collect()
    };
    let member = |seed: usize| {
        let member = Member::new(network.clone(), seed as u64).rows(rows(seed));
        member.learning_rate(0.005).weight_decay(way.decay)
    };
    let common = Common {
        loss: Loss::CrossEntropy,
        batch_size: 20,
        shuffle: true,
        update: Optimizer::adam(0.0).update,
    };
    let mut population = Population::new(
        (0..seeds).map(member).collect(),
        data,
        common,
        &example.device,
    )?;
    let Targets::Classes { labels, .. } = data.targets() else {
        return Err("moons are classes".into());
    };
    // All rows at once: the judges, and the training rows of each.
    let x = data.inputs_of(0..data.rows())?;
    let mut losses = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..example.either(24, 20) {
        population.train(EVERY)?;
        let predicted = population.predict(&x)?;
        let of = |seed: usize, from: usize, rows: usize| {
            loss(
                &predicted[seed][2 * from..2 * (from + rows)],
                &labels[from..from + rows],
            )
        };
        losses[0].push(
            (0..seeds)
                .map(|seed| of(seed, first(seed), way.rows))
                .collect(),
        );
        losses[1].push((0..seeds).map(|seed| of(seed, 0, JUDGES)).collect());
        losses[2].push((0..seeds).map(|seed| of(seed, JUDGES, JUDGES)).collect());
    }
    Ok(Course { losses })
}

impl Course {
    /// Losses of the seeds at the last look: on training, validation or test rows.
    fn last(&self, part: usize) -> &[f64] {
        &self.losses[part][self.losses[part].len() - 1]
    }

    /// The look at which a seed's validation loss is least.
    fn stop(&self, seed: usize) -> usize {
        let validation = &self.losses[1];
        (0..validation.len()).fold(0, |best, at| {
            if validation[at][seed] < validation[best][seed] {
                at
            } else {
                best
            }
        })
    }

    fn curve(&self, part: usize) -> Vec<(f64, f64)> {
        let steps = (1_u32..).map(|look| f64::from(look * EVERY));
        steps
            .zip(self.losses[part].iter().map(|seeds| mean(seeds)))
            .collect()
    }
}

fn main() -> ExitCode {
    Example::run("overfitting", |example| {
        let seeds = example.either(16, 5);
        let data = moons(seeds)?;
        let way = |name, units, decay, dropout, rows| Way {
            name,
            units,
            decay,
            dropout,
            rows,
        };
        let ways = [
            way("too large", 64, 0.0, 0.0, FEW),
            way("too small", 1, 0.0, 0.0, FEW),
            way("L2 of 0.02", 64, 0.02, 0.0, FEW),
            way("dropout of 0.7", 64, 0.0, 0.7, FEW),
            way("ten times the data", 64, 0.0, 0.0, MORE),
        ];
        let mut chart = Chart::new(format!("Two moons, means over {seeds} training sets"));
        let mut courses = Vec::new();
        let mut table = Table::new(["", "training loss", "validation loss", "test loss"]);
        for way in &ways {
            let course = course(example, &data, seeds, way)?;
            let figures = [0, 1, 2].map(|part| format!("{:.3}", mean(course.last(part))));
            table.row(way.name, figures);
            let panel = Panel::new(way.name, "steps", "cross-entropy").log_y();
            chart = chart.panel(
                panel
                    .line("training", course.curve(0))
                    .line("validation", course.curve(1)),
            );
            courses.push(course);
        }
        let large = &courses[0];
        let stopped: Vec<f64> = (0..seeds)
            .map(|seed| large.losses[2][large.stop(seed)][seed])
            .collect();
        let at: Vec<f64> = (0..seeds)
            .map(|seed| f64::from(EVERY) * (large.stop(seed) + 1) as f64)
            .collect();
        let stopped_at = format!("{:.3}", mean(&stopped));
        table.row(
            "early stopping",
            ["-".to_owned(), "-".to_owned(), stopped_at],
        );
        example.tell(table);
        example.tell(format!(
            "early stopping stops after {:.0} steps on average\n",
            mean(&at)
        ));

        let count = |holds: &dyn Fn(usize) -> bool| (0..seeds).filter(|&seed| holds(seed)).count();
        let rises =
            |seed: usize| large.last(1)[seed] > 1.2 * large.losses[1][large.stop(seed)][seed];
        let overfit = count(&|seed| rises(seed) && large.last(0)[seed] < 0.5 * large.last(1)[seed]);
        example.claim(
            "a network that is too large overfits: its training loss falls on, and its validation loss rises by a fifth and more",
            rate(overfit, seeds),
            10 * overfit >= 9 * seeds,
        );
        let small = &courses[1];
        let (training, least) = (mean(small.last(0)), mean(large.last(0)));
        example.claim(
            "one that is too small underfits: its training loss stays high",
            format!("{training:.3} against {least:.3}"),
            training > 3.0 * least,
        );
        let last = large.last(2);
        let mut against = vec![("early stopping", stopped.clone())];
        against.extend(
            ways.iter()
                .zip(&courses)
                .skip(2)
                .map(|(way, course)| (way.name, course.last(2).to_vec())),
        );
        for (name, losses) in against {
            let better = count(&|seed| losses[seed] < last[seed]);
            example.claim(
                &format!(
                    "{name} makes the test loss smaller than that of the large network at the end"
                ),
                format!(
                    "{:.3} against {:.3}, smaller for {}",
                    mean(&losses),
                    mean(last),
                    rate(better, seeds)
                ),
                mean(&losses) < mean(last) && 5 * better >= 4 * seeds,
            );
        }
        example.chart("overfitting.svg", &chart)
    })
}

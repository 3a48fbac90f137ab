//! Memory: how far back a recurrent cell can see, and what it can learn to recall.
//! `cargo run --release --example memory [-- --device DEVICE]`.
//!
//! The texts claim that the gradient of a plain recurrent network shrinks (or grows) by a factor with each time step that it
//! goes back, so that what was long ago cannot be learnt from; that a long short-term memory, whose cell is carried on by a
//! sum, keeps it; and that so does its simpler form, the gated recurrent unit. Both keep it only while the gate that forgets
//! is open. That gate's bias is set to 4 here, so that a cell begins by keeping 98 % a step: a positive bias is usual (Gers,
//! Schmidhuber and Cummins 2000), and for long memories a large one (Tallec and Ollivier 2018). All else are PyTorch's first
//! weights. What is asked: the first symbol of a sequence, which is one of four, after 50 steps of noise.

#![expect(
    clippy::cast_possible_truncation,
    reason = "numbers are given in f32, and counts are small"
)]

mod common;

use std::process::ExitCode;

use common::{Example, Failure, Table, mean, rate};
use thalweg::chart::{Chart, Panel};
use thalweg::data::Dataset;
use thalweg::graph::Graph;
use thalweg::network::{Cell, Init, Layer, Loss, Mode, Network};
use thalweg::random::{Random, stream};
use thalweg::train::{Optimizer, Trainer};

const UNITS: usize = 16;
/// A time step: which of the symbols it shows, if it does, and noise.
const SYMBOLS: usize = 4;
const FEATURES: usize = SYMBOLS + 2;

/// A cell and how it begins.
#[derive(Clone, Copy)]
struct Start {
    name: &'static str,
    cell: Cell,
    /// Added to the bias of the gate that keeps: `f` of the LSTM and `z` of the GRU, both the second.
    keeps: f32,
    /// What the recurrent weights are multiplied by.
    scale: f32,
}

const fn start(name: &'static str, cell: Cell, keeps: f32, scale: f32) -> Start {
    Start {
        name,
        cell,
        keeps,
        scale,
    }
}

const RNN: Start = start("RNN", Cell::Rnn, 0.0, 1.0);
const LSTM: Start = start("LSTM", Cell::Lstm, 4.0, 1.0);
const GRU: Start = start("GRU", Cell::Gru, 4.0, 1.0);

impl Start {
    fn network(self, steps: usize) -> Network {
        let layer = Layer::Recurrent {
            cell: self.cell,
            outputs: UNITS,
            steps,
            sequence: false,
        };
        Network::new(steps * FEATURES).layer(layer)
    }

    fn first(self, network: &Network, seed: u64) -> Vec<Vec<f32>> {
        let mut values = network.initial(Init::Default, seed);
        if self.keeps != 0.0 {
            values[2][UNITS..2 * UNITS]
                .iter_mut()
                .for_each(|bias| *bias += self.keeps);
        }
        values[1]
            .iter_mut()
            .for_each(|weight| *weight *= self.scale);
        values
    }
}

/// The norm of the gradient of the last result (of the sum of its units) with respect to the input of t steps ago, a mean
/// over some sequences of noise.
fn reach(example: &Example, start: Start, steps: usize, seed: u64) -> Result<Vec<f64>, Failure> {
    const ROWS: usize = 32;
    let network = start.network(steps);
    let mut workspace = example.workspace()?;
    network.declare(&mut workspace.store)?;
    for (parameter, values) in network.parameters().iter().zip(start.first(&network, seed)) {
        workspace.write(&parameter.name, values)?;
    }
    let random = Random::new(seed, stream::TEST, 0);
    let x: Vec<f64> = (0..(ROWS * network.inputs) as u64)
        .map(|i| 0.5 * random.normal(i))
        .collect();
    workspace.put("x", [ROWS, network.inputs], x)?;
    let mut graph = Graph::new();
    let x = graph.stored(&workspace.store, "x")?;
    let y = network.forward(&mut graph, &workspace.store, x, Mode::Evaluation)?;
    let sum = graph.sum(y)?;
    let gradient = graph.differentiate(sum, &[x])?;
    let program = workspace.load("reach", &graph, &gradient)?;
    let gradient = workspace.compute(&program)?.remove(0);
    let norm = |row: &[f64], ago: usize| {
        let at = (steps - 1 - ago) * FEATURES;
        row[at..at + FEATURES]
            .iter()
            .map(|g| g * g)
            .sum::<f64>()
            .sqrt()
    };
    let of_rows = |ago| {
        gradient
            .chunks(network.inputs)
            .map(|row| norm(row, ago))
            .collect::<Vec<_>>()
    };
    Ok((0..steps).map(|ago| mean(&of_rows(ago))).collect())
}

/// Sequences that begin with a symbol, with noise behind it.
fn sequences(rows: usize, steps: usize, seed: u64) -> (Vec<f32>, Vec<u32>) {
    let random = Random::new(seed, stream::TEST, 1);
    let labels: Vec<u32> = (0..rows as u64)
        .map(|row| random.below(row, SYMBOLS as u32))
        .collect();
    let noise = Random::new(seed, stream::TEST, 2);
    let mut x = vec![0.0; rows * steps * FEATURES];
    for (row, (x, &label)) in x.chunks_mut(steps * FEATURES).zip(&labels).enumerate() {
        x[label as usize] = 1.0;
        for (step, x) in x.chunks_mut(FEATURES).enumerate() {
            let at = 2 * (row * steps + step) as u64;
            x[SYMBOLS..].copy_from_slice(&[noise.normal(at) as f32, noise.normal(at + 1) as f32]);
        }
    }
    (x, labels)
}

/// The share of new sequences whose first symbol is recalled after training.
fn recall(
    example: &Example,
    start: Start,
    [steps, updates]: [usize; 2],
    seed: u64,
) -> Result<f64, Failure> {
    let network = start.network(steps).linear(SYMBOLS);
    let (x, labels) = sequences(512, steps, 2 * seed);
    let data = Dataset::classes(&x, network.inputs, &labels)?;
    let mut trainer = Trainer::new(network.clone(), Loss::CrossEntropy)
        .optimizer(Optimizer::adam(0.01))
        .batch_size(32)
        .device(example.device.clone())
        .seed(seed);
    trainer.options.steps = Some(updates as u64);
    trainer.initial = Some(start.first(&network, seed));
    let model = trainer.fit(&data)?.model;
    let (x, labels) = sequences(256, steps, 2 * seed + 1);
    let probabilities = model.predict_on(&x, &example.device)?;
    let right = probabilities
        .chunks(SYMBOLS)
        .zip(&labels)
        .filter(|(p, label)| p.iter().all(|other| *other <= p[**label as usize]));
    Ok(right.count() as f64 / labels.len() as f64)
}

fn body(example: &mut Example) -> Result<(), Failure> {
    let steps = example.either(51, 25);
    let seeds: Vec<u64> = (1..=example.either(5, 2)).collect();
    let starts = [
        RNN,
        start("RNN, recurrent weights x 3", Cell::Rnn, 0.0, 3.0),
        start("LSTM, no bias", Cell::Lstm, 0.0, 1.0),
        LSTM,
        GRU,
    ];
    let mut panel = Panel::new("Gradient at the input of t steps ago", "t", "norm").log_y();
    let mut told = Table::new(["cell", "now", "10 ago", "first step", "first / now"]);
    let mut ratios = Vec::new();
    for start in starts {
        let each: Vec<_> = seeds
            .iter()
            .map(|&seed| reach(example, start, steps, seed))
            .collect::<Result<_, _>>()?;
        let at = |ago: usize| mean(&each.iter().map(|norms| norms[ago]).collect::<Vec<_>>());
        let ratio = at(steps - 1) / at(0);
        let cells = [at(0), at(10), at(steps - 1), ratio];
        told.row(start.name, cells.map(|x| format!("{x:.2e}")));
        panel = panel.line(start.name, (0..steps).map(|ago| (ago as f64, at(ago))));
        ratios.push(ratio);
    }
    example.tell(told);
    let back = steps - 1;
    example.claim(
        &format!("the gradient of a plain RNN vanishes over {back} steps, or explodes with larger weights"),
        format!("by a factor of {:.1e}; with weights three times as large, of {:.1e}", ratios[0], ratios[1]),
        ratios[0] < 1e-4 && ratios[1] > 10.0,
    );
    example.claim(
        "that of an LSTM and of a GRU does not, with the gate that keeps open",
        format!(
            "LSTM {:.2}, GRU {:.2}; an LSTM whose gate is half closed {:.1e}",
            ratios[3], ratios[4], ratios[2]
        ),
        ratios[3] > 0.05 && ratios[4] > 0.05 && ratios[2] < 1e-3,
    );

    // On a device that is slow to start its steps a short sequence must do.
    let (steps, updates) = (example.either(51, 13), example.either(800, 80));
    let (back, seeds) = (steps - 1, &seeds[..example.either(seeds.len(), 1)]);
    let mut shown = Panel::new(
        format!("Recall after {back} steps"),
        "seed",
        "share of new sequences",
    );
    let mut learnt = Vec::new();
    let mut shares = Vec::new();
    // Marks of a seed stand beside each other.
    for (start, aside) in [(RNN, -0.15), (LSTM, 0.0), (GRU, 0.15)] {
        let each: Vec<_> = seeds
            .iter()
            .map(|&seed| recall(example, start, [steps, updates], seed))
            .collect::<Result<_, _>>()?;
        learnt.push(each.iter().filter(|share| **share > 0.95).count());
        shown = shown.points(
            start.name,
            seeds
                .iter()
                .zip(&each)
                .map(|(&seed, &share)| (seed as f64 + aside, share)),
        );
        shares.push(
            each.iter()
                .map(|share| format!("{share:.2}"))
                .collect::<Vec<_>>()
                .join(" "),
        );
    }
    let all = seeds.len();
    example.claim(
        &format!(
            "the first of {SYMBOLS} symbols is recalled after {back} steps of noise by most LSTMs and most GRUs{}",
            example.either("; most plain RNNs fail", "")
        ),
        format!(
            "above 0.95 after {updates} steps of training: RNN {}, LSTM {}, GRU {}\n          shares: RNN {}; LSTM {}; GRU {}",
            rate(learnt[0], all), rate(learnt[1], all), rate(learnt[2], all), shares[0], shares[1], shares[2]
        ),
        // In the short form the sequences are short too, and an RNN may well learn them.
        (example.short || 2 * learnt[0] < all) && 2 * learnt[1] > all && 2 * learnt[2] > all,
    );
    example.chart(
        "memory.svg",
        &Chart::new("Memory").columns(2).panel(panel).panel(shown),
    )
}

fn main() -> ExitCode {
    Example::run("memory", body)
}

//! What dropout averages: `cargo run --release --example dropout_average [-- --device DEVICE]`.
//!
//! Dropout trains a network of which each unit is there with probability 1 - p: one of 2ⁿ networks that share their weights. At
//! test time the texts multiply the weights by 1 - p, which stands for the average over all of these networks: exactly if the
//! network is linear, nearly if it is deep. (The engine divides by 1 - p in training, so that nothing is left to do at test time;
//! that is the same network.)

#![expect(
    clippy::cast_possible_truncation,
    reason = "small numbers, and single precision"
)]

mod common;

use std::process::ExitCode;

use common::{Example, Failure, mean};
use thalweg::chart::{Chart, Panel};
use thalweg::data::Dataset;
use thalweg::executor::Workspace;
use thalweg::graph::Graph;
use thalweg::kernel::Tick;
use thalweg::network::{Activation, Loss, Mode, Network, PARAMETERS};
use thalweg::random::{Random, stream};
use thalweg::train::{Model, Optimizer, Trainer};

/// The outputs of w · (mask x) for each mask, the bits of its number.
fn under_masks(example: &Example, w: &[f64], x: &[f64]) -> Result<Vec<f64>, Failure> {
    let (n, masks) = (w.len(), 1_usize << w.len());
    let masked = (0..masks)
        .flat_map(|mask| (0..n).map(move |i| if mask >> i & 1 == 1 { x[i] } else { 0.0 }));
    let mut workspace = example.workspace()?;
    workspace.put("x", [masks, n], masked.collect::<Vec<_>>())?;
    workspace.put("w", [1, n], w.to_vec())?;
    let mut graph = Graph::new();
    let x = graph.stored(&workspace.store, "x")?;
    let w = graph.stored(&workspace.store, "w")?;
    let y = graph.matmul_transposed(x, w, false, true)?;
    let program = workspace.load("all masks", &graph, &[y])?;
    Ok(workspace.compute(&program)?.swap_remove(0))
}

/// The average over the masks, each with its probability.
fn average(outputs: &[f64], p: f64) -> f64 {
    let n = outputs.len().trailing_zeros();
    let share = |mask: usize| {
        let kept = mask.count_ones();
        (1.0 - p).powi(kept as i32) * p.powi((n - kept) as i32)
    };
    outputs
        .iter()
        .enumerate()
        .map(|(mask, y)| share(mask) * y)
        .sum()
}

/// A network with dropout that has learnt a curve.
fn learnt(example: &Example, rows: usize) -> Result<(Model, Vec<f32>), Failure> {
    let random = Random::new(9, stream::TEST, 0);
    let x: Vec<f32> = (0..2 * rows as u64)
        .map(|i| (2.0 * random.uniform(i) - 1.0) as f32)
        .collect();
    let y: Vec<f32> = x.chunks(2).map(|x| (3.0 * x[0]).sin() * x[1]).collect();
    let network = Network::new(2)
        .linear(64)
        .activation(Activation::Relu)
        .dropout(0.2)
        .linear(64)
        .activation(Activation::Relu)
        .dropout(0.2)
        .linear(1);
    let trainer = Trainer::new(network, Loss::SquaredError)
        .optimizer(Optimizer::adam(0.005))
        .epochs(example.either(120, 40))
        .device(example.device.clone());
    Ok((trainer.fit(&Dataset::numbers(&x, 2, &y, 1)?)?.model, x))
}

/// The mean of the outputs over so many masks, and the outputs without dropping.
fn averaged(
    example: &Example,
    model: &Model,
    x: &[f32],
    masks: usize,
) -> Result<[Vec<f64>; 2], Failure> {
    let mut workspace: Workspace = example.workspace()?;
    let rows = x.len() / 2;
    model.network.declare(&mut workspace.store)?;
    for (parameter, values) in model.network.lasting().zip(&model.values) {
        workspace.write(&parameter.name, values.clone())?;
    }
    debug_assert!(workspace.store.block(PARAMETERS).is_ok(), "it was declared");
    workspace.put("x", [rows, 2], x.to_vec())?;
    let mut load = |name: &str, mode| -> Result<_, Failure> {
        let mut graph = Graph::new();
        let x = graph.stored(&workspace.store, "x")?;
        let y = model
            .network
            .forward(&mut graph, &workspace.store, x, mode)?;
        Ok(workspace.load(name, &graph, &[y])?)
    };
    let (dropping, whole) = (
        load("dropping", Mode::Training { seed: 1 })?,
        load("whole", Mode::Evaluation)?,
    );
    let mut sum = vec![0.0; rows];
    for step in 1..=u32::try_from(masks)? {
        workspace.run(
            &dropping,
            &[Tick {
                step,
                ..Tick::default()
            }],
        )?;
        let y = workspace.read(&dropping, 0)?;
        sum.iter_mut().zip(y).for_each(|(sum, y)| *sum += y);
    }
    let mean = sum.into_iter().map(|sum| sum / masks as f64).collect();
    Ok([mean, workspace.compute(&whole)?.swap_remove(0)])
}

fn main() -> ExitCode {
    Example::run("dropout_average", |example| {
        let (w, x) = ([2.0, -3.0], [1.5, 0.5]);
        let four = under_masks(example, &w, &x)?;
        example.claim(
            "of two inputs and p = 1/2 there are four networks, and their average is half of the whole one",
            format!("outputs {four:?}, average {}, whole {}", average(&four, 0.5), four[3]),
            four == [0.0, 3.0, -1.5, 1.5] && average(&four, 0.5) == 0.5 * four[3],
        );

        let random = Random::new(2, stream::TEST, 0);
        let draw = |part: u64| -> Vec<f64> {
            (0..12)
                .map(|i| f64::from(random.normal(100 * part + i) as f32))
                .collect()
        };
        let all = under_masks(example, &draw(0), &draw(1))?;
        let whole = all[all.len() - 1];
        let mut off: f64 = 0.0;
        for p in [0.1, 0.5, 0.8] {
            off = off.max((average(&all, p) - (1.0 - p) * whole).abs());
        }
        example.claim(
            "of a linear network of 12 inputs the average over all 4096 masks is the output times 1 - p, whatever p",
            format!("at most {off:.1e} apart, the output being {whole:.4}"),
            off < 1e-5,
        );

        let (model, x) = learnt(example, 400)?;
        let masks = example.either(3000, 400);
        let [average, whole] = averaged(example, &model, &x, masks)?;
        let middle = mean(&whole);
        let spread = mean(
            &whole
                .iter()
                .map(|y| (y - middle).powi(2))
                .collect::<Vec<_>>(),
        )
        .sqrt();
        let squares: Vec<_> = average
            .iter()
            .zip(&whole)
            .map(|(a, b)| (a - b).powi(2))
            .collect();
        let off = mean(&squares).sqrt();
        example.claim(
            "of a deep network the scaled weights give nearly the average over the masks: within a tenth of the outputs' spread",
            format!("{off:.4} apart (root mean square over 400 rows, {masks} masks), the outputs' standard deviation being {spread:.4}"),
            off < 0.1 * spread && off > 0.0,
        );
        let panel = Panel::new("2-64-64-1, p = 0.2", "scaled network", "average over masks")
            .points("a row", whole.iter().copied().zip(average))
            .line("equal", [-0.8, 0.8].map(|v| (v, v)));
        example.chart(
            "dropout_average.svg",
            &Chart::new("What dropout averages").panel(panel),
        )
    })
}

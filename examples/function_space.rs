//! A network is one way to write down a function: `cargo run --release --example function_space [-- --device DEVICE]`.
//!
//! The texts treat f as a vector indexed by x: its values on a grid are what is optimised, with no network between. The
//! cross-entropy is convex in those values, so that descent finds its one minimum. It is not convex in the weights of a network
//! that writes f down; but a network does not learn each value by itself, and so what lies between the data.

#![expect(
    clippy::cast_possible_truncation,
    reason = "small numbers, and single precision"
)]

mod common;

use std::process::ExitCode;

use common::{Example, Failure};
use thalweg::chart::{Chart, Panel};
use thalweg::data::{Dataset, Inputs, Targets};
use thalweg::device::Device;
use thalweg::executor::{Program, Workspace};
use thalweg::graph::Graph;
use thalweg::graph::ops::Update;
use thalweg::kernel::Tick;
use thalweg::network::{Activation, Loss, Mode, Network, PARAMETERS};
use thalweg::random::{Random, stream};
use thalweg::train::{Optimizer, Trainer};

const GRID: usize = 40;
/// Observations at each point of the grid.
const TRIES: u64 = 8;

fn x(point: usize) -> f64 {
    2.0 * point as f64 / (GRID - 1) as f64 - 1.0
}

/// The probability that is to be found.
fn truth(x: f64) -> f64 {
    1.0 / (1.0 + (-3.0 * (4.0 * x).sin()).exp())
}

/// The share of successes at each point: of 8, and never all or none, so that the best logit is finite.
fn observed() -> Vec<f64> {
    let random = Random::new(5, stream::TEST, 0);
    let hit = |i| u64::from(random.uniform(i) < truth(x((i / TRIES) as usize)));
    let hits =
        (0..GRID as u64).map(|point| (0..TRIES).map(|k| hit(point * TRIES + k)).sum::<u64>());
    hits.map(|h| h.clamp(1, TRIES - 1) as f64 / TRIES as f64)
        .collect()
}

/// The cross-entropy of logits on the grid, and its gradient: of f itself, or of a network's weights.
fn load(
    workspace: &mut Workspace,
    network: Option<&Network>,
    update: Option<Update>,
) -> Result<Program, Failure> {
    let mut graph = Graph::new();
    let t = graph.stored(&workspace.store, "t")?;
    let (z, wrt) = match network {
        None => {
            let f = graph.stored(&workspace.store, "f")?;
            (f, vec![f])
        }
        Some(network) => {
            let x = graph.stored(&workspace.store, "x")?;
            let z = network.forward(&mut graph, &workspace.store, x, Mode::Evaluation)?;
            let parameters = network.parameters().into_iter();
            let wrt: Result<Vec<_>, _> = parameters
                .map(|p| graph.stored(&workspace.store, &p.name))
                .collect();
            (z, wrt?)
        }
    };
    let loss = graph.sigmoid_cross_entropy(z, t)?;
    let loss = graph.mean(loss)?;
    let gradient = graph.differentiate(loss, &wrt)?;
    let mut outputs = vec![loss];
    match update {
        Some(update) => graph.update(&workspace.store, "values", &gradient, update)?,
        None => outputs.extend(gradient),
    }
    Ok(workspace.load("cross-entropy", &graph, &outputs)?)
}

/// The least and the largest second derivative along random directions at random points, by central differences of the
/// gradient in double precision.
fn curvatures(network: Option<&Network>, t: &[f64], tries: u64) -> Result<[f64; 2], Failure> {
    let mut workspace = Workspace::new(Device::Reference.open(None)?.executor);
    workspace.put("t", [GRID, 1], t.to_vec())?;
    let (variables, len) = match network {
        None => {
            workspace.put("f", [GRID, 1], vec![0.0; GRID])?;
            ("f", GRID)
        }
        Some(network) => {
            workspace.put("x", [GRID, 1], (0..GRID).map(x).collect::<Vec<_>>())?;
            network.declare(&mut workspace.store)?;
            (PARAMETERS, workspace.store.block(PARAMETERS)?.len)
        }
    };
    let program = load(&mut workspace, network, None)?;
    // The gradients of the tensors, in their places among the variables.
    let members: Vec<_> = match network {
        None => std::iter::once(0..GRID).collect(),
        Some(_) => {
            let members = &workspace.store.block(PARAMETERS)?.members;
            members
                .iter()
                .map(|m| m.offset..m.offset + m.shape.len())
                .collect()
        }
    };
    let random = Random::new(7, stream::TEST, 0);
    let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
    for attempt in 0..tries {
        let draw = |part: u64| -> Vec<f64> {
            (0..len as u64)
                .map(|i| random.normal((attempt * 2 + part) * 10_000 + i))
                .collect()
        };
        let (point, mut direction) = (draw(0), draw(1));
        let norm = direction.iter().map(|d| d * d).sum::<f64>().sqrt();
        direction.iter_mut().for_each(|d| *d /= norm);
        let h = 1e-4;
        let mut slope = |sign: f64| -> Result<f64, Failure> {
            let at: Vec<f64> = point
                .iter()
                .zip(&direction)
                .map(|(p, d)| p + sign * h * d)
                .collect();
            workspace.write(variables, at)?;
            let gradients = workspace.compute(&program)?;
            let parts = members.iter().zip(&gradients[1..]);
            Ok(parts
                .flat_map(|(at, g)| direction[at.clone()].iter().zip(g))
                .map(|(d, g)| d * g)
                .sum())
        };
        let second = (slope(1.0)? - slope(-1.0)?) / (2.0 * h);
        (least, most) = (least.min(second), most.max(second));
    }
    Ok([least, most])
}

fn main() -> ExitCode {
    Example::run("function_space", |example| {
        let t = observed();
        let logit = |p: &f64| (p / (1.0 - p)).ln();
        let entropy = |t: &[f64], p: &[f64]| -> f64 {
            let each = t
                .iter()
                .zip(p)
                .map(|(t, p)| -(t * p.ln() + (1.0 - t) * (1.0 - p).ln()));
            each.sum::<f64>() / GRID as f64
        };

        // The values themselves.
        let mut workspace = example.workspace()?;
        workspace.put("t", [GRID, 1], t.clone())?;
        workspace
            .store
            .declare_block("values", vec![("f".to_owned(), [GRID, 1].into())])?;
        let sgd = Optimizer::sgd(1.0).update;
        let step = load(&mut workspace, None, Some(sgd))?;
        let tick = Tick {
            learning_rate: 4.0 * GRID as f64,
            ..Tick::default()
        };
        workspace.run(&step, &vec![tick; 300])?;
        let values = workspace.get("f")?;
        let off = values
            .iter()
            .zip(&t)
            .map(|(f, t)| (f - logit(t)).abs())
            .fold(0.0, f64::max);
        example.claim(
            "the best value at each x is the logit of what was observed there, and descent finds it",
            format!("at most {off:.1e} from it"),
            off < 1e-4,
        );

        // The network.
        let network = Network::mlp(1, &[16, 16], 1, Activation::Tanh);
        let grid: Vec<f32> = (0..GRID).map(|point| x(point) as f32).collect();
        let targets = Targets::Numbers {
            values: t.iter().map(|t| *t as f32).collect(),
            outputs: 1,
        };
        let data = Dataset::new(Inputs::F32(grid.clone()), &[1], targets)?;
        let mut trainer = Trainer::new(network.clone(), Loss::SigmoidCrossEntropy)
            .optimizer(Optimizer::adam(0.01))
            .batch_size(GRID)
            .device(example.device.clone());
        trainer.options.steps = Some(example.either(1500, 600));
        let model = trainer.fit(&data)?.model;
        let p: Vec<f64> = model.predict(&grid)?.into_iter().map(f64::from).collect();
        let (free, by_network) = (entropy(&t, &t), entropy(&t, &p));
        let error = |p: &[f64]| {
            let each = p.iter().enumerate().map(|(i, p)| (p - truth(x(i))).powi(2));
            (each.sum::<f64>() / GRID as f64).sqrt()
        };
        example.claim(
            "no network has a smaller loss on the data than the free values; and it is nearer to the truth, since it cannot follow each of them",
            format!(
                "loss {free:.4} free, {by_network:.4} by the network; distance from the truth {:.3} free, {:.3} by the network",
                error(&t),
                error(&p)
            ),
            free < by_network && error(&p) < error(&t),
        );

        let tries = example.either(400, 100);
        let [least, most] = curvatures(None, &t, tries)?;
        example.claim(
            "cross-entropy is convex in the values of f: no second derivative along a direction is negative",
            format!("{least:.2e} to {most:.2e} along {tries} random directions at random points"),
            least >= 0.0,
        );
        let [least, most] = curvatures(Some(&network), &t, tries)?;
        example.claim(
            "it is not convex in the weights: along some direction it is negative",
            format!("{least:.2e} to {most:.2e} along {tries} random directions at random points"),
            least < -1e-6,
        );
        let points = |p: &[f64]| {
            p.iter()
                .enumerate()
                .map(|(i, p)| (x(i), *p))
                .collect::<Vec<_>>()
        };
        let panel = Panel::new("Probability by x", "x", "p")
            .line("truth", (0..GRID).map(|i| (x(i), truth(x(i)))))
            .points("free values, as observed", points(&t))
            .line("network 1-16-16-1", points(&p));
        example.chart(
            "function_space.svg",
            &Chart::new("A function as a vector of its values").panel(panel),
        )
    })
}

//! Why deep networks have ways around their layers: `cargo run --release --example residual [-- --device DEVICE]`.
//!
//! A gradient that passes fifty layers is multiplied fifty times. The texts say that it vanishes on its way, so that the first
//! layers of a plain network do not learn; a residual block y = x + f(x) lets it pass, and fifty of them can be trained.

mod common;

use std::process::ExitCode;

use common::{Example, Failure, mean};
use thalweg::chart::{Chart, Panel};
use thalweg::data::{Dataset, Normalize, Preparation, Spec, TableOptions, Targets, Task};
use thalweg::executor::Workspace;
use thalweg::graph::Graph;
use thalweg::network::{Activation, Init, Layer, Loss, Mode, Network};
use thalweg::train::{Callbacks, Optimizer, Then, Trainer};

const DEPTH: usize = 50;
const WIDTH: usize = 16;

/// Fifty layers between the first and the last, in residual blocks or not.
fn network(residual: bool) -> Network {
    let linear = Layer::Linear {
        outputs: WIDTH,
        bias: true,
    };
    let tanh = Layer::Activation {
        function: Activation::Tanh,
    };
    let first = Network::new(2).layer(linear.clone()).layer(tanh.clone());
    let deep = (0..DEPTH).fold(first, |network, _| {
        let layers = vec![linear.clone(), tanh.clone()];
        if residual {
            network.layer(Layer::Residual { layers })
        } else {
            layers.into_iter().fold(network, Network::layer)
        }
    });
    deep.linear(2)
}

/// The norm of the gradient at each weight of a new network, from the first layer to the last.
fn gradient_norms(
    example: &Example,
    network: &Network,
    x: &[f32],
    labels: &[u32],
    seed: u64,
) -> Result<Vec<f64>, Failure> {
    let mut workspace: Workspace = example.workspace()?;
    network.declare(&mut workspace.store)?;
    for (parameter, values) in network.lasting().zip(network.initial(Init::Default, seed)) {
        workspace.write(&parameter.name, values)?;
    }
    workspace.put("x", [labels.len(), 2], x.to_vec())?;
    workspace.put("labels", [labels.len()], labels.to_vec())?;
    let mut graph = Graph::new();
    let x = graph.stored(&workspace.store, "x")?;
    let labels = graph.stored(&workspace.store, "labels")?;
    let y = network.forward(&mut graph, &workspace.store, x, Mode::Evaluation)?;
    let loss = Loss::CrossEntropy.build(&mut graph, y, labels)?.loss;
    let weights = network
        .parameters()
        .into_iter()
        .filter(|p| p.shape.rank() == 2);
    let weights: Result<Vec<_>, _> = weights
        .map(|p| graph.stored(&workspace.store, &p.name))
        .collect();
    let gradients = graph.differentiate(loss, &weights?)?;
    let program = workspace.load("gradients", &graph, &gradients)?;
    let norm = |g: &Vec<f64>| g.iter().map(|v| v * v).sum::<f64>().sqrt();
    Ok(workspace.compute(&program)?.iter().map(norm).collect())
}

fn main() -> ExitCode {
    Example::run("residual", |example| {
        let spec = format!("moons:n={},noise=0.1,seed=1", example.either(400, 200));
        let moons = spec.parse::<Spec>()?.load(&TableOptions::default())?;
        let rows: Vec<u32> = (0..u32::try_from(moons.rows())?).collect();
        let data =
            Preparation::fit(&moons, &rows, Task::Auto, Normalize::Standard)?.prepare(&moons)?;
        let x = data.inputs_of(0..data.rows())?;
        let Targets::Classes { labels, .. } = data.targets() else {
            return Err("moons have classes".into());
        };
        let data = Dataset::classes(&x, 2, labels)?;

        let kinds = [("plain", network(false)), ("residual", network(true))];
        let mut norms = Panel::new("Gradient at the start", "layer", "norm").log_y();
        let mut ratios = Vec::new();
        for (name, network) in &kinds {
            let found = gradient_norms(example, network, &x, labels, 0)?;
            // The blocks between; the first and the last layer have other shapes.
            let (first, last) = (found[1], found[DEPTH]);
            ratios.push(first / last);
            norms = norms.line(*name, (0_u32..).map(f64::from).zip(found));
        }
        example.claim(
            "through fifty plain layers the gradient vanishes; around residual blocks it does not",
            format!("norm at the first of the fifty layers over that at the last: {:.1e} plain, {:.2} residual", ratios[0], ratios[1]),
            ratios[0] < 1e-6 && (0.1..1000.0).contains(&ratios[1]),
        );

        let seeds = example.either(5, 1);
        let mut curves = Panel::new("Training", "epoch", "loss");
        let mut accuracies = Vec::new();
        for (name, network) in &kinds {
            let mut all = Vec::new();
            for seed in 0..seeds {
                let trainer = Trainer::new(network.clone(), Loss::CrossEntropy)
                    .optimizer(Optimizer::adam(0.001))
                    .batch_size(50)
                    .epochs(example.either(60, 15))
                    .seed(seed)
                    .device(example.device.clone());
                let mut losses = Vec::new();
                let mut note = Callbacks::new().on_epoch_end(|report| {
                    losses.push((report.epoch as f64, report.train.loss));
                    Then::GoOn
                });
                let fit = trainer.fit_with(&data, None, &mut note)?;
                drop(note);
                all.push(fit.summary.train.accuracy.unwrap_or(0.0));
                if seed == 0 {
                    curves = curves.line(*name, losses);
                }
            }
            accuracies.push(all);
        }
        let least = |all: &[f64]| all.iter().copied().fold(f64::INFINITY, f64::min);
        let most = |all: &[f64]| all.iter().copied().fold(0.0, f64::max);
        example.claim(
            "so the plain network stays at chance, and the residual one learns two moons",
            format!(
                "accuracies {:.3?} plain (mean {:.3}), {:.3?} residual (mean {:.3})",
                accuracies[0],
                mean(&accuracies[0]),
                accuracies[1],
                mean(&accuracies[1])
            ),
            most(&accuracies[0]) < 0.65 && least(&accuracies[1]) > 0.95,
        );
        let chart = Chart::new("Fifty layers")
            .columns(2)
            .panel(norms)
            .panel(curves);
        example.chart("residual.svg", &chart)
    })
}

//! Two valleys: `cargo run --release --example local_minima [-- --device DEVICE]`.
//!
//! Steps against the gradient end in the valley that they begin in, deep or not; momentum can carry them over a hill. Here
//! E(x) = x⁴ - 2x² + x has valleys near -1.11 (deeper) and 0.84, and a hill between. All starts are the elements of one
//! tensor, since the gradient of a sum of E is the derivative at each.

mod common;

use std::process::ExitCode;

use common::{Example, Failure};
use thalweg::chart::{Chart, Panel};
use thalweg::graph::Graph;
use thalweg::graph::ops::Update;
use thalweg::kernel::Tick;

const TILT: f64 = 1.0;
const RATE: f64 = 0.02;

fn loss(x: f64) -> f64 {
    x.powi(4) - 2.0 * x * x + TILT * x
}

/// Where the slope 4x³ - 4x + 1 is 0, from a point near by.
fn flat(mut x: f64) -> f64 {
    for _ in 0..50 {
        x -= (4.0 * x.powi(3) - 4.0 * x + TILT) / (12.0 * x * x - 4.0);
    }
    x
}

/// Where each start ends after so many steps.
fn descend(
    example: &Example,
    starts: &[f64],
    momentum: f64,
    steps: usize,
) -> Result<Vec<f64>, Failure> {
    let mut workspace = example.workspace()?;
    let block = vec![("x".to_owned(), [starts.len()].into())];
    workspace.store.declare_block("points", block)?;
    let sgd = Update::Sgd {
        momentum,
        nesterov: false,
        weight_decay: 0.0,
    };
    for state in sgd.states() {
        workspace.store.declare_like("points", state)?;
    }
    let mut graph = Graph::new();
    let x = graph.stored(&workspace.store, "x")?;
    let square = graph.mul(x, x)?;
    let fourth = graph.mul(square, square)?;
    let (square, linear) = (graph.scale(square, -2.0)?, graph.scale(x, TILT)?);
    let rest = graph.add(square, linear)?;
    let each = graph.add(fourth, rest)?;
    let all = graph.sum(each)?;
    let gradient = graph.differentiate(all, &[x])?;
    graph.update(&workspace.store, "points", &gradient, sgd)?;
    let step = workspace.load("a step of all starts", &graph, &[])?;
    workspace.write("x", starts.to_vec())?;
    let ticks: Vec<_> = (1..=u32::try_from(steps)?)
        .map(|step| Tick {
            step,
            learning_rate: RATE,
            ..Tick::default()
        })
        .collect();
    workspace.run(&step, &ticks)?;
    Ok(workspace.get("x")?)
}

fn main() -> ExitCode {
    Example::run("local_minima", |example| {
        let [deep, hill, shallow] = [-1.0, 0.2, 1.0].map(flat);
        let starts: Vec<f64> = (0..121_u8).map(|i| -1.5 + f64::from(i) / 40.0).collect();
        let steps = example.either(1000, 600);
        let plain = descend(example, &starts, 0.0, steps)?;
        let carried = descend(example, &starts, 0.95, steps)?;

        let near = |x: f64, valley: f64| (x - valley).abs() < 1e-3;
        let own =
            |(start, end): (&f64, &f64)| near(*end, if *start < hill { deep } else { shallow });
        let stayed = starts.iter().zip(&plain).filter(|pair| own(*pair)).count();
        example.claim(
            "without momentum each start ends in the valley on its side of the hill",
            format!("{stayed} of {}; valleys {deep:.4} (E = {:.4}) and {shallow:.4} (E = {:.4}), hill {hill:.4}", starts.len(), loss(deep), loss(shallow)),
            stayed == starts.len(),
        );
        let ends = |found: &[f64], valley: f64| found.iter().filter(|x| near(**x, valley)).count();
        let left = starts
            .iter()
            .zip(&carried)
            .filter(|(start, end)| **start > hill && near(**end, deep))
            .count();
        let lost = starts
            .iter()
            .zip(&carried)
            .filter(|(start, end)| **start < hill && near(**end, shallow))
            .count();
        example.claim(
            "momentum leaves the shallower valley from some starts, and the deeper one gets more of them than without",
            format!(
                "with momentum 0.95, {left} starts leave the shallower valley and {lost} the deeper; {} end in the deeper, {} without",
                ends(&carried, deep),
                ends(&plain, deep)
            ),
            left > lost && ends(&carried, deep) > ends(&plain, deep) && ends(&carried, deep) + ends(&carried, shallow) == starts.len(),
        );
        let curve = (0..=160_u8)
            .map(|i| -1.6 + f64::from(i) / 50.0)
            .map(|x| (x, loss(x)));
        let valley = Panel::new("E, and where starts end", "x", "E")
            .line("E", curve)
            .points("without momentum", plain.iter().map(|x| (*x, loss(*x))));
        let map = Panel::new("From start to end", "start", "end")
            .points("without momentum", starts.iter().copied().zip(plain))
            .points("momentum 0.95", starts.iter().copied().zip(carried));
        let chart = Chart::new("Two valleys")
            .columns(2)
            .panel(valley)
            .panel(map);
        example.chart("local_minima.svg", &chart)
    })
}

//! Can one read what a network has learnt? Models that one can read mimic it, and are held against it on rows that they did not
//! learn from: `cargo run --release --example surrogate [--device DEVICE] [--short]`.
//!
//! The text claims: a linear model cannot mimic a network that bends, but around one row it can, and the nearer the better
//! (LIME); a tree of few questions mimics it with a fidelity that grows with its depth.

mod common;

use std::process::ExitCode;

use common::{Example, Failure, Table, mean};
use thalweg::chart::{Chart, Panel};
use thalweg::data::Dataset;
use thalweg::explain::{
    Explainer, Fidelity, Goal, Linear, Locality, Quantity, Spread, Tree, TreeNode, Words,
};
use thalweg::network::{Activation, Loss, Network};
use thalweg::random::{Random, stream};
use thalweg::train::{Optimizer, Trainer};

fn main() -> ExitCode {
    Example::run("surrogate", |example| {
        let data = moons(example.either(2000, 600))?;
        let network = Network::mlp(2, &[32, 32], 2, Activation::Relu);
        let trainer = Trainer::new(network, Loss::CrossEntropy).optimizer(Optimizer::adam(0.01));
        let fit = trainer
            .batch_size(64)
            .epochs(example.either(40, 15))
            .device(example.device.clone())
            .fit(&data)?;
        let mut explainer = Explainer::new(&fit.model, example.device.open(None)?.executor)?;

        let x = data.inputs_of(0..data.rows())?;
        let spread = Spread::of(&x, 2);
        let y = explainer.answers(Quantity::Probability, &x)?;
        let learnt = data.rows() * 7 / 10;
        let wide: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
        let model = Linear::fit(&wide[..2 * learnt], &y[..2 * learnt], 2, None, 1e-6)?;
        let linear = Fidelity::of(
            &model.answers(&wide[2 * learnt..]),
            &y[2 * learnt..],
            2,
            None,
        );

        let course = around(example, &mut explainer, &x, &y, &spread)?;

        let best = |y: &[f64]| usize::from(y[1] > y[0]);
        let labels: Vec<usize> = y.chunks(2).map(best).collect();
        let mut depths = Vec::new();
        let mut last = None;
        for depth in 1..=8 {
            let goal = Goal::Classes {
                labels: &labels[..learnt],
                classes: 2,
            };
            let tree = Tree::grow(&x[..2 * learnt], 2, goal, depth, 1)?;
            let said = tree.answers(&x[2 * learnt..], 2);
            let same = said
                .iter()
                .zip(&labels[learnt..])
                .filter(|(s, l)| **s == **l as f64)
                .count();
            depths.push((depth as f64, same as f64 / said.len() as f64));
            last = Some(tree).filter(|_| depth == 3).or(last);
        }
        let (first, deep) = (depths[0].1, depths[7].1);
        let global = linear.agreement.unwrap_or(0.0);
        example.claim(
            "a tree mimics it with a fidelity that grows with its depth, past that of a linear model",
            format!("{:.1} % of the same answers with 1 question, {:.1} % with 8, and {:.1} % by a linear model", 100.0 * first, 100.0 * deep, 100.0 * global),
            deep > first && deep > global && deep > 0.95,
        );
        let tree = last.ok_or("a tree of three questions was grown")?;
        let words = Words {
            question: &|split| format!("{} <= {:.2}", ["x", "y"][split.feature], split.threshold),
            answer: &|node: &TreeNode| {
                format!("{:?}", node.answer)
                    .chars()
                    .take(8)
                    .collect::<String>()
                    .replace("Class(", "moon ")
                    .replace(',', "")
            },
        };
        example.tell(format!("a tree of three questions:\n{}", tree.text(&words)));
        example.write("tree.svg", tree.svg(&words).as_bytes())?;

        let chart = Chart::new("How well models that one can read mimic a network")
            .columns(2)
            .panel(
                Panel::new(
                    "around a row: the kernel's width",
                    "width, in deviations",
                    "R2 held out",
                )
                .log_x()
                .line("local linear", course),
            )
            .panel(
                Panel::new(
                    "everywhere: questions of a tree",
                    "depth",
                    "share of the same answers",
                )
                .line("tree", depths)
                .line("linear", [(1.0, global), (8.0, global)]),
            );
        example.chart("surrogate.svg", &chart)
    })
}

/// How well linear models mimic the network around rows, by the width of the kernel.
fn around(
    example: &mut Example,
    explainer: &mut Explainer,
    x: &[f32],
    y: &[f64],
    spread: &Spread,
) -> Result<Vec<(f64, f64)>, Failure> {
    // Rows near the border, where the network bends.
    let unsure = |row: &usize| (y[2 * row] - 0.5).abs() < 0.45;
    let rows: Vec<usize> = (0..x.len() / 2)
        .filter(unsure)
        .take(example.either(20, 4))
        .collect();
    let mut told = Table::new(["kernel's width", "R2 on held-out rows"]);
    let mut course = Vec::new();
    for width in [0.03, 0.1, 0.3, 1.0, 3.0] {
        let how = Locality {
            // A narrow kernel counts few of the rows that are drawn.
            samples: example.either(20_000, 8000),
            width: Some(width),
            ridge: 1e-9,
            seed: 0,
        };
        let found = rows.iter().map(|&row| {
            let local =
                explainer.local(Quantity::Logit, &x[2 * row..2 * row + 2], 1, spread, how)?;
            Ok(local.fidelity.r2.unwrap_or(0.0))
        });
        let found = found.collect::<Result<Vec<f64>, Failure>>()?;
        told.row(width, [format!("{:.4}", mean(&found))]);
        course.push((width, mean(&found)));
    }
    example.tell(told);
    example.claim(
        "a linear model mimics the network around a row better, the nearer it looks",
        format!(
            "R2 {:.4} at a width of 0.03 deviations, {:.4} at 3, over {} rows near the border",
            course[0].1,
            course[4].1,
            rows.len()
        ),
        course.windows(2).take(3).all(|w| w[0].1 > w[1].1)
            && course[2].1 > course[4].1
            && course[0].1 > 0.9,
    );
    Ok(course)
}

/// The two moons with rows in random order.
fn moons(rows: usize) -> Result<Dataset, Failure> {
    let data = common::rows(&format!("moons:n={rows},noise=0.15,seed=4"))?;
    let order = Random::new(4, stream::SPLIT, 0).permutation(data.rows());
    Ok(data.select(&order))
}

//! Cross-entropy is a likelihood: `cargo run --release --example likelihood [-- --device DEVICE]`.
//!
//! An output p = sigmoid(z) is read as the probability of a Bernoulli variable. The likelihood of observed t is Π pᵗ (1 - p)¹⁻ᵗ;
//! the texts say that its negative logarithm is the cross-entropy, whose gradient at the logits z is p - t. The same holds for
//! the classes of a softmax.

#![expect(
    clippy::cast_possible_truncation,
    reason = "small numbers, and single precision"
)]

mod common;

use std::process::ExitCode;

use common::{Example, Failure};
use thalweg::chart::{Chart, Panel};
use thalweg::graph::Graph;
use thalweg::random::{Random, stream};

const ROWS: usize = 500;
const CLASSES: usize = 5;

/// The loss in the mean over the rows, and its gradient at the logits.
fn on_device(
    example: &Example,
    logits: &[f64],
    by_class: Option<&[u32]>,
    targets: &[f64],
) -> Result<(f64, Vec<f64>), Failure> {
    let mut workspace = example.workspace()?;
    let columns = logits.len() / ROWS;
    workspace.put("z", [ROWS, columns], logits.to_vec())?;
    match by_class {
        Some(labels) => workspace.put("t", [ROWS], labels.to_vec())?,
        None => workspace.put("t", [ROWS, columns], targets.to_vec())?,
    }
    let mut graph = Graph::new();
    let z = graph.stored(&workspace.store, "z")?;
    let t = graph.stored(&workspace.store, "t")?;
    let loss = match by_class {
        Some(_) => graph.softmax_cross_entropy(z, t)?,
        None => graph.sigmoid_cross_entropy(z, t)?,
    };
    let loss = graph.mean(loss)?;
    let gradient = graph.differentiate(loss, &[z])?[0];
    let program = workspace.load("cross-entropy", &graph, &[loss, gradient])?;
    let mut found = workspace.compute(&program)?;
    Ok((found[0][0], found.swap_remove(1)))
}

fn main() -> ExitCode {
    Example::run("likelihood", |example| {
        let random = Random::new(3, stream::TEST, 0);
        let single = |x: f64| f64::from(x as f32);
        let z: Vec<f64> = (0..ROWS as u64)
            .map(|i| single(3.0 * random.normal(i)))
            .collect();
        let p: Vec<f64> = z.iter().map(|z| 1.0 / (1.0 + (-z).exp())).collect();
        let t: Vec<f64> = (0..ROWS)
            .map(|i| f64::from(u8::from(random.uniform(10_000 + i as u64) < p[i])))
            .collect();
        // The likelihood as it is defined. That of all rows is no f64 any more, so their logarithms are added.
        let likelihood = |i: usize| p[i].powf(t[i]) * (1.0 - p[i]).powf(1.0 - t[i]);
        let by_definition = -(0..ROWS).map(|i| likelihood(i).ln()).sum::<f64>() / ROWS as f64;
        let (loss, gradient) = on_device(example, &z, None, &t)?;
        example.claim(
            "cross-entropy is the negative log-likelihood of Bernoulli outputs",
            format!(
                "{loss:.9} and {by_definition:.9}, {:.1e} apart",
                (loss - by_definition).abs()
            ),
            (loss - by_definition).abs() < 1e-6,
        );
        let off = (0..ROWS).map(|i| (gradient[i] * ROWS as f64 - (p[i] - t[i])).abs());
        let off = off.fold(0.0, f64::max);
        example.claim(
            "its gradient at the logits is p - t",
            format!("at most {off:.1e} apart over {ROWS} rows"),
            off < 1e-6,
        );

        let z: Vec<f64> = (0..(ROWS * CLASSES) as u64)
            .map(|i| single(2.0 * random.normal(i + (1 << 20))))
            .collect();
        let labels: Vec<u32> = (0..ROWS as u64)
            .map(|i| random.below(i + (1 << 21), CLASSES as u32))
            .collect();
        let p: Vec<f64> = z
            .chunks(CLASSES)
            .flat_map(|row| {
                let sum: f64 = row.iter().map(|z| z.exp()).sum();
                row.iter().map(move |z| z.exp() / sum).collect::<Vec<_>>()
            })
            .collect();
        let truth = |i: usize| labels[i / CLASSES] as usize == i % CLASSES;
        let by_definition: f64 = (0..p.len())
            .filter(|&i| truth(i))
            .map(|i| -p[i].ln())
            .sum::<f64>()
            / ROWS as f64;
        let (loss, gradient) = on_device(example, &z, Some(&labels), &[])?;
        let off = (0..p.len())
            .map(|i| (gradient[i] * ROWS as f64 - (p[i] - f64::from(u8::from(truth(i))))).abs());
        let off = off.fold(0.0, f64::max);
        example.claim(
            "the same of classes: the loss is the negative log-likelihood, and its gradient p - t with t one-hot",
            format!("{loss:.9} and {by_definition:.9}; gradients at most {off:.1e} apart"),
            (loss - by_definition).abs() < 1e-6 && off < 1e-6,
        );

        // The loss of one output for a coin that shows heads in 70 of 100 throws, by the probability that is claimed.
        let claimed: Vec<f64> = (1..100_u8).map(|i| f64::from(i) / 100.0).collect();
        let curve = |p: f64| -(0.7 * p.ln() + 0.3 * (1.0 - p).ln());
        let best = claimed
            .iter()
            .copied()
            .min_by(|a, b| curve(*a).total_cmp(&curve(*b)));
        example.claim(
            "the probability of the largest likelihood is the observed share",
            format!("{:?} of 0.7", best.unwrap_or(f64::NAN)),
            best == Some(0.7),
        );
        let panel = Panel::new(
            "70 heads of 100 throws",
            "p that is claimed",
            "negative log-likelihood a throw",
        )
        .line("a claim", claimed.iter().map(|&p| (p, curve(p))))
        .points("the share of heads", [(0.7, curve(0.7))]);
        example.chart(
            "likelihood.svg",
            &Chart::new("Cross-entropy is a likelihood").panel(panel),
        )
    })
}

//! A network of sigmoid units: 256 pixels (16 x 16), hidden units, 10 probabilities, by the squared error and by the
//! cross-entropy: `cargo run --release --example digits [-- --device gpu]`.
//!
//! On `glyphs`, digits that the library draws; and on the handwritten digits of Semeion (Buscema and Tattile, 1593 of 16 x 16,
//! UCI repository) if SEMEION names their file, `semeion.data` or the same gzipped.
//!
//! Claims: both losses learn to read digits that the network has not seen, over several seeds; with the softmax the outputs
//! are probabilities; and by the cross-entropy, whose gradient does not vanish where a unit is sure and wrong, the network is
//! better after few steps.

mod common;

use std::io::Read;
use std::process::ExitCode;

use thalweg::chart::{Chart, Panel, Picture};
use thalweg::data::{Dataset, Inputs, Targets, split};
use thalweg::network::{Activation, Loss, Network};
use thalweg::train::population::{Common, Member, Population};
use thalweg::train::{Model, Optimizer};

use common::{Example, Failure, Table, mean, rows};

const HIDDEN: usize = 40;
/// Steps between two looks.
const EVERY: u32 = 25;

/// A line is 256 pixels of 0 or 1 and 10 numbers, of which that of the digit is 1.
fn semeion(path: &str) -> Result<Dataset, Failure> {
    let bytes = std::fs::read(path).map_err(|e| format!("SEMEION={path}: {e}"))?;
    let mut text = String::new();
    if bytes.starts_with(&[0x1f, 0x8b]) {
        // The file has a few hundred thousand bytes for each of its hundreds.
        flate2::read::GzDecoder::new(&bytes[..])
            .take(1 << 24)
            .read_to_string(&mut text)?;
    } else {
        text = String::from_utf8(bytes)?;
    }
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for (number, line) in (1..).zip(text.lines()) {
        let values: Result<Vec<f32>, _> = line.split_whitespace().map(str::parse).collect();
        let values = values.map_err(|e| format!("{path}:{number}: {e}"))?;
        let label = values.iter().skip(256).position(|&v| v == 1.0);
        let (266, Some(label)) = (values.len(), label) else {
            let found = values.len();
            return Err(format!(
                "{path}:{number}: found {found} numbers; expected 256 and 10, one of them 1"
            )
            .into());
        };
        pixels.extend_from_slice(&values[..256]);
        labels.push(u32::try_from(label)?);
    }
    let targets = Targets::Classes {
        labels,
        classes: 10,
    };
    Ok(Dataset::new(Inputs::F32(pixels), &[16, 16], targets)?)
}

/// What a loss came to: steps, the mean accuracy over the seeds on rows that did not train; the accuracies at the end; a model;
/// and by how much the outputs of a row are from adding up to 1, at most.
struct Learnt {
    curve: Vec<(f64, f64)>,
    last: Vec<f64>,
    model: Model,
    from_one: f64,
}

fn learn(example: &Example, data: &Dataset, loss: Loss, steps: u32) -> Result<Learnt, Failure> {
    let (training, held_out) = split(data.rows(), 0.25, 1, true)?;
    let mut network = Network::mlp(256, &[HIDDEN], 10, Activation::Sigmoid);
    if loss == Loss::SquaredError {
        network = network.activation(Activation::Sigmoid);
    }
    let seeds = example.either(8, 3);
    let member = |seed| {
        Member::new(network.clone(), seed)
            .learning_rate(0.005)
            .rows(training.clone())
    };
    let common = Common {
        loss,
        batch_size: 32,
        shuffle: true,
        update: Optimizer::adam(0.0).update,
    };
    let members = (0..seeds).map(member).collect();
    let mut population = Population::new(members, data, common, &example.device)?;
    let held_out = data.select(&held_out);
    let Targets::Classes { labels, .. } = held_out.targets() else {
        return Err("digits are classes".into());
    };
    let x = held_out.inputs_of(0..held_out.rows())?;
    let (mut curve, mut last, mut from_one) = (Vec::new(), Vec::new(), 0.0_f64);
    while population.steps() < steps {
        population.train(EVERY)?;
        let predicted = population.predict(&x)?;
        let largest =
            |row: &[f32]| (0..10).fold(0, |best, c| if row[c] > row[best] { c } else { best });
        let right = |y: &Vec<f32>| {
            let hits = y
                .chunks(10)
                .zip(labels)
                .filter(|(row, label)| largest(row) == **label as usize);
            hits.count() as f64 / labels.len() as f64
        };
        last = predicted.iter().map(right).collect();
        curve.push((f64::from(population.steps()), mean(&last)));
        let sums = predicted
            .iter()
            .flat_map(|y| y.chunks(10))
            .map(|row| row.iter().sum::<f32>());
        from_one = sums
            .map(|sum| f64::from((sum - 1.0).abs()))
            .fold(0.0, f64::max);
    }
    let model = population.models()?.swap_remove(0);
    Ok(Learnt {
        curve,
        last,
        model,
        from_one,
    })
}

/// What hidden units look at.
fn weights(model: &Model, unit: usize) -> Panel {
    let weights = model.values[0][unit * 256..][..256]
        .iter()
        .map(|&w| f64::from(w));
    Panel::of(
        Picture::signed(16, weights.collect()),
        format!("Unit {}", unit + 1),
        "its weights",
    )
}

/// Both losses on one data set.
fn both(example: &mut Example, name: &str, data: &Dataset, least: f64) -> Result<Chart, Failure> {
    let steps = example.either(1000, 300);
    let entropy = learn(example, data, Loss::CrossEntropy, steps)?;
    let squared = learn(example, data, Loss::SquaredError, steps)?;
    let losses = [("cross-entropy", &entropy), ("squared error", &squared)];
    let worst = |learnt: &Learnt| learnt.last.iter().copied().fold(1.0, f64::min);
    let mut table = Table::new([
        "loss",
        "after 25 steps",
        "after 100",
        "at the end, worst seed",
        "mean",
    ]);
    for (loss, learnt) in losses {
        let (early, late) = (learnt.curve[0].1, learnt.curve[3].1);
        let figures = [early, late, worst(learnt), mean(&learnt.last)];
        table.row(loss, figures.map(|f| format!("{f:.3}")));
    }
    let rows = data.rows();
    example.tell(format!(
        "{name}: {rows} pictures, a quarter held out; 256-{HIDDEN}-10 sigmoid units; accuracy\n{table}"
    ));
    for (loss, learnt) in losses {
        let worst = worst(learnt);
        example.claim(
            &format!(
                "by the {loss}, sigmoid units read {name}: {:.0} % right from every seed",
                100.0 * least
            ),
            format!(
                "{:.1} % from the worst of {} seeds",
                100.0 * worst,
                learnt.last.len()
            ),
            worst >= least,
        );
    }
    example.claim(
        "the outputs of the softmax are probabilities: they add up to 1",
        format!("at most {:.1e} from it", entropy.from_one),
        entropy.from_one < 1e-5,
    );
    let (a, b) = (entropy.curve[3].1, squared.curve[3].1);
    example.claim(
        "after 100 steps the cross-entropy is ahead of the squared error",
        format!("{:.1} % against {:.1} % right", 100.0 * a, 100.0 * b),
        a > b,
    );
    let accuracy = Panel::new("Accuracy on held-out rows", "steps", "share right")
        .line("cross-entropy", entropy.curve.clone())
        .line("squared error", squared.curve.clone());
    let chart = Chart::new(format!("Sigmoid units on {name}")).panel(accuracy);
    Ok((0..5).fold(chart, |chart, unit| {
        chart.panel(weights(&entropy.model, unit))
    }))
}

fn main() -> ExitCode {
    Example::run("digits", |example| {
        let data = rows(&format!("glyphs:n={}", example.either(4000, 1200)))?;
        let chart = both(example, "glyphs", &data, example.either(0.95, 0.7))?;
        example.chart("glyphs.svg", &chart)?;
        if let Ok(path) = std::env::var("SEMEION") {
            let chart = both(
                example,
                "Semeion",
                &semeion(&path)?,
                example.either(0.85, 0.7),
            )?;
            example.chart("semeion.svg", &chart)?;
        }
        Ok(())
    })
}

//! What does a unit wait for? Inputs are made by gradient ascent that excite the outputs of a network for digits, and rows are
//! found that do: `cargo run --release --example activation [--device DEVICE] [--short]`.
//!
//! The text claims: the gradient at the input, followed upwards, makes a picture of what a unit responds to, and it excites
//! the unit more than any picture there is. The network must read what was made as the digit that was asked for, and the
//! pictures that excite an output most must show its digit.

mod common;

use std::process::ExitCode;

use common::{Example, rate, reader, rows};
use thalweg::chart::{Chart, Panel, Picture};
use thalweg::data::{Dataset, Targets};
use thalweg::explain::{Excited, Exciting, Explainer, Place, Quantity, Spread};

const SIDE: usize = 16;

fn main() -> ExitCode {
    Example::run("activation", |example| {
        let data = rows(&format!("glyphs:n={},seed=3", example.either(4000, 600)))?;
        let model = reader(example, &data, &[64, 32])?;
        let mut explainer = Explainer::new(&model, example.device.open(None)?.executor)?;

        let x = data.inputs_of(0..data.rows())?;
        let spread = Spread::of(&x, SIDE * SIDE);
        let how = Exciting {
            steps: example.either(300, 120),
            rate: 0.05,
            l2: 0.1,
            start: spread.mean_row(),
            low: spread.low.clone(),
            high: spread.high.clone(),
        };
        let digits: Vec<usize> = (0..10).collect();
        let outputs = Place::Outputs(Quantity::Logit);
        let made = explainer.excite(outputs, &digits, &how)?;
        let rows = explainer.most_excited(outputs, &digits, &x, 5)?;

        let more = made
            .iter()
            .zip(&rows)
            .filter(|(made, rows)| made.values[1] > rows[0].1)
            .count();
        example.claim(
            "what is made excites an output more than any picture of the data",
            rate(more, 10),
            more == 10,
        );
        let pictures: Vec<f32> = made
            .iter()
            .flat_map(|made| made.x.iter().copied())
            .collect();
        let answers = explainer.answers(Quantity::Probability, &pictures)?;
        let right = answers
            .chunks(10)
            .enumerate()
            .filter(|(digit, p)| p[*digit] > 0.5)
            .count();
        example.claim(
            "the network reads it as that digit, with more than 0.5",
            rate(right, 10),
            right == 10,
        );
        let Targets::Classes { labels, .. } = data.targets() else {
            return Err("glyphs have classes".into());
        };
        let own = |(digit, rows): (usize, &Vec<(usize, f64)>)| {
            rows.iter()
                .filter(|(row, _)| labels[*row] as usize == digit)
                .count()
        };
        let shown: usize = rows.iter().enumerate().map(own).sum();
        example.claim(
            "the pictures that excite an output most show its digit",
            rate(shown, 50),
            shown >= 48,
        );

        // Hidden units too, though many are off at the mean of the data.
        let hidden = Place::Hidden(0);
        let units: Vec<usize> = (0..64).collect();
        let made_hidden = explainer.excite(hidden, &units, &Exciting { l2: 0.0, ..how })?;
        let rows_hidden = explainer.most_excited(hidden, &units, &x, 1)?;
        let more = made_hidden
            .iter()
            .zip(&rows_hidden)
            // No row excites a dead unit.
            .filter(|(made, rows)| rows.first().is_none_or(|best| made.values[1] >= best.1))
            .count();
        let off = made_hidden
            .iter()
            .filter(|made| made.values[0] == 0.0)
            .count();
        example.claim(
            "hidden units are excited more than by any picture, though some are off at first",
            format!("{}; {off} were off", rate(more, 64)),
            more == 64 && off > 0,
        );

        example.chart("activation.svg", &drawn(&made, &rows, &data))
    })
}

/// What was made for each output, and below it the picture that excites it most.
fn drawn(made: &[Excited], rows: &[Vec<(usize, f64)>], data: &Dataset) -> Chart {
    let mut chart =
        Chart::new("What excites an output: made, and the picture that does most").columns(5);
    let picture = |x: &[f32], title: String, logit: f64| {
        let picture = Picture::gray(SIDE, x.iter().map(|&x| f64::from(x)).collect());
        Panel::of(picture, title, format!("logit {logit:.1}"))
    };
    for five in [0..5, 5..10] {
        for made in &made[five.clone()] {
            let title = format!("made for {}", made.unit);
            chart = chart.panel(picture(&made.x, title, made.values[1]));
        }
        for digit in five {
            let (row, logit) = rows[digit][0];
            chart = chart.panel(picture(&data.row(row), format!("best for {digit}"), logit));
        }
    }
    chart
}

//! The network for speech: seven layers of 1000 units, `cargo run --release --example speech [-- --device gpu]`.
//!
//! Sounds are made up, as the recordings are not free: a phoneme is three formants, bumps in a spectrum of 40 bands that slide a
//! little over 11 frames of 10 ms; a speaker has a longer or a shorter vocal tract, which shifts all formants, and a loudness;
//! and there is noise. A row is the 11 x 40 energies around a moment, the class one of 40 phonemes.
//!
//! Claims: a layer between layers of 1000 units has a million parameters; and the network learns on the device, its loss falls.

#![expect(
    clippy::cast_possible_truncation,
    reason = "inputs are rounded to f32, and rows are few"
)]

mod common;

use std::process::ExitCode;

use thalweg::chart::{Chart, Panel, Picture};
use thalweg::data::Dataset;
use thalweg::network::{Activation, Init, Loss, Network};
use thalweg::random::{Random, stream};
use thalweg::train::{Callback, Optimizer, StepsReport, Trainer};

use common::{Example, Failure, mean};

const FRAMES: usize = 11;
const BANDS: usize = 40;
const PHONEMES: u32 = 40;

/// Formants of a phoneme, in bands, and how far each slides over the frames.
fn formants(phoneme: u32) -> [[f64; 2]; 3] {
    let random = Random::new(1, stream::GENERATOR, 0);
    [[3.0, 9.0], [11.0, 12.0], [25.0, 10.0]].map(|[low, width]| {
        let at = u64::from(phoneme) * 8 + low as u64 % 3 * 2;
        [
            low + width * random.uniform(at),
            4.0 * random.uniform(at + 1) - 2.0,
        ]
    })
}

/// Energies of frames and bands, and the phoneme.
fn sounds(rows: usize) -> Result<Dataset, Failure> {
    let (mut x, mut labels) = (Vec::new(), Vec::new());
    for row in 0..rows {
        let draws = Random::new(2, stream::GENERATOR, u32::try_from(row)?);
        let phoneme = draws.below(0, PHONEMES);
        let (shift, loudness) = (0.06 * draws.normal(1), 1.0 + 0.2 * draws.normal(2));
        let formants = formants(phoneme);
        for frame in 0..FRAMES {
            let time = frame as f64 / (FRAMES - 1) as f64 - 0.5;
            for band in 0..BANDS {
                let bump = |[centre, slide]: [f64; 2]| {
                    let from = band as f64 - (centre + slide * time) * (1.0 + shift);
                    (-from * from / 4.5).exp()
                };
                let energy: f64 = formants.iter().map(|&formant| bump(formant)).sum();
                let noise = 0.4 * draws.normal((100 + frame * BANDS + band) as u64);
                x.push((2.0 * loudness * energy + noise) as f32);
            }
        }
        labels.push(phoneme);
    }
    // So that there are as many classes whatever was drawn.
    labels[0] = PHONEMES - 1;
    Ok(Dataset::classes(&x, FRAMES * BANDS, &labels)?)
}

/// Keeps the losses.
#[derive(Default)]
struct Losses(Vec<f64>);

impl Callback for Losses {
    fn steps(&mut self, report: &StepsReport<'_>) -> std::io::Result<()> {
        self.0.extend(report.losses);
        Ok(())
    }
}

fn main() -> ExitCode {
    Example::run("speech", |example| {
        let network = Network::mlp(
            FRAMES * BANDS,
            &[1000; 7],
            PHONEMES as usize,
            Activation::Relu,
        );
        let mut counts = Vec::new();
        for layer in network.parameters().chunks(2) {
            counts.push(layer.iter().map(|p| p.shape.len()).sum::<usize>());
        }
        example.tell(format!(
            "{network}: {counts:?} parameters, {} in all\n",
            network.parameter_count()
        ));
        example.claim(
            "a layer of 1000 units behind 1000 units has a million parameters",
            format!("1000 x 1000 weights and 1000 biases: {}", counts[1]),
            counts[1..7] == [1_001_000; 6] && counts.len() == 8,
        );

        let (steps, batch) = (example.either(60, 5), example.either(256, 32));
        let data = sounds(example.either(4096, 256))?;
        let mut trainer = Trainer::new(network.clone(), Loss::CrossEntropy)
            .optimizer(Optimizer::adam(3e-4))
            .batch_size(batch)
            .device(example.device.clone());
        trainer.options.steps = Some(steps);
        trainer.options.init = Init::HeNormal;
        let mut losses = Losses::default();
        let fitted = trainer.fit_with(&data, None, &mut losses)?;
        let losses = losses.0;
        let few = losses.len() / 5 + 1;
        let (first, last) = (mean(&losses[..few]), mean(&losses[losses.len() - few..]));
        example.claim(
            "it learns: the loss falls",
            format!("{first:.3} over the first {few} of {steps} steps, {last:.3} over the last (ln 40 = {:.3})", 40_f64.ln()),
            last < example.either(0.3, 0.99) * first,
        );
        // A multiply-add is two operations; forward, and back to weights and to inputs, which the first layer leaves out.
        let weights: Vec<f64> = network
            .parameters()
            .iter()
            .step_by(2)
            .map(|p| p.shape.len() as f64)
            .collect();
        let operations = 2.0 * batch as f64 * (3.0 * weights.iter().sum::<f64>() - weights[0]);
        let seconds = fitted.summary.step_seconds;
        example.tell(format!(
            "a step on {batch} rows takes {:.1} ms: {:.0} GFLOP/s in products\n",
            seconds * 1e3,
            operations / seconds / 1e9
        ));

        let curve = losses
            .iter()
            .zip(1_u32..)
            .map(|(&loss, step)| (f64::from(step), loss));
        let panel = Panel::new("Cross-entropy", "step", "loss").line("training", curve);
        let chart = Chart::new("Seven layers of 1000 units").panel(panel);
        let sound = |row: usize| {
            let bands: Vec<f64> = data.row(row).iter().map(|&x| f64::from(x)).collect();
            Panel::of(
                Picture::gray(BANDS, bands),
                format!("Sound {}", row + 1),
                "40 bands, 11 frames down",
            )
        };
        example.chart(
            "speech.svg",
            &(1..3).fold(chart, |chart, row| chart.panel(sound(row))),
        )
    })
}

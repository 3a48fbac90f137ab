//! `thalweg explain`.

mod allowed;
mod contributions;
mod covering;
mod exciting;
mod mimicking;
mod outcome;
mod row;
mod subject;
mod units;

use std::ops::RangeInclusive;
use std::path::PathBuf;

use clap::ValueEnum;

use self::outcome::Outcome;
use self::subject::Subject;
use super::exit::Exit;
use super::output::{print, print_json};
use super::{flags, output};
use crate::data::Spec;
use crate::device::Device;
use crate::explain::Quantity;
use crate::run::RunError;

const EXAMPLES: &str = "Examples:
  thalweg explain runs/digits --data digits --method integrated_gradients --out why.html
  thalweg explain runs/flowers-1 --data flowers.csv --method saliency --rows 0,7,12
  thalweg explain runs/digits --data digits --method occlusion --patch 4 --out covered.html
  thalweg explain runs/digits --data digits --method activation --layer 0 --units 3,5
  thalweg explain runs/flowers-1 --data flowers.csv --method surrogate --kind tree --depth 3
  thalweg explain runs/digits --data digits --method units --json

Rows are counted from 0, in the order of the data. Contributions are told of the
class that the network predicts, or of --class. Of a number all is told in the
target's own units: values, contributions, drops, weights, biases and leaves.
Inputs are as the network sees them: a standardised column in standard
deviations, a pixel from 0 to 1.";

/// How a network is looked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Method {
    /// How much an answer changes with each input: |dy/dx|
    Saliency,
    /// x dy/dx
    GradientTimesInput,
    /// What each input contributes on the way from a baseline; sums to the difference of the answers
    IntegratedGradients,
    /// dy/dx by a small change of each input in turn
    Perturbation,
    /// What an answer loses where a grey patch covers a picture
    Occlusion,
    /// Inputs that excite an output or a hidden unit most: made for it, and among the rows
    Activation,
    /// A linear model, globally and around single rows, and a decision tree that mimic the network
    Surrogate,
    /// Dead and saturated units, the effective linear network of a row, and linear regions
    Units,
}

/// A model that mimics the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Linear,
    Local,
    Tree,
}

/// Where integrated gradients begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Baseline {
    /// Inputs that are 0
    Zero,
    /// The mean of the data
    Mean,
}

/// Looks inside a trained network.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Explain {
    /// A run folder or a model file
    run: PathBuf,
    /// A generator or a path: rows to explain, and to learn from
    #[arg(long, value_name = "SPEC")]
    data: Spec,
    /// How to look
    #[arg(long, value_enum)]
    method: Method,
    /// Rows to explain, counted from 0, as in 0-9,17 [default: the first 8; around single rows the first 3]
    #[arg(long, value_name = "ROW,…", value_delimiter = ',', value_parser = row::numbers)]
    rows: Option<Vec<RangeInclusive<usize>>>,
    /// Explain this class, or of several targets this one [default: what is predicted; the first target]
    #[arg(long, value_name = "NAME")]
    class: Option<String>,
    /// Explain the logit or the probability [default: logit; of occlusion and surrogates the probability, where there is one]
    #[arg(long, value_name = "WHAT", value_parser = quantity)]
    of: Option<Quantity>,
    /// Where integrated gradients begin [default: zero]
    #[arg(long, value_enum)]
    baseline: Option<Baseline>,
    /// Integrated gradients: how many, before more are taken where they are needed, up to 8192 [default: 32]; activation: steps, up to 100000 [default: 200]
    #[arg(long, value_name = "N", value_parser = flags::count, allow_negative_numbers = true)]
    steps: Option<u64>,
    /// The change of perturbation, in prepared units [default: 0.01]
    #[arg(long, value_name = "H", allow_negative_numbers = true)]
    step: Option<f32>,
    /// Pixels of the sides of the patch of occlusion, or of the cells of a local surrogate, up to the shorter side of the picture [default: a seventh of it, at least 2]
    #[arg(long, value_name = "PIXELS", value_parser = flags::count, allow_negative_numbers = true)]
    patch: Option<u64>,
    /// Pixels from one position of the patch to the next, up to the shorter side of the picture [default: 1]
    #[arg(long, value_name = "PIXELS", value_parser = flags::count, allow_negative_numbers = true)]
    stride: Option<u64>,
    /// What a covered pixel is, in prepared units [default: the mean of all pixels of the data]
    #[arg(long, value_name = "GREY", allow_negative_numbers = true)]
    grey: Option<f32>,
    /// Excite units of this layer, by the number in `layers.N.weight`; 1.0 in a residual block, 0:3 at time step 3 [default: the outputs]
    #[arg(long, value_name = "N")]
    layer: Option<String>,
    /// Excite these units, counted from 0 [default: the first 10]
    #[arg(long, value_name = "UNIT,…", value_delimiter = ',')]
    units: Option<Vec<usize>>,
    /// What half the sum of squared inputs counts against the unit that is excited [default: of pictures 0.05 times the units' standard deviation, else 0]
    #[arg(long, value_name = "DECAY", allow_negative_numbers = true)]
    l2: Option<f64>,
    /// Rows of the data that are told of each unit [default: 5]
    #[arg(long, value_name = "K", value_parser = flags::count, allow_negative_numbers = true)]
    top: Option<u64>,
    /// The surrogate [default: all three]
    #[arg(long, value_enum)]
    kind: Option<Kind>,
    /// Questions of the tree, one after the other, up to 16; no leaf has fewer than 5 rows [default: 4]
    #[arg(long, value_name = "N", value_parser = flags::count, allow_negative_numbers = true)]
    depth: Option<u64>,
    /// The width s of a local surrogate's kernel exp(-d²/s²) [default: 0.75 times the root of the number of inputs; 0.25 of pictures]
    #[arg(long, value_name = "S", allow_negative_numbers = true)]
    width: Option<f64>,
    /// Rows that a surrogate learns from and is held against, from 20 to 1000000, and at most 2^25 inputs in all [default: 4000, fewer of more than 4194 inputs]
    #[arg(long, value_name = "N", value_parser = flags::count, allow_negative_numbers = true)]
    samples: Option<u64>,
    /// The ridge of linear surrogates, as a share of the mean variance of the inputs [default: 0.01]
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    ridge: Option<f64>,
    /// Decides which rows a surrogate learns from [default: 0]
    #[arg(long, value_name = "N", value_parser = flags::seed, allow_negative_numbers = true)]
    seed: Option<u64>,
    /// Write a page with pictures to this file
    #[arg(long, value_name = "FILE.html")]
    out: Option<PathBuf>,
    /// Replace the file of --out, if it is there
    #[arg(long)]
    force: bool,
    /// Take the best epoch's model, not the last
    #[arg(long)]
    best: bool,
    /// auto, cpu, gpu, reference, reference-f32, or an adapter by number or by a part of its name
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    device: Device,
    /// Print one JSON object in place of the tables
    #[arg(long)]
    json: bool,
}

fn quantity(text: &str) -> Result<Quantity, String> {
    match text {
        "logit" => Ok(Quantity::Logit),
        "probability" => Ok(Quantity::Probability),
        _ => Err(format!(
            "unknown quantity `{text}`; expected {}",
            Quantity::WORDS.join(" or ")
        )),
    }
}

impl Explain {
    pub(super) fn run(self) -> Result<(), Exit> {
        self.check()?;
        let mut subject = Subject::load(&self)?;
        let outcome = match self.method {
            Method::Saliency
            | Method::GradientTimesInput
            | Method::IntegratedGradients
            | Method::Perturbation => contributions::explain(&self, &mut subject)?,
            Method::Occlusion => covering::explain(&self, &mut subject)?,
            Method::Activation => exciting::explain(&self, &mut subject)?,
            Method::Surrogate => mimicking::explain(&self, &mut subject)?,
            Method::Units => units::explain(&self, &mut subject)?,
        };
        self.tell(&subject, outcome)
    }

    fn tell(&self, subject: &Subject, outcome: Outcome) -> Result<(), Exit> {
        let facts = subject.facts(&allowed::word(&self.method), &outcome.facts);
        if let Some(out) = &self.out {
            let html = outcome.page(&facts).html();
            crate::run::write(out, html.as_bytes()).map_err(|source| RunError::Io {
                path: out.clone(),
                what: "written",
                source,
            })?;
        }
        if self.json {
            let mut all = subject.json(&allowed::word(&self.method));
            all.extend(outcome.json);
            let page = self.out.as_ref().map(|out| out.display().to_string());
            all.insert("page".to_owned(), page.into());
            return print_json(&all.into());
        }
        let mut told = output::Facts::default();
        facts
            .into_iter()
            .for_each(|(name, value)| told.add(name, value));
        if let Some(out) = &self.out {
            told.add("page", out.display().to_string());
        }
        print(&format!("{}\n{}", told.text(), outcome.text))
    }
}

/// A count that a flag gives, or its default.
fn given(flag: Option<u64>, default: usize) -> usize {
    flag.map_or(default, |n| usize::try_from(n).unwrap_or(usize::MAX))
}

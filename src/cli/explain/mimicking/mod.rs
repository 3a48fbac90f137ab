//! Surrogates: models that one can read, and how well they mimic the network.

mod linear;
mod local;
mod tree;

use serde_json::{Map, Value, json};

use super::outcome::Outcome;
use super::subject::Subject;
use super::{Explain, Kind};
use crate::cli::exit::Exit;
use crate::explain::{Fidelity, Quantity};
use crate::random::{Random, stream};
use crate::report::Block;

/// Rows at most, of which the last three tenths are held out, and their numbers.
const SAMPLES: usize = 4000;
const NUMBERS: usize = 1 << 24;
/// Numbers of rows that are asked for.
const MOST: usize = 1 << 25;
const RIDGE: f64 = 1e-2;
/// Inputs that are named.
const NAMED: usize = 20;

/// Rows with what the network answers.
struct Sample {
    x: Vec<f32>,
    y: Vec<f64>,
    /// Rows that are learnt from; the rest are held out.
    learnt: usize,
}

/// What came of one kind.
struct Part {
    key: &'static str,
    json: Value,
    text: String,
    fact: String,
    heading: &'static str,
    blocks: Vec<Block>,
}

pub(super) fn explain(asked: &Explain, subject: &mut Subject) -> Result<Outcome, Exit> {
    let of = subject.quantity(asked, Quantity::Probability)?;
    subject.wanted(asked)?;
    for (given, flag) in [
        (asked.patch.is_some(), "--patch"),
        (asked.grey.is_some(), "--grey"),
    ] {
        if given && subject.picture().is_none() {
            return Err(Exit::usage(format!(
                "{flag} is for local surrogates of pictures, and the rows are none; leave it out"
            )));
        }
    }
    let mut parts = Vec::new();
    let wants = |kind: Kind| asked.kind.is_none_or(|wanted| wanted == kind);
    if wants(Kind::Linear) || wants(Kind::Tree) {
        let sample = sample(asked, subject, of)?;
        if wants(Kind::Linear) {
            parts.push(linear::part(asked, subject, &sample)?);
        }
        if wants(Kind::Tree) {
            parts.push(tree::part(asked, subject, &sample)?);
        }
    }
    if wants(Kind::Local) {
        parts.push(local::part(asked, subject, of)?);
    }
    let mut json = Map::new();
    json.insert("of".to_owned(), subject.word(of).into());
    for part in &parts {
        json.insert(part.key.to_owned(), part.json.clone());
    }
    let texts: Vec<_> = parts
        .iter()
        .map(|part| format!("{}\n{}", part.heading, part.text))
        .collect();
    let mut facts = vec![("explained".to_owned(), format!("the {}", subject.word(of)))];
    facts.extend(
        parts
            .iter()
            .map(|part| (part.key.to_owned(), part.fact.clone())),
    );
    Ok(Outcome {
        title: "Models that mimic the network".to_owned(),
        about: "A model that one can read learns what the network answers. Its fidelity is told of rows that it did not learn from.".to_owned(),
        facts,
        text: texts.join("\n"),
        json,
        sections: parts.into_iter().map(|part| (part.heading.to_owned(), part.blocks)).collect(),
    })
}

/// How many rows a surrogate sees of so many columns: what is asked for, or what fits.
fn samples(asked: &Explain, columns: usize) -> usize {
    let usual = (NUMBERS / columns.max(1)).clamp(20, SAMPLES);
    super::given(asked.samples, usual)
}

fn sample(asked: &Explain, subject: &mut Subject, of: Quantity) -> Result<Sample, Exit> {
    let rows = subject.data.rows();
    if rows < 10 {
        return Err(Exit::usage(format!(
            "--data has {rows} rows, and a surrogate learns from some and is held against others; expected at least 10"
        )));
    }
    let features = subject.data.features();
    let count = samples(asked, features).min(rows);
    if count.saturating_mul(features) > MOST && asked.samples.is_some() {
        return Err(Exit::usage(format!(
            "--samples is {count} of the {rows} rows, of {features} inputs each; expected at most {}",
            MOST / features
        )));
    }
    let random = Random::new(asked.seed.unwrap_or(0), stream::AROUND, 2);
    let mut order = random.permutation(rows);
    order.truncate(count);
    let chosen = subject.data.select(&order);
    let x = chosen.inputs_of(0..chosen.rows())?;
    let y = subject.explainer.answers(of, &x)?;
    if let Some(at) = y.iter().position(|value| !value.is_finite()) {
        let (row, value) = (order[at / subject.outputs.len()], y[at]);
        return Err(Exit::failed(format!(
            "row {row}: an output is {value}: the network's outputs leave the range of f32"
        )));
    }
    Ok(Sample {
        x,
        y,
        learnt: count * 7 / 10,
    })
}

/// A fidelity in words.
fn told(fidelity: &Fidelity) -> String {
    let agreement = fidelity
        .agreement
        .map(|share| format!("{:.1} % of the same answers", 100.0 * share));
    let r2 = fidelity.r2.map(|r2| format!("R2 {r2:.4}"));
    let mut said: Vec<_> = agreement.into_iter().chain(r2).collect();
    if said.is_empty() {
        said.push("the network's answers do not vary".to_owned());
    }
    format!("{} on {} rows held out", said.join(", "), fidelity.rows)
}

fn fidelity_json(fidelity: &Fidelity) -> Value {
    json!({ "rows": fidelity.rows, "r2": fidelity.r2, "agreement": fidelity.agreement })
}

/// Numbers by name, the largest first.
fn strongest(names: &[String], numbers: &[f64]) -> Vec<(String, f64)> {
    let mut order: Vec<usize> = (0..numbers.len()).collect();
    order.sort_by(|&a, &b| numbers[b].abs().total_cmp(&numbers[a].abs()));
    order.truncate(NAMED);
    order
        .into_iter()
        .map(|at| (names[at].clone(), numbers[at]))
        .collect()
}

/// The first few of them in a line.
fn in_line(strongest: &[(String, f64)], most: usize) -> String {
    let some = strongest.iter().take(most);
    let said: Vec<_> = some
        .map(|(name, number)| format!("{name} {}", super::outcome::signed(*number)))
        .collect();
    said.join(", ")
}

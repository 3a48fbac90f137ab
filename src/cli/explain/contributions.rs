//! Saliency, gradient times input, integrated gradients and perturbation.

use serde_json::{Value, json};

use super::outcome::{Outcome, members};
use super::subject::{Row, Subject};
use super::{Baseline, Explain, Method, given};
use crate::cli::exit::Exit;
use crate::cli::output::{short, table};
use crate::explain::Quantity;
use crate::report::{Block, Shown};

/// Inputs that are named in a terminal and on a page.
const NAMED: usize = 3;
const DRAWN: usize = 20;

/// What was found of a row.
struct Found {
    row: Row,
    /// One number an input.
    each: Vec<f64>,
    /// Of integrated gradients: the output at the baseline, and how many gradients were taken.
    path: Option<(f64, usize)>,
}

pub(super) fn explain(asked: &Explain, subject: &mut Subject) -> Result<Outcome, Exit> {
    let of = asked.of.unwrap_or(Quantity::Logit);
    let rows = subject.rows(asked, of, 8)?;
    let found = found(asked, subject, of, rows)?;
    let mut head = ["row", "true", "predicted", "of", "its value"]
        .map(str::to_owned)
        .to_vec();
    let is_path = asked.method == Method::IntegratedGradients;
    if is_path {
        head.extend(["at baseline", "sum", "gap", "gradients"].map(str::to_owned));
    }
    head.push("strongest inputs".to_owned());
    let rows: Vec<_> = found.iter().map(|found| found.cells(subject)).collect();
    let all: Vec<_> = std::iter::once(head.clone())
        .chain(rows.iter().cloned())
        .collect();
    let explained: Vec<_> = found.iter().map(|found| found.json(subject)).collect();
    let mut facts = vec![(
        "explained".to_owned(),
        format!("the {of} of one output each"),
    )];
    if let Some(worst) = found
        .iter()
        .filter_map(|f| f.gap(subject))
        .map(f64::abs)
        .reduce(f64::max)
    {
        facts.push((
            "completeness".to_owned(),
            format!(
                "contributions sum to the difference of the answers to {worst:.1e} at the worst row"
            ),
        ));
    }
    let mut blocks = drawn(&found, subject);
    blocks.push(Block::Table("Rows".to_owned(), head, rows));
    Ok(Outcome {
        title: format!("What answers depend on: {}", asked.method.word()),
        about: about(asked.method).to_owned(),
        facts,
        text: table(&all),
        json: members(json!({ "of": of.to_string(), "explained": explained })),
        sections: vec![("Rows".to_owned(), blocks)],
    })
}

fn found(
    asked: &Explain,
    subject: &mut Subject,
    of: Quantity,
    rows: Vec<Row>,
) -> Result<Vec<Found>, Exit> {
    let baseline = match asked.baseline {
        Some(Baseline::Mean) => subject.spread()?.mean_row(),
        _ => vec![0.0; subject.data.features()],
    };
    let explainer = &mut subject.explainer;
    let mut all = Vec::with_capacity(rows.len());
    for row in rows {
        let outputs = [row.output];
        let mut path = None;
        let each = match asked.method {
            Method::Perturbation => {
                explainer.perturbation(of, &row.x, &outputs, asked.step.unwrap_or(0.01))?
            }
            Method::IntegratedGradients => {
                let steps = given(asked.steps, 32);
                let mut found =
                    explainer.integrated_gradients(of, &row.x, &outputs, &baseline, steps)?;
                let found = found.remove(0);
                path = Some((found.from, found.gradients));
                found.attributions
            }
            Method::GradientTimesInput => explainer
                .gradients(of, &row.x, &outputs)?
                .times_input(&row.x),
            _ => explainer.gradients(of, &row.x, &outputs)?.saliency(),
        };
        all.push(Found { row, each, path });
    }
    for found in &mut all {
        let unit = subject.unit(found.row.output);
        found.each.iter_mut().for_each(|v| *v *= unit);
        if let Some((from, _)) = &mut found.path {
            *from = subject.in_own_units(found.row.output, *from);
        }
    }
    Ok(all)
}

impl Found {
    fn sum(&self) -> f64 {
        self.each.iter().sum()
    }

    /// By how much integrated gradients do not sum to the difference, in the units of the network.
    fn gap(&self, subject: &Subject) -> Option<f64> {
        let (from, _) = self.path?;
        Some((self.sum() - (self.row.value - from)) / subject.unit(self.row.output))
    }

    /// The inputs in the order of their numbers' sizes.
    fn ranked(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.each.len()).collect();
        order.sort_by(|&a, &b| self.each[b].abs().total_cmp(&self.each[a].abs()));
        order
    }

    fn cells(&self, subject: &Subject) -> Vec<String> {
        let row = &self.row;
        let mut cells = vec![
            row.number.to_string(),
            row.truth.clone().unwrap_or_else(|| "?".to_owned()),
            row.predicted.clone(),
            subject.outputs[row.output].clone(),
            short(row.value),
        ];
        if let (Some((from, gradients)), Some(gap)) = (self.path, self.gap(subject)) {
            cells.extend([
                short(from),
                short(self.sum()),
                format!("{gap:.1e}"),
                gradients.to_string(),
            ]);
        }
        let names = subject.names();
        let strong = self.ranked().into_iter().take(NAMED);
        let told: Vec<_> = strong
            .map(|at| format!("{} {:+.3}", names[at], self.each[at]))
            .collect();
        cells.push(told.join(", "));
        cells
    }

    fn json(&self, subject: &Subject) -> Value {
        let row = &self.row;
        json!({
            "row": row.number,
            "true": row.truth,
            "predicted": row.predicted,
            "class": subject.outputs[row.output],
            "value": row.value,
            "baseline_value": self.path.map(|(from, _)| from),
            "sum": self.sum(),
            "gap": self.gap(subject),
            "gradients": self.path.map(|(_, gradients)| gradients),
            "attributions": self.each,
        })
    }

    fn title(&self, subject: &Subject) -> String {
        let of = &subject.outputs[self.row.output];
        format!("row {}: {of}", self.row.number)
    }
}

/// Pictures beside one another, or bars for each row.
fn drawn(found: &[Found], subject: &Subject) -> Vec<Block> {
    let shown = |found: &Found| {
        let input = subject.look(&found.row.x)?;
        let map = subject.map(&found.each)?;
        let truth = found.row.truth.as_ref();
        Some(Shown {
            title: found.title(subject),
            pictures: vec![("input".to_owned(), input), ("map".to_owned(), map)],
            said: vec![
                format!("predicted {}", found.row.predicted),
                truth.map_or_else(String::new, |truth| format!("true {truth}")),
            ],
        })
    };
    if let Some(all) = found.iter().map(shown).collect::<Option<Vec<_>>>() {
        let text = "In a map, red is above 0 and blue below; the ground of the page is 0. Each map has a scale of its own.";
        return vec![Block::Text(text.to_owned()), Block::Shown(all)];
    }
    let bars = |found: &Found| {
        let names = subject.named(&found.row.x);
        let strong = found.ranked().into_iter().take(DRAWN);
        let bars = strong
            .map(|at| (names[at].clone(), found.each[at]))
            .collect();
        let caption = format!(
            "{}; predicted {}",
            found.title(subject),
            found.row.predicted
        );
        Block::Bars(caption, bars)
    };
    found.iter().map(bars).collect()
}

const fn about(method: Method) -> &'static str {
    match method {
        Method::Saliency => {
            "How much the answer changes with each input, whatever the direction: |dy/dx|."
        }
        Method::GradientTimesInput => {
            "Each input times the gradient of the answer: what it contributes, if the answer is linear from 0 to the input."
        }
        Method::IntegratedGradients => {
            "What each input contributes on the straight way from a baseline to the row. The contributions sum to the difference of the answers."
        }
        _ => "How the answer changes with a small change of each input in turn, up and down.",
    }
}

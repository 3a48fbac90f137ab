//! Saliency, gradient times input, integrated gradients and perturbation.

use serde_json::{Value, json};

use super::allowed::{at_row, word};
use super::outcome::{Outcome, listed, listing, members, signed};
use super::row::Row;
use super::subject::Subject;
use super::{Baseline, Explain, Method, given};
use crate::cli::exit::Exit;
use crate::cli::output::short;
use crate::explain::{ExplainError, Integrated, Quantity};
use crate::report::{Block, Shown};

/// Inputs that are named in a terminal and on a page.
const NAMED: usize = 3;
const DRAWN: usize = 20;
/// Gradients that integrated gradients begin with.
const STEPS: usize = 32;

/// What was found of a row, in its own units.
struct Found {
    row: Row,
    /// One number an input.
    each: Vec<f64>,
    path: Option<Followed>,
}

/// What integrated gradients know of the path, in the row's own units.
struct Followed {
    from: f64,
    gap: f64,
    missed: f64,
    /// The gap as a share of the larger one of the difference of the outputs and the largest contribution.
    share: f64,
    gradients: usize,
    is_complete: bool,
}

pub(super) fn explain(asked: &Explain, subject: &mut Subject) -> Result<Outcome, Exit> {
    let of = subject.quantity(asked, Quantity::Logit)?;
    let rows = subject.rows(asked, of, 8)?;
    let found = found(asked, subject, of, rows)?;
    let path = ["at baseline", "sum", "gap", "gradients"];
    let path = path
        .iter()
        .filter(|_| asked.method == Method::IntegratedGradients);
    let head = Row::HEAD.iter().chain(path).chain(&["strongest inputs"]);
    let mut lines = vec![head.map(|&name| name.to_owned()).collect::<Vec<_>>()];
    let names = subject.names();
    lines.extend(found.iter().map(|found| found.cells(&names)));
    let explained: Vec<_> = found.iter().map(Found::json).collect();
    let mut facts = vec![(
        "explained".to_owned(),
        format!("the {} of one output each", subject.word(of)),
    )];
    facts.extend(completeness(&found).map(|told| ("completeness".to_owned(), told)));
    let mut blocks = drawn(&found, subject);
    blocks.push(listed(lines.clone()));
    Ok(Outcome {
        title: format!("What answers depend on: {}", word(&asked.method)),
        about: about(asked.method).to_owned(),
        facts,
        text: listing(&lines),
        json: members(json!({ "of": subject.word(of), "explained": explained })),
        sections: vec![("Rows".to_owned(), blocks)],
    })
}

/// Whether contributions sum to the differences of the answers, of integrated gradients.
fn completeness(found: &[Found]) -> Option<String> {
    let paths = || {
        found
            .iter()
            .filter_map(|f| f.path.as_ref().map(|path| (f, path)))
    };
    let worst = paths().map(|(_, path)| path.share).reduce(f64::max)?;
    let open: Vec<_> = paths().filter(|(_, path)| !path.is_complete).collect();
    if open.is_empty() {
        return Some(format!(
            "contributions sum to the difference of the answers, to {worst:.1e} of it or of the largest one"
        ));
    }
    let rows: Vec<_> = open.iter().map(|(f, _)| f.row.number.to_string()).collect();
    let missed = open.iter().map(|(_, path)| path.missed).fold(0.0, f64::max);
    Some(format!(
        "NOT complete at rows {}: contributions may be off by {} in all; begin with more --steps",
        rows.join(", "),
        short(missed)
    ))
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
    let names = subject.names();
    let mut all = Vec::with_capacity(rows.len());
    for row in rows {
        let found = one(asked, subject, of, &row, &baseline);
        let (each, path) = found.map_err(|error| at_row(error, row.number, &names))?;
        let each = subject.own_changes(row.output, &each);
        row.check("what comes", &each)?;
        let path = path.map(|path| Followed {
            from: subject.own(row.output, path.from),
            gap: subject.own_change(row.output, path.gap()),
            missed: subject.own_change(row.output, path.missed),
            share: path.gap().abs() / path.scale().max(f64::MIN_POSITIVE),
            gradients: path.gradients,
            is_complete: path.is_complete,
        });
        if let Some(path) = &path {
            row.check(
                "the path from the baseline",
                [&path.from, &path.gap, &path.missed],
            )?;
        }
        all.push(Found { row, each, path });
    }
    Ok(all)
}

/// What the network's inputs contribute to an output, in its units.
fn one(
    asked: &Explain,
    subject: &mut Subject,
    of: Quantity,
    row: &Row,
    baseline: &[f32],
) -> Result<(Vec<f64>, Option<Integrated>), ExplainError> {
    let explainer = &mut subject.explainer;
    let outputs = [row.output];
    let each = match asked.method {
        Method::Perturbation => {
            explainer.perturbation(of, &row.x, &outputs, asked.step.unwrap_or(0.01))?
        }
        Method::IntegratedGradients => {
            let steps = given(asked.steps, STEPS);
            let found = explainer.integrated_gradients(of, &row.x, &outputs, baseline, steps)?;
            let path = found.into_iter().next();
            let each = path.as_ref().map(|path| path.attributions.clone());
            return Ok((each.unwrap_or_default(), path));
        }
        Method::GradientTimesInput => {
            let found = explainer.gradients(of, &row.x, &outputs)?;
            found.times_input(&row.x)
        }
        _ => explainer.gradients(of, &row.x, &outputs)?.saliency(),
    };
    Ok((each, None))
}

impl Found {
    fn sum(&self) -> f64 {
        self.each.iter().sum()
    }

    /// The inputs in the order of their numbers' sizes.
    fn ranked(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.each.len()).collect();
        order.sort_by(|&a, &b| self.each[b].abs().total_cmp(&self.each[a].abs()));
        order
    }

    fn cells(&self, names: &[String]) -> Vec<String> {
        let mut cells = self.row.cells();
        if let Some(path) = &self.path {
            cells.extend([
                short(path.from),
                short(self.sum()),
                format!("{:.1e}", path.gap),
                path.gradients.to_string(),
            ]);
        }
        let strong = self.ranked().into_iter().take(NAMED);
        let told: Vec<_> = strong
            .map(|at| format!("{} {}", names[at], signed(self.each[at])))
            .collect();
        cells.push(told.join(", "));
        cells
    }

    fn json(&self) -> Value {
        let path = self.path.as_ref();
        self.row.json(json!({
            "baseline_value": path.map(|path| path.from),
            "sum": self.sum(),
            "gap": path.map(|path| path.gap),
            "missed": path.map(|path| path.missed),
            "complete": path.map(|path| path.is_complete),
            "gradients": path.map(|path| path.gradients),
            "attributions": self.each,
        }))
    }
}

/// Pictures beside one another, or bars for each row.
fn drawn(found: &[Found], subject: &Subject) -> Vec<Block> {
    let shown = |found: &Found| {
        let input = subject.look(&found.row.x)?;
        let map = subject.map(&found.each)?;
        Some(Shown {
            title: found.row.title(),
            pictures: vec![("input".to_owned(), input), ("map".to_owned(), map)],
            said: found.row.said(),
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
        let caption = format!("{}; predicted {}", found.row.title(), found.row.predicted);
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

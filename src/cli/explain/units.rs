//! Units that do nothing, and linear regions.

use serde_json::{Value, json};

use super::Explain;
use super::outcome::{Outcome, listed, listing, members};
use super::row::{Row, parts};
use super::subject::Subject;
use crate::cli::exit::Exit;
use crate::cli::output::{grouped, short, table};
use crate::explain::{Affine, ExplainError, Quantity, Regions, UnitsFound};
use crate::report::{Block, Shown};

/// Numbers of units that are listed in a cell.
const LISTED: usize = 12;

const ABOUT: &str = "A unit is dead if it is 0 on all rows; a sigmoid or tanh is saturated if its mean slope is below 1 % of the steepest. \
                     Active is the mean share of the rows on which a unit is above 0.";

pub(super) fn explain(asked: &Explain, subject: &mut Subject) -> Result<Outcome, Exit> {
    let rows = subject.rows(asked, Quantity::Logit, 8)?;
    let (layers, regions) = subject.explainer.units_of_parts(parts(&subject.data))?;
    let head = [
        "layer",
        "function",
        "units",
        "dead",
        "saturated",
        "active",
        "which",
    ];
    let mut lines = vec![head.map(str::to_owned).to_vec()];
    lines.extend(layers.iter().map(cells));
    let mut facts = Vec::new();
    if let Some(regions) = &regions {
        facts.push(("regions".to_owned(), told(regions, subject.data.rows())));
    }
    let effective = effective(subject, &rows)?;
    let mut text = listing(&lines);
    let mut sections = vec![(
        "Units".to_owned(),
        vec![Block::Text(ABOUT.to_owned()), listed(lines)],
    )];
    let mut found = Vec::new();
    match effective {
        Effective::Curved(why) => facts.push(("effective".to_owned(), why)),
        Effective::Of(all) => {
            let worst = all.iter().map(|one| one.error).fold(0.0, f64::max);
            facts.push((
                "effective".to_owned(),
                format!(
                    "a linear network at each row{}, to {worst:.1e} of what it adds up",
                    behind(subject)
                ),
            ));
            let (lines, blocks) = shown(subject, &rows, &all);
            text.push_str(&format!("\n{}", table(&lines)));
            sections.push(("The linear network at each row".to_owned(), blocks));
            found = rows
                .iter()
                .zip(&all)
                .map(|(row, one)| one.json(row))
                .collect();
        }
    }
    let regions = regions
        .map(|r| json!({ "count": r.count, "alone": r.alone, "most": r.most, "units": r.units }));
    Ok(Outcome {
        title: "Hidden units".to_owned(),
        about: "Which units do nothing, into how many linear regions the rows fall, and the linear network that the network is at a row.".to_owned(),
        facts,
        text,
        json: members(json!({
            "layers": layers.iter().map(layer_json).collect::<Vec<_>>(),
            "regions": regions,
            "effective": found,
        })),
        sections,
    })
}

fn cells(found: &UnitsFound) -> Vec<String> {
    let idle = if found.dead.is_empty() {
        &found.saturated
    } else {
        &found.dead
    };
    let mut which: Vec<_> = idle.iter().take(LISTED).map(usize::to_string).collect();
    if idle.len() > LISTED {
        which.push("…".to_owned());
    }
    vec![
        found.of.name.clone(),
        found.of.function.clone(),
        found.of.units.to_string(),
        found.dead.len().to_string(),
        found.saturated.len().to_string(),
        format!("{:.1} %", 100.0 * found.active),
        which.join(", "),
    ]
}

fn layer_json(found: &UnitsFound) -> Value {
    json!({
        "layer": found.of.layer,
        "name": found.of.name,
        "step": found.of.step,
        "function": found.of.function,
        "units": found.of.units,
        "dead": found.dead,
        "saturated": found.saturated,
        "active": found.active,
    })
}

fn told(regions: &Regions, rows: usize) -> String {
    format!(
        "{} rows fall into {} different linear regions of {} units; {} rows are alone in theirs, and at most {} share one",
        grouped(rows as u64),
        grouped(regions.count as u64),
        regions.units,
        grouped(regions.alone as u64),
        grouped(regions.most as u64)
    )
}

/// The linear networks at some rows, or why there are none.
enum Effective {
    Of(Vec<At>),
    Curved(String),
}

/// The linear network at a row, in the target's own units.
struct At {
    network: Affine,
    /// Its answers.
    answers: Vec<f64>,
    /// By how much they are not the network's, at most, as a share of what they add up.
    error: f64,
}

/// By how much an effective linear network may be off: what rounding in f32 makes.
const OFF: f64 = 1e-5;

/// What the linear network answers for, in words.
fn behind(subject: &Subject) -> String {
    subject.end().map_or_else(
        || ", which gives the network's outputs".to_owned(),
        |end| format!(" before the {end}, behind which it gives the network's outputs"),
    )
}

fn effective(subject: &mut Subject, rows: &[Row]) -> Result<Effective, Exit> {
    let mut all = Vec::with_capacity(rows.len());
    for row in rows {
        let mut network = match Affine::at(&subject.model, &row.x) {
            Ok(network) => network,
            Err(error @ ExplainError::Curved { .. }) => {
                return Ok(Effective::Curved(format!("none: {error}")));
            }
            Err(error) => return Err(error.into()),
        };
        let expected = subject.explainer.answers(Quantity::Logit, &row.x)?;
        let error = network.error(&row.x, &expected);
        if error.is_nan() || error > OFF {
            return Err(Exit::failed(format!(
                "row {}: the effective linear network is off the network's outputs by {error:.1e} of what it adds up; expected \
                 at most {OFF:.0e}. One of the two was computed wrongly: try --device reference, and report it",
                row.number
            )));
        }
        for (output, bias) in network.bias.iter_mut().enumerate() {
            *bias = subject.own(output, *bias);
            let weights = &mut network.weight[output * row.x.len()..(output + 1) * row.x.len()];
            weights
                .iter_mut()
                .for_each(|w| *w = subject.own_change(output, *w));
        }
        let answers = network.answer(&row.x);
        all.push(At {
            network,
            answers,
            error,
        });
    }
    Ok(Effective::Of(all))
}

impl At {
    fn json(&self, row: &Row) -> Value {
        json!({
            "row": row.number,
            "weight": self.network.weight,
            "bias": self.network.bias,
            "answers": self.answers,
            "error": self.error,
        })
    }
}

fn shown(subject: &Subject, rows: &[Row], all: &[At]) -> (Vec<Vec<String>>, Vec<Block>) {
    let mut lines = vec![
        [
            "row",
            "predicted",
            "of",
            "w x + b",
            "b",
            "off the network by",
        ]
        .map(str::to_owned)
        .to_vec(),
    ];
    let (mut pictures, mut bars) = (Vec::new(), Vec::new());
    for (row, at) in rows.iter().zip(all) {
        let features = row.x.len();
        let output = row.output;
        lines.push(vec![
            row.number.to_string(),
            row.predicted.clone(),
            row.name.clone(),
            short(at.answers[output]),
            short(at.network.bias[output]),
            format!("{:.1e}", at.error),
        ]);
        let weight = &at.network.weight[output * features..(output + 1) * features];
        let title = row.title();
        match (subject.look(&row.x), subject.map(weight)) {
            (Some(input), Some(map)) => pictures.push(Shown {
                title,
                pictures: vec![("input".to_owned(), input), ("weight".to_owned(), map)],
                said: vec![format!("predicted {}", row.predicted)],
            }),
            _ => {
                let mut of: Vec<_> = subject
                    .names()
                    .into_iter()
                    .zip(weight.iter().copied())
                    .collect();
                of.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
                of.truncate(20);
                bars.push(Block::Bars(format!("{title}; the weights"), of));
            }
        }
    }
    let mut blocks = if pictures.is_empty() {
        bars
    } else {
        vec![Block::Shown(pictures)]
    };
    blocks.push(listed(lines.clone()));
    (lines, blocks)
}

//! Surrogates: models that one can read, and how well they mimic the network.

use serde_json::{Map, Value, json};

use super::covering::patch;
use super::outcome::Outcome;
use super::subject::{Row, Subject};
use super::{Explain, Kind, given};
use crate::cli::exit::Exit;
use crate::cli::output::table;
use crate::data::Task;
use crate::explain::{
    Answer, Cells, Fidelity, Goal, Linear, Local, Locality, Quantity, Split, Tree, TreeNode, Words,
};
use crate::random::{Random, stream};
use crate::report::{Block, Map as Picture, Shown};

/// Rows at most, of which the last three tenths are held out.
const SAMPLES: usize = 4000;
const RIDGE: f64 = 1e-2;
const DEPTH: usize = 4;
/// Rows on each side of a question, at least.
const LEAST: usize = 5;
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
    let of = asked.of.unwrap_or(Quantity::Probability);
    let mut parts = Vec::new();
    let wants = |kind: Kind| asked.kind.is_none_or(|wanted| wanted == kind);
    if wants(Kind::Linear) || wants(Kind::Tree) {
        let sample = sample(asked, subject, of)?;
        if wants(Kind::Linear) {
            parts.push(linear(asked, subject, &sample)?);
        }
        if wants(Kind::Tree) {
            parts.push(tree(asked, subject, &sample)?);
        }
    }
    if wants(Kind::Local) {
        parts.push(local(asked, subject, of)?);
    }
    let mut json = Map::new();
    json.insert("of".to_owned(), of.to_string().into());
    for part in &parts {
        json.insert(part.key.to_owned(), part.json.clone());
    }
    let texts: Vec<_> = parts
        .iter()
        .map(|part| format!("{}\n{}", part.heading, part.text))
        .collect();
    Ok(Outcome {
        title: "Models that mimic the network".to_owned(),
        about: "A model that one can read learns what the network answers. Its fidelity is told of rows that it did not learn from.".to_owned(),
        facts: parts.iter().map(|part| (part.key.to_owned(), part.fact.clone())).collect(),
        text: texts.join("\n"),
        json,
        sections: parts.into_iter().map(|part| (part.heading.to_owned(), part.blocks)).collect(),
    })
}

fn sample(asked: &Explain, subject: &mut Subject, of: Quantity) -> Result<Sample, Exit> {
    let rows = subject.data.rows();
    if rows < 10 {
        return Err(Exit::usage(format!(
            "--data has {rows} rows, and a surrogate learns from some and is held against others; expected at least 10"
        )));
    }
    let random = Random::new(asked.seed.unwrap_or(0), stream::AROUND, 2);
    let mut order = random.permutation(rows);
    order.truncate(given(asked.samples, SAMPLES).max(10));
    let chosen = subject.data.select(&order);
    let x = chosen.inputs_of(0..chosen.rows())?;
    let y = subject.explainer.answers(of, &x)?;
    Ok(Sample {
        x,
        y,
        learnt: order.len() * 7 / 10,
    })
}

/// A fidelity in words.
fn told(fidelity: &Fidelity) -> String {
    let agreement = fidelity
        .agreement
        .map(|share| format!("{:.1} % of the same answers", 100.0 * share));
    let r2 = fidelity.r2.map(|r2| format!("R2 {r2:.4}"));
    let said: Vec<_> = agreement.into_iter().chain(r2).collect();
    format!("{} on {} rows held out", said.join(", "), fidelity.rows)
}

fn fidelity_json(fidelity: &Fidelity) -> Value {
    json!({ "rows": fidelity.rows, "r2": fidelity.r2, "agreement": fidelity.agreement })
}

fn linear(asked: &Explain, subject: &Subject, sample: &Sample) -> Result<Part, Exit> {
    let (features, width) = (subject.data.features(), subject.outputs.len());
    let x: Vec<f64> = sample.x.iter().map(|&x| f64::from(x)).collect();
    let (learnt, held) = x.split_at(sample.learnt * features);
    let (learnt_y, held_y) = sample.y.split_at(sample.learnt * width);
    let ridge = asked.ridge.unwrap_or(RIDGE);
    let model = Linear::fit(learnt, learnt_y, width, None, ridge)?;
    let fidelity = Fidelity::of(&model.answers(held), held_y, width, None);
    let names = subject.names();
    let strongest = |weight: &[f64]| {
        let mut of: Vec<_> = names.iter().cloned().zip(weight.iter().copied()).collect();
        of.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
        of.truncate(NAMED);
        of
    };
    let mut lines = vec![
        ["output", "bias", "strongest weights"]
            .map(str::to_owned)
            .to_vec(),
    ];
    let (mut bars, mut shown) = (Vec::new(), Vec::new());
    for ((name, weight), bias) in subject
        .outputs
        .iter()
        .zip(model.weight.chunks(features))
        .zip(&model.bias)
    {
        let strong = strongest(weight);
        let said: Vec<_> = strong
            .iter()
            .take(4)
            .map(|(name, w)| format!("{name} {w:+.3}"))
            .collect();
        lines.push(vec![name.clone(), format!("{bias:.4}"), said.join(", ")]);
        match subject.map(weight) {
            Some(map) => shown.push(Shown {
                title: name.clone(),
                pictures: vec![("weight".to_owned(), map)],
                said: Vec::new(),
            }),
            None => bars.push(Block::Bars(format!("Weights of {name}"), strong)),
        }
    }
    let blocks = if shown.is_empty() {
        bars
    } else {
        vec![Block::Shown(shown)]
    };
    Ok(Part {
        key: "linear",
        json: json!({ "fidelity": fidelity_json(&fidelity), "weight": model.weight, "bias": model.bias, "ridge": ridge }),
        text: format!("fidelity  {}\n{}", told(&fidelity), table(&lines)),
        fact: told(&fidelity),
        heading: "Linear, globally",
        blocks: [vec![Block::Text(told(&fidelity))], blocks].concat(),
    })
}

fn tree(asked: &Explain, subject: &Subject, sample: &Sample) -> Result<Part, Exit> {
    let (features, width) = (subject.data.features(), subject.outputs.len());
    let classes = subject.preparation.task() == Task::Classification;
    let best = |y: &[f64]| (0..width).fold(0, |best, at| if y[at] > y[best] { at } else { best });
    let labels: Vec<usize> = sample.y.chunks(width).map(best).collect();
    let output = match &asked.class {
        Some(name) => subject
            .outputs
            .iter()
            .position(|known| known == name)
            .unwrap_or(0),
        None => 0,
    };
    let numbers: Vec<f64> = (sample.y.chunks(width))
        .map(|y| subject.in_own_units(output, y[output]))
        .collect();
    let learnt = sample.learnt;
    let goal = if classes {
        Goal::Classes {
            labels: &labels[..learnt],
            classes: width,
        }
    } else {
        Goal::Numbers(&numbers[..learnt])
    };
    let (x, held) = sample.x.split_at(learnt * features);
    let tree = Tree::grow(x, features, goal, given(asked.depth, DEPTH).min(16), LEAST)?;
    let said = tree.answers(held, features);
    let fidelity = if classes {
        let rows = said.len();
        let same = said
            .iter()
            .zip(&labels[learnt..])
            .filter(|(s, l)| **s == **l as f64)
            .count();
        Fidelity {
            rows,
            r2: None,
            agreement: Some(same as f64 / rows as f64),
        }
    } else {
        Fidelity::of(&said, &numbers[learnt..], 1, None)
    };
    let question = |split: &Split| question(subject, split);
    let answer = |node: &TreeNode| match &node.answer {
        Answer::Class(class, counts) => {
            let share = 100.0 * counts[*class] as f64 / node.rows.max(1) as f64;
            format!("{} {share:.0} %", subject.outputs[*class])
        }
        Answer::Number(number) => format!("{number:.5}"),
    };
    let words = Words {
        question: &question,
        answer: &answer,
    };
    let text = tree.text(&words);
    Ok(Part {
        key: "tree",
        json: json!({ "fidelity": fidelity_json(&fidelity), "leaves": tree.leaves(), "text": text, "nodes": nodes(&tree) }),
        text: format!("fidelity  {}\n{text}", told(&fidelity)),
        fact: format!("{} leaves, {}", tree.leaves(), told(&fidelity)),
        heading: "Decision tree",
        blocks: vec![
            Block::Text(told(&fidelity)),
            Block::Drawing(tree.svg(&words)),
            Block::Plain(text),
        ],
    })
}

/// A question in the units of its column. A one-hot input asks for its category.
fn question(subject: &Subject, split: &Split) -> String {
    let name = &subject.names()[split.feature];
    let mut row = vec![0.0; subject.data.features()];
    row[split.feature] = split.threshold;
    let own = subject.preparation.in_own_units(&row);
    match own.iter().find(|(known, _)| known == name) {
        Some((_, value)) => format!("{name} <= {value}"),
        // Below the threshold is 0.
        None if subject.picture().is_none() => format!("not {name}"),
        None => format!("{name} <= {:.4}", split.threshold),
    }
}

fn nodes(tree: &Tree) -> Vec<Value> {
    let node = |node: &TreeNode| {
        json!({
            "rows": node.rows,
            "impurity": node.impurity,
            "class": match &node.answer { Answer::Class(class, _) => Some(class), Answer::Number(_) => None },
            "number": match &node.answer { Answer::Number(number) => Some(number), Answer::Class(..) => None },
            "feature": node.split.map(|s| s.feature),
            "threshold": node.split.map(|s| s.threshold),
            "yes": node.split.map(|s| s.below),
            "no": node.split.map(|s| s.above),
        })
    };
    tree.nodes.iter().map(node).collect()
}

fn local(asked: &Explain, subject: &mut Subject, of: Quantity) -> Result<Part, Exit> {
    let rows = subject.rows(asked, of, 3)?;
    let how = Locality {
        samples: given(asked.samples, SAMPLES),
        width: asked.width,
        ridge: asked.ridge.unwrap_or(RIDGE),
        seed: asked.seed.unwrap_or(0),
    };
    let cells = match subject.picture() {
        Some(shape) => {
            let patch = patch(asked, subject, shape)?;
            Some(Cells {
                size: patch.size,
                shape,
                planes: subject.planes(),
                grey: patch.grey,
            })
        }
        None => None,
    };
    let spread = subject.spread()?;
    let mut lines = vec![
        ["row", "predicted", "of", "kernel", "fidelity", "strongest"]
            .map(str::to_owned)
            .to_vec(),
    ];
    let (mut blocks, mut shown, mut found) = (Vec::new(), Vec::new(), Vec::new());
    for row in &rows {
        let mut one = match cells {
            Some(cells) => subject
                .explainer
                .local_cells(of, &row.x, row.output, cells, how)?,
            None => subject
                .explainer
                .local(of, &row.x, row.output, &spread, how)?,
        };
        let unit = subject.unit(row.output);
        one.weights.iter_mut().for_each(|w| *w *= unit);
        let names = match cells {
            Some(cells) => cell_names(cells),
            None => subject.named(&row.x),
        };
        let mut bars: Vec<_> = names.into_iter().zip(one.weights.iter().copied()).collect();
        bars.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
        bars.truncate(NAMED);
        let said: Vec<_> = bars
            .iter()
            .take(3)
            .map(|(name, w)| format!("{name} {w:+.3}"))
            .collect();
        lines.push(vec![
            row.number.to_string(),
            row.predicted.clone(),
            subject.outputs[row.output].clone(),
            format!("{:.3}", one.width),
            one.fidelity
                .r2
                .map_or_else(|| "-".to_owned(), |r2| format!("R2 {r2:.4}")),
            said.join(", "),
        ]);
        found.push(local_json(subject, row, &one));
        let title = format!("row {}: {}", row.number, subject.outputs[row.output]);
        match cells.zip(subject.look(&row.x)) {
            Some((cells, input)) => shown.push(Shown {
                title,
                pictures: vec![
                    ("input".to_owned(), input),
                    (
                        "cells".to_owned(),
                        Picture::Signed {
                            width: cells.counts()[0],
                            values: one.weights,
                        },
                    ),
                ],
                said: vec![told(&one.fidelity)],
            }),
            None => blocks.push(Block::Bars(
                format!(
                    "{title}, {}; what a deviation more adds",
                    told(&one.fidelity)
                ),
                bars,
            )),
        }
    }
    if !shown.is_empty() {
        blocks.push(Block::Shown(shown));
    }
    Ok(Part {
        key: "local",
        json: found.into(),
        text: table(&lines),
        fact: format!(
            "around {} rows, {} drawn around each",
            rows.len(),
            how.samples
        ),
        heading: "Linear, around single rows",
        blocks,
    })
}

fn cell_names(cells: Cells) -> Vec<String> {
    let [across, down] = cells.counts();
    let name = |at: usize| {
        format!(
            "cell {}, {}",
            at / across * cells.size,
            at % across * cells.size
        )
    };
    (0..across * down).map(name).collect()
}

fn local_json(subject: &Subject, row: &Row, local: &Local) -> Value {
    json!({
        "row": row.number,
        "predicted": row.predicted,
        "class": subject.outputs[row.output],
        "kernel_width": local.width,
        "fidelity": fidelity_json(&local.fidelity),
        "weights": local.weights,
        "bias": local.bias,
    })
}

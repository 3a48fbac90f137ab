//! A decision tree that mimics the network.

use serde_json::{Value, json};

use super::{Part, Sample, fidelity_json, told};
use crate::cli::exit::Exit;
use crate::cli::explain::allowed::by_flag;
use crate::cli::explain::subject::Subject;
use crate::cli::explain::{Explain, Kind, given};
use crate::cli::output::short;
use crate::data::Task;
use crate::explain::{Answer, Fidelity, Goal, Split, Tree, TreeNode, Words, largest};
use crate::report::Block;

const DEPTH: usize = 4;
/// Rows on each side of a question, at least.
const LEAST: usize = 5;

/// A tree of the classes that the network gives, or of one number.
pub(super) fn part(asked: &Explain, subject: &Subject, sample: &Sample) -> Result<Part, Exit> {
    let (features, width) = (subject.data.features(), subject.outputs.len());
    let depth = given(asked.depth, DEPTH);
    let (x, held) = sample.x.split_at(sample.learnt * features);
    let (tree, fidelity) = if subject.preparation.task() == Task::Regression {
        let output = subject.wanted(asked)?.unwrap_or(0);
        let rows = sample.y.chunks(width);
        let numbers: Vec<f64> = rows.map(|y| subject.own(output, y[output])).collect();
        let (learnt, answers) = numbers.split_at(sample.learnt);
        let tree = Tree::grow(x, features, Goal::Numbers(learnt), depth, LEAST).map_err(by_flag)?;
        let said = tree.answers(held, features);
        (tree, Fidelity::of(&said, answers, 1, None))
    } else {
        if asked.kind == Some(Kind::Tree) && asked.class.is_some() {
            let text =
                "--class is for trees of numbers, and this tree tells all classes; leave it out";
            return Err(Exit::usage(text));
        }
        let labels: Vec<usize> = sample.y.chunks(width).map(largest).collect();
        let (learnt, answers) = labels.split_at(sample.learnt);
        let goal = Goal::Classes {
            labels: learnt,
            classes: width,
        };
        let tree = Tree::grow(x, features, goal, depth, LEAST).map_err(by_flag)?;
        let said = tree.answers(held, features);
        let pairs = said.iter().zip(answers);
        let same = pairs
            .filter(|(said, label)| **said == **label as f64)
            .count();
        let fidelity = Fidelity {
            rows: said.len(),
            r2: None,
            agreement: Some(same as f64 / said.len() as f64),
        };
        (tree, fidelity)
    };
    let names = subject.names();
    let question = |split: &Split| question(subject, &names, split);
    let range = range(&tree);
    let answer = |node: &TreeNode| answer(subject, node, range);
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

/// The least and the largest number of the leaves.
fn range(tree: &Tree) -> [f64; 2] {
    let numbers = tree.nodes.iter().filter_map(|node| match node.answer {
        Answer::Number(number) => Some(number),
        Answer::Class(..) => None,
    });
    numbers.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], n| {
        [low.min(n), high.max(n)]
    })
}

/// A number of leaves in as many digits as tell them apart, whatever their offset and scale.
fn told_apart(number: f64, [low, high]: [f64; 2]) -> String {
    let (most, span) = (low.abs().max(high.abs()), high - low);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "from 0 to 12"
    )]
    let digits = |of: f64| of.log10().clamp(0.0, 12.0).ceil() as usize;
    if !(span > 0.0 && span < most) || (1e-3..1e6).contains(&most) && span >= 0.1 {
        return short(number);
    }
    if (1e-3..1e15).contains(&most) {
        return format!("{number:.0$}", digits(1e3 / span));
    }
    format!("{number:.0$e}", 3 + digits(most / span))
}

fn answer(subject: &Subject, node: &TreeNode, range: [f64; 2]) -> String {
    match &node.answer {
        Answer::Class(class, counts) => {
            let share = 100.0 * counts[*class] as f64 / node.rows.max(1) as f64;
            format!("{} {share:.0} %", subject.outputs[*class])
        }
        Answer::Number(number) => told_apart(*number, range),
    }
}

/// A question in the units of its column. A one-hot input asks for its category.
fn question(subject: &Subject, names: &[String], split: &Split) -> String {
    let name = &names[split.feature];
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_are_told_apart() {
        let text = |numbers: [f64; 2]| numbers.map(|number| told_apart(number, numbers));
        assert_eq!(
            text([1.6e9 - 2.0, 1.6e9 + 4.0]),
            ["1599999998.000", "1600000004.000"]
        );
        assert_eq!(text([-2.362e-8, 3.978e-8]), ["-2.362e-8", "3.978e-8"]);
        assert_eq!(text([5050.0, 20123.5]), ["5050.0000", "20123.5000"]);
        assert_eq!(text([1.0, 1.0 + 2e-6]), ["1.000000000", "1.000002000"]);
        assert_eq!(text([3.0, 3.0]), ["3.0000", "3.0000"]);
    }
}

//! `thalweg data`.

use serde_json::json;

use super::exit::Exit;
use super::flags::{Columns, columns, word};
use super::output::{Facts, grouped, note, print, print_json, short};
use crate::data::{
    ColumnDescription, Description, InFile, Missing, Normalize, Picture, Range, Spec, TableOptions,
    TargetDescription, Task,
};

const EXAMPLES: &str = "Examples:
  thalweg data flowers.csv
  thalweg data houses.tsv.gz --target price --missing mean --drop id,name
  thalweg data pictures/:size=28x28,grey --json

Columns that training would refuse (with missing values, dates, or identifiers) are described too; what
training would do to each column is told behind its arrow. Ranges are those of all rows; training scales
by its own rows alone.";

/// Columns and classes that are told of, unless as JSON.
const SHOWN: usize = 200;
const SHOWN_CLASSES: usize = 20;
/// Letters of a name.
const LETTERS: usize = 24;

/// Describes a data set: columns, ranges, classes, and what training would do to each.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Data {
    /// A generator or a path, as for `train --data`
    #[arg(value_name = "SPEC")]
    data: Spec,
    /// The target's column in a CSV, or several separated by commas, all numbers [default: the last]
    #[arg(long, value_name = "COLUMN")]
    target: Option<String>,
    /// The column of a CSV that holds the weights of the rows
    #[arg(long, visible_alias = "sample-weights", value_name = "COLUMN")]
    weights: Option<String>,
    /// auto, classification or regression
    #[arg(long, value_name = "TASK", value_parser = word::<Task>, default_value = "auto")]
    task: Task,
    /// auto, standard, minmax or none
    #[arg(long, value_name = "HOW", value_parser = word::<Normalize>, default_value = "auto")]
    normalize: Normalize,
    /// What to do about missing values of a CSV: error, mean or drop
    #[arg(long, value_name = "HOW", value_parser = word::<Missing>, default_value = "error")]
    missing: Missing,
    /// Columns of a CSV to leave out
    #[arg(long, value_name = "COLUMN,…", value_parser = columns)]
    drop: Option<Columns>,
    /// Print one JSON object in place of the text
    #[arg(long)]
    json: bool,
}

impl Data {
    pub(super) fn run(self) -> Result<(), Exit> {
        let options = TableOptions {
            target: self.target,
            weights: self.weights,
            in_file: InFile::IfLarge,
            missing: self.missing,
            drop: self.drop.map_or_else(Vec::new, |Columns(names)| names),
            describe: true,
            ..TableOptions::default()
        };
        let table = self.data.load(&options)?;
        let notes = table.notes();
        let found = Description::of(&table, self.task, self.normalize)?;
        if self.json {
            let mut object =
                serde_json::to_value(&found).map_err(|e| Exit::failed(e.to_string()))?;
            object["notes"] = json!(notes);
            return print_json(&object);
        }
        for text in notes {
            note(&format!("note: {text}"));
        }
        print(&text(&found))
    }
}

fn text(found: &Description) -> String {
    let mut facts = Facts::default();
    facts.add("data", &found.source);
    facts.add("rows", rows(found));
    if let Some(picture) = found.picture {
        facts.add("pictures", self::picture(picture));
    } else if let Some(shape) = &found.shape {
        let inputs = shape.iter().product::<usize>() as u64;
        facts.add("inputs", format!("{} a row", grouped(inputs)));
    } else {
        facts.add("columns", grouped(found.columns.len() as u64));
    }
    if let Some(values) = &found.values {
        let training = found.training.as_deref().unwrap_or_default();
        facts.add("values", format!("{} -> {training}", range(values)));
    }
    if let Some(target) = &found.target {
        facts.add("target", self::target(target));
        for one in &target.columns {
            facts.add("", format!("{}, {}", name(&one.name), column(one)));
        }
    }
    if let Some(weights) = &found.weights {
        let text = format!("{}, {}", name(&weights.name), column(weights));
        facts.add("weights", text);
    }
    let mut text = facts.text();
    if !found.columns.is_empty() {
        let mut facts = Facts::default();
        for described in found.columns.iter().take(SHOWN) {
            facts.add(name(&described.name), column(described));
        }
        if found.columns.len() > SHOWN {
            let more = found.columns.len() - SHOWN;
            facts.add("…", format!("and {more} more; `--json` tells of all"));
        }
        text.push('\n');
        text.push_str(&facts.text());
    }
    text
}

fn rows(found: &Description) -> String {
    let mut text = grouped(found.rows as u64);
    if found.left_out > 0 {
        let left_out = grouped(found.left_out as u64);
        text.push_str(&format!(
            "; {left_out} more are left out, since values are missing"
        ));
    }
    if found.duplicates > 0 {
        let duplicates = grouped(found.duplicates as u64);
        text.push_str(&format!(
            "; {duplicates} of them are the same as one before"
        ));
    }
    text
}

fn picture(picture: Picture) -> String {
    let Picture {
        width,
        height,
        channels,
    } = picture;
    let colours = if channels == 1 {
        "grey"
    } else {
        "red, green and blue"
    };
    format!("{width} x {height} pixels, {colours}")
}

fn target(target: &TargetDescription) -> String {
    let name = target
        .name
        .as_ref()
        .map_or_else(String::new, |n| format!("{}, ", name(n)));
    let what = match (&target.classes, &target.range) {
        (None, None) if !target.columns.is_empty() => format!("{} columns", target.columns.len()),
        (Some(classes), _) => some(classes),
        (None, Some(values)) => range(values),
        (None, None) => "no number".to_owned(),
    };
    format!(
        "{name}{what}{} -> {}",
        missing(target.missing),
        target.training
    )
}

fn column(column: &ColumnDescription) -> String {
    let what = match (&column.categories, &column.range) {
        (Some(categories), _) => format!("category: {}", some(categories)),
        (None, Some(values)) => format!("number: {}", range(values)),
        (None, None) => column.kind.to_owned(),
    };
    format!("{what}{} -> {}", missing(column.missing), column.training)
}

fn missing(count: usize) -> String {
    match count {
        0 => String::new(),
        count => format!("; {} missing", grouped(count as u64)),
    }
}

fn range(range: &Range) -> String {
    let Range {
        smallest,
        largest,
        mean,
        deviation,
        ..
    } = *range;
    let [smallest, largest, mean, deviation] = [smallest, largest, mean, deviation].map(plain);
    format!("{smallest} to {largest}, mean {mean}, deviation {deviation}")
}

/// A number as short as it can be read.
fn plain(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e7 {
        return value.to_string();
    }
    short(value)
}

/// Names with their counts.
fn some(counts: &[(String, usize)]) -> String {
    let one =
        |(each, count): &(String, usize)| format!("{} {}", name(each), grouped(*count as u64));
    let shown: Vec<_> = counts.iter().take(SHOWN_CLASSES).map(one).collect();
    let shown = shown.join(", ");
    match counts.len().saturating_sub(SHOWN_CLASSES) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// A name of a file, cut where it would take the line, with nothing in it that would break the line.
fn name(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    if plain.chars().count() <= LETTERS {
        return plain;
    }
    let start: String = plain.chars().take(LETTERS - 1).collect();
    format!("{start}…")
}

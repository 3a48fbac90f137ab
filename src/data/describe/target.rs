//! What is told of a target.

use super::{ColumnDescription, Range, TargetDescription};
use crate::data::dataset::Targets;
use crate::data::error::DataError;
use crate::data::prepare::{Missing, Normalize, Preparation, Task};
use crate::data::table::{Column, Table, TableTarget, Values};

/// Describes the target of a table, if it has one.
pub(super) fn target(
    table: &Table,
    task: Task,
    normalize: Normalize,
) -> Result<Option<TargetDescription>, DataError> {
    if let TableTarget::Columns(columns) = table.target()
        && let Some(text) = columns.iter().find(|column| is_text(column))
    {
        return Ok(Some(refused_text(table, columns, &text.name, normalize)));
    }
    let rows: Vec<u32> = (0..).take(table.rows()).collect();
    let Some(fitted) = Preparation::fit_target(table, &rows, task, normalize)? else {
        return Ok(None);
    };
    let name = match table.target() {
        TableTarget::Column(column) => Some(column.name.clone()),
        _ => None,
    };
    let columns: &[Column] = match table.target() {
        TableTarget::Columns(columns) => columns,
        _ => &[],
    };
    let found = |name: &String| table.findings().of(name);
    let missing = match &name {
        Some(name) => found(name).map_or(0, |found| found.missing),
        None => columns
            .iter()
            .filter_map(|column| found(&column.name))
            .map(|found| found.missing)
            .sum(),
    };
    let are_dates = (columns.iter().map(|column| &column.name).chain(&name))
        .filter_map(found)
        .any(|found| found.refused.is_some());
    let refused = match are_dates {
        true if missing == 0 => "; refused, since they are dates",
        _ => refused_while(missing, table),
    };
    let mut classes = None;
    let mut range = None;
    let training = match (fitted.class_names(), fitted.targets(table)?) {
        (Some(names), Targets::Classes { labels, .. }) => {
            let mut counts: Vec<_> = names.iter().map(|name| (name.clone(), 0)).collect();
            for label in labels {
                counts[label as usize].1 += 1;
            }
            let text = format!("{} classes", counts.len());
            classes = Some(counts);
            text
        }
        _ => {
            let mut all = Range::default();
            match table.target() {
                TableTarget::Column(Column {
                    values: Values::Numbers(values),
                    ..
                })
                | TableTarget::Matrix { values, .. } => values.iter().for_each(|x| all.add(x)),
                TableTarget::Labels(labels) => labels.iter().for_each(|&x| all.add(x.into())),
                _ => {}
            }
            range = all.finish();
            let outputs = match fitted.outputs() {
                1 => "a number".to_owned(),
                count => format!("{count} numbers"),
            };
            format!("{outputs}, {}", scaled(table, normalize))
        }
    };
    Ok(Some(TargetDescription {
        name,
        task: fitted.task(),
        missing,
        classes,
        range,
        columns: (columns.iter())
            .map(|column| one_of_several(table, column, normalize))
            .collect(),
        training: format!("target: {training}{refused}"),
    }))
}

const fn is_text(column: &Column) -> bool {
    matches!(column.values, Values::Text { .. })
}

/// Several columns that training would refuse as a target, since one of them is text.
fn refused_text(
    table: &Table,
    columns: &[Column],
    text: &str,
    normalize: Normalize,
) -> TargetDescription {
    let missing = |column: &Column| {
        let found = table.findings().of(&column.name);
        found.map_or(0, |found| found.missing)
    };
    TargetDescription {
        name: None,
        // Several targets are those of nothing else.
        task: Task::Regression,
        missing: columns.iter().map(missing).sum(),
        classes: None,
        range: None,
        columns: (columns.iter())
            .map(|column| one_of_several(table, column, normalize))
            .collect(),
        training: format!(
            "target: refused, since {text:?} is text; name one target alone for a classification, or leave this one out"
        ),
    }
}

/// Describes the weights of the rows, if they have some.
pub(super) fn weights(table: &Table) -> Option<ColumnDescription> {
    let column = table.weights()?;
    let mut described = numbers(table, column);
    let range = described.range.as_ref();
    let refused = if range.is_some_and(|range| range.smallest < 0.0) {
        "; refused, since one is below 0"
    } else if range.is_some_and(|range| range.largest == 0.0) {
        "; refused, since all are 0"
    } else {
        refused_while(described.missing, table)
    };
    described.training = format!("weights of the rows in the loss{refused}");
    Some(described)
}

/// One of several columns that are the target together.
fn one_of_several(table: &Table, column: &Column, normalize: Normalize) -> ColumnDescription {
    if let Values::Text { codes, names } = &column.values {
        let mut counts: Vec<_> = names.iter().map(|name| (name.clone(), 0)).collect();
        for &code in codes {
            counts[code as usize].1 += 1;
        }
        counts.sort();
        let found = table.findings().of(&column.name);
        return ColumnDescription {
            name: column.name.clone(),
            kind: "category",
            missing: found.map_or(0, |found| found.missing),
            range: None,
            categories: Some(counts),
            training: "target: refused, since it is text".to_owned(),
        };
    }
    let mut described = numbers(table, column);
    let refused = refused_while(described.missing, table);
    described.training = format!("target: {}{refused}", scaled(table, normalize));
    described
}

/// A column of numbers that is no input.
fn numbers(table: &Table, column: &Column) -> ColumnDescription {
    let mut range = Range::default();
    if let Values::Numbers(values) = &column.values {
        values.iter().for_each(|value| range.add(value));
    }
    let found = table.findings().of(&column.name);
    ColumnDescription {
        name: column.name.clone(),
        kind: "number",
        missing: found.map_or(0, |found| found.missing),
        range: range.finish(),
        categories: None,
        training: String::new(),
    }
}

/// Targets and weights are never made up, so that a missing one is refused unless its row is left out.
fn refused_while(missing: usize, table: &Table) -> &'static str {
    if missing > 0 && table.findings().missing != Missing::Drop {
        "; refused while values are missing: `--missing drop`"
    } else {
        ""
    }
}

fn scaled(table: &Table, normalize: Normalize) -> &'static str {
    match normalize {
        Normalize::Auto if table.is_generated() => "as it is",
        Normalize::Auto | Normalize::Standard => "standardised",
        Normalize::MinMax => "scaled to 0..1",
        Normalize::None => "as it is",
    }
}

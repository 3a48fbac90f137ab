//! What is told of a target.

use super::{Range, TargetDescription};
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
    let rows: Vec<u32> = (0..).take(table.rows()).collect();
    let Some(fitted) = Preparation::fit_target(table, &rows, task, normalize)? else {
        return Ok(None);
    };
    let name = match table.target() {
        TableTarget::Column(column) => Some(column.name.clone()),
        _ => None,
    };
    let findings = &table.findings().columns;
    let found = findings
        .last()
        .filter(|found| Some(&found.column) == name.as_ref());
    let missing = found.map_or(0, |found| found.missing);
    let refused = if missing > 0 && table.findings().missing != Missing::Drop {
        "; refused while values are missing: `--missing drop`"
    } else {
        found
            .filter(|found| found.refused.is_some())
            .map_or("", |_| "; refused, since they are dates")
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
            let scaled = match normalize {
                Normalize::Auto if table.is_generated() => "as it is",
                Normalize::Auto | Normalize::Standard => "standardised",
                Normalize::MinMax => "scaled to 0..1",
                Normalize::None => "as it is",
            };
            format!("{outputs}, {scaled}")
        }
    };
    Ok(Some(TargetDescription {
        name,
        task: fitted.task(),
        missing,
        classes,
        range,
        training: format!("target: {training}{refused}"),
    }))
}

//! Targets: classes by name, or scaled numbers.

use serde::{Deserialize, Serialize};

use super::named::{codes, written};
use super::scaling::Scaling;
use super::{ColumnKind, Normalize, Task};
use crate::data::dataset::{Dataset, Targets};
use crate::data::error::DataError;
use crate::data::numbers::Numbers;
use crate::data::table::{Column, Table, TableTarget, Values};

/// Integers with more different values than this are numbers to `Task::Auto`.
const MOST_AUTO_CLASSES: usize = 20;
/// Integers below this are exact in f64, so that two classes are never one.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// How a table's target becomes numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub(super) enum TargetPreparation {
    None,
    /// Classes in the order of the outputs; `text` if the column held text.
    Classes {
        column: Option<String>,
        classes: Vec<String>,
        text: bool,
    },
    /// Numbers, one name an output.
    Numbers {
        column: Option<String>,
        names: Vec<String>,
        scaling: Scaling,
        /// Whether the names are those of columns, which are the target together.
        #[serde(default)]
        several: bool,
    },
}

impl TargetPreparation {
    pub(super) fn fit(
        table: &Table,
        rows: &[u32],
        task: Task,
        normalize: Normalize,
    ) -> Result<Self, DataError> {
        let labels;
        let (column, values) = match table.target() {
            TableTarget::None => return Ok(Self::None),
            TableTarget::Classes { names, .. } => {
                return Self::fit_named(table, names, rows, task);
            }
            TableTarget::Column(Column {
                name,
                values: Values::Text { names, .. },
            }) => {
                if task == Task::Regression {
                    return Err(DataError::mismatch(
                        format!("{}, target {name:?}", table.source()),
                        format!(
                            "text such as {:?}",
                            names.first().map_or("", String::as_str)
                        ),
                        "numbers for a regression; choose classification or another target",
                    ));
                }
                let mut classes = names.clone();
                classes.sort();
                let fitted = Self::Classes {
                    column: Some(name.clone()),
                    classes,
                    text: true,
                };
                return fitted.with_two_classes(table, rows);
            }
            TableTarget::Column(Column {
                name,
                values: Values::Numbers(values),
            }) => (Some(name), values),
            TableTarget::Matrix { values, outputs: 1 } => (None, values),
            TableTarget::Matrix { values, outputs } => {
                let names = (0..*outputs).map(|i| format!("y{i}")).collect();
                return Self::fit_several(table, values, names, rows, (task, normalize));
            }
            TableTarget::Columns(columns) => {
                let names: Vec<String> = columns.iter().map(|c| c.name.clone()).collect();
                let values = side_by_side(columns, table.source())?;
                return Self::fit_several(table, &values, names, rows, (task, normalize))
                    .map(Self::of_columns);
            }
            TableTarget::Labels(given) => {
                labels = label_numbers(given);
                (None, &labels)
            }
        };
        let labels = matches!(table.target(), TableTarget::Labels(_));
        let different = different(values, Dataset::MAX_CLASSES);
        let few = different.as_ref().is_some_and(|different| {
            different.len() <= MOST_AUTO_CLASSES
                && different
                    .iter()
                    .all(|x| x.fract() == 0.0 && x.abs() < EXACT)
        });
        let classify = task == Task::Classification || task == Task::Auto && (labels || few);
        if !classify {
            let how = if table.is_generated() && normalize == Normalize::Auto {
                Normalize::None
            } else {
                normalize
            };
            let names = vec![column.map_or_else(|| "y".to_owned(), Clone::clone)];
            return Ok(Self::Numbers {
                column: column.cloned(),
                names,
                scaling: Scaling::fit_numbers(values, 1, rows, (how, &[]), |_| {
                    format!("target of {}", table.source())
                })?,
                several: false,
            });
        }
        let Some(different) = different else {
            return Err(DataError::mismatch(
                format!("target of {}", table.source()),
                format!("more than {} different numbers", Dataset::MAX_CLASSES),
                "classes; choose regression or another target",
            ));
        };
        if let Some(large) = different.iter().find(|x| x.abs() >= EXACT) {
            return Err(DataError::mismatch(
                format!("target of {}", table.source()),
                format!("the class {large}"),
                "class numbers nearer to 0 than 9007199254740992, since f64 tells no larger ones apart; number \
                 the classes from 0, or write them as text, such as \"id 7\"",
            ));
        }
        let classes = different.iter().map(|&x| written(x, values)).collect();
        Self::Classes {
            column: column.cloned(),
            classes,
            text: false,
        }
        .with_two_classes(table, rows)
    }

    /// For classes that have names, and an order.
    fn fit_named(
        table: &Table,
        names: &[String],
        rows: &[u32],
        task: Task,
    ) -> Result<Self, DataError> {
        if task == Task::Regression {
            return Err(DataError::mismatch(
                format!("target of {}", table.source()),
                format!(
                    "classes such as {:?}",
                    names.first().map_or("", String::as_str)
                ),
                "numbers for a regression; choose classification",
            ));
        }
        let fitted = Self::Classes {
            column: None,
            classes: names.to_vec(),
            text: true,
        };
        fitted.with_two_classes(table, rows)
    }

    fn fit_several(
        table: &Table,
        values: &Numbers,
        names: Vec<String>,
        rows: &[u32],
        (task, normalize): (Task, Normalize),
    ) -> Result<Self, DataError> {
        let outputs = names.len();
        if task == Task::Classification {
            return Err(DataError::mismatch(
                format!("target of {}", table.source()),
                format!("{outputs} numbers a row"),
                "one class a row for a classification; for one-hot rows store y.argmax(axis=1)",
            ));
        }
        Ok(Self::Numbers {
            column: None,
            scaling: Scaling::fit_numbers(values, outputs, rows, (normalize, &[]), |output| {
                format!("target {output} of {}", table.source())
            })?,
            names,
            several: false,
        })
    }

    /// The same, of named columns.
    fn of_columns(mut self) -> Self {
        if let Self::Numbers { several, .. } = &mut self {
            *several = true;
        }
        self
    }

    /// Refuses training rows that all have the same class.
    fn with_two_classes(self, table: &Table, rows: &[u32]) -> Result<Self, DataError> {
        let Targets::Classes { labels, .. } = self.prepare(table)? else {
            return Ok(self);
        };
        let first = labels[rows[0] as usize];
        let Self::Classes { classes, .. } = &self else {
            return Ok(self);
        };
        if rows.iter().any(|&row| labels[row as usize] != first) {
            return Ok(self);
        }
        Err(DataError::OneClass {
            file: table.source().to_owned(),
            rows: rows.len(),
            class: classes[first as usize].clone(),
        })
    }

    pub(super) fn prepare(&self, table: &Table) -> Result<Targets, DataError> {
        let wrong = |found: &str, expected: &str| {
            DataError::mismatch(
                format!("target of {}", table.source()),
                found,
                format!("{expected}, as in training"),
            )
        };
        match self {
            Self::None => Ok(Targets::None),
            Self::Classes {
                column, classes, ..
            } => {
                let name = column.as_deref().unwrap_or("y");
                let own;
                let values = match table.target() {
                    TableTarget::None => return Ok(Targets::None),
                    TableTarget::Column(column) => &column.values,
                    TableTarget::Matrix { values, outputs: 1 } => {
                        own = Values::Numbers(values.clone());
                        &own
                    }
                    TableTarget::Matrix { .. } | TableTarget::Columns(_) => {
                        return Err(wrong("several numbers a row", "one class a row"));
                    }
                    TableTarget::Labels(labels) => {
                        own = Values::Numbers(label_numbers(labels));
                        &own
                    }
                    TableTarget::Classes { labels, names } => {
                        own = Values::Text {
                            codes: labels.clone(),
                            names: names.clone(),
                        };
                        &own
                    }
                };
                Ok(Targets::Classes {
                    labels: codes(values, name, classes, table)?,
                    classes: classes.len(),
                })
            }
            Self::Numbers { scaling, .. } => {
                let outputs = scaling.offset.len();
                let values = match table.target() {
                    TableTarget::None => return Ok(Targets::None),
                    TableTarget::Column(Column {
                        values: Values::Numbers(values),
                        ..
                    }) if outputs == 1 => scaling.apply_numbers(values),
                    TableTarget::Matrix {
                        values,
                        outputs: given,
                    } if *given == outputs => scaling.apply_numbers(values),
                    TableTarget::Columns(columns) if columns.len() == outputs => {
                        scaling.apply_numbers(&side_by_side(columns, table.source())?)
                    }
                    TableTarget::Labels(labels) if outputs == 1 => scaling.apply_all(labels),
                    TableTarget::Classes { .. }
                    | TableTarget::Column(Column {
                        values: Values::Text { .. },
                        ..
                    }) => {
                        return Err(wrong("text", "numbers"));
                    }
                    _ => {
                        return Err(wrong(
                            "another number of targets a row",
                            &format!("{outputs} a row"),
                        ));
                    }
                };
                Ok(Targets::Numbers { values, outputs })
            }
        }
    }

    pub(super) fn column(&self) -> Option<&str> {
        match self {
            Self::None => None,
            Self::Classes { column, .. } | Self::Numbers { column, .. } => column.as_deref(),
        }
    }

    pub(super) fn schema(&self) -> Vec<(String, ColumnKind)> {
        if let Self::Numbers {
            names,
            several: true,
            ..
        } = self
        {
            let number = |name: &String| (name.clone(), ColumnKind::Number);
            return names.iter().map(number).collect();
        }
        let text = matches!(self, Self::Classes { text: true, .. });
        let kind = if text {
            ColumnKind::Category
        } else {
            ColumnKind::Number
        };
        let named = self.column().map(|name| (name.to_owned(), kind));
        named.into_iter().collect()
    }

    pub(super) fn is_valid(&self) -> bool {
        match self {
            Self::None => true,
            Self::Classes { classes, .. } => (2..=Dataset::MAX_CLASSES).contains(&classes.len()),
            Self::Numbers { names, scaling, .. } => {
                !names.is_empty() && scaling.is_valid(names.len())
            }
        }
    }
}

/// Columns of numbers as one matrix, a row beside the other.
fn side_by_side(columns: &[Column], source: &str) -> Result<Numbers, DataError> {
    let mut numbers = Vec::with_capacity(columns.len());
    for column in columns {
        match &column.values {
            Values::Numbers(values) => numbers.push(values),
            Values::Text { names, .. } => {
                return Err(DataError::malformed(
                    format!("{source}, target {:?}", column.name),
                    format!(
                        "text such as {:?}",
                        names.first().map_or("", String::as_str)
                    ),
                    "numbers, as every one of several targets",
                    "name one target alone for a classification, or leave this one out",
                ));
            }
        }
    }
    let wide = numbers
        .iter()
        .any(|values| matches!(values, Numbers::F64(_)));
    let rows = numbers.first().map_or(0, |values| values.len());
    let mut matrix = Numbers::with_capacity(wide, rows * numbers.len());
    for row in 0..rows {
        numbers
            .iter()
            .for_each(|values| matrix.push(values.get(row)));
    }
    Ok(matrix)
}

/// Labels as numbers, exact: u32 fits into f64, and small ones into f32.
fn label_numbers(labels: &[u32]) -> Numbers {
    if labels.iter().all(|&label| label <= 1 << 24) {
        labels
            .iter()
            .map(|&label| label as f32)
            .collect::<Vec<_>>()
            .into()
    } else {
        labels
            .iter()
            .map(|&label| f64::from(label))
            .collect::<Vec<_>>()
            .into()
    }
}

/// The different values in ascending order, or nothing if there are more than `most`.
fn different(values: &Numbers, most: usize) -> Option<Vec<f64>> {
    let mut seen = std::collections::HashSet::new();
    for value in values.iter() {
        // Adding 0 makes -0 the same as 0.
        if seen.insert((value + 0.0).to_bits()) && seen.len() > most {
            return None;
        }
    }
    let mut different: Vec<f64> = seen.into_iter().map(f64::from_bits).collect();
    different.sort_by(f64::total_cmp);
    Some(different)
}

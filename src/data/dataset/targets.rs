use super::inputs::gather;
use super::{Dataset, check_finite};
use crate::data::DataError;

/// What a network shall answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Targets {
    /// One class a row.
    Classes {
        /// `[rows]`, each below `classes`.
        labels: Vec<u32>,
        /// How many classes there are, at least 2.
        classes: usize,
    },
    /// Numbers, row-major `[rows, outputs]`, all finite.
    Numbers {
        /// The numbers.
        values: Vec<f32>,
        /// How many a row.
        outputs: usize,
    },
    /// Unknown: the data is there to be predicted.
    None,
}

impl Targets {
    pub(super) fn select(&self, rows: &[u32]) -> Self {
        match self {
            Self::Classes { labels, classes } => Self::Classes {
                labels: gather(labels, 1, rows),
                classes: *classes,
            },
            Self::Numbers { values, outputs } => Self::Numbers {
                values: gather(values, *outputs, rows),
                outputs: *outputs,
            },
            Self::None => Self::None,
        }
    }

    /// Refuses what no loss can be held against.
    pub(super) fn check(&self, rows: usize) -> Result<(), DataError> {
        match self {
            Self::None => Ok(()),
            Self::Numbers { values, outputs } => {
                if *outputs == 0 || rows.checked_mul(*outputs) != Some(values.len()) {
                    return Err(DataError::mismatch(
                        "targets",
                        format!("{} values with {outputs} a row", values.len()),
                        format!("{rows} rows, as many as the inputs have"),
                    ));
                }
                check_finite("targets", values, *outputs)
            }
            Self::Classes { labels, classes } => {
                if labels.len() != rows {
                    return Err(DataError::mismatch(
                        "labels",
                        format!("{}", labels.len()),
                        format!("{rows}, as many as the inputs have rows"),
                    ));
                }
                if !(2..=Dataset::MAX_CLASSES).contains(classes) {
                    return Err(DataError::mismatch(
                        "labels",
                        format!("{classes} classes"),
                        format!("2 to {}, numbered from 0", Dataset::MAX_CLASSES),
                    ));
                }
                match labels.iter().position(|&label| label as usize >= *classes) {
                    Some(row) => Err(DataError::mismatch(
                        format!("label of row {row}"),
                        format!("{}", labels[row]),
                        format!("a class below {classes}"),
                    )),
                    None => Ok(()),
                }
            }
        }
    }
}

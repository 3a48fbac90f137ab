//! By what an epoch is judged, and when a run that gets no better ends.

use serde::{Deserialize, Serialize};

use super::{Evaluation, TrainError};
use crate::data::{Dataset, Targets};

/// What an epoch is judged by, on the validation rows, or without them on the training rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Monitor {
    /// The loss, the less the better.
    #[default]
    Loss,
    /// The share of rows classified right.
    Accuracy,
    /// The coefficient of determination.
    R2,
}

impl Monitor {
    /// The words for it.
    pub const WORDS: [&'static str; 3] = ["loss", "accuracy", "r2"];

    /// A number that is less the better the epoch was.
    pub(super) fn judge(self, evaluation: &Evaluation) -> Result<f64, TrainError> {
        let value = match self {
            Self::Loss => Some(evaluation.loss),
            Self::Accuracy => evaluation.accuracy.map(|a| -a),
            Self::R2 => evaluation.r2.map(|r2| -r2),
        };
        value.ok_or_else(|| self.refusal())
    }

    /// Refuses rows that it cannot judge, before a run begins.
    pub(super) fn check(
        self,
        data: &Dataset,
        validation: Option<&Dataset>,
    ) -> Result<(), TrainError> {
        let judged = validation.unwrap_or(data);
        let fits = match (self, judged.targets()) {
            (Self::Loss, _) | (Self::Accuracy, Targets::Classes { .. }) => true,
            (Self::R2, Targets::Numbers { values, outputs }) => {
                let mut columns = 0..*outputs;
                validation.is_some()
                    && columns.all(|c| {
                        values
                            .iter()
                            .skip(c)
                            .step_by(*outputs)
                            .any(|v| *v != values[c])
                    })
            }
            _ => false,
        };
        if fits { Ok(()) } else { Err(self.refusal()) }
    }

    fn refusal(self) -> TrainError {
        TrainError::Option {
            name: "monitor",
            found: self.to_string(),
            expected: match self {
                Self::Accuracy => "loss or r2, as the targets are no classes",
                _ => {
                    "loss or accuracy: r2 is of validation rows whose targets are numbers that vary"
                }
            },
        }
    }
}

impl std::fmt::Display for Monitor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(Self::WORDS[*self as usize])
    }
}

impl std::str::FromStr for Monitor {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        Ok(match word {
            "loss" => Self::Loss,
            "accuracy" => Self::Accuracy,
            "r2" => Self::R2,
            _ => {
                return Err(format!(
                    "unknown monitor `{word}`; expected {}",
                    Self::WORDS.join(", ")
                ));
            }
        })
    }
}

/// When a run that gets no better ends: Keras's `EarlyStopping`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Stopping {
    /// Epochs without a better one after which the run ends; at least 1.
    pub patience: u64,
    /// An epoch is better only if it is by more than this.
    pub min_delta: f64,
    /// Whether the model is then that of the best epoch; else it is that of the last.
    pub restore_best: bool,
}

impl Stopping {
    /// Ends after so many epochs without a better one, with the model of the best.
    pub const fn after(patience: u64) -> Self {
        Self {
            patience,
            min_delta: 0.0,
            restore_best: true,
        }
    }

    pub(super) fn check(&self) -> Result<(), TrainError> {
        let option = |name, found: String, expected| {
            Err(TrainError::Option {
                name,
                found,
                expected,
            })
        };
        if self.patience == 0 {
            return option("patience", "0".to_owned(), "at least 1 epoch");
        }
        if !(0.0..f64::INFINITY).contains(&self.min_delta) {
            let found = self.min_delta.to_string();
            return option("min_delta", found, "a finite number of at least 0");
        }
        Ok(())
    }
}

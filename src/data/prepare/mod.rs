//! What is learnt from the training rows about the data itself, and kept with the model.

mod gaps;
mod inputs;
mod named;
mod own;
mod pixels;
mod scaling;
mod stored;
mod target;
mod units;
mod weights;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use self::gaps::unfilled;
use self::inputs::InputPreparation;
use self::target::TargetPreparation;
pub use self::units::{Coarse, InputScale};
use super::dataset::{Dataset, Targets};
use super::error::{DataError, nearest};
use super::missing::Finding;
use super::pictures::{Picture, PictureOptions};
use super::table::{Table, TableOptions};

/// What kind of answer is wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// Text, labels of an IDX file or a generator, or integers with at most 20 different values: classification.
    /// Anything else: regression.
    #[default]
    Auto,
    /// One of several classes.
    Classification,
    /// One or several numbers.
    Regression,
}

/// How numbers are shifted and scaled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Normalize {
    /// Columns of tables and the target of a regression are standardised, u8 pixels are scaled to 0..1 (on the device,
    /// where they stay bytes; by 1 instead of 1/255 if none in training exceeds 1), generators are left as they are.
    #[default]
    Auto,
    /// Mean 0 and population standard deviation 1, each input on its own.
    Standard,
    /// Smallest value 0, largest 1, each input on its own.
    MinMax,
    /// As they are.
    None,
}

/// What to do about missing values of a table: cells that are empty, or say `NA`, `N/A`, `NaN`, `null` or `?`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Missing {
    /// They are refused, with their line. In a column of text only an empty cell is missing; a word is a category.
    #[default]
    Error,
    /// A number is filled in by the mean of its column in the training rows, which is kept with the model, before the
    /// column is scaled; a text by a category of its own, `missing`. A target is never filled in.
    Mean,
    /// Rows with a missing value are left out. Where rows are to be predicted, they are refused.
    Drop,
}

/// Whether a column holds numbers or categories.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnKind {
    /// Numbers.
    Number,
    /// Text, one of several categories; what looks like a number is text too.
    Category,
}

macro_rules! words {
    ($name:ident, $what:literal, $($variant:ident => $word:literal),+) => {
        impl $name {
            /// All values, as words.
            pub const WORDS: &'static [&'static str] = &[$($word),+];
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self { $(Self::$variant => $word),+ })
            }
        }

        impl FromStr for $name {
            type Err = DataError;

            fn from_str(word: &str) -> Result<Self, DataError> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => {
                        let hint = nearest(word, Self::WORDS.iter().copied());
                        let hint = hint.map_or_else(String::new, |word| format!(" (did you mean {word:?}?)"));
                        let known = format!("one of {}{hint}", Self::WORDS.join(", "));
                        Err(DataError::mismatch($what, format!("{word:?}"), known))
                    }
                }
            }
        }
    };
}

words!(Task, "task", Auto => "auto", Classification => "classification", Regression => "regression");
words!(Missing, "missing", Error => "error", Mean => "mean", Drop => "drop");
words!(Normalize, "normalize", Auto => "auto", Standard => "standard", MinMax => "minmax", None => "none");

/// How a regression's prepared targets (and so a network's answers) go back to their own units:
/// `own = prepared * scale + offset`, one pair an output.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TargetScale<'a> {
    /// The mean, or what else was taken off.
    pub offset: &'a [f64],
    /// The standard deviation, or what else was divided by.
    pub scale: &'a [f64],
}

/// How a table becomes numbers: scales, categories and classes. It is fitted once, and kept in the model file.
///
/// Scales come from the training rows alone. Categories and classes come from all rows of the table that it is fitted
/// on, so that a class that only a validation row has is an answer the network can give, if never a right one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Preparation {
    inputs: InputPreparation,
    target: TargetPreparation,
    /// The column that held the weights of the rows, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    weights: Option<String>,
    #[serde(default, skip_serializing_if = "Missing::is_error")]
    missing: Missing,
    /// Columns that were left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    drop: Vec<String>,
    /// How pictures are made alike.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pictures: Option<PictureOptions>,
}

impl Missing {
    fn is_error(&self) -> bool {
        *self == Self::Error
    }
}

impl Preparation {
    /// Learns from the rows numbered `rows` (the training rows) of `table`.
    ///
    /// Statistics are computed in f64, with the population standard deviation (divided by n, as scikit-learn does).
    /// Classes are in numerical order when all are numbers, else in the order of their bytes.
    ///
    /// # Errors
    /// When there are no training rows or they have one class only, when text should be regressed, or several targets
    /// or fractions classified without saying so, or when numbers that shall not be scaled are too near one another,
    /// for their magnitude, for f32.
    ///
    /// # Panics
    /// When a row number is not below the table's number of rows.
    pub fn fit(
        table: &Table,
        rows: &[u32],
        task: Task,
        normalize: Normalize,
    ) -> Result<Self, DataError> {
        if rows.is_empty() {
            return Err(DataError::mismatch("training rows", "none", "at least one"));
        }
        let findings = table.findings();
        let gap = |found: &&Finding| found.missing > 0 && findings.missing == Missing::Error;
        if let Some(found) = findings.columns.iter().find(gap) {
            // Such a table was read to be described.
            let name = &found.column;
            return Err(unfilled(table.source().to_owned(), name));
        }
        let inputs = InputPreparation::fit(table, rows, normalize)?;
        let target = TargetPreparation::fit(table, rows, task, normalize)?;
        Ok(Self {
            inputs,
            target,
            weights: table.weights().map(|column| column.name.clone()),
            missing: table.findings().missing,
            drop: table.findings().left_out.clone(),
            pictures: table.findings().pictures,
        })
    }

    /// Learns of the target alone, if there is one.
    pub(super) fn fit_target(
        table: &Table,
        rows: &[u32],
        task: Task,
        normalize: Normalize,
    ) -> Result<Option<Self>, DataError> {
        let target = TargetPreparation::fit(table, rows, task, normalize)?;
        let none = matches!(target, TargetPreparation::None);
        let fitted = Self {
            inputs: InputPreparation::none(),
            target,
            weights: None,
            missing: Missing::Error,
            drop: Vec::new(),
            pictures: None,
        };
        Ok((!none).then_some(fitted))
    }

    /// The targets of a table alone.
    pub(super) fn targets(&self, table: &Table) -> Result<Targets, DataError> {
        self.target.prepare(table)
    }

    /// The targets of all rows, before it is known which of them train: their classes are those that they would have then.
    ///
    /// # Errors
    /// As [`fit`](Self::fit) and [`prepare`](Self::prepare).
    pub(crate) fn targets_of(table: &Table, task: Task) -> Result<Targets, DataError> {
        let count = u32::try_from(table.rows()).expect("a table has fewer than 2^32 rows");
        let rows: Vec<u32> = (0..count).collect();
        TargetPreparation::fit(table, &rows, task, Normalize::Standard)?.prepare(table)
    }

    /// Makes `table` numbers. Columns are found by name, in any order; other columns are ignored. A table without a
    /// target gives a data set without targets.
    ///
    /// # Errors
    /// When a column is missing or of another kind, or a category or class did not occur in training.
    pub fn prepare(&self, table: &Table) -> Result<Dataset, DataError> {
        let (inputs, shape) = self.inputs.prepare(table)?;
        let targets = self.target.prepare(table)?;
        let data = Dataset::new(inputs, &shape, targets)?.with_picture(self.picture());
        weights::weigh(data, weights::prepare(table)?)
    }

    /// As [`prepare`](Self::prepare), for a table that is not wanted any more: what need not change is not copied, and
    /// the rest is dropped as soon as it is done with.
    ///
    /// # Errors
    /// As [`prepare`](Self::prepare).
    pub fn prepare_owned(&self, table: Table) -> Result<Dataset, DataError> {
        let targets = self.target.prepare(&table)?;
        let weights = weights::prepare(&table)?;
        let (inputs, shape) = self.inputs.prepare_owned(table.without_target())?;
        let data = Dataset::new(inputs, &shape, targets)?.with_picture(self.picture());
        weights::weigh(data, weights)
    }

    /// Whether what was read from a file makes sense, so that [`prepare`](Self::prepare) gives numbers.
    ///
    /// # Errors
    /// When lengths disagree, or a scale is 0 or not finite.
    pub fn check(&self) -> Result<(), DataError> {
        if self.inputs.is_valid() && self.target.is_valid() {
            return Ok(());
        }
        Err(DataError::mismatch(
            "the model's data preparation",
            "lengths or scales that make no sense",
            "those of a model",
        ))
    }

    /// What to read from a file for this preparation: the columns by name, and the target if it is required (or, if
    /// not, when it is there).
    #[must_use]
    pub fn table_options(&self, require_target: bool) -> TableOptions {
        TableOptions {
            target: self.target.column().map(str::to_owned),
            targets: self.target_names().unwrap_or_default().to_vec(),
            // What is only to be predicted is not weighed.
            weights: self.weights.clone().filter(|_| require_target),
            require_target,
            schema: self.schema(),
            missing: match self.missing {
                // A row that is to be predicted cannot be left out.
                Missing::Drop if !require_target => Missing::Error,
                missing => missing,
            },
            pictures: Some(PictureOptions {
                expected: self.picture(),
                ..self.pictures.unwrap_or_default()
            }),
            ..TableOptions::default()
        }
    }

    fn schema(&self) -> Option<Vec<(String, ColumnKind)>> {
        let mut schema = self.inputs.schema()?;
        schema.extend(self.target.schema());
        Some(schema)
    }

    /// What the pictures are that a row's bytes make, if they do.
    #[must_use]
    pub fn picture(&self) -> Option<Picture> {
        self.inputs.picture()
    }

    /// What was done about missing values.
    #[must_use]
    pub fn missing(&self) -> Missing {
        self.missing
    }

    /// The columns that were left out.
    #[must_use]
    pub fn left_out(&self) -> &[String] {
        &self.drop
    }

    /// `Classification` or `Regression`, or `Auto` when there was no target.
    #[must_use]
    pub fn task(&self) -> Task {
        match &self.target {
            TargetPreparation::None => Task::Auto,
            TargetPreparation::Classes { .. } => Task::Classification,
            TargetPreparation::Numbers { .. } => Task::Regression,
        }
    }

    /// The shape of a prepared row, such as `[16, 16]` for pictures; a table's is `[features]`.
    #[must_use]
    pub fn sample_shape(&self) -> Vec<usize> {
        self.inputs.shape()
    }

    /// The number of inputs of the network.
    #[must_use]
    pub fn features(&self) -> usize {
        self.inputs.shape().iter().product()
    }

    /// The inputs' names: columns, `column=category` for those of a one-hot column, `x0`, `x1`, … where there are none.
    #[must_use]
    pub fn feature_names(&self) -> Vec<String> {
        self.inputs.names()
    }

    /// The number of outputs of the network: classes, or numbers; 0 when there was no target.
    #[must_use]
    pub fn outputs(&self) -> usize {
        match &self.target {
            TargetPreparation::None => 0,
            TargetPreparation::Classes { classes, .. } => classes.len(),
            TargetPreparation::Numbers { names, .. } => names.len(),
        }
    }

    /// The classes in the order of the outputs, for a classification.
    #[must_use]
    pub fn class_names(&self) -> Option<&[String]> {
        match &self.target {
            TargetPreparation::Classes { classes, .. } => Some(classes),
            _ => None,
        }
    }

    /// The name of the target's column, when it has one.
    #[must_use]
    pub fn target_name(&self) -> Option<&str> {
        self.target.column()
    }

    /// The names of the targets' columns, where several columns are the target.
    #[must_use]
    pub fn target_names(&self) -> Option<&[String]> {
        match &self.target {
            TargetPreparation::Numbers {
                names,
                several: true,
                ..
            } => Some(names),
            _ => None,
        }
    }

    /// The column that held the weights of the rows in training, if one did.
    #[must_use]
    pub fn weights_name(&self) -> Option<&str> {
        self.weights.as_deref()
    }

    /// How answers go back to their own units, for a regression.
    #[must_use]
    pub fn target_scale(&self) -> Option<TargetScale<'_>> {
        match &self.target {
            TargetPreparation::Numbers { scaling, .. } => Some(TargetScale {
                offset: &scaling.offset,
                scale: &scaling.scale,
            }),
            _ => None,
        }
    }
}

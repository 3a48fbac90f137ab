//! A data set as it is in its file, before anything is scaled or encoded.

use std::sync::Arc;

use self::checks::{check_finite, input_rows, target_rows};

use super::columns::ColumnFile;
use super::error::{DataError, list};
use super::lines::Lines;
use super::missing::Findings;
use super::numbers::Numbers;
use super::pictures::PictureOptions;
use super::prepare::{ColumnKind, Missing};
use super::stored::Stored;

mod checks;

/// What to take from a file.
#[derive(Debug, Clone)]
pub struct TableOptions {
    /// The column of a CSV that holds the target. Not given, it is the last column if a target is required, and there
    /// is none otherwise. The name of a column, or several with commas between them; a column whose own name has commas
    /// is found by that.
    pub target: Option<String>,
    /// The columns of a CSV that hold several targets, when they are known from training; they win over `target`.
    pub targets: Vec<String>,
    /// The column of a CSV that holds the weights of the rows. It may be missing where the schema is known.
    pub weights: Option<String>,
    /// Whether a file without a target is an error. A prediction needs none.
    pub require_target: bool,
    /// The columns of a CSV (here and below: or of Parquet) to read, with their kinds, when they are known from training; other columns are not looked
    /// at. Not given, all are read, and a column whose values are mostly numbers is numeric.
    pub schema: Option<Vec<(String, ColumnKind)>>,
    /// Whether inputs may stay in their file.
    pub in_file: InFile,
    /// What to do about missing values of a CSV.
    pub missing: Missing,
    /// Columns of a CSV that are not read, where `schema` does not name those that are.
    pub drop: Vec<String>,
    /// Whether the table is only to be described: what training refuses of a column of a CSV is then told, not refused.
    pub describe: bool,
    /// How pictures are made alike, where their folder's name does not say it.
    pub pictures: Option<PictureOptions>,
}

/// Whether inputs stay in a file and are read whenever they are wanted: IDX that is not gzipped in its own, and the columns
/// of CSV in a temporary one, which is as large as they are in memory. Others are read into memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum InFile {
    /// They are read into memory.
    #[default]
    Never,
    /// They stay if they take more than half of the memory that there is.
    IfLarge,
    /// They stay.
    Always,
}

impl InFile {
    /// Whether so many bytes stay in their file.
    pub(crate) fn stays(self, bytes: u64, available: Option<u64>) -> bool {
        match self {
            Self::Never => false,
            // What is split is held twice for a while.
            Self::IfLarge => available.is_some_and(|available| bytes > available / 2),
            Self::Always => true,
        }
    }
}

impl TableOptions {
    /// Whether a column is a target that is known from training.
    pub(super) fn is_target(&self, name: &String) -> bool {
        if self.targets.is_empty() {
            self.target.as_ref() == Some(name)
        } else {
            self.targets.contains(name)
        }
    }

    /// Whether a column is not to be read.
    pub(super) fn leaves_out(&self, name: &String) -> bool {
        self.schema.is_none() && self.drop.contains(name)
    }
}

impl Default for TableOptions {
    /// For training: the target is required.
    fn default() -> Self {
        Self {
            target: None,
            targets: Vec::new(),
            weights: None,
            require_target: true,
            schema: None,
            in_file: InFile::Never,
            missing: Missing::Error,
            drop: Vec::new(),
            describe: false,
            pictures: None,
        }
    }
}

/// The values of one column.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Finite numbers; NaN where one is missing, in a CSV that was read with [`Missing::Mean`].
    Numbers(Numbers),
    /// Text: row `i` is `names[codes[i]]`, the names being in order of first occurrence.
    Text {
        /// `[rows]`.
        codes: Vec<u32>,
        /// The different values.
        names: Vec<String>,
    },
}

impl Values {
    /// The number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Numbers(values) => values.len(),
            Self::Text { codes, .. } => codes.len(),
        }
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A named column of a CSV.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Its name in the header.
    pub name: String,
    /// Its values.
    pub values: Values,
}

/// A table's inputs.
#[derive(Debug, Clone, PartialEq)]
pub enum TableInputs {
    /// Bytes, row-major `[rows, ..shape]`.
    Pixels {
        /// The bytes.
        values: Vec<u8>,
        /// The shape of a row.
        shape: Vec<usize>,
    },
    /// As `Pixels`, read when they are wanted.
    Stored {
        /// The bytes.
        rows: Stored<u8>,
        /// The shape of a row.
        shape: Vec<usize>,
    },
    /// Finite numbers, row-major `[rows, ..shape]`.
    Matrix {
        /// The numbers.
        values: Numbers,
        /// The shape of a row.
        shape: Vec<usize>,
    },
    /// Named columns.
    Columns(Vec<Column>),
    /// Named columns, read when they are wanted.
    StoredColumns(Arc<ColumnFile>),
}

/// A table's target.
#[derive(Debug, Clone, PartialEq)]
pub enum TableTarget {
    /// There is none.
    None,
    /// Class numbers, `[rows]`, which are labels by their nature: of an IDX file or a generator.
    Labels(Vec<u32>),
    /// Classes by name, in the order in which they are to be answered: of pictures in folders.
    Classes {
        /// `[rows]`, each the number of a name.
        labels: Vec<u32>,
        /// The classes.
        names: Vec<String>,
    },
    /// A column of a CSV.
    Column(Column),
    /// Several columns of a CSV.
    Columns(Vec<Column>),
    /// Finite numbers, row-major `[rows, outputs]`.
    Matrix {
        /// The numbers.
        values: Numbers,
        /// How many a row.
        outputs: usize,
    },
}

/// A data set as it is in its file.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    source: String,
    rows: usize,
    inputs: TableInputs,
    target: TableTarget,
    generated: bool,
    lines: Option<Lines>,
    /// The file of each row.
    files: Option<Vec<String>>,
    findings: Findings,
    weights: Option<Column>,
}

impl Table {
    /// A table of one's own; `source` names it in messages.
    ///
    /// # Errors
    /// When lengths disagree, there are no rows or no inputs, or a number is not finite or beyond the range of f32.
    pub fn new(
        source: impl Into<String>,
        inputs: TableInputs,
        target: TableTarget,
    ) -> Result<Self, DataError> {
        let source = source.into();
        check_finite(&source, &inputs, &target)?;
        Self::checked(source, inputs, target)
    }

    /// A table whose numbers are known to be finite, or missing.
    pub(super) fn checked(
        source: String,
        inputs: TableInputs,
        target: TableTarget,
    ) -> Result<Self, DataError> {
        let rows = input_rows(&source, &inputs)?;
        if rows == 0 || u32::try_from(rows).is_err() {
            return Err(DataError::mismatch(
                &source,
                format!("{rows} rows"),
                "1 to 4294967295 rows",
            ));
        }
        let target_rows = target_rows(&source, &target, rows)?;
        if target_rows != rows {
            return Err(DataError::mismatch(
                &source,
                format!("{rows} rows of inputs but {target_rows} rows of targets"),
                "the same number of both",
            ));
        }
        Ok(Self {
            source,
            rows,
            inputs,
            target,
            generated: false,
            lines: None,
            files: None,
            findings: Findings::default(),
            weights: None,
        })
    }

    /// The same rows with weights, if there are some.
    pub(crate) fn with_weights(self, weights: Option<Column>) -> Self {
        Self { weights, ..self }
    }

    /// The weights of the rows, if there are some.
    #[must_use]
    pub fn weights(&self) -> Option<&Column> {
        self.weights.as_ref()
    }

    /// Marks the numbers as made by a generator, so that `Normalize::Auto` leaves them as they are.
    pub(crate) fn generated(self) -> Self {
        Self {
            generated: true,
            ..self
        }
    }

    pub(crate) fn with_lines(self, lines: Lines) -> Self {
        Self {
            lines: Some(lines),
            ..self
        }
    }

    pub(crate) fn with_files(self, files: Vec<String>) -> Self {
        Self {
            files: Some(files),
            ..self
        }
    }

    pub(crate) fn with_findings(self, findings: Findings) -> Self {
        Self { findings, ..self }
    }

    /// What was found beside the values.
    pub(crate) const fn findings(&self) -> &Findings {
        &self.findings
    }

    /// What whoever trains on it should know, one sentence each: what was done about missing values, and where rows are
    /// that do not stay in memory.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let mut notes = self.findings.notes();
        if let TableInputs::StoredColumns(file) = &self.inputs {
            notes.push(format!(
                "{} rows do not stay in memory: {} MiB of them are in a temporary file in {}, which goes with the \
                 program",
                self.rows,
                file.bytes().div_ceil(1 << 20),
                file.folder().display()
            ));
        }
        for note in &mut notes {
            *note = format!("{}: {note}", self.source);
        }
        notes
    }

    /// The first rows of named columns in memory.
    pub(crate) fn head(&self, rows: usize) -> Self {
        let mut head = self.clone();
        head.rows = rows.min(head.rows);
        if let TableInputs::Columns(columns) = &mut head.inputs {
            for column in columns {
                match &mut column.values {
                    Values::Numbers(numbers) => numbers.truncate(head.rows),
                    Values::Text { codes, .. } => codes.truncate(head.rows),
                }
            }
        }
        head
    }

    /// The inputs alone, as a prediction takes them.
    pub(crate) fn without_target(self) -> Self {
        Self {
            target: TableTarget::None,
            ..self
        }
    }

    pub(crate) fn inputs_mut(&mut self) -> &mut TableInputs {
        &mut self.inputs
    }

    /// Where the data comes from: a path or a generator.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The inputs.
    #[must_use]
    pub fn inputs(&self) -> &TableInputs {
        &self.inputs
    }

    /// The target.
    #[must_use]
    pub fn target(&self) -> &TableTarget {
        &self.target
    }

    /// Whether its inputs are read only when they are wanted.
    #[must_use]
    pub const fn is_stored(&self) -> bool {
        matches!(
            self.inputs,
            TableInputs::Stored { .. } | TableInputs::StoredColumns(_)
        )
    }

    /// Whether a generator made it.
    #[must_use]
    pub fn is_generated(&self) -> bool {
        self.generated
    }

    /// The place of a line for a message, if lines are known.
    pub(crate) fn place_of_line(&self, line: u64) -> String {
        match &self.lines {
            Some(lines) => lines.place(&self.source, line),
            None => format!("{}:{line}", self.source),
        }
    }

    /// The place of a row for a message: `file:line` where lines are known, and its own file if it has one.
    #[must_use]
    pub fn place(&self, row: usize) -> String {
        if let Some(file) = self.files.as_ref().and_then(|files| files.get(row)) {
            return file.clone();
        }
        match &self.lines {
            Some(lines) => lines.place(&self.source, lines.line(row)),
            None => format!("{}, row {row}", self.source),
        }
    }

    /// What the inputs are, in words.
    pub(crate) fn describe_inputs(&self) -> String {
        match &self.inputs {
            TableInputs::Pixels { shape, .. } | TableInputs::Stored { shape, .. } => {
                format!("u8 values of shape {shape:?} a row")
            }
            TableInputs::Matrix { shape, .. } => {
                format!("unnamed numbers of shape {shape:?} a row")
            }
            TableInputs::Columns(columns) => {
                let names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
                format!("{} columns: {}", names.len(), list(&names))
            }
            TableInputs::StoredColumns(file) => {
                let names = file.names();
                format!("{} columns: {}", names.len(), list(&names))
            }
        }
    }
}

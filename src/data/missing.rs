//! What a table has beside its values: cells without one, rows that were left out, columns that cannot be used.

use super::error::quote;
use super::pictures::PictureOptions;
use super::prepare::{ColumnKind, Missing};

/// What was found while a table was read.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Findings {
    /// What was done about missing values.
    pub(crate) missing: Missing,
    /// Rows of the file.
    pub(crate) rows: usize,
    /// How many of them were left out.
    pub(crate) dropped: usize,
    /// What is to be said beside, one sentence each.
    pub(crate) remarks: Vec<String>,
    /// How pictures were made alike, if they are read from their files.
    pub(crate) pictures: Option<PictureOptions>,
    /// Columns that were not to be read.
    pub(crate) left_out: Vec<String>,
    /// One a column that was read: the inputs, then the targets, then the weights.
    pub(crate) columns: Vec<Finding>,
}

/// What was found in one column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Finding {
    pub(crate) column: String,
    pub(crate) kind: ColumnKind,
    /// Cells without a value.
    pub(crate) missing: usize,
    /// Cells of text with a word such as `?` that was taken for a category.
    pub(crate) words: usize,
    /// Why training would refuse the column, if it would.
    pub(crate) refused: Option<String>,
}

impl Default for Finding {
    fn default() -> Self {
        Self {
            column: String::new(),
            kind: ColumnKind::Category,
            missing: 0,
            words: 0,
            refused: None,
        }
    }
}

impl Finding {
    /// The category of a text that is missing.
    pub(crate) const MISSING: &'static str = "missing";
}

impl Findings {
    /// Adds what was found in further rows of the same table.
    pub(crate) fn add(&mut self, further: &Self) {
        self.rows += further.rows;
        self.dropped += further.dropped;
        for (column, further) in self.columns.iter_mut().zip(&further.columns) {
            column.missing += further.missing;
            column.words += further.words;
        }
    }

    /// What was found in a column.
    pub(crate) fn of(&self, column: &str) -> Option<&Finding> {
        self.columns.iter().find(|found| found.column == column)
    }

    /// What was done about missing values, in a sentence or none.
    pub(crate) fn notes(&self) -> Vec<String> {
        let cells = |count: usize| match count {
            1 => "1 cell".to_owned(),
            count => format!("{count} cells"),
        };
        let join = |each: &dyn Fn(&Finding) -> Option<String>| {
            self.columns
                .iter()
                .filter_map(each)
                .collect::<Vec<_>>()
                .join(", ")
        };
        let mut notes = self.remarks.clone();
        let missing = self.columns.iter().any(|column| column.missing > 0);
        match self.missing {
            Missing::Mean if missing => {
                let filled = join(&|column| {
                    let by = match column.kind {
                        ColumnKind::Number => "the mean of the training rows",
                        ColumnKind::Category => "a category of its own, \"missing\"",
                    };
                    let (count, name) = (cells(column.missing), quote(&column.column));
                    (column.missing > 0).then(|| format!("{count} of {name} by {by}"))
                });
                notes.push(format!("missing values are filled in: {filled}"));
            }
            Missing::Drop if missing => {
                let found = join(&|column| {
                    let (count, name) = (cells(column.missing), quote(&column.column));
                    (column.missing > 0).then(|| format!("{count} of {name}"))
                });
                notes.push(format!(
                    "{} of {} rows are left out, since values are missing: {found}",
                    self.dropped, self.rows
                ));
            }
            _ => {}
        }
        let words = join(&|column| {
            let (count, name) = (cells(column.words), quote(&column.column));
            (column.words > 0).then(|| format!("{count} of {name}"))
        });
        if !words.is_empty() {
            notes.push(format!(
                "words such as NA or ? are categories like others in columns of text: {words}; `--missing mean` or \
                 `--missing drop` takes them for missing values"
            ));
        }
        notes
    }
}

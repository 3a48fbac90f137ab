//! The first reading of a table: how many rows it has, and what its columns hold.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::dates::is_date;
use super::records::Records;
use super::{MOST_CATEGORIES, Plan};
use crate::data::error::{DataError, quote};
use crate::data::numbers::is_exact;
use crate::data::prepare::ColumnKind;

/// What the first reading found.
pub(super) struct Survey {
    pub(super) rows: usize,
    /// One a plan.
    pub(super) columns: Vec<ColumnSurvey>,
}

/// What the first reading found in a column.
#[derive(Default, Clone)]
pub(super) struct ColumnSurvey {
    pub(super) numbers: usize,
    pub(super) others: usize,
    /// Cells with nothing or a word for it.
    pub(super) missing: usize,
    /// Whether a number is not exact in f32.
    pub(super) wide: bool,
    /// Whether its name is among its values.
    pub(super) has_name: bool,
    /// How many dates, and the first with its line.
    dates: usize,
    first_date: Option<(u64, String)>,
    /// The hashes of different texts that are no numbers, at most one more than a column may have categories.
    pub(super) texts: HashSet<u64>,
}

/// Whether a cell says that there is no value: empty, or `NA`, `N/A`, `NaN`, `null` or `?`.
pub(super) fn is_missing(text: &str) -> bool {
    let is = |word: &&str| text.eq_ignore_ascii_case(word);
    text.is_empty() || ["na", "n/a", "nan", "null", "?"].iter().any(is)
}

impl ColumnSurvey {
    fn see(&mut self, text: &str, line: u64) {
        if is_missing(text) {
            self.missing += 1;
            return;
        }
        match text.parse::<f64>() {
            Ok(value) => {
                self.numbers += 1;
                self.wide |= !is_exact(value);
            }
            Err(_) => {
                self.others += 1;
                if is_date(text) {
                    self.dates += 1;
                    let first = || (line, text.to_owned());
                    self.first_date.get_or_insert_with(first);
                }
                if self.texts.len() <= MOST_CATEGORIES {
                    let mut hasher = DefaultHasher::new();
                    text.hash(&mut hasher);
                    self.texts.insert(hasher.finish());
                }
            }
        }
    }

    /// Numbers, if more than half of the values are, or there is no value at all.
    fn kind(&self) -> ColumnKind {
        if self.numbers > self.others || self.numbers + self.others == 0 {
            ColumnKind::Number
        } else {
            ColumnKind::Category
        }
    }

    /// The first date of a column of text that holds dates for the most part.
    pub(super) fn date(&self) -> Option<&(u64, String)> {
        let first = self.first_date.as_ref();
        first.filter(|_| 2 * self.dates > self.numbers + self.others)
    }
}

/// Counts the rows, and decides for the columns of unknown kind. Sees which numbers need f64.
pub(super) fn survey(
    records: &mut Records<'_>,
    plans: &mut [Plan],
    columns: usize,
) -> Result<Survey, DataError> {
    let mut found = vec![ColumnSurvey::default(); plans.len()];
    let mut rows = 0_usize;
    while records.next()? {
        records.check_length(columns)?;
        rows += 1;
        for (plan, found) in plans.iter().zip(&mut found) {
            let text = records.field(plan.at, &plan.name)?;
            found.has_name |= text == plan.name;
            found.see(text, records.line);
        }
    }
    if rows == 0 || u32::try_from(rows).is_err() {
        let hint = "give a file with rows below the header";
        return Err(DataError::malformed(
            records.file,
            format!("{rows} rows"),
            "1 to 4294967295 rows",
            hint,
        ));
    }
    for (plan, found) in plans.iter_mut().zip(&found) {
        plan.kind.get_or_insert(found.kind());
        plan.wide = found.wide;
    }
    Ok(Survey {
        rows,
        columns: found,
    })
}

/// Refuses a first line that looks like a row: a number is the name of a column of numbers.
///
/// Programs number columns that have no name of their own (`0,1,2,label`), so whole numbers are names where the name of
/// another column is plainly one: a word above numbers, or one that its column does not have.
pub(super) fn check_header(
    plans: &[Plan],
    found: &[ColumnSurvey],
    at: &str,
) -> Result<(), DataError> {
    let is_number = |plan: &Plan| plan.name.parse::<f64>().is_ok();
    let is_whole = |plan: &Plan| plan.name.bytes().all(|byte| byte.is_ascii_digit());
    let mut numbers = plans
        .iter()
        .filter(|plan| plan.kind == Some(ColumnKind::Number) && is_number(plan))
        .peekable();
    let Some(&first) = numbers.peek() else {
        return Ok(());
    };
    let is_word = |(plan, found): (&Plan, &ColumnSurvey)| !is_number(plan) && !found.has_name;
    if numbers.all(is_whole) && plans.iter().zip(found).any(is_word) {
        return Ok(());
    }
    Err(DataError::malformed(
        format!("{at}, column {}", first.at + 1),
        format!(
            "the number {} above a column of numbers",
            quote(&first.name)
        ),
        "a header",
        "give the file a first line with the names of its columns; where a number is a name, put a letter before it",
    ))
}

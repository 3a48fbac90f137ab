//! What can be wrong with data, and the nearest known word for a misspelt one.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// What is wrong with a data set, where, and what to do about it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DataError {
    /// A specification that is neither a generator nor a file.
    #[error(
        "{spec:?} is neither a file or folder that exists nor a generator{}; generators are {}",
        did_you_mean(.nearest), .generators.join(", ")
    )]
    NotFound {
        /// As it was given.
        spec: String,
        /// The generator it may have meant.
        nearest: Option<String>,
        /// All generators.
        generators: Vec<String>,
    },
    /// The file system refused.
    #[error("{}: cannot be read: {source}; check the path and its permissions", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Rows that do not fit into memory could not be written elsewhere.
    #[error(
        "a temporary file in {}: cannot be written beyond {written} bytes: {source}; free space there, or name \
         another folder in TMPDIR", .folder.display()
    )]
    Temporary {
        /// Where it was to be.
        folder: PathBuf,
        /// Bytes that were written, about.
        written: u64,
        /// What the system said.
        source: io::Error,
    },
    /// A generator's options are wrong.
    #[error("data {spec:?}: found {found}, expected {expected}")]
    Spec {
        /// As it was given.
        spec: String,
        /// What is wrong.
        found: String,
        /// What would be right.
        expected: String,
    },
    /// A file holds something else than it should.
    #[error("{at}: found {found}, expected {expected}; {hint}")]
    Malformed {
        /// File, and line or byte or member, and column.
        at: String,
        /// What is there.
        found: String,
        /// What should be there.
        expected: String,
        /// What to do.
        hint: String,
    },
    /// A column that is asked for is not there.
    #[error("{file}: there is no column {column:?}{}; its columns are {}", did_you_mean(.nearest), list(.known))]
    UnknownColumn {
        /// The file.
        file: String,
        /// The column's name as asked for.
        column: String,
        /// The name it may have meant.
        nearest: Option<String>,
        /// The columns that are there.
        known: Vec<String>,
    },
    /// A category or class that the training data did not have.
    #[error(
        "{at}, column {column:?}: {value:?} did not occur in training; known are {}; \
         correct the value or train again with rows that have it", list(.known)
    )]
    UnknownCategory {
        /// File and line, or row.
        at: String,
        /// The column's name.
        column: String,
        /// The value found.
        value: String,
        /// The values known from training.
        known: Vec<String>,
    },
    /// A classification with nothing to tell apart.
    #[error(
        "{file}: all {rows} training rows have the class {class:?}, expected at least two classes; \
         check the target column, shuffle, or choose regression"
    )]
    OneClass {
        /// Where the data comes from.
        file: String,
        /// The number of training rows.
        rows: usize,
        /// The only class.
        class: String,
    },
    /// Data that does not fit what the network was trained on, or an argument that makes no sense.
    #[error("{what}: found {found}, expected {expected}")]
    Mismatch {
        /// The thing: a file, a column, or a function's argument.
        what: String,
        /// What is there.
        found: String,
        /// What should be there.
        expected: String,
    },
}

impl DataError {
    /// Four parts that every message about a file's contents has.
    pub(crate) fn malformed(
        at: impl Into<String>,
        found: impl Into<String>,
        expected: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self::Malformed {
            at: at.into(),
            found: found.into(),
            expected: expected.into(),
            hint: hint.into(),
        }
    }

    pub(crate) fn mismatch(
        what: impl Into<String>,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        Self::Mismatch {
            what: what.into(),
            found: found.into(),
            expected: expected.into(),
        }
    }

    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            source,
        }
    }
}

fn did_you_mean(nearest: &Option<String>) -> String {
    nearest
        .as_ref()
        .map_or_else(String::new, |name| format!(" (did you mean {name:?}?)"))
}

/// Names for a message, at most twenty of them, each at most forty characters.
pub(crate) fn list(names: &[String]) -> String {
    const SHOWN: usize = 20;
    let mut text = names
        .iter()
        .take(SHOWN)
        .map(|name| quote(name))
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > SHOWN {
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    text
}

/// A value of a file for a message: quoted, escaped, and cut when long.
pub(crate) fn quote(value: &str) -> String {
    const SHOWN: usize = 40;
    if value.chars().count() <= SHOWN {
        return format!("{value:?}");
    }
    let start: String = value.chars().take(SHOWN).collect();
    format!("{start:?}…")
}

/// The one of `known` that `word` most likely meant: at most a third of its letters changed, added, left out.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A word of a file may be of any length; nobody misspells one longer than this.
    const LONGEST: usize = 64;
    if word.chars().count() > LONGEST {
        return None;
    }
    let word = word.to_lowercase();
    let most = (word.chars().count() / 3).max(1);
    known
        .into_iter()
        .filter(|name| name.chars().count() <= LONGEST)
        .map(|name| (distance(&word, &name.to_lowercase()), name))
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Letters to change, add or leave out to get from `a` to `b` (Levenshtein 1966).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (a, b, d) in [
            ("", "", 0),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
            ("glyph", "glyphs", 1),
        ] {
            assert_eq!(distance(a, b), d);
            assert_eq!(distance(b, a), d);
        }
        assert_eq!(nearest("Glyph", ["xor", "glyphs"]), Some("glyphs"));
        assert_eq!(nearest("mnist", ["xor", "glyphs"]), None);
    }
}

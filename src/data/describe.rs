//! What a data set holds, and what training would do to each of its columns.

use std::collections::HashSet;

use serde::{Serialize, Serializer};

use self::rows::{each_row, hash};
use self::target::{target, weights};

use super::columns::Kind;
use super::error::DataError;
use super::missing::Finding;
use super::pictures::Picture;
use super::prepare::{Missing, Normalize, Task};
use super::table::{Table, TableInputs, Values};

mod rows;
mod target;

/// A data set in numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Description {
    /// Where it comes from.
    pub source: String,
    /// Rows that would be trained on or validated with.
    pub rows: usize,
    /// Rows of the file that are not among them, since values are missing.
    pub left_out: usize,
    /// Rows that are the same, target included, as one before; their weights may differ.
    pub duplicates: usize,
    /// The shape of a row, if it has no named columns.
    pub shape: Option<Vec<usize>>,
    /// What the rows show, if they are pictures.
    pub picture: Option<Picture>,
    /// The numbers of all rows together, if there are no named columns.
    pub values: Option<Range>,
    /// What would be done to them.
    pub training: Option<String>,
    /// The columns, without those of target and weights.
    pub columns: Vec<ColumnDescription>,
    /// The target, if there is one.
    pub target: Option<TargetDescription>,
    /// The column of the rows' weights, if there is one.
    pub weights: Option<ColumnDescription>,
}

/// Numbers in short; all are null if there are none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Range {
    /// The smallest.
    pub smallest: f64,
    /// The largest.
    pub largest: f64,
    /// Their mean.
    pub mean: f64,
    /// Their population standard deviation.
    pub deviation: f64,
    #[serde(skip)]
    count: f64,
}

/// A named column.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ColumnDescription {
    /// Its name.
    pub name: String,
    /// `number`, `category`, or `unread`.
    pub kind: &'static str,
    /// Cells without a value.
    pub missing: usize,
    /// Its numbers, if it has them.
    #[serde(flatten)]
    pub range: Option<Range>,
    /// Its categories with their counts, in order of their names, if it has them.
    #[serde(serialize_with = "as_map", skip_serializing_if = "Option::is_none")]
    pub categories: Option<Vec<(String, usize)>>,
    /// What training would do to it.
    pub training: String,
}

/// The target.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TargetDescription {
    /// The name of its column, if it has one.
    pub name: Option<String>,
    /// `classification` or `regression`.
    pub task: Task,
    /// Cells without a value.
    pub missing: usize,
    /// The classes with their counts, in order of the network's outputs.
    #[serde(serialize_with = "as_map")]
    pub classes: Option<Vec<(String, usize)>>,
    /// Its numbers.
    #[serde(flatten)]
    pub range: Option<Range>,
    /// Its columns, if it has several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<ColumnDescription>,
    /// What training would do to it.
    pub training: String,
}

fn as_map<S: Serializer>(
    counts: &Option<Vec<(String, usize)>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match counts {
        Some(counts) => serializer.collect_map(counts.iter().map(|(name, count)| (name, count))),
        None => serializer.serialize_none(),
    }
}

impl Range {
    /// Takes in one more number, with mean and deviation by Welford's method (1962): one pass, and no digits lost.
    fn add(&mut self, value: f64) {
        if value.is_nan() {
            return;
        }
        if self.count == 0.0 {
            (self.smallest, self.largest) = (value, value);
        }
        self.count += 1.0;
        self.smallest = self.smallest.min(value);
        self.largest = self.largest.max(value);
        let from_mean = value - self.mean;
        self.mean += from_mean / self.count;
        // The sum of squares, until the end.
        self.deviation += from_mean * (value - self.mean);
    }

    fn finish(mut self) -> Option<Self> {
        self.deviation = (self.deviation / self.count.max(1.0)).sqrt();
        (self.count > 0.0).then_some(self)
    }
}

impl Description {
    /// Describes a table that was read with [`describe`](super::TableOptions::describe).
    ///
    /// # Errors
    /// If its target is none that can be trained for, or rows in a file cannot be read.
    pub fn of(table: &Table, task: Task, normalize: Normalize) -> Result<Self, DataError> {
        let seen = Seen::of(table)?;
        let (shape, picture) = match table.inputs() {
            TableInputs::Pixels { shape, .. } | TableInputs::Stored { shape, .. } => {
                (Some(shape.clone()), Picture::of(shape))
            }
            TableInputs::Matrix { shape, .. } => (Some(shape.clone()), None),
            TableInputs::Columns(_) | TableInputs::StoredColumns(_) => (None, None),
        };
        let training = shape
            .as_ref()
            .map(|_| together(table, normalize).to_owned());
        let mut columns = seen.columns(table, normalize);
        columns.extend(
            table
                .findings()
                .left_out
                .iter()
                .map(|name| ColumnDescription {
                    name: name.clone(),
                    kind: "unread",
                    missing: 0,
                    range: None,
                    categories: None,
                    training: "left out".to_owned(),
                }),
        );
        let target = target(table, task, normalize)?;
        Ok(Self {
            source: table.source().to_owned(),
            rows: table.rows(),
            left_out: table.findings().dropped,
            duplicates: seen.duplicates,
            shape,
            picture,
            values: seen.all.finish(),
            training,
            columns,
            target,
            weights: weights(table),
        })
    }
}

/// What becomes of numbers without names.
fn together(table: &Table, normalize: Normalize) -> &'static str {
    let bytes = matches!(
        table.inputs(),
        TableInputs::Pixels { .. } | TableInputs::Stored { .. }
    );
    match normalize {
        Normalize::Auto if bytes => "scaled to 0..1, all alike",
        Normalize::Auto if table.is_generated() => "as they are",
        Normalize::Auto | Normalize::Standard => "standardised, each on its own",
        Normalize::MinMax => "scaled to 0..1, each on its own",
        Normalize::None => "as they are",
    }
}

/// One column while rows are looked at.
struct Sight {
    name: String,
    range: Range,
    /// Its categories with their counts.
    categories: Option<Vec<(String, usize)>>,
}

/// What is found in one pass over the rows.
#[derive(Default)]
struct Seen {
    all: Range,
    columns: Vec<Sight>,
    duplicates: usize,
}

impl Seen {
    fn of(table: &Table) -> Result<Self, DataError> {
        let counts = |names: &[String]| names.iter().map(|name| (name.clone(), 0)).collect();
        let sight = |name: &str, names: Option<&[String]>| Sight {
            name: name.to_owned(),
            range: Range::default(),
            categories: names.map(counts),
        };
        let columns = match table.inputs() {
            TableInputs::Columns(columns) => columns
                .iter()
                .map(|column| match &column.values {
                    Values::Numbers(_) => sight(&column.name, None),
                    Values::Text { names, .. } => sight(&column.name, Some(names)),
                })
                .collect(),
            TableInputs::StoredColumns(file) => file
                .fields
                .iter()
                .map(|field| {
                    let names = (field.kind == Kind::Code).then_some(field.names.as_slice());
                    sight(&field.name, names)
                })
                .collect(),
            _ => Vec::new(),
        };
        let mut seen = Self {
            columns,
            ..Self::default()
        };
        let mut hashes = HashSet::with_capacity(table.rows());
        let mut row = 0;
        each_row(table, |cells| {
            seen.look(cells);
            if !hashes.insert(hash(cells, table.target(), row)) {
                seen.duplicates += 1;
            }
            row += 1;
        })?;
        Ok(seen)
    }

    #[expect(clippy::cast_possible_truncation, reason = "a code was made from u32")]
    fn look(&mut self, cells: &[f64]) {
        if self.columns.is_empty() {
            cells.iter().for_each(|&cell| self.all.add(cell));
            return;
        }
        for (column, &cell) in self.columns.iter_mut().zip(cells) {
            match &mut column.categories {
                Some(counts) => counts[cell as usize].1 += 1,
                None => column.range.add(cell),
            }
        }
    }

    fn columns(&self, table: &Table, normalize: Normalize) -> Vec<ColumnDescription> {
        let findings = table.findings();
        let describe = |column: &Sight| {
            let none = Finding::default();
            let found = findings.of(&column.name).unwrap_or(&none);
            let range = column.range.finish();
            let mut categories = column.categories.clone();
            if let Some(categories) = &mut categories {
                categories.sort();
            }
            let how = Treatment {
                found,
                missing: findings.missing,
                normalize,
            };
            ColumnDescription {
                name: column.name.clone(),
                kind: match column.categories {
                    Some(_) => "category",
                    None => "number",
                },
                missing: found.missing,
                training: how.training(range.as_ref(), categories.as_ref().map(Vec::len)),
                range,
                categories,
            }
        };
        self.columns.iter().map(describe).collect()
    }
}

/// What decides what becomes of a column.
struct Treatment<'a> {
    found: &'a Finding,
    missing: Missing,
    normalize: Normalize,
}

impl Treatment<'_> {
    fn training(&self, range: Option<&Range>, categories: Option<usize>) -> String {
        let name = &self.found.column;
        if let Some(why) = &self.found.refused {
            return format!("refused: {why}; `--drop {name}` leaves it out");
        }
        if self.found.missing > 0 && self.missing == Missing::Error {
            return "refused: values are missing; `--missing mean` or `--missing drop`".to_owned();
        }
        let fill = self.found.missing > 0 && self.missing == Missing::Mean;
        match (categories, range) {
            (Some(count), _) => format!("one-hot ({count})"),
            (None, None) => format!("refused: no value; `--drop {name}` leaves it out"),
            (None, Some(range)) => {
                let filled = if fill { "filled in by the mean, " } else { "" };
                let scaled = match self.normalize {
                    Normalize::None => "as it is",
                    _ if range.smallest == range.largest && !fill => "0, since it is constant",
                    Normalize::MinMax => "scaled to 0..1",
                    Normalize::Auto | Normalize::Standard => "standardised",
                };
                format!("{filled}{scaled}")
            }
        }
    }
}

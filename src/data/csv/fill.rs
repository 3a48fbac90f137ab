//! The second reading of a table: its rows are kept, in memory or in a temporary file.

use std::collections::HashMap;

use super::records::Records;
use super::survey::{Survey, is_missing};
use super::{FEWEST_OF_AN_IDENTIFIER, MOST_CATEGORIES, Plan};
use crate::data::columns::{ColumnFile, Field, Kind, Writer};
use crate::data::error::{DataError, quote};
use crate::data::lines::Lines;
use crate::data::missing::{Finding, Findings};
use crate::data::numbers::{Numbers, rounded};
use crate::data::prepare::{ColumnKind, Missing};
use crate::data::roles::{Role, Roles};
use crate::data::table::{Column, TableOptions, Values};

/// What stands for all further texts of a column that has too many, where such a column is only described.
const FURTHER: &str = "…";

/// The rows of a table.
pub(super) struct Filled {
    pub(super) inputs: Inputs,
    /// The columns that have a role.
    pub(super) others: Vec<Column>,
    pub(super) lines: Lines,
    pub(super) findings: Findings,
}

/// Where the input columns are.
pub(super) enum Inputs {
    Memory(Vec<Column>),
    File(ColumnFile),
}

/// How the second reading goes on.
pub(super) struct Fill<'a> {
    plans: &'a [Plan],
    options: &'a TableOptions,
    roles: &'a Roles,
    /// The categories of each column, in order of first occurrence.
    known: Vec<HashMap<String, u32>>,
    names: Vec<Vec<String>>,
    /// The line on which each first occurred.
    firsts: Vec<Vec<u64>>,
    findings: Findings,
}

impl<'a> Fill<'a> {
    pub(super) fn new(
        plans: &'a [Plan],
        roles: &'a Roles,
        survey: &Survey,
        options: &'a TableOptions,
    ) -> Self {
        let column = |(plan, found): (&Plan, &super::survey::ColumnSurvey)| Finding {
            column: plan.name.clone(),
            kind: plan.kind.unwrap_or(ColumnKind::Category),
            refused: found
                .date()
                .filter(|_| options.describe)
                .map(|(_, date)| format!("dates such as {}", quote(date))),
            ..Finding::default()
        };
        Self {
            plans,
            options,
            roles,
            known: vec![HashMap::new(); plans.len()],
            names: vec![Vec::new(); plans.len()],
            firsts: vec![Vec::new(); plans.len()],
            findings: Findings {
                missing: options.missing,
                rows: survey.rows,
                dropped: 0,
                left_out: options.drop.clone(),
                columns: plans.iter().zip(&survey.columns).map(column).collect(),
                ..Findings::default()
            },
        }
    }

    /// Reads all rows; those of the inputs go to a temporary file if there is a writer.
    pub(super) fn read(
        mut self,
        records: &mut Records<'_>,
        columns: usize,
        mut writer: Option<Writer>,
    ) -> Result<Filled, DataError> {
        let inputs = self.inputs();
        let in_memory = if writer.is_some() { inputs } else { 0 };
        let mut filled: Vec<Values> = self.plans[in_memory..]
            .iter()
            .map(|p| self.empty(p))
            .collect();
        let mut lines = records.places();
        let mut cells = vec![0.0; self.plans.len()];
        while records.next()? {
            records.check_length(columns)?;
            if !self.row(records, &mut cells)? {
                continue;
            }
            lines.push(records.line);
            if let Some(writer) = &mut writer {
                writer.push(&cells[..inputs])?;
            }
            for (values, &cell) in filled.iter_mut().zip(&cells[in_memory..]) {
                push(values, cell);
            }
        }
        self.check(lines.rows(), records.file)?;
        let mut named = self.plans[in_memory..].iter().zip(filled);
        let mut all: Vec<Column> = Vec::new();
        for (at, (plan, mut values)) in named.by_ref().enumerate() {
            if let Values::Text { names, .. } = &mut values {
                names.clone_from(&self.names[in_memory + at]);
            }
            let name = plan.name.clone();
            all.push(Column { name, values });
        }
        let others = all.split_off(inputs - in_memory);
        let inputs = match writer {
            Some(writer) => Inputs::File(writer.finish(self.fields(inputs))?),
            None => Inputs::Memory(all),
        };
        Ok(Filled {
            inputs,
            others,
            lines,
            findings: self.findings,
        })
    }

    /// The categories of each column, and what was found.
    pub(super) fn done(self) -> (Vec<Vec<String>>, Findings) {
        (self.names, self.findings)
    }

    /// The number of plans that are inputs, which come first.
    fn inputs(&self) -> usize {
        self.plans.len() - self.roles.count()
    }

    /// What the column of a plan is, if it is no input.
    fn role(&self, at: usize) -> Option<Role> {
        at.checked_sub(self.inputs()).map(|at| self.roles.role(at))
    }

    pub(super) fn empty(&self, plan: &Plan) -> Values {
        match plan.kind {
            Some(ColumnKind::Number) => {
                Values::Numbers(Numbers::with_capacity(plan.wide, self.findings.rows))
            }
            _ => Values::Text {
                codes: Vec::with_capacity(self.findings.rows),
                names: Vec::new(),
            },
        }
    }

    fn fields(&mut self, inputs: usize) -> Vec<Field> {
        let field = |at: usize| Field {
            name: self.plans[at].name.clone(),
            kind: self.plans[at].in_file(),
            names: std::mem::take(&mut self.names[at]),
            firsts: std::mem::take(&mut self.firsts[at]),
        };
        (0..inputs).map(field).collect()
    }

    /// Reads the cells of a row: numbers, the codes of categories, and NaN where a number is missing. False if the row is
    /// left out.
    pub(super) fn row(
        &mut self,
        records: &Records<'_>,
        cells: &mut [f64],
    ) -> Result<bool, DataError> {
        let mut keep = true;
        for (at, plan) in self.plans.iter().enumerate() {
            let text = records.field(plan.at, &plan.name)?;
            if !is_missing(text) {
                continue;
            }
            let finding = &mut self.findings.columns[at];
            let is_number = plan.kind == Some(ColumnKind::Number);
            if !is_number && !text.is_empty() && self.options.missing == Missing::Error {
                // A category like any other, unless the user asks for missing values to be dealt with.
                finding.words += 1;
                continue;
            }
            finding.missing += 1;
            // Targets and weights are never made up.
            let role = self.role(at);
            match self.options.missing {
                Missing::Drop => keep = false,
                Missing::Mean if role.is_none() => {}
                _ if self.options.describe => keep &= role.is_none(),
                how => return Err(self.refuse(records, plan, text, (how, role))),
            }
        }
        if !keep {
            self.findings.dropped += 1;
            return Ok(false);
        }
        for (at, plan) in self.plans.iter().enumerate() {
            let text = records.field(plan.at, &plan.name)?;
            cells[at] = match plan.kind {
                Some(ColumnKind::Number) if is_missing(text) => f64::NAN,
                Some(ColumnKind::Number) => number(records, &plan.name, text)?,
                _ => self.category(records, at, text)?.into(),
            };
        }
        Ok(true)
    }

    /// The error for a missing value.
    fn refuse(
        &self,
        records: &Records<'_>,
        plan: &Plan,
        text: &str,
        (how, role): (Missing, Option<Role>),
    ) -> DataError {
        let found = match text {
            "" => "nothing".to_owned(),
            text => quote(text),
        };
        let expected = if text.is_empty() {
            "a value"
        } else if text.parse::<f64>().is_ok() {
            "a finite number within the range of f32"
        } else {
            "a number, as in most rows of the column"
        };
        let drop = "`--missing drop` to leave out rows without a value";
        let hint = match how {
            _ if self.options.schema.is_some() => "fill in a value or remove the row".to_owned(),
            _ if role == Some(Role::Target) => {
                format!("fill in a value, or give {drop}; a target is never made up")
            }
            _ if role == Some(Role::Weights) => {
                format!("fill in a value, or give {drop}; a weight is never made up")
            }
            _ => format!(
                "fill in a value, or give `--missing mean` to fill in the column's mean, or {drop}"
            ),
        };
        records.in_column(&plan.name, found, expected, &hint)
    }

    fn category(&mut self, records: &Records<'_>, at: usize, text: &str) -> Result<u32, DataError> {
        let text = match text {
            text if self.options.missing != Missing::Error && is_missing(text) => Finding::MISSING,
            "" => Finding::MISSING,
            text => text,
        };
        let (known, names) = (&mut self.known[at], &mut self.names[at]);
        if let Some(&code) = known.get(text) {
            return Ok(code);
        }
        let code = u32::try_from(names.len()).expect("there are at most 1001 categories");
        if names.len() >= MOST_CATEGORIES {
            if self.options.describe {
                if names.len() == MOST_CATEGORIES {
                    names.push(FURTHER.to_owned());
                    self.firsts[at].push(records.line);
                    self.findings.columns[at].refused =
                        Some(format!("more than {MOST_CATEGORIES} different texts"));
                }
                return Ok(code.min(1000));
            }
            let found = format!("more than {MOST_CATEGORIES} different texts");
            let expected = "numbers, or categories that occur again and again";
            let name = &self.plans[at].name;
            let hint = identifier(name);
            return Err(records.in_column(name, found, expected, &hint));
        }
        known.insert(text.to_owned(), code);
        names.push(text.to_owned());
        self.firsts[at].push(records.line);
        Ok(code)
    }

    /// Refuses what only all rows show: that none is left, that a column has no value, or that it is an identifier.
    fn check(&mut self, kept: usize, file: &str) -> Result<(), DataError> {
        if kept == 0 {
            let rows = self.findings.rows;
            return Err(DataError::malformed(
                file,
                format!("no value for some column in each of the {rows} rows"),
                "a row that is whole",
                "leave the column without values out with `--drop COLUMN`, or give `--missing mean`",
            ));
        }
        for (at, plan) in self.plans[..self.inputs()].iter().enumerate() {
            let many = self.names[at].len();
            let is_identifier = self.options.schema.is_none()
                && many >= FEWEST_OF_AN_IDENTIFIER
                && 2 * many > kept
                && self.findings.columns[at].refused.is_none();
            if !is_identifier {
                continue;
            }
            let found = format!("{many} different texts in {kept} rows");
            if self.options.describe {
                self.findings.columns[at].refused = Some(found);
                continue;
            }
            return Err(DataError::malformed(
                format!("{file}, column {:?}", plan.name),
                format!("{found}, which looks like a name or an identifier"),
                "numbers, or categories that occur again and again",
                identifier(&plan.name),
            ));
        }
        Ok(())
    }
}

/// What to do with a column of identifiers.
fn identifier(column: &str) -> String {
    format!("if it is a name or an identifier, leave it out with `--drop {column}`")
}

impl Plan {
    /// How its cells are kept in a temporary file.
    pub(super) fn in_file(&self) -> Kind {
        match self.kind {
            Some(ColumnKind::Number) if self.wide => Kind::F64,
            Some(ColumnKind::Number) => Kind::F32,
            _ => Kind::Code,
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a code was made from u32")]
pub(super) fn push(values: &mut Values, cell: f64) {
    match values {
        Values::Numbers(numbers) => numbers.push(cell),
        Values::Text { codes, .. } => codes.push(cell as u32),
    }
}

fn number(records: &Records<'_>, column: &str, text: &str) -> Result<f64, DataError> {
    let value = text.parse::<f64>().map_err(|_| {
        let expected = "a number, as in most rows of the column";
        records.in_column(
            column,
            quote(text),
            expected,
            "correct the value or remove the row",
        )
    })?;
    if rounded(value).is_finite() {
        return Ok(value);
    }
    let expected = "a finite number within the range of f32";
    Err(records.in_column(
        column,
        quote(text),
        expected,
        "correct the value or remove the row",
    ))
}

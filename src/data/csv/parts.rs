//! A table read part by part, once: for rows that are used as they come, be they more than the memory holds or from a pipe
//! that never ends. What its columns are must be known, since nothing is read twice.

use super::fill::{Fill, push};
use super::pipe::Pipe;
use super::records::Records;
use super::source::Source;
use super::survey::{ColumnSurvey, Survey};
use super::{Plan, choose, header};
use crate::data::error::DataError;
use crate::data::lines::Lines;
use crate::data::missing::Findings;
use crate::data::prepare::ColumnKind;
use crate::data::read::Stream;
use crate::data::roles::Roles;
use crate::data::table::{Column, Table, TableInputs, TableOptions, TableTarget, Values};

/// How a part came to its end.
enum End {
    /// Rows follow, or may follow.
    Open,
    /// The table ends here.
    Table,
    /// What follows cannot be read.
    Error(DataError),
}

/// Shows a file's rows, at most `rows` at once.
///
/// # Errors
/// As of reading the file as a whole, after the rows before the place have been shown; and what `visit` gives.
pub(in crate::data) fn of_file<E: From<DataError>>(
    path: &std::path::Path,
    (options, rows): (&TableOptions, usize),
    visit: impl FnMut(Table) -> Result<(), E>,
) -> Result<(), E> {
    let source = Source::new(path)?;
    let records = source.records()?;
    Parts::new(records, &source, options)?.each(rows, &|| false, visit)
}

/// The same with what comes through a pipe: rows are shown as soon as no more of them wait, so that who sends one row and
/// waits for an answer has it.
pub(in crate::data) fn of_pipe<E: From<DataError>>(
    pipe: Pipe,
    (options, rows): (&TableOptions, usize),
    visit: impl FnMut(Table) -> Result<(), E>,
) -> Result<(), E> {
    let separator = pipe.separator();
    let idle = pipe.watch();
    if pipe.is_parquet() {
        return Err(DataError::malformed(
            pipe.name(),
            "a Parquet file",
            "CSV or TSV, since what a Parquet file holds is said at its end",
            "name the file itself",
        )
        .into());
    }
    let source = Source::of_pipe(pipe.name(), separator);
    let records = Records::new(Stream::of(Box::new(pipe)), &source, u64::MAX)?;
    Parts::new(records, &source, options)?.each(rows, &|| idle.is_idle(), visit)
}

/// A table on its way.
struct Parts<'a> {
    records: Records<'a>,
    /// The fields of a record.
    columns: usize,
    plans: Vec<Plan>,
    roles: Roles,
    options: &'a TableOptions,
}

impl<'a> Parts<'a> {
    fn new(
        mut records: Records<'a>,
        source: &'a Source<'_>,
        options: &'a TableOptions,
    ) -> Result<Self, DataError> {
        let header = header(&mut records, source.separator)?;
        let (mut plans, roles) = choose(&header, options, &source.name)?;
        for plan in &mut plans {
            plan.kind.get_or_insert(ColumnKind::Number);
            // What f32 holds is the same in f64.
            plan.wide = true;
        }
        records.only(&plans)?;
        Ok(Self {
            records,
            columns: header.len(),
            plans,
            roles,
            options,
        })
    }

    fn each<E: From<DataError>>(
        mut self,
        most: usize,
        idle: &dyn Fn() -> bool,
        mut visit: impl FnMut(Table) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut shown = false;
        loop {
            let (table, end) = self.part(most, idle);
            if let Some(table) = table {
                visit(table?)?;
                shown = true;
            }
            match end {
                End::Open => {}
                End::Table if shown => return Ok(()),
                End::Table => {
                    let hint = "give rows below the header";
                    let file = self.records.file;
                    return Err(DataError::malformed(file, "0 rows", "at least 1 row", hint).into());
                }
                End::Error(error) => return Err(error.into()),
            }
        }
    }

    /// The next rows, if there are any, and what comes behind them.
    fn part(
        &mut self,
        most: usize,
        idle: &dyn Fn() -> bool,
    ) -> (Option<Result<Table, DataError>>, End) {
        let survey = Survey {
            rows: 0,
            columns: vec![ColumnSurvey::default(); self.plans.len()],
        };
        let mut fill = Fill::new(&self.plans, &self.roles, &survey, self.options);
        let mut values: Vec<Values> = self.plans.iter().map(|plan| fill.empty(plan)).collect();
        let records = &mut self.records;
        let (mut lines, mut cells) = (records.places(), vec![0.0; self.plans.len()]);
        let end = loop {
            if lines.rows() == most || lines.rows() > 0 && !records.is_ready() && idle() {
                break End::Open;
            }
            match records.next() {
                Ok(true) => {}
                Ok(false) => break End::Table,
                Err(error) => break End::Error(error),
            }
            let whole = records.check_length(self.columns);
            match whole.and_then(|()| fill.row(records, &mut cells)) {
                Ok(true) => {}
                Ok(false) => continue,
                Err(error) => break End::Error(error),
            }
            lines.push(records.line);
            for (values, &cell) in values.iter_mut().zip(&cells) {
                push(values, cell);
            }
        };
        if lines.rows() == 0 {
            return (None, end);
        }
        let (names, findings) = fill.done();
        let inputs = self.plans.len() - self.roles.count();
        (
            Some(self.table((values, names), (lines, findings), inputs)),
            end,
        )
    }

    /// A table of the inputs; what has a role has been read, and is left.
    fn table(
        &self,
        (values, names): (Vec<Values>, Vec<Vec<String>>),
        (lines, findings): (Lines, Findings),
        inputs: usize,
    ) -> Result<Table, DataError> {
        let column = |((plan, mut values), found): ((&Plan, Values), Vec<String>)| {
            if let Values::Text { names, .. } = &mut values {
                *names = found;
            }
            let name = plan.name.clone();
            Column { name, values }
        };
        let columns = self.plans.iter().zip(values).zip(names).map(column);
        let columns = TableInputs::Columns(columns.take(inputs).collect());
        let file = self.records.file.to_owned();
        let table = Table::checked(file, columns, TableTarget::None)?;
        Ok(table.with_lines(lines).with_findings(findings))
    }
}

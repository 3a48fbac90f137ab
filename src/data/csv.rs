//! CSV and TSV with a header, gzipped or not, read twice: once to see which columns are numbers, once to keep them.
//! Parquet is read in the same way, as the CSV of the same table would be, once its values are text.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use self::fill::{Fill, Inputs};
use self::records::{Records, separator_name};
use self::source::Source;
use self::survey::{ColumnSurvey, Survey, check_header, survey};
use super::columns::{Kind, Writer};
use super::error::{DataError, list, nearest, quote};
use super::prepare::ColumnKind;
use super::roles::{Role, Roles};
use super::table::{Table, TableInputs, TableOptions};

mod dates;
mod fill;
mod guard;
mod parts;
mod pipe;
mod records;
mod source;
mod survey;

pub(super) use parts::{of_file, of_pipe};
pub(crate) use pipe::Pipe;

/// A column with more different texts than this is an identifier, not a category.
const MOST_CATEGORIES: usize = 1000;
/// As is one of which more than half of the texts are different, unless it has fewer of them.
const FEWEST_OF_AN_IDENTIFIER: usize = 10;
const MOST_COLUMNS: usize = 100_000;

/// What to do with one column of the file.
struct Plan {
    /// Its place in a record.
    at: usize,
    name: String,
    kind: Option<ColumnKind>,
    /// Whether its numbers need f64.
    wide: bool,
}

pub(super) fn read(path: &Path, options: &TableOptions) -> Result<Table, DataError> {
    let source = Source::new(path)?;
    let mut records = source.records()?;
    let header = header(&mut records, source.separator)?;
    let line = records.line;
    let (mut plans, roles) = choose(&header, options, &source.name)?;
    records.only(&plans)?;
    let found = survey(&mut records, &mut plans, header.len())?;
    if options.schema.is_none() {
        if records.is_text() {
            check_header(&plans, &found.columns, &source.at(line))?;
        }
        if !options.describe {
            check_dates(&plans, &found, &roles, &source)?;
        }
    }
    let inputs = &plans[..plans.len() - roles.count()];
    let writer = if stays(inputs, &found, options, &source.name)? {
        Some(Writer::new(inputs.iter().map(Plan::in_file).collect())?)
    } else {
        None
    };
    let mut records = source.records()?;
    records.next()?;
    records.only(&plans)?;
    let fill = Fill::new(&plans, &roles, &found, options);
    let filled = fill.read(&mut records, header.len(), writer)?;
    let (target, weights) = roles.part(filled.others);
    let inputs = match filled.inputs {
        Inputs::Memory(columns) => TableInputs::Columns(columns),
        Inputs::File(file) => TableInputs::StoredColumns(Arc::new(file)),
    };
    let table = Table::checked(source.name, inputs, target)?;
    Ok(table
        .with_weights(weights)
        .with_lines(filled.lines)
        .with_findings(filled.findings))
}

/// Whether the inputs go to a temporary file, by what they will take in memory; an error if they must not and there is no
/// room.
fn stays(
    plans: &[Plan],
    found: &Survey,
    options: &TableOptions,
    file: &str,
) -> Result<bool, DataError> {
    // As columns, and then as what they become.
    let bytes = |(plan, found): (&Plan, &ColumnSurvey)| match plan.in_file() {
        Kind::Code => 4 + 4 * found.texts.len().max(1),
        kind => kind.bytes() + 4,
    };
    let row: usize = plans.iter().zip(&found.columns).map(bytes).sum();
    let (bytes, available) = ((row * found.rows) as u64, crate::executor::available());
    if options.in_file.stays(bytes, available) {
        return Ok(true);
    }
    match available {
        Some(available) if bytes > available => Err(DataError::malformed(
            file,
            format!("{} rows, which take {bytes} bytes", found.rows),
            format!("at most {available} bytes, which are available"),
            "give fewer rows at once",
        )),
        _ => Ok(false),
    }
}

/// Refuses columns of dates, which as categories would say nothing of rows to come.
fn check_dates(
    plans: &[Plan],
    found: &Survey,
    roles: &Roles,
    source: &Source<'_>,
) -> Result<(), DataError> {
    let inputs = plans.len() - roles.count();
    for (at, (plan, found)) in plans.iter().zip(&found.columns).enumerate() {
        let Some((line, date)) = found.date() else {
            continue;
        };
        let name = &plan.name;
        let or = match at.checked_sub(inputs).map(|at| roles.role(at)) {
            None => format!("leave the column out with `--drop {name}`"),
            Some(Role::Target) => "choose another target".to_owned(),
            Some(Role::Weights) => "choose another column of weights".to_owned(),
        };
        let hint = format!("make numbers of the dates, such as days since one of them, or {or}");
        return Err(DataError::malformed(
            format!("{}, column {name:?}", source.at(*line)),
            format!("the date {}", quote(date)),
            "numbers or categories",
            hint,
        ));
    }
    Ok(())
}

/// The names of the columns.
fn header(records: &mut Records<'_>, separator: u8) -> Result<Vec<String>, DataError> {
    let hint = match records.is_text() {
        true => "give the file a first line with the names of its columns",
        false => "write the file again with such names",
    };
    if !records.next()? {
        let file = records.file;
        return Err(DataError::malformed(
            file,
            "an empty file",
            "a header and rows",
            hint,
        ));
    }
    let count = records.record.len();
    if count > MOST_COLUMNS {
        return Err(records.malformed(
            format!("{count} columns"),
            format!("at most {MOST_COLUMNS}"),
            "use .npz",
        ));
    }
    let mut names = Vec::with_capacity(count);
    let mut seen = HashSet::new();
    for (at, field) in records.record.iter().enumerate() {
        let wrong = |found: &str| {
            let expected = "a name of its own for each column".to_owned();
            records.malformed(
                format!("{found} as the name of column {}", at + 1),
                expected,
                hint,
            )
        };
        let name = std::str::from_utf8(field)
            .map_err(|_| wrong("bytes that are not UTF-8"))?
            .trim();
        if name.is_empty() {
            return Err(wrong("nothing"));
        }
        if !seen.insert(name.to_owned()) {
            return Err(wrong(&format!("{} again", quote(name))));
        }
        names.push(name.to_owned());
    }
    if !records.is_text() {
        return Ok(names);
    }
    if names.iter().all(|name| name.parse::<f64>().is_ok()) {
        return Err(records.malformed("numbers only".to_owned(), "a header".to_owned(), hint));
    }
    let others = [b';', b'\t', b',']
        .into_iter()
        .filter(|mark| *mark != separator);
    if let ([name], Some(mark)) = (
        &names[..],
        others.map(char::from).find(|mark| names[0].contains(*mark)),
    ) {
        let found = format!("one column {}", quote(name));
        let word = separator_name(separator);
        let hint = match mark {
            '\t' => "replace '\\t' by commas, or name the file .tsv".to_owned(),
            ',' => "replace ',' by tabs, or name the file .csv".to_owned(),
            mark => format!("replace {mark:?} by {word}s"),
        };
        return Err(records.malformed(found, format!("columns separated by {word}s"), &hint));
    }
    Ok(names)
}

/// The columns to read: the inputs, then the targets, then the weights.
fn choose(
    header: &[String],
    options: &TableOptions,
    file: &str,
) -> Result<(Vec<Plan>, Roles), DataError> {
    let place: HashMap<&str, usize> = header.iter().map(String::as_str).zip(0..).collect();
    let missing = |column: &str| DataError::UnknownColumn {
        file: file.to_owned(),
        column: column.to_owned(),
        nearest: nearest(column, header.iter().map(String::as_str)).map(str::to_owned),
        known: header.to_vec(),
    };
    let plan = |at: usize, kind| Plan {
        at,
        name: header[at].clone(),
        kind,
        wide: false,
    };
    if let Some(name) = options
        .drop
        .iter()
        .find(|name| options.schema.is_none() && !place.contains_key(name.as_str()))
    {
        return Err(missing(name));
    }
    let roles = Roles::find(header, options, file)?;
    let mut kinds_of_targets = HashMap::new();
    let mut plans = Vec::new();
    match &options.schema {
        None => plans.extend(
            (0..header.len())
                .filter(|&at| !roles.has(at) && !options.leaves_out(&header[at]))
                .map(|at| plan(at, None)),
        ),
        Some(schema) => {
            for (name, kind) in schema {
                if options.is_target(name) {
                    kinds_of_targets.insert(name.as_str(), *kind);
                    continue;
                }
                let at = *place.get(name.as_str()).ok_or_else(|| missing(name))?;
                plans.push(plan(at, Some(*kind)));
            }
        }
    }
    if plans.is_empty() {
        return Err(DataError::malformed(
            file,
            format!("the columns {}", list(header)),
            "at least one input beside the target",
            "add a column, or name another target",
        ));
    }
    let kind = |at: usize| kinds_of_targets.get(header[at].as_str()).copied();
    plans.extend(roles.targets.iter().map(|&at| plan(at, kind(at))));
    plans.extend(roles.weights.map(|at| plan(at, Some(ColumnKind::Number))));
    Ok((plans, roles))
}

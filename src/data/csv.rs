//! CSV with a header, read twice: once to see which columns are numbers, once to keep them.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::path::Path;

use self::records::Records;
use super::error::{DataError, list, nearest, quote};
use super::numbers::{Numbers, is_exact, rounded};
use super::prepare::ColumnKind;
use super::roles::Roles;
use super::table::{Column, Lines, Table, TableInputs, TableOptions, Values};

mod guard;
mod records;

/// A column with more different texts than this is an identifier, not a category.
const MOST_CATEGORIES: usize = 1000;
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

/// What the first reading found.
struct Survey {
    rows: usize,
    /// One a plan.
    columns: Vec<ColumnSurvey>,
}

/// What the first reading found in a column.
#[derive(Default, Clone)]
struct ColumnSurvey {
    numbers: usize,
    others: usize,
    /// Whether a number is not exact in f32.
    wide: bool,
    /// Whether its name is among its values.
    has_name: bool,
}

pub(super) fn read(path: &Path, options: &TableOptions) -> Result<Table, DataError> {
    let source = path.display().to_string();
    let mut file = File::open(path).map_err(|error| DataError::io(path, error))?;
    let mut records = Records::new(&file, path, &source)?;
    let header = header(&mut records)?;
    let line = records.line;
    let (mut plans, roles) = choose(&header, options, &source)?;
    let found = survey(&mut records, &mut plans, header.len())?;
    if options.schema.is_none() {
        check_header(&plans, &found.columns, &format!("{source}:{line}"))?;
    }

    file.seek(SeekFrom::Start(0))
        .map_err(|error| DataError::io(path, error))?;
    let mut records = Records::new(&file, path, &source)?;
    records.next()?;
    let (columns, lines) = fill(&mut records, &plans, [found.rows, header.len()])?;
    let parts = roles.part(columns);
    let table = Table::new(source, TableInputs::Columns(parts.inputs), parts.target)?;
    Ok(table.with_weights(parts.weights).with_lines(lines))
}

/// The names of the columns.
fn header(records: &mut Records<'_>) -> Result<Vec<String>, DataError> {
    let hint = "give the file a first line with the names of its columns";
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
    if names.iter().all(|name| name.parse::<f64>().is_ok()) {
        return Err(records.malformed("numbers only".to_owned(), "a header".to_owned(), hint));
    }
    if let ([name], Some(mark)) = (
        &names[..],
        names[0].chars().find(|c| [';', '\t'].contains(c)),
    ) {
        let found = format!("one column {}", quote(name));
        let hint = format!("replace {mark:?} by commas");
        return Err(records.malformed(found, "columns separated by commas".to_owned(), &hint));
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
    let roles = Roles::find(header, options, file)?;
    let mut kinds_of_targets = HashMap::new();
    let mut plans = Vec::new();
    match &options.schema {
        None => plans.extend(
            (0..header.len())
                .filter(|&at| !roles.has(at))
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

/// Counts the rows, and decides for the columns of unknown kind: numbers, if more than half of the values are. Sees
/// which numbers need f64.
fn survey(
    records: &mut Records<'_>,
    plans: &mut [Plan],
    columns: usize,
) -> Result<Survey, DataError> {
    let mut found = vec![ColumnSurvey::default(); plans.len()];
    let mut rows = 0_usize;
    while records.next()? {
        records.check_length(columns)?;
        rows += 1;
        for (plan, found) in plans
            .iter()
            .zip(&mut found)
            .filter(|(plan, _)| plan.kind != Some(ColumnKind::Category))
        {
            let text = records.field(plan.at, &plan.name)?;
            found.has_name |= text == plan.name;
            match text.parse::<f64>() {
                Ok(value) => {
                    found.numbers += 1;
                    found.wide |= !is_exact(value);
                }
                Err(_) => found.others += 1,
            }
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
        let guess = if found.numbers > found.others {
            ColumnKind::Number
        } else {
            ColumnKind::Category
        };
        plan.kind.get_or_insert(guess);
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
fn check_header(plans: &[Plan], found: &[ColumnSurvey], at: &str) -> Result<(), DataError> {
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

fn fill(
    records: &mut Records<'_>,
    plans: &[Plan],
    [rows, columns]: [usize; 2],
) -> Result<(Vec<Column>, Lines), DataError> {
    let empty = |plan: &Plan| {
        let values = match plan.kind {
            Some(ColumnKind::Number) => Values::Numbers(Numbers::with_capacity(plan.wide, rows)),
            _ => Values::Text {
                codes: Vec::with_capacity(rows),
                names: Vec::new(),
            },
        };
        Column {
            name: plan.name.clone(),
            values,
        }
    };
    let mut filled: Vec<Column> = plans.iter().map(empty).collect();
    let mut known: Vec<HashMap<String, u32>> = vec![HashMap::new(); plans.len()];
    let mut lines = Lines::default();
    while records.next()? {
        records.check_length(columns)?;
        lines.push(records.line);
        for ((plan, column), known) in plans.iter().zip(&mut filled).zip(&mut known) {
            let text = records.field(plan.at, &plan.name)?;
            match &mut column.values {
                Values::Numbers(values) => values.push(number(records, &plan.name, text)?),
                Values::Text { codes, names } => {
                    codes.push(category(records, &plan.name, text, known, names)?);
                }
            }
        }
    }
    Ok((filled, lines))
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

fn category(
    records: &Records<'_>,
    column: &str,
    text: &str,
    known: &mut HashMap<String, u32>,
    names: &mut Vec<String>,
) -> Result<u32, DataError> {
    if let Some(&code) = known.get(text) {
        return Ok(code);
    }
    let code = u32::try_from(names.len()).expect("there are at most 1000 categories");
    if names.len() == MOST_CATEGORIES {
        let found = format!("more than {MOST_CATEGORIES} different texts");
        let expected = "numbers, or categories that occur again and again";
        return Err(records.in_column(
            column,
            found,
            expected,
            "remove the column if it is a name or an identifier",
        ));
    }
    known.insert(text.to_owned(), code);
    names.push(text.to_owned());
    Ok(code)
}

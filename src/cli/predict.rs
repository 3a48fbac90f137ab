//! `thalweg predict`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::answers::Answers;
use super::exit::Exit;
use super::output::{note, written};
use super::run_path::RunPath;
use super::{flags, job};
use crate::data::{DataError, Dataset, Findings, Parts, Preparation, Spec, Table, TableOptions};
use crate::device::Device;
use crate::network::Loss;
use crate::run::RunError;
use crate::train::{Optimizer, Recipe, Rules, Session};

const EXAMPLES: &str = "Examples:
  thalweg predict runs/flowers-1 --data new.csv > predictions.csv
  thalweg predict runs/flowers-1 --data new.csv --probabilities --out p.csv
  thalweg predict runs/glyphs-1 --data glyphs:n=10,seed=9 --top-k 3
  tail -f measured.csv | thalweg predict runs/flowers-1 --data -

Columns are found by name, in any order; the target may be missing. The output
has a column `prediction`: the class's name, or the number in the target's own
units. Of several targets each has its own, `prediction.NAME`. With --top-k 2 the
columns top1,p1,top2,p2 follow it: the most probable classes, equal ones in the
order of the classes, and their probabilities.

CSV is read, predicted and written in parts, so a table may be larger than the
memory. A file is looked through first: where it has a row that cannot be used,
nothing is written. What comes from standard input (CSV or TSV with a header,
gzipped or not) is predicted as it comes, and an answer is written as soon as no more rows wait; rows
before one that cannot be used stay written, and what was filled in for missing
values is told at the end. --out is written as a whole or not
at all.";

/// Writes predictions as CSV.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Predict {
    /// A run folder or a model file
    run: PathBuf,
    /// A generator or a path, or - for CSV from standard input
    #[arg(long, value_name = "SPEC")]
    data: Spec,
    /// Add one column a class, in class order, with its probability
    #[arg(long)]
    probabilities: bool,
    /// Add the K most probable classes, each with its probability: top1,p1,top2,p2 and so on
    #[arg(long, value_name = "K", value_parser = flags::count, allow_negative_numbers = true)]
    top_k: Option<u64>,
    /// Rows that are read, predicted and written at once, at most
    #[arg(long, value_name = "ROWS", value_parser = flags::count, allow_negative_numbers = true, default_value_t = 1024)]
    batch_size: u64,
    /// Write to this file in place of standard output, replacing it as a whole
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Take the best epoch's model, not the last
    #[arg(long)]
    best: bool,
    /// auto, cpu, gpu, reference, reference-f32, or an adapter by number or by a part of its name
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    device: Device,
}

/// The most rows at once: as many as a plan counts.
const MOST: u64 = 1 << 24;

/// The rows to predict.
enum Rows {
    /// All in memory, or in their file.
    Whole(Box<Dataset>),
    /// Those of a table, part by part, and what is to be told of them if it is not yet known.
    Parts(Box<Parts>, Box<TableOptions>, Option<Found>),
}

/// What was found in the parts of a table.
#[derive(Default)]
struct Found(Option<(String, Findings)>);

impl Found {
    fn add(&mut self, table: &Table) {
        match &mut self.0 {
            None => self.0 = Some((table.source().to_owned(), table.findings().clone())),
            Some((_, found)) => found.add(table.findings()),
        }
    }

    fn tell(self) {
        let Some((source, found)) = self.0 else {
            return;
        };
        let said = found.notes();
        let said: Vec<_> = said
            .iter()
            .map(|said| format!("{source}: {said}"))
            .collect();
        tell(&said);
    }
}

impl Predict {
    pub(super) fn run(self) -> Result<(), Exit> {
        let path = RunPath::new(&self.run, self.best)?;
        let (file, preparation) = path.load()?;
        let answers = Answers {
            preparation: &preparation,
            probabilities: self.probabilities,
            top: self.top_k.map(|k| usize::try_from(k).unwrap_or(usize::MAX)),
        };
        answers.check(&path.model.display().to_string())?;
        if let Some(loss) = file.loss.filter(|loss| !loss.gives_probabilities())
            && (self.probabilities || self.top_k.is_some())
        {
            note(&format!(
                "note: a network trained with {loss} has outputs that are no probabilities"
            ));
        }
        let rows = self.rows(&preparation)?;
        let opened = job::open(&self.device, job::opening(None, false), false)?;
        // Prediction asks the loss for the output's function alone.
        let objective = file.loss.unwrap_or(Loss::SquaredError).into();
        let recipe = Recipe {
            network: file.model.network,
            objective,
            optimizer: Optimizer::sgd(0.0),
            seed: 0,
            mixed: None,
            rules: Rules::default(),
        };
        let mut session = Session::new(recipe, opened.executor)?;
        session.set_parameters(&file.model.values)?;
        let at_once = self.at_once();
        let Some(out) = &self.out else {
            return Output {
                csv: csv::Writer::from_writer(io::stdout().lock()),
                file: None,
                answers: &answers,
                session,
                at_once,
                begun: false,
            }
            .all(rows);
        };
        // An error that is not of the file must get past what writes files.
        let mut stopped = None;
        let done = crate::run::write_by(out, |file| {
            let output = Output {
                csv: csv::Writer::from_writer(file),
                file: Some(out),
                answers: &answers,
                session,
                at_once,
                begun: false,
            };
            output.all(rows).map_err(|exit| {
                stopped = Some(exit);
                io::Error::other("stopped")
            })
        });
        match stopped {
            Some(exit) => Err(exit),
            None => done.map_err(|source| refused(out, source)),
        }
    }

    fn at_once(&self) -> usize {
        usize::try_from(self.batch_size.min(MOST)).expect("it is at most 2^24")
    }

    /// The rows, which have been looked through if they can be.
    fn rows(&self, preparation: &Preparation) -> Result<Rows, Exit> {
        let options = without_target(preparation);
        let Some(parts) = self.data.parts(&options)? else {
            let table = self.data.load(&options)?;
            tell(&table.notes());
            let data = preparation.prepare_owned(table.without_target())?;
            return Ok(Rows::Whole(Box::new(data)));
        };
        let mut found = Some(Found::default());
        if let Some(parts) = parts.again() {
            let mut found = found.take().unwrap_or_default();
            let look = |table: Table| -> Result<(), DataError> {
                found.add(&table);
                preparation.prepare(&table).map(drop)
            };
            parts.each(&options, self.at_once(), look)?;
            found.tell();
        }
        Ok(Rows::Parts(Box::new(parts), Box::new(options), found))
    }
}

fn tell(notes: &[String]) {
    notes.iter().for_each(|text| note(&format!("note: {text}")));
}

fn refused(path: &Path, source: io::Error) -> Exit {
    RunError::Io {
        path: path.to_owned(),
        what: "written",
        source,
    }
    .into()
}

/// Where predictions go, and what makes them.
struct Output<'a, W: Write> {
    csv: csv::Writer<W>,
    /// The file, if it is none of standard output.
    file: Option<&'a Path>,
    answers: &'a Answers<'a>,
    session: Session,
    /// Rows that are predicted at once.
    at_once: usize,
    /// Whether the names of the columns are written.
    begun: bool,
}

impl<W: Write> Output<'_, W> {
    fn all(mut self, rows: Rows) -> Result<(), Exit> {
        match rows {
            Rows::Whole(data) => self.put(&data),
            Rows::Parts(parts, options, mut found) => {
                let at_once = self.at_once;
                let done = parts.each(&options, at_once, |table| {
                    if let Some(found) = &mut found {
                        found.add(&table);
                    }
                    self.put_table(&table)
                });
                // Also where a row cannot be used: those before it were predicted.
                if let Some(found) = found {
                    found.tell();
                }
                done
            }
        }
    }

    /// Rows of a table; where one cannot be used, those before it.
    fn put_table(&mut self, table: &Table) -> Result<(), Exit> {
        let preparation = self.answers.preparation;
        let error = match preparation.prepare(table) {
            Ok(data) => return self.put(&data),
            Err(error) => error,
        };
        // Of the first `good` rows it is known that they can be used, of the first `bad` that they cannot.
        let (mut good, mut bad) = (0, table.rows());
        while bad - good > 1 {
            let middle = good + (bad - good) / 2;
            match preparation.prepare(&table.head(middle)) {
                Ok(_) => good = middle,
                Err(_) => bad = middle,
            }
        }
        if good > 0 {
            self.put(&preparation.prepare(&table.head(good))?)?;
        }
        Err(error.into())
    }

    fn put(&mut self, data: &Dataset) -> Result<(), Exit> {
        if !self.begun {
            self.write(&self.answers.header())?;
            self.begun = true;
        }
        for start in (0..data.rows()).step_by(self.at_once) {
            let rows = start..data.rows().min(start + self.at_once);
            let count = rows.len();
            let mut x: Vec<f32> = rows.flat_map(|row| data.row(row)).collect();
            let features = x.len() / count;
            // Each number of rows takes a plan of its own, so few different ones may occur.
            let padded = count.next_power_of_two().min(self.at_once);
            x.resize(padded * features, 0.0);
            let predicted = self.session.predict(&x, padded)?;
            let outputs = predicted.len() / padded;
            for y in predicted.chunks(outputs).take(count) {
                self.write(&self.answers.record(y))?;
            }
        }
        let flushed = self.csv.flush();
        self.wrote(flushed)
    }

    fn write(&mut self, record: &[String]) -> Result<(), Exit> {
        let done = self.csv.write_record(record).map_err(cause);
        self.wrote(done)
    }

    fn wrote(&self, done: io::Result<()>) -> Result<(), Exit> {
        match self.file {
            None => written(done),
            Some(file) => done.map_err(|source| refused(file, source)),
        }
    }
}

/// What to read: the inputs alone, since the target may be missing, empty, or of a class that is new.
fn without_target(preparation: &Preparation) -> TableOptions {
    let mut options = preparation.table_options(false);
    options.weights = None;
    let mut targets = std::mem::take(&mut options.targets);
    targets.extend(options.target.take());
    if let Some(schema) = &mut options.schema {
        schema.retain(|(name, _)| !targets.contains(name));
    }
    options
}

/// The error below one of the writer, which hides its kind.
fn cause(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

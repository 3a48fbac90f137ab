//! `thalweg predict`.

use std::io::{self, Write};
use std::path::PathBuf;

use super::exit::Exit;
use super::job;
use super::output::{note, written};
use super::run_path::RunPath;
use crate::data::{Dataset, Preparation, Spec, TableOptions};
use crate::device::Device;
use crate::network::Loss;
use crate::run::RunError;
use crate::train::{Optimizer, Recipe, Rules, Session};

const EXAMPLES: &str = "Examples:
  thalweg predict runs/flowers-1 --data new.csv > predictions.csv
  thalweg predict runs/flowers-1 --data new.csv --probabilities --out predictions.csv
  thalweg predict runs/glyphs-1 --data glyphs:n=10,seed=9

Columns are found by name, in any order; the target may be missing. The output has a column
`prediction`: the class's name, or the number in the target's own units. Of several targets
each has its own, `prediction.NAME`.";

/// Writes predictions as CSV.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Predict {
    /// A run folder or a model file
    run: PathBuf,
    /// A generator or a path
    #[arg(long, value_name = "SPEC")]
    data: Spec,
    /// Add one column a class, in class order, with its probability
    #[arg(long)]
    probabilities: bool,
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

/// Rows that are predicted, and written, at once.
const ROWS: usize = 4096;
/// Rows in a batch on the device.
const BATCH: usize = 1024;

impl Predict {
    pub(super) fn run(self) -> Result<(), Exit> {
        let path = RunPath::new(&self.run, self.best)?;
        let (file, preparation) = path.load()?;
        let classes = preparation.class_names();
        if self.probabilities && classes.is_none() {
            let place = path.model.display();
            return Err(Exit::usage(format!(
                "{place}: predicts numbers, and has no classes; leave out `--probabilities`"
            )));
        }
        if let Some(loss) = file.loss.filter(|loss| !loss.gives_probabilities())
            && self.probabilities
        {
            note(&format!(
                "note: a network trained with {loss} has outputs that are no probabilities"
            ));
        }
        let table = self.data.load(&without_target(&preparation))?;
        for text in table.notes() {
            note(&format!("note: {text}"));
        }
        let data = preparation.prepare_owned(table.without_target())?;
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
        let header = header(&preparation, self.probabilities);
        match &self.out {
            Some(out) => {
                let mut csv = csv::Writer::from_writer(Vec::new());
                self.write(&mut csv, &header, &mut session, &data, &preparation)?;
                let text = csv.into_inner().map_err(|e| Exit::failed(e.to_string()))?;
                let write = |source| RunError::Io {
                    path: out.clone(),
                    what: "written",
                    source,
                };
                crate::run::write(out, &text).map_err(write)?;
                Ok(())
            }
            None => {
                let mut csv = csv::Writer::from_writer(io::stdout().lock());
                self.write(&mut csv, &header, &mut session, &data, &preparation)
            }
        }
    }

    fn write<W: Write>(
        &self,
        csv: &mut csv::Writer<W>,
        header: &[String],
        session: &mut Session,
        data: &Dataset,
        preparation: &Preparation,
    ) -> Result<(), Exit> {
        let mut put = |record: &[String]| written(csv.write_record(record).map_err(cause));
        put(header)?;
        for start in (0..data.rows()).step_by(ROWS) {
            let rows = start..data.rows().min(start + ROWS);
            let x: Vec<f32> = rows.flat_map(|row| data.row(row)).collect();
            let outputs = session.predict(&x, BATCH)?;
            for y in outputs.chunks(preparation.outputs()) {
                put(&record(y, preparation, self.probabilities))?;
            }
        }
        written(csv.flush())
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

fn header(preparation: &Preparation, probabilities: bool) -> Vec<String> {
    let mut header = vec!["prediction".to_owned()];
    match preparation.class_names() {
        Some(classes) if probabilities => header.extend_from_slice(classes),
        Some(_) => {}
        // Several numbers a row are named as the targets' columns, or as the outputs where these have no names.
        None if preparation.target_names().is_some() => {
            let names = preparation.target_names().into_iter().flatten();
            return names.map(|name| format!("prediction.{name}")).collect();
        }
        None if preparation.outputs() > 1 => {
            return (0..preparation.outputs())
                .map(|i| format!("y{i}"))
                .collect();
        }
        None => {}
    }
    header
}

/// One row: the most probable class, or the numbers in their own units.
fn record(y: &[f32], preparation: &Preparation, probabilities: bool) -> Vec<String> {
    if let Some(classes) = preparation.class_names() {
        let largest = y.iter().enumerate().fold(
            0,
            |best, (class, p)| if *p > y[best] { class } else { best },
        );
        let mut record = vec![classes[largest].clone()];
        if probabilities {
            record.extend(y.iter().map(f32::to_string));
        }
        return record;
    }
    let own = |(output, y): (usize, &f32)| match preparation.target_scale() {
        Some(scale) => in_own_units(*y, scale.scale[output], scale.offset[output]),
        None => y.to_string(),
    };
    y.iter().enumerate().map(own).collect()
}

/// `y * scale + offset`, in the digits that `y` has: those of f32, and more where the offset is large.
#[expect(
    clippy::cast_possible_truncation,
    reason = "as many digits as the network computes with"
)]
fn in_own_units(y: f32, scale: f64, offset: f64) -> String {
    let own = f64::from(y) * scale + offset;
    let of_answer = scale * f64::from(y.abs().max(1.0));
    if own.abs() <= of_answer {
        return (own as f32).to_string();
    }
    // Digits behind the first: the 7 that f32 has of the answer, and those that the offset adds in front.
    let digits = 7 + (own.abs() / of_answer).log10().ceil() as usize;
    let text = format!("{own:.*e}", digits.min(16));
    text.parse::<f64>().map_or(text, |own| own.to_string())
}

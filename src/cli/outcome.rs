//! How the trained network answers the validation rows: what a report shows of it.

use std::ops::Range;
use std::time::{Duration, Instant};

use super::job::Job;
use crate::data::{DataError, Dataset, Inputs, Targets};
use crate::device::Device;
use crate::report::{Answers, Confusion, Look, Mistake, Outcome, Picture, Scatter};
use crate::train::{Fitted, TrainError};

/// Rows that are answered at once, and at most.
const ROWS: usize = 1024;
const MOST: usize = 20_000;
/// The rows with the largest loss that are shown, and the columns of each.
const WORST: usize = 24;
const COLUMNS: usize = 24;
/// Answering takes no more than this share of the run's time, but this long where the run was short, and no more than that
/// where it was long.
const SHARE: f64 = 0.02;
const LEAST: Duration = Duration::from_millis(300);
const LONGEST: Duration = Duration::from_secs(20);

/// Answers by the model that the run ends with; nothing for data without targets. Computed on the CPU, as the device has ended
/// its work.
pub(super) fn outcome(job: &Job, fitted: &Fitted) -> Result<Option<Outcome>, TrainError> {
    let (of, data) = match &job.validation {
        Some(data) => ("validation", data),
        None => ("training", &job.training),
    };
    if matches!(data.targets(), Targets::None) || job.preparation.outputs() == 0 {
        return Ok(None);
    }
    let begun = Instant::now();
    let time = match &fitted.summary {
        // Who interrupts a run does not want to wait.
        summary if summary.interrupted => LEAST,
        summary => Duration::from_secs_f64(SHARE * summary.seconds).clamp(LEAST, LONGEST),
    };
    let mut session = fitted.model.session(&Device::Cpu)?;
    let mut found = Found::new(job);
    let most = data.rows().min(MOST);
    let mut seen = 0;
    while seen < most && (seen == 0 || begun.elapsed() < time) {
        let rows = seen..most.min(seen + ROWS);
        let x = inputs(data, rows.clone())?;
        let y = session.predict(&x, ROWS)?;
        let outputs = y.len() / rows.len();
        for (row, y) in rows.clone().zip(y.chunks(outputs)) {
            found.add(data, row, y);
        }
        seen = rows.end;
    }
    Ok(Some(Outcome {
        of,
        seen,
        rows: data.rows(),
        mistakes: found.mistakes(data)?,
        answers: found.answers,
    }))
}

/// What was found so far.
struct Found<'a> {
    job: &'a Job,
    answers: Answers,
    /// The rows with the largest loss: the loss, the row, and what the network says.
    worst: Vec<(f64, usize, Vec<f32>)>,
}

impl<'a> Found<'a> {
    fn new(job: &'a Job) -> Self {
        let preparation = &job.preparation;
        let answers = match preparation.class_names() {
            Some(names) => Answers::Classes(Confusion {
                names: names.to_vec(),
                counts: vec![0; names.len() * names.len()],
            }),
            None => {
                let alone = preparation.target_name().unwrap_or("target").to_owned();
                let name = |output: usize| match preparation.target_names() {
                    Some(names) => names[output].clone(),
                    None if preparation.outputs() == 1 => alone.clone(),
                    None => format!("y{output}"),
                };
                let plot = |output| Scatter {
                    name: name(output),
                    points: Vec::new(),
                };
                Answers::Numbers((0..preparation.outputs()).map(plot).collect())
            }
        };
        Self {
            job,
            answers,
            worst: Vec::new(),
        }
    }

    /// A number of an output in its own units.
    fn own(&self, output: usize, value: f32) -> f64 {
        let scale = self.job.preparation.target_scale();
        scale.map_or(f64::from(value), |s| {
            f64::from(value) * s.scale[output] + s.offset[output]
        })
    }

    fn add(&mut self, data: &Dataset, row: usize, y: &[f32]) {
        let loss = match (data.targets(), &mut self.answers) {
            (Targets::Classes { labels, .. }, Answers::Classes(confusion)) => {
                let (truth, said) = (labels[row] as usize, largest(y));
                confusion.counts[truth * confusion.names.len() + said] += 1;
                if truth == said {
                    return;
                }
                if self.job.loss().gives_probabilities() {
                    -f64::from(y[truth]).max(f64::MIN_POSITIVE).ln()
                } else {
                    f64::from(y[said]) - f64::from(y[truth])
                }
            }
            (Targets::Numbers { values, outputs }, Answers::Numbers(_)) => {
                let truth = &values[row * outputs..(row + 1) * outputs];
                let pairs: Vec<_> = (0..*outputs)
                    .map(|o| [self.own(o, truth[o]), self.own(o, y[o])])
                    .collect();
                if let Answers::Numbers(plots) = &mut self.answers {
                    for (plot, pair) in plots.iter_mut().zip(&pairs) {
                        plot.points.push(*pair);
                    }
                }
                let error = |(t, y): (&f32, &f32)| (f64::from(*t) - f64::from(*y)).powi(2);
                truth.iter().zip(y).map(error).sum::<f64>() / *outputs as f64
            }
            _ => return,
        };
        self.worst.push((loss, row, y.to_vec()));
        if self.worst.len() > 8 * WORST {
            self.cut();
        }
    }

    /// Keeps the worst, the worst first.
    fn cut(&mut self) {
        self.worst
            .sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        self.worst.truncate(WORST);
    }

    fn mistakes(&mut self, data: &Dataset) -> Result<Vec<Mistake>, DataError> {
        self.cut();
        self.worst
            .iter()
            .map(|found| self.mistake(data, found))
            .collect()
    }

    fn mistake(
        &self,
        data: &Dataset,
        (loss, row, y): &(f64, usize, Vec<f32>),
    ) -> Result<Mistake, DataError> {
        let preparation = &self.job.preparation;
        let numbers = |values: &[f32]| {
            let own = values
                .iter()
                .enumerate()
                .map(|(o, v)| super::output::short(self.own(o, *v)));
            own.collect::<Vec<_>>().join(", ")
        };
        let (truth, predicted, probabilities) = match (data.targets(), preparation.class_names()) {
            (Targets::Classes { labels, .. }, Some(names)) => {
                let (truth, said) = (labels[*row] as usize, largest(y));
                let both = [f64::from(y[said]), f64::from(y[truth])];
                let probabilities = self.job.loss().gives_probabilities().then_some(both);
                (names[truth].clone(), names[said].clone(), probabilities)
            }
            (Targets::Numbers { values, outputs }, _) => {
                let truth = &values[row * outputs..(row + 1) * outputs];
                (numbers(truth), numbers(y), None)
            }
            _ => (String::new(), numbers(y), None),
        };
        let inputs = inputs(data, *row..row + 1)?;
        let look = match Picture::of(data.sample_shape(), &inputs) {
            Some(picture) => Look::Picture(picture),
            None => {
                let mut columns = preparation.in_own_units(&inputs);
                columns.truncate(COLUMNS);
                Look::Columns(columns)
            }
        };
        Ok(Mistake {
            row: *row,
            truth,
            predicted,
            probabilities,
            loss: *loss,
            look,
        })
    }
}

/// The inputs of some rows, which may have to be read from a file that is there no more.
fn inputs(data: &Dataset, rows: Range<usize>) -> Result<Vec<f32>, DataError> {
    let (mut values, mut bytes) = (Vec::new(), Vec::new());
    match data.inputs() {
        Inputs::StoredF32(stored) => stored.read(rows, &mut values)?,
        Inputs::StoredU8 {
            rows: stored,
            scale,
        } => {
            stored.read(rows, &mut bytes)?;
            values.extend(bytes.iter().map(|&byte| f32::from(byte) * scale));
        }
        Inputs::F32(_) | Inputs::U8 { .. } => values.extend(rows.flat_map(|row| data.row(row))),
    }
    Ok(values)
}

fn largest(y: &[f32]) -> usize {
    let better = |best: usize, (class, p): (usize, &f32)| if *p > y[best] { class } else { best };
    y.iter().enumerate().fold(0, better)
}

//! How the trained network answers the validation rows: what a report shows of it.

use super::job::Job;
use crate::data::{DataError, Dataset, Targets};
use crate::report::{Answers, Confusion, Look, Mistake, Outcome, Picture, Scatter};

/// Rows that are looked at, at most.
pub(super) const MOST: usize = 20_000;
/// The rows with the largest loss that are shown, and the columns of each.
const WORST: usize = 24;
const COLUMNS: usize = 24;

/// What was found so far.
pub(super) struct Found<'a> {
    job: &'a Job,
    answers: Answers,
    seen: usize,
    /// The rows with the largest loss: the loss, the row, and what the network says.
    worst: Vec<(f64, usize, Vec<f32>)>,
}

impl<'a> Found<'a> {
    pub(super) fn new(job: &'a Job) -> Self {
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
            seen: 0,
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

    /// Looks at the outputs for the rows from `first` on, as many of them as are looked at.
    pub(super) fn look(&mut self, data: &Dataset, first: usize, outputs: &[f32]) {
        let rows = outputs.chunks(self.job.trainer.network.outputs());
        for (row, y) in (first..MOST).zip(rows) {
            self.add(data, row, y);
            self.seen += 1;
        }
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

    /// What there is to show of it; `of` says which rows they were.
    pub(super) fn outcome(
        mut self,
        of: &'static str,
        data: &Dataset,
    ) -> Result<Outcome, DataError> {
        self.cut();
        let mistakes = self.worst.iter().map(|found| self.mistake(data, found));
        let mistakes = mistakes.collect::<Result<_, _>>()?;
        Ok(Outcome {
            of,
            seen: self.seen,
            rows: data.rows(),
            mistakes,
            answers: self.answers,
        })
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
        let inputs = data.inputs_of(*row..row + 1)?;
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

fn largest(y: &[f32]) -> usize {
    let better = |best: usize, (class, p): (usize, &f32)| if *p > y[best] { class } else { best };
    y.iter().enumerate().fold(0, better)
}

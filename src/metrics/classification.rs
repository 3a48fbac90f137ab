//! Figures of predicted classes.

use super::ranking::Ranking;
use super::report::{Bin, ClassFigures, ClassReport, Figure, Intervals};
use super::{Bootstrap, UNDEFINED, told, wilson};

/// Bins of the calibration error.
const BINS: usize = 15;
/// A probability counts as no less than this, as in scikit-learn, and no more than what is left of 1.
const LEAST: f64 = f64::EPSILON;
/// Of more classes no areas are resampled.
const MOST_RANKED: usize = 1000;
/// Figures that are means over classes or rows: precision, recall, F1, area, log loss, calibration error.
const MEANS: usize = 6;

/// Scores of classes beside the right classes.
#[derive(Debug, Clone)]
pub struct Classification<'a> {
    scores: &'a [f32],
    labels: &'a [u32],
    classes: usize,
    probabilities: bool,
    top_k: Vec<usize>,
}

/// What the figures need to know of each row.
struct Judged {
    labels: Vec<u32>,
    predicted: Vec<u32>,
    /// How many scores are above that of the right class.
    above: Vec<u32>,
    /// `-ln` of the probability of the right class, and the probability of the predicted one.
    nats: Vec<f64>,
    confidence: Vec<f64>,
}

/// Rows of each class: those that have it, those predicted to, and both.
struct Counts {
    actual: Vec<u64>,
    predicted: Vec<u64>,
    both: Vec<u64>,
}

impl<'a> Classification<'a> {
    /// Probabilities of classes, row-major `[rows, classes]`, and the class of each row.
    ///
    /// # Panics
    /// If the lengths do not fit, or a label is not below `classes`.
    pub fn new(scores: &'a [f32], labels: &'a [u32], classes: usize) -> Self {
        assert!(classes > 0, "there is at least one class");
        let (found, expected) = (scores.len(), labels.len() * classes);
        assert_eq!(found, expected, "a score a class and row");
        let known = labels.iter().all(|&label| (label as usize) < classes);
        assert!(known, "labels are below the number of classes");
        Self {
            scores,
            labels,
            classes,
            probabilities: true,
            top_k: [3, 5].into_iter().filter(|k| *k < classes).collect(),
        }
    }

    /// The scores are no probabilities: there is no log loss and no calibration.
    #[must_use]
    pub const fn without_probabilities(mut self) -> Self {
        self.probabilities = false;
        self
    }

    /// Tells the share of rows whose class is among so many of the largest scores.
    #[must_use]
    pub fn top_k(mut self, k: usize) -> Self {
        self.top_k = vec![k];
        self
    }

    /// The figures, with intervals.
    pub fn figures(&self, bootstrap: &Bootstrap) -> ClassReport {
        let rows = self.labels.len();
        let judged = self.judge(0..rows);
        let ones = vec![1; rows];
        let counts = judged.counts(self.classes, &ones);
        // One class's ranking after the other, as each takes as much memory as a score a row.
        let areas: Vec<f64> = (0..self.classes)
            .map(|class| self.rank(class, rows, |row| row).area(&ones))
            .collect();
        let mut figures = self.means(&judged, &counts, &areas, &ones);
        figures.extend(counts.f1s());
        figures.extend(&areas);
        let resampled = bootstrap.rows(rows, self.classes);
        let intervals = self.intervals(bootstrap, &figures, resampled);
        let figure = |index: usize, most: f64| Figure {
            value: told(figures[index]),
            interval: intervals[index].map(|[low, high]| [low.max(0.0), high.min(most)]),
        };
        let within = |k: usize| {
            let hits = judged.above.iter().filter(|above| (**above as usize) < k);
            share(hits.count() as u64, rows as u64)
        };
        let class = |class: usize| {
            let f1 = figure(MEANS + class, 1.0);
            counts.figures(class, f1, figure(MEANS + self.classes + class, 1.0))
        };
        let defined = areas.iter().filter(|area| area.is_finite()).count();
        ClassReport {
            rows,
            accuracy: share(counts.both.iter().sum(), rows as u64),
            top_k: self.top_k.iter().map(|&k| (k, within(k))).collect(),
            precision: figure(0, 1.0),
            recall: figure(1, 1.0),
            f1: figure(2, 1.0),
            averaged: counts.occurring().count(),
            auc: figure(3, 1.0),
            // Of two classes the second one's is told alone.
            ranked: if self.classes == 2 {
                defined.min(1)
            } else {
                defined
            },
            log_loss: figure(4, f64::INFINITY),
            calibration_error: figure(5, 1.0),
            calibration: judged.calibration(&ones),
            classes: (0..self.classes).map(class).collect(),
            confusion: (self.classes <= ClassReport::MOST_CONFUSED)
                .then(|| judged.confusion(self.classes)),
            intervals: Intervals::of(bootstrap, resampled),
        }
    }

    fn intervals(
        &self,
        bootstrap: &Bootstrap,
        figures: &[f64],
        resampled: usize,
    ) -> Vec<Option<[f64; 2]>> {
        let rows = self.labels.len();
        if bootstrap.resamples == 0 {
            return vec![None; figures.len()];
        }
        let part = bootstrap.part(rows, self.classes);
        let row = |i: usize| part.as_ref().map_or(i, |part| part[i] as usize);
        let judged = self.judge((0..resampled).map(row));
        let ranked = if self.classes > MOST_RANKED {
            0
        } else {
            self.classes
        };
        let rankings: Vec<Ranking> = (0..ranked)
            .map(|class| self.rank(class, resampled, row))
            .collect();
        bootstrap.intervals(figures, rows, resampled, |often| {
            let counts = judged.counts(self.classes, often);
            let mut areas = vec![UNDEFINED; self.classes];
            for (class, ranking) in rankings.iter().enumerate() {
                areas[class] = ranking.area(often);
            }
            let mut found = self.means(&judged, &counts, &areas, often);
            found.extend(counts.f1s());
            found.extend(areas);
            found
        })
    }

    /// Looks at some rows one by one.
    fn judge(&self, rows: impl ExactSizeIterator<Item = usize>) -> Judged {
        let mut judged = Judged {
            labels: Vec::with_capacity(rows.len()),
            predicted: Vec::with_capacity(rows.len()),
            above: Vec::with_capacity(rows.len()),
            nats: Vec::with_capacity(rows.len()),
            confidence: Vec::with_capacity(rows.len()),
        };
        for row in rows {
            let scores = &self.scores[row * self.classes..][..self.classes];
            let label = self.labels[row];
            let own = scores[label as usize];
            let best = (0_u32..).zip(scores).fold(0, |best, (class, score)| {
                if *score > scores[best as usize] {
                    class
                } else {
                    best
                }
            });
            // Of equal scores the first class counts as above.
            let above = (0..)
                .zip(scores)
                .filter(|(class, score)| **score > own || **score == own && *class < label);
            let above = u32::try_from(above.count()).expect("classes are counted in u32");
            judged.labels.push(label);
            judged.predicted.push(best);
            judged.above.push(above);
            if self.probabilities {
                let sum = total(scores);
                let right = (f64::from(own) / sum).clamp(LEAST, 1.0 - LEAST);
                judged.nats.push(-right.ln());
                judged
                    .confidence
                    .push(f64::from(scores[best as usize]) / sum);
            }
        }
        judged
    }

    fn rank(&self, class: usize, rows: usize, row: impl Fn(usize) -> usize) -> Ranking {
        let score = |i: usize| self.scores[row(i) * self.classes + class];
        Ranking::new(rows, score, |i| self.labels[row(i)] as usize == class)
    }

    /// The figures that are means, in the order of [`MEANS`].
    fn means(&self, judged: &Judged, counts: &Counts, areas: &[f64], often: &[u32]) -> Vec<f64> {
        let over = |value: &dyn Fn(usize) -> f64| mean(counts.occurring().map(value));
        let area = if self.classes == 2 {
            areas[1]
        } else {
            mean(areas.iter().copied().filter(|area| area.is_finite()))
        };
        let (log_loss, error) = if self.probabilities {
            let weighed = judged
                .nats
                .iter()
                .zip(often)
                .map(|(x, &n)| x * f64::from(n));
            let rows: f64 = often.iter().map(|&n| f64::from(n)).sum();
            (weighed.sum::<f64>() / rows, judged.calibration_error(often))
        } else {
            (UNDEFINED, UNDEFINED)
        };
        let precision = over(&|c| ratio(counts.both[c], counts.predicted[c]));
        let recall = over(&|c| ratio(counts.both[c], counts.actual[c]));
        vec![
            precision,
            recall,
            over(&|c| counts.f1(c)),
            area,
            log_loss,
            error,
        ]
    }
}

impl Judged {
    fn counts(&self, classes: usize, often: &[u32]) -> Counts {
        let mut counts = Counts {
            actual: vec![0; classes],
            predicted: vec![0; classes],
            both: vec![0; classes],
        };
        for ((&label, &predicted), &n) in self.labels.iter().zip(&self.predicted).zip(often) {
            counts.actual[label as usize] += u64::from(n);
            counts.predicted[predicted as usize] += u64::from(n);
            if label == predicted {
                counts.both[label as usize] += u64::from(n);
            }
        }
        counts
    }

    fn confusion(&self, classes: usize) -> Vec<Vec<u64>> {
        let mut matrix = vec![vec![0; classes]; classes];
        for (&label, &predicted) in self.labels.iter().zip(&self.predicted) {
            matrix[label as usize][predicted as usize] += 1;
        }
        matrix
    }

    /// Rows by the probability of their predicted class; bin `b` holds those above `b / BINS`, up to `(b + 1) / BINS`.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a probability times a few bins"
    )]
    fn bins(&self, often: &[u32]) -> [Sum; BINS] {
        let mut bins: [Sum; BINS] = std::array::from_fn(|index| Sum {
            index,
            ..Sum::default()
        });
        let rows = self
            .confidence
            .iter()
            .zip(self.labels.iter().zip(&self.predicted));
        for ((&confidence, (label, predicted)), &n) in rows.zip(often) {
            let bin = (confidence * BINS as f64).ceil() as usize;
            let sum = &mut bins[bin.clamp(1, BINS) - 1];
            sum.rows += u64::from(n);
            sum.confidence += f64::from(n) * confidence;
            sum.right += if label == predicted { u64::from(n) } else { 0 };
        }
        bins
    }

    /// The bins, if there are probabilities.
    fn calibration(&self, often: &[u32]) -> Vec<Bin> {
        if self.confidence.is_empty() {
            return Vec::new();
        }
        self.bins(often).map(Sum::bin).into()
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "there are far fewer than 2^53 rows"
    )]
    fn calibration_error(&self, often: &[u32]) -> f64 {
        let bins = self.bins(often);
        let rows: u64 = bins.iter().map(|bin| bin.rows).sum();
        let gaps = bins
            .iter()
            .map(|bin| (bin.confidence - bin.right as f64).abs());
        gaps.sum::<f64>() / rows as f64
    }
}

/// What is in a bin.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    index: usize,
    rows: u64,
    confidence: f64,
    right: u64,
}

impl Sum {
    #[expect(
        clippy::cast_precision_loss,
        reason = "there are far fewer than 2^53 rows"
    )]
    fn bin(self) -> Bin {
        Bin {
            low: self.index as f64 / BINS as f64,
            high: (self.index + 1) as f64 / BINS as f64,
            rows: self.rows,
            confidence: told(self.confidence / self.rows as f64),
            accuracy: told(self.right as f64 / self.rows as f64),
        }
    }
}

impl Counts {
    /// The classes that some row has or is predicted to have.
    fn occurring(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.actual.len()).filter(|&c| self.actual[c] + self.predicted[c] > 0)
    }

    fn f1(&self, class: usize) -> f64 {
        ratio(
            2 * self.both[class],
            self.actual[class] + self.predicted[class],
        )
    }

    fn figures(&self, class: usize, f1: Figure, auc: Figure) -> ClassFigures {
        let (rows, predicted) = (self.actual[class], self.predicted[class]);
        let mut zero_division = Vec::new();
        zero_division.extend((predicted == 0).then_some("precision"));
        zero_division.extend((rows == 0).then_some("recall"));
        zero_division.extend((rows + predicted == 0).then_some("f1"));
        ClassFigures {
            rows,
            predicted,
            precision: share(self.both[class], predicted),
            recall: share(self.both[class], rows),
            f1,
            auc,
            zero_division,
        }
    }

    fn f1s(&self) -> impl Iterator<Item = f64> + '_ {
        (0..self.actual.len()).map(|class| self.f1(class))
    }
}

impl Intervals {
    pub(super) const fn of(bootstrap: &Bootstrap, resampled_rows: usize) -> Self {
        Self {
            level: 0.95,
            shares: "Wilson",
            others: "bootstrap",
            resamples: bootstrap.resamples,
            seed: bootstrap.seed,
            resampled_rows,
        }
    }
}

/// The sum of the probabilities of a row, if it is not 1 but for rounding, as those of one sigmoid a class are not.
fn total(scores: &[f32]) -> f64 {
    let sum: f64 = scores.iter().map(|&p| f64::from(p)).sum();
    if sum <= 0.0 || (sum - 1.0).abs() < 1e-4 {
        1.0
    } else {
        sum
    }
}

/// A share with Wilson's interval; 0, without one, of nothing.
fn share(hits: u64, trials: u64) -> Figure {
    Figure {
        value: Some(ratio(hits, trials)),
        interval: wilson(hits, trials),
    }
}

/// 0 where there is nothing to divide by.
#[expect(
    clippy::cast_precision_loss,
    reason = "there are far fewer than 2^53 rows"
)]
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

/// NaN for no values.
fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    sum / count
}

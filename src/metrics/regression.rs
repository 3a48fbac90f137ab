//! Figures of predicted numbers.

use super::report::{Figure, Intervals, NumberFigures, NumberReport};
use super::{Bootstrap, UNDEFINED, told};

/// Predicted numbers beside the right ones.
#[derive(Debug, Clone, Copy)]
pub struct Regression<'a> {
    predictions: &'a [f32],
    targets: &'a [f32],
    outputs: usize,
    units: Option<&'a [f64]>,
}

/// Sums over the rows, for one output.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    weight: f64,
    absolute: f64,
    square: f64,
    target: f64,
    target_square: f64,
}

/// Figures of an output: absolute error, root of the squared error, coefficient of determination.
const FIGURES: usize = 3;

impl<'a> Regression<'a> {
    /// Predictions and targets, both row-major `[rows, outputs]`.
    ///
    /// # Panics
    /// If the lengths do not fit.
    pub fn new(predictions: &'a [f32], targets: &'a [f32], outputs: usize) -> Self {
        assert!(outputs > 0, "there is at least one output");
        assert_eq!(predictions.len(), targets.len(), "a prediction a target");
        assert_eq!(targets.len() % outputs, 0, "whole rows");
        Self {
            predictions,
            targets,
            outputs,
            units: None,
        }
    }

    /// Tells errors in units of which each output has its own: an error of 1 is told as `units[output]`.
    ///
    /// # Panics
    /// If there are not as many as outputs.
    #[must_use]
    pub fn units(mut self, units: &'a [f64]) -> Self {
        assert_eq!(units.len(), self.outputs, "a unit an output");
        self.units = Some(units);
        self
    }

    /// The figures, with intervals.
    pub fn figures(&self, bootstrap: &Bootstrap) -> NumberReport {
        let rows = self.targets.len() / self.outputs;
        let figures = self.of(0..rows, &|_| 1.0);
        let part = bootstrap.part(rows, self.outputs);
        let resampled = bootstrap.rows(rows, self.outputs);
        let intervals = bootstrap.intervals(&figures, rows, resampled, |counts| match &part {
            None => self.of(0..rows, &|i| f64::from(counts[i])),
            Some(part) => self.of(part.iter().map(|&row| row as usize), &|i| {
                f64::from(counts[i])
            }),
        });
        let figure = |index: usize, bounded: bool| Figure {
            value: told(figures[index]),
            interval: intervals[index].map(|[low, high]| {
                if bounded {
                    // A coefficient of determination is at most 1.
                    [low, high.min(1.0)]
                } else {
                    [low.max(0.0), high]
                }
            }),
        };
        let three = |first: usize| NumberFigures {
            mae: figure(first, false),
            rmse: figure(first + 1, false),
            r2: figure(first + 2, true),
        };
        let NumberFigures { mae, rmse, r2 } = three(0);
        NumberReport {
            rows,
            mae,
            rmse,
            r2,
            outputs: (1..=self.outputs).map(|o| three(FIGURES * o)).collect(),
            intervals: Intervals::of(bootstrap, resampled),
        }
    }

    /// The means over outputs, and then the figures of each output, over the given rows; the row of number `i` among them
    /// counts `weight(i)` times.
    fn of(
        &self,
        rows: impl Iterator<Item = usize> + Clone,
        weight: &dyn Fn(usize) -> f64,
    ) -> Vec<f64> {
        let mut figures = vec![0.0; FIGURES];
        for output in 0..self.outputs {
            let unit = self.units.map_or(1.0, |units| units[output].abs());
            let at = |row: usize| row * self.outputs + output;
            // Numbers far from 0 would lose the digits of their variance.
            let shift = self.targets.get(output).map_or(0.0, |&t| f64::from(t));
            let mut sums = Sums::default();
            for (i, row) in rows.clone().enumerate() {
                let target = f64::from(self.targets[at(row)]);
                let error = f64::from(self.predictions[at(row)]) - target;
                sums.add(weight(i), error, target - shift);
            }
            figures.extend(sums.figures(unit));
        }
        #[expect(clippy::cast_precision_loss, reason = "there are few outputs")]
        for figure in 0..FIGURES {
            let own = figures[FIGURES..].iter().skip(figure).step_by(FIGURES);
            figures[figure] = own.sum::<f64>() / self.outputs as f64;
        }
        figures
    }
}

impl Sums {
    fn add(&mut self, weight: f64, error: f64, target: f64) {
        self.weight += weight;
        self.absolute += weight * error.abs();
        self.square += weight * error * error;
        self.target += weight * target;
        self.target_square += weight * target * target;
    }

    fn figures(&self, unit: f64) -> [f64; FIGURES] {
        if self.weight <= 0.0 {
            return [UNDEFINED; FIGURES];
        }
        let variance = self.target_square - self.target * self.target / self.weight;
        // What rounding leaves of a variance of nothing is no variance.
        let r2 = if variance > self.target_square * 1e-12 {
            1.0 - self.square / variance
        } else {
            UNDEFINED
        };
        let (absolute, square) = (self.absolute / self.weight, self.square / self.weight);
        [unit * absolute, unit * square.sqrt(), r2]
    }
}

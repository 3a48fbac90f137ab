//! Losses and metrics over many batches.

use serde::{Deserialize, Serialize};

use super::logs::Logged;
use super::tables::Metric;
use crate::data::{Dataset, Targets};

/// The loss and the metrics over some rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// How many rows.
    pub rows: usize,
    /// The mean loss, over the rows' weights if they have any. A squared or an absolute error is in the target's own units,
    /// if they are known.
    pub loss: f64,
    /// The share of rows classified right, if there are classes.
    pub accuracy: Option<f64>,
    /// The mean squared error of each output, in the scale that the network sees, if the targets are numbers.
    pub squared_errors: Option<Vec<f64>>,
    /// The coefficient of determination, if the targets are numbers and vary.
    pub r2: Option<f64>,
}

impl Evaluation {
    /// Rows that are evaluated at once where batches of so many are trained on.
    pub(super) fn batch_size(training: usize) -> usize {
        training.max(256)
    }

    /// Adds what needs the targets themselves.
    pub(crate) fn complete(&mut self, data: &Dataset) {
        if let (Some(errors), Targets::Numbers { values, .. }) =
            (&self.squared_errors, data.targets())
        {
            self.r2 = r2(errors, values);
        }
    }
}

/// Sums of losses and metrics, weighted by rows; losses by the weights of the rows, if they have any.
#[derive(Debug, Clone)]
pub(super) struct Totals {
    metric: Metric,
    sums: Sums,
}

/// The sums themselves.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Sums {
    rows: usize,
    /// The sum of the weights of the rows: their number, where they have none.
    weight: f64,
    loss: f64,
    metrics: Vec<f64>,
    /// The loss of each output, where it is told in their units, and the power of these.
    by_output: Vec<f64>,
    power: i32,
}

impl Sums {
    /// Of no rows, for any metric.
    pub(super) const EMPTY: Self = Self {
        rows: 0,
        weight: 0.0,
        loss: 0.0,
        metrics: Vec::new(),
        by_output: Vec::new(),
        power: 0,
    };
}

impl Totals {
    pub(super) fn new(metric: Metric) -> Self {
        let metrics = vec![0.0; metric.columns()];
        let (rows, loss) = (0, 0.0);
        Self {
            metric,
            sums: Sums {
                rows,
                weight: 0.0,
                loss,
                metrics,
                by_output: Vec::new(),
                power: 0,
            },
        }
    }

    /// Goes on from sums that were kept.
    pub(super) fn resume(metric: Metric, sums: Sums) -> Self {
        if sums.metrics.len() == metric.columns() {
            Self { metric, sums }
        } else {
            Self::new(metric)
        }
    }

    pub(super) const fn sums(&self) -> &Sums {
        &self.sums
    }

    /// Adds what others came to.
    pub(super) fn merge(&mut self, other: &Self) {
        let (sums, other) = (&mut self.sums, &other.sums);
        sums.rows += other.rows;
        sums.weight += other.weight;
        sums.loss += other.loss;
        for (total, metric) in sums.metrics.iter_mut().zip(&other.metrics) {
            *total += metric;
        }
    }

    /// The mean loss, as the network sees it.
    pub(super) fn mean_loss(&self) -> f64 {
        // Where all rows weigh nothing, nothing is lost.
        let weight = Some(self.sums.weight).filter(|weight| *weight > 0.0);
        self.sums.loss / weight.unwrap_or(1.0)
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "batches have far fewer than 2^53 rows"
    )]
    pub(super) fn add(&mut self, logged: &Logged, rows: usize) {
        let counted = rows as f64;
        self.sums.power = logged.power;
        for (batch, (loss, metrics)) in logged.losses.iter().zip(&logged.metrics).enumerate() {
            let weight = logged.weights.get(batch).copied().unwrap_or(counted);
            self.sums.rows += rows;
            self.sums.weight += weight;
            self.sums.loss += weight * loss;
            for (total, metric) in self.sums.metrics.iter_mut().zip(metrics) {
                *total += match self.metric {
                    Metric::Correct => *metric,
                    Metric::SquaredErrors { .. } | Metric::Nothing => counted * metric,
                };
            }
            let by_output = logged.by_output.get(batch).into_iter().flatten();
            self.sums.by_output.resize(by_output.clone().count(), 0.0);
            for (total, loss) in self.sums.by_output.iter_mut().zip(by_output) {
                *total += weight * loss;
            }
        }
    }

    /// The means. `units` are the target's scales: squared errors are told in its own units.
    #[expect(
        clippy::cast_precision_loss,
        reason = "data sets have far fewer than 2^53 rows"
    )]
    pub(super) fn evaluation(&self, squared: bool, units: Option<&[f64]>) -> Evaluation {
        let rows = self.sums.rows.max(1) as f64;
        let means: Vec<_> = self.sums.metrics.iter().map(|m| m / rows).collect();
        let own: Vec<_> = match units {
            Some(units) => means.iter().zip(units).map(|(m, u)| m * u * u).collect(),
            None => means.clone(),
        };
        let (accuracy, squared_errors) = match self.metric {
            Metric::Correct => (Some(means[0]), None),
            Metric::SquaredErrors { .. } => (None, Some(means)),
            Metric::Nothing => (None, None),
        };
        let numbers = matches!(self.metric, Metric::SquaredErrors { .. });
        // Where all rows weigh nothing, nothing is lost.
        let weight = if self.sums.weight > 0.0 {
            self.sums.weight
        } else {
            1.0
        };
        let loss = if self.sums.rows == 0 {
            // All steps were skipped.
            f64::NAN
        } else if !self.sums.by_output.is_empty() {
            let unit = |output: usize| {
                let scale = units.and_then(|units| units.get(output));
                scale.map_or(1.0, |scale| scale.powi(self.sums.power))
            };
            let own = self.sums.by_output.iter().enumerate();
            own.map(|(output, loss)| unit(output) * loss / weight)
                .sum::<f64>()
                / self.sums.by_output.len() as f64
        } else if squared && numbers {
            own.iter().sum::<f64>() / own.len() as f64
        } else {
            self.sums.loss / weight
        };
        Evaluation {
            rows: self.sums.rows,
            loss,
            accuracy,
            squared_errors,
            r2: None,
        }
    }
}

/// The coefficient of determination: 1 less the squared error over the variance of the targets, averaged over outputs.
/// `None` where a target does not vary.
#[expect(
    clippy::cast_precision_loss,
    reason = "data sets have far fewer than 2^53 rows"
)]
pub(super) fn r2(squared_errors: &[f64], targets: &[f32]) -> Option<f64> {
    let outputs = squared_errors.len();
    let rows = (targets.len() / outputs) as f64;
    let column = |o: usize| {
        targets
            .iter()
            .skip(o)
            .step_by(outputs)
            .map(|&t| f64::from(t))
    };
    let mut sum = 0.0;
    for (output, error) in squared_errors.iter().enumerate() {
        let mean = column(output).sum::<f64>() / rows;
        let variance = column(output).map(|t| (t - mean).powi(2)).sum::<f64>() / rows;
        if variance <= 0.0 {
            return None;
        }
        sum += 1.0 - error / variance;
    }
    Some(sum / outputs as f64)
}

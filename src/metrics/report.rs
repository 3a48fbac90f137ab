//! What is told of predictions.

use serde::Serialize;

/// A figure with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Figure {
    /// The figure, if it is defined.
    pub value: Option<f64>,
    /// Its interval of 95 %, if the rows say one.
    pub interval: Option<[f64; 2]>,
}

/// What is told of predicted classes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassReport {
    /// How many rows.
    pub rows: usize,
    /// The share of rows whose largest score is that of their class; of equal scores the first counts.
    pub accuracy: Figure,
    /// The share of rows whose class is among the `k` largest scores; of equal scores the first count.
    pub top_k: Vec<(usize, Figure)>,
    /// The mean over classes that some row has or is predicted to have.
    pub precision: Figure,
    /// The mean over the same classes; also called balanced accuracy if every class has rows.
    pub recall: Figure,
    /// The mean over the same classes of the harmonic means of precision and recall.
    pub f1: Figure,
    /// How many classes these are.
    pub averaged: usize,
    /// The area under the ROC curve: of two classes that of the second, else the mean of one class against the rest.
    pub auc: Figure,
    /// Over how many classes that is a mean: a class that no row has, or all, has no curve.
    pub ranked: usize,
    /// The mean of `-ln` of the probability of the right class, in nats; none where scores are no probabilities.
    pub log_loss: Figure,
    /// The expected calibration error (Guo and others 2017): how far the probability of the predicted class is from the share
    /// of right predictions, over 15 bins of equal width; none where scores are no probabilities.
    pub calibration_error: Figure,
    /// The bins, where there are any.
    pub calibration: Vec<Bin>,
    /// Class by class.
    pub classes: Vec<ClassFigures>,
    /// `confusion[actual][predicted]`, unless there are more than [`ClassReport::MOST_CONFUSED`] classes.
    pub confusion: Option<Vec<Vec<u64>>>,
    /// How the intervals came about.
    pub intervals: Intervals,
}

impl ClassReport {
    /// Of more classes no confusion matrix is made.
    pub const MOST_CONFUSED: usize = 1000;
}

/// What is told of one class.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassFigures {
    /// Rows that have it.
    pub rows: u64,
    /// Rows that are predicted to have it.
    pub predicted: u64,
    /// The share of the rows predicted so that have it; 0 if none is predicted so.
    pub precision: Figure,
    /// The share of the rows that have it that are predicted so; 0 if none has it.
    pub recall: Figure,
    /// The harmonic mean of both; 0 if no row has it or is predicted so.
    pub f1: Figure,
    /// The area under the ROC curve of this class against the rest.
    pub auc: Figure,
    /// Which of these are 0 because they would be 0 / 0.
    pub zero_division: Vec<&'static str>,
}

/// A bin of the calibration error.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bin {
    /// Probabilities of the predicted class above this,
    pub low: f64,
    /// and up to this.
    pub high: f64,
    /// Rows in it.
    pub rows: u64,
    /// Their mean probability.
    pub confidence: Option<f64>,
    /// The share of them that is right.
    pub accuracy: Option<f64>,
}

/// What is told of predicted numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NumberReport {
    /// How many rows.
    pub rows: usize,
    /// The mean absolute error, averaged over outputs.
    pub mae: Figure,
    /// The root of the mean squared error, averaged over outputs.
    pub rmse: Figure,
    /// The coefficient of determination, averaged over outputs; none if a target does not vary.
    pub r2: Figure,
    /// Output by output.
    pub outputs: Vec<NumberFigures>,
    /// How the intervals came about.
    pub intervals: Intervals,
}

/// What is told of one output.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct NumberFigures {
    /// The mean absolute error.
    pub mae: Figure,
    /// The root of the mean squared error.
    pub rmse: Figure,
    /// The coefficient of determination; none if the target does not vary.
    pub r2: Figure,
}

/// How intervals came about.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Intervals {
    /// What they hold.
    pub level: f64,
    /// Those of shares.
    pub shares: &'static str,
    /// Those of other figures.
    pub others: &'static str,
    /// How many data sets were drawn.
    pub resamples: u32,
    /// What decided the draws.
    pub seed: u64,
    /// How many of the rows were resampled; the intervals are narrowed accordingly.
    pub resampled_rows: usize,
}

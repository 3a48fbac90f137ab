//! How good candidates are on the rows that judge.

use serde::Serialize;

use super::Problem;
use crate::data::Targets;
use crate::network::Loss;
use crate::train::TrainError;
use crate::train::population::Population;

/// Loss and accuracy of a network.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Score {
    /// The mean loss; infinite if it is no number.
    pub loss: f64,
    /// The share of rows that are classified right, if there are classes.
    pub accuracy: Option<f64>,
}

/// Refuses what cannot be judged.
pub(super) fn check(problem: &Problem<'_>) -> Result<(), TrainError> {
    let refused = |name, found: String, expected| {
        Err(TrainError::Option {
            name,
            found,
            expected,
        })
    };
    if !matches!(problem.loss, Loss::CrossEntropy | Loss::SquaredError) {
        let found = problem.loss.to_string();
        return refused(
            "the loss of a search",
            found,
            "cross_entropy or squared_error",
        );
    }
    let (training, validation) = (problem.training, problem.validation);
    if training.weights().is_some() || validation.weights().is_some() {
        let found = "rows with weights".to_owned();
        return refused("the data of a search", found, "rows that all count alike");
    }
    if (training.features(), training.outputs()) != (validation.features(), validation.outputs()) {
        let found = format!("{} and {}", validation.features(), validation.outputs());
        let expected = "as many features and outputs as the training rows have";
        return refused("the validation rows of a search", found, expected);
    }
    Ok(())
}

/// The scores of all members of a population.
pub(super) fn scores(
    population: &mut Population,
    problem: &Problem<'_>,
) -> Result<Vec<Score>, TrainError> {
    let data = problem.validation;
    let predicted = population.predict(&data.inputs_of(0..data.rows())?)?;
    let units = problem.units.as_deref();
    let score = |y: &Vec<f32>| match (data.targets(), problem.loss) {
        (Targets::Classes { labels, classes }, Loss::CrossEntropy) => by_class(y, labels, *classes),
        (Targets::Classes { labels, classes }, _) => {
            let hot = |&label: &u32| (0..*classes).map(move |c| f32::from(c == label as usize));
            let hot: Vec<f32> = labels.iter().flat_map(hot).collect();
            Score {
                accuracy: by_class(y, labels, *classes).accuracy,
                loss: squared(y, &hot, *classes, None),
            }
        }
        (Targets::Numbers { values, outputs }, _) => Score {
            loss: squared(y, values, *outputs, units),
            accuracy: None,
        },
        (Targets::None, _) => unreachable!("a population is not trained without targets"),
    };
    Ok(predicted.iter().map(score).collect())
}

/// A mean that is no number is as bad as can be.
fn mean(sum: f64, count: usize) -> f64 {
    let mean = sum / count as f64;
    if mean.is_nan() { f64::INFINITY } else { mean }
}

/// The negative log-likelihood of the labels, and the share that is right.
fn by_class(probabilities: &[f32], labels: &[u32], classes: usize) -> Score {
    let (mut loss, mut right) = (0.0, 0_usize);
    for (row, &label) in probabilities.chunks(classes).zip(labels) {
        // A probability that is too small for single precision is not 0.
        let p = row[label as usize];
        let p = if p.is_nan() {
            p
        } else {
            p.max(f32::MIN_POSITIVE)
        };
        loss -= f64::from(p).ln();
        let best = (0..classes).fold(0, |best, c| if row[c] > row[best] { c } else { best });
        right += usize::from(best == label as usize);
    }
    Score {
        loss: mean(loss, labels.len()),
        accuracy: Some(right as f64 / labels.len() as f64),
    }
}

/// The mean squared error, each output in its own units.
fn squared(y: &[f32], targets: &[f32], outputs: usize, units: Option<&[f64]>) -> f64 {
    let unit = |at: usize| units.map_or(1.0, |units| units[at % outputs]);
    let error = |at: usize| (f64::from(y[at]) - f64::from(targets[at])) * unit(at);
    let sum = (0..targets.len()).map(|at| error(at).powi(2)).sum();
    mean(sum, targets.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_by_hand() {
        let score = by_class(&[0.5, 0.5, 0.25, 0.75], &[0, 1], 2);
        let expected = -(0.5_f64.ln() + 0.75_f64.ln()) / 2.0;
        assert!((score.loss - expected).abs() < 1e-12, "{score:?}");
        assert_eq!(score.accuracy, Some(1.0));
        assert!(
            by_class(&[0.0, 1.0], &[0], 2).loss > 80.0,
            "finite, but bad"
        );
        assert!(by_class(&[f32::NAN, f32::NAN], &[0], 2).loss.is_infinite());
        let error = squared(&[1.0, 2.0], &[0.0, 0.0], 2, Some(&[2.0, 3.0]));
        assert!((error - (4.0 + 36.0) / 2.0).abs() < 1e-12, "{error}");
    }
}

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
    for (name, data) in [
        ("the training rows of a search", training),
        ("the validation rows of a search", validation),
    ] {
        let (found, fits) = match data.targets() {
            Targets::Classes { .. } => ("classes", true),
            Targets::Numbers { .. } => ("numbers", problem.loss == Loss::SquaredError),
            Targets::None => ("no targets", false),
        };
        let like = std::mem::discriminant(data.targets());
        if !fits || like != std::mem::discriminant(training.targets()) {
            let expected = "targets that the loss takes, of one kind in both";
            return refused(name, found.to_owned(), expected);
        }
    }
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
    let predicted = population.logits(&data.inputs_of(0..data.rows())?)?;
    let units = problem.units.as_deref();
    let score = |y: &Vec<f32>| match (data.targets(), problem.loss) {
        (Targets::Classes { labels, classes }, loss) => Score {
            accuracy: Some(accuracy(y, labels, *classes)),
            loss: match loss {
                Loss::CrossEntropy => cross_entropy(y, labels, *classes),
                _ => squared(y, &hot(labels, *classes), *classes, None),
            },
        },
        (Targets::Numbers { values, outputs }, _) => Score {
            loss: squared(y, values, *outputs, units),
            accuracy: None,
        },
        (Targets::None, _) => unreachable!("`check` refuses rows without targets"),
    };
    Ok(predicted.iter().map(score).collect())
}

/// A mean that is no number is as bad as can be.
fn mean(sum: f64, count: usize) -> f64 {
    let mean = sum / count as f64;
    if mean.is_nan() { f64::INFINITY } else { mean }
}

/// A row of zeros and a one for each label.
fn hot(labels: &[u32], classes: usize) -> Vec<f32> {
    let row = |&label: &u32| (0..classes).map(move |c| f32::from(c == label as usize));
    labels.iter().flat_map(row).collect()
}

/// The mean negative log-likelihood of the labels.
fn cross_entropy(logits: &[f32], labels: &[u32], classes: usize) -> f64 {
    let each = logits.chunks(classes).zip(labels).map(|(row, &label)| {
        let most = row.iter().fold(f32::NEG_INFINITY, |most, x| x.max(most));
        let above = |x: f32| f64::from(x) - f64::from(most);
        let sum: f64 = row.iter().map(|&x| above(x).exp()).sum();
        sum.ln() - above(row[label as usize])
    });
    mean(each.sum(), labels.len())
}

/// The share of rows that are classified right.
fn accuracy(y: &[f32], labels: &[u32], classes: usize) -> f64 {
    let right = y.chunks(classes).zip(labels).filter(|(row, label)| {
        let best = (0..classes).fold(0, |best, c| if row[c] > row[best] { c } else { best });
        best == **label as usize
    });
    right.count() as f64 / labels.len() as f64
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
        let logits = [0.5_f32.ln(), 0.5_f32.ln(), 0.25_f32.ln(), 0.75_f32.ln()];
        let expected = -(0.5_f64.ln() + 0.75_f64.ln()) / 2.0;
        let loss = cross_entropy(&logits, &[0, 1], 2);
        assert!((loss - expected).abs() < 1e-7, "{loss}");
        assert_eq!(accuracy(&logits, &[0, 1], 2), 1.0);
        assert_eq!(accuracy(&logits, &[1, 0], 2), 0.0, "equals are the first");
        let far = cross_entropy(&[-3e8, 0.0, 1e3, 0.0], &[0, 0], 2);
        assert!((far - 1.5e8).abs() < 1.0, "no loss is too large: {far}");
        assert!(cross_entropy(&[f32::NAN, 0.0], &[0], 2).is_infinite());
        assert!(cross_entropy(&[f32::INFINITY, 0.0], &[0], 2).is_infinite());
        let error = squared(&[1.0, 2.0], &[0.0, 0.0], 2, Some(&[2.0, 3.0]));
        assert!((error - (4.0 + 36.0) / 2.0).abs() < 1e-12, "{error}");
    }
}

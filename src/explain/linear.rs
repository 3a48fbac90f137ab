//! A linear model that mimics a network, and how well a model does.

use super::ExplainError;
use super::units::largest;

/// `y = w x + b`, by weighted least squares with a ridge.
#[derive(Debug, Clone, PartialEq)]
pub struct Linear {
    /// `w` `[outputs, features]`.
    pub weight: Vec<f64>,
    /// `b` `[outputs]`.
    pub bias: Vec<f64>,
}

/// How well a model mimics another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fidelity {
    /// Rows that were looked at. None of them was learnt from.
    pub rows: usize,
    /// The share of the variance that is explained, of all outputs together; none if nothing varies.
    pub r2: Option<f64>,
    /// The share of the rows on which the same output is the largest, where there are several.
    pub agreement: Option<f64>,
}

impl Fidelity {
    /// Holds answers `[rows, outputs]` against those of the network, with a weight for each row.
    pub fn of(mimic: &[f64], network: &[f64], outputs: usize, weights: Option<&[f64]>) -> Self {
        let rows = network.len() / outputs;
        let weight = |row: usize| weights.map_or(1.0, |w| w[row]);
        let total: f64 = (0..rows).map(weight).sum();
        let (mut missed, mut varied) = (0.0, 0.0);
        for output in 0..outputs {
            let at = |row: usize| network[row * outputs + output];
            let mean = (0..rows).map(|row| weight(row) * at(row)).sum::<f64>() / total;
            for row in 0..rows {
                missed += weight(row) * (mimic[row * outputs + output] - at(row)).powi(2);
                varied += weight(row) * (at(row) - mean).powi(2);
            }
        }
        let same = |row: &usize| {
            let range = row * outputs..(row + 1) * outputs;
            largest(&mimic[range.clone()]) == largest(&network[range])
        };
        let agreed: f64 = (0..rows).filter(same).map(weight).sum();
        Self {
            rows,
            r2: (varied > 0.0).then(|| 1.0 - missed / varied),
            agreement: (outputs > 1).then(|| agreed / total),
        }
    }
}

impl Linear {
    /// Fits answers `y` `[rows, outputs]` for inputs `x` `[rows, features]`. The ridge is a share of the mean variance of
    /// the inputs; it holds what inputs that say the same cannot decide.
    ///
    /// # Errors
    /// If lengths disagree, there are fewer than 2 rows, or the ridge is not at least 0; or if inputs say the same and there
    /// is no ridge.
    pub fn fit(
        x: &[f64],
        y: &[f64],
        outputs: usize,
        weights: Option<&[f64]>,
        ridge: f64,
    ) -> Result<Self, ExplainError> {
        let rows = y.len() / outputs.max(1);
        if rows < 2 || rows * outputs != y.len() || !x.len().is_multiple_of(rows) {
            let found = format!("{} inputs and {} answers", x.len(), y.len());
            return Err(ExplainError::value(
                "a linear model's data",
                found,
                "at least 2 whole rows of each",
            ));
        }
        if !(ridge.is_finite() && ridge >= 0.0) {
            return Err(ExplainError::value(
                "the ridge",
                ridge,
                "a finite number of at least 0",
            ));
        }
        let features = x.len() / rows;
        let weight = |row: usize| weights.map_or(1.0, |w| w[row]);
        let total: f64 = (0..rows).map(weight).sum();
        let mean_x = means(x, features, total, weight);
        let mean_y = means(y, outputs, total, weight);
        // The upper triangle of xᵀ W x, and xᵀ W y, of centred rows.
        let mut square = vec![0.0; features * features];
        let mut right = vec![0.0; features * outputs];
        let mut centred = vec![0.0; features];
        for row in 0..rows {
            let of = &x[row * features..(row + 1) * features];
            for ((c, x), mean) in centred.iter_mut().zip(of).zip(&mean_x) {
                *c = x - mean;
            }
            for i in 0..features {
                let factor = weight(row) * centred[i];
                if factor == 0.0 {
                    continue;
                }
                let sums = &mut square[i * features + i..(i + 1) * features];
                sums.iter_mut()
                    .zip(&centred[i..])
                    .for_each(|(s, c)| *s += factor * c);
                for output in 0..outputs {
                    right[i * outputs + output] +=
                        factor * (y[row * outputs + output] - mean_y[output]);
                }
            }
        }
        let trace: f64 = (0..features).map(|i| square[i * features + i]).sum();
        let added = ridge * trace / features as f64;
        (0..features).for_each(|i| square[i * features + i] += added);
        solve(&mut square, &mut right, features, outputs)?;
        let weight: Vec<f64> = (0..outputs)
            .flat_map(|o| right.iter().skip(o).step_by(outputs).copied())
            .collect();
        let bias = weight
            .chunks(features)
            .zip(&mean_y)
            .map(|(w, mean)| mean - dot(w, &mean_x));
        Ok(Self {
            bias: bias.collect(),
            weight,
        })
    }

    /// Answers `[rows, outputs]` for inputs `[rows, features]`.
    pub fn answers(&self, x: &[f64]) -> Vec<f64> {
        let features = self.weight.len() / self.bias.len();
        let of = |row: &[f64]| -> Vec<f64> {
            let outputs = self.weight.chunks(features).zip(&self.bias);
            outputs.map(|(w, b)| dot(w, row) + b).collect()
        };
        x.chunks(features).flat_map(of).collect()
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The weighted means of columns.
fn means(values: &[f64], columns: usize, total: f64, weight: impl Fn(usize) -> f64) -> Vec<f64> {
    let mut sums = vec![0.0; columns];
    for (row, of) in values.chunks(columns).enumerate() {
        sums.iter_mut()
            .zip(of)
            .for_each(|(sum, v)| *sum += weight(row) * v / total);
    }
    sums
}

/// Solves `a z = b` in place of `b` `[n, outputs]`, by Cholesky: `a = uᵀ u` is symmetric, and its upper triangle is given.
fn solve(a: &mut [f64], b: &mut [f64], n: usize, outputs: usize) -> Result<(), ExplainError> {
    let largest = (0..n).map(|i| a[i * n + i]).fold(0.0, f64::max);
    for i in 0..n {
        let (above, rest) = a.split_at_mut(i * n);
        let row = &mut rest[..n];
        for k in 0..i {
            let factor = above[k * n + i];
            if factor != 0.0 {
                let other = &above[k * n + i..(k + 1) * n];
                row[i..]
                    .iter_mut()
                    .zip(other)
                    .for_each(|(r, o)| *r -= factor * o);
            }
        }
        if row[i] <= f64::EPSILON * largest {
            let expected = "a ridge above 0, since inputs say the same as others do";
            return Err(ExplainError::value("the ridge", "too small", expected));
        }
        let root = row[i].sqrt();
        row[i..].iter_mut().for_each(|r| *r /= root);
    }
    for output in 0..outputs {
        // uᵀ v = b, from the first on, then u z = v, from the last on.
        for i in 0..n {
            let known: f64 = (0..i).map(|k| a[k * n + i] * b[k * outputs + output]).sum();
            b[i * outputs + output] = (b[i * outputs + output] - known) / a[i * n + i];
        }
        for i in (0..n).rev() {
            let known: f64 = (i + 1..n)
                .map(|k| a[i * n + k] * b[k * outputs + output])
                .sum();
            b[i * outputs + output] = (b[i * outputs + output] - known) / a[i * n + i];
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_linear_model_is_found_and_weights_count() {
        // y = 3 a - 2 b + 1, and a row that is not so but counts nothing.
        let x = [0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 1.0, 5.0, 5.0];
        let y = [1.0, 4.0, -1.0, 2.0, 99.0];
        let weights = [1.0, 2.0, 1.0, 3.0, 0.0];
        let found = Linear::fit(&x, &y, 1, Some(&weights), 0.0).unwrap();
        for (found, expected) in found.weight.iter().chain(&found.bias).zip([3.0, -2.0, 1.0]) {
            assert!((found - expected).abs() < 1e-12, "{found} for {expected}");
        }
        let fidelity = Fidelity::of(&found.answers(&x), &y, 1, Some(&weights));
        assert!(fidelity.r2 > Some(1.0 - 1e-12), "{fidelity:?}");
        let twice: Vec<f64> = x.chunks(2).flat_map(|row| [row[0], row[0]]).collect();
        let error = Linear::fit(&twice, &y, 1, None, 0.0).unwrap_err();
        assert!(error.to_string().contains("ridge"), "{error}");
        assert!(Linear::fit(&twice, &y, 1, None, 1e-6).is_ok());
    }
}

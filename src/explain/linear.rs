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
        let (mut missed, mut varied, mut squares) = (0.0, 0.0, 0.0);
        for output in 0..outputs {
            let at = |row: usize| network[row * outputs + output];
            let mean = (0..rows).map(|row| weight(row) * at(row)).sum::<f64>() / total;
            for row in 0..rows {
                missed += weight(row) * (mimic[row * outputs + output] - at(row)).powi(2);
                varied += weight(row) * (at(row) - mean).powi(2);
                squares += weight(row) * at(row).powi(2);
            }
        }
        let same = |row: &usize| {
            let range = row * outputs..(row + 1) * outputs;
            largest(&mimic[range.clone()]) == largest(&network[range])
        };
        let agreed: f64 = (0..rows).filter(same).map(weight).sum();
        Self {
            rows,
            // What is left of equal answers by rounding is nothing.
            r2: (varied > 1e-24 * squares).then(|| 1.0 - missed / varied),
            agreement: (outputs > 1).then(|| agreed / total),
        }
    }
}

/// Numbers of the square matrix that is solved, at most.
const LARGEST: usize = 1 << 25;

impl Linear {
    /// Fits answers `y` `[rows, outputs]` for inputs `x` `[rows, features]`. The ridge is a share of the mean variance of
    /// the inputs; it holds what inputs that say the same cannot decide. Where the inputs are more than the rows, and there
    /// is a ridge, the equations of the rows are solved in place of those of the inputs. The smaller of the two may be 5792.
    ///
    /// # Errors
    /// If lengths disagree, there are fewer than 2 rows or too many, or the ridge is not at least 0; or if inputs say the
    /// same and there is no ridge.
    pub fn fit<X: Copy + Into<f64>>(
        x: &[X],
        y: &[f64],
        outputs: usize,
        weights: Option<&[f64]>,
        ridge: f64,
    ) -> Result<Self, ExplainError> {
        let rows = y.len() / outputs.max(1);
        if rows < 2 || rows * outputs != y.len() || !x.len().is_multiple_of(rows) || x.is_empty() {
            let found = format!("{} inputs and {} answers", x.len(), y.len());
            let expected = "at least 2 whole rows of each";
            return Err(ExplainError::value(
                "a linear model's data",
                found,
                expected,
            ));
        }
        if !(ridge.is_finite() && ridge >= 0.0) {
            let expected = "a finite number of at least 0";
            return Err(ExplainError::value("the ridge", ridge, expected));
        }
        let features = x.len() / rows;
        let by_rows = features > rows && ridge > 0.0;
        let side = if by_rows { rows } else { features };
        if side.saturating_mul(side) > LARGEST {
            let found = format!("{features} inputs and {rows} rows");
            let expected = format!(
                "at most {} of one of them, and a ridge above 0",
                LARGEST.isqrt()
            );
            return Err(ExplainError::value(
                "a linear model's data",
                found,
                expected,
            ));
        }
        let data = Centred::of(x, y, features, outputs, weights);
        let trace = data.trace();
        let added = ridge * trace / features as f64;
        let weight = if trace <= 1e-24 * data.squares() {
            // Inputs that do not vary, but for the rounding of their mean, say nothing.
            Some(vec![0.0; outputs * features])
        } else if by_rows {
            data.solved_by_rows(added)
        } else {
            data.solved_by_features(added)
        };
        let Some(weight) = weight else {
            let expected = "a larger one, since inputs say the same as others do";
            return Err(ExplainError::value("the ridge", ridge, expected));
        };
        let lines = weight.chunks(features).zip(&data.mean_y);
        let bias = lines.map(|(w, mean)| mean - dot(w, &data.mean_x)).collect();
        Ok(Self { bias, weight })
    }

    /// Answers `[rows, outputs]` for inputs `[rows, features]`.
    pub fn answers<X: Copy + Into<f64>>(&self, x: &[X]) -> Vec<f64> {
        let features = self.weight.len() / self.bias.len();
        let of = |row: &[X]| -> Vec<f64> {
            let outputs = self.weight.chunks(features).zip(&self.bias);
            outputs.map(|(w, b)| dot(w, row) + b).collect()
        };
        x.chunks(features).flat_map(of).collect()
    }
}

/// Rows of inputs and answers, with their means.
struct Centred<'a, X> {
    x: &'a [X],
    y: &'a [f64],
    features: usize,
    outputs: usize,
    /// What each row counts.
    weights: Vec<f64>,
    mean_x: Vec<f64>,
    mean_y: Vec<f64>,
}

impl<'a, X: Copy + Into<f64>> Centred<'a, X> {
    fn of(
        x: &'a [X],
        y: &'a [f64],
        features: usize,
        outputs: usize,
        weights: Option<&[f64]>,
    ) -> Self {
        let rows = y.len() / outputs;
        let weights = weights.map_or_else(|| vec![1.0; rows], <[f64]>::to_vec);
        Self {
            mean_x: means(x, features, &weights),
            mean_y: means(y, outputs, &weights),
            x,
            y,
            features,
            outputs,
            weights,
        }
    }

    /// A row of inputs off their means.
    fn row(&self, row: usize, centred: &mut [f64]) {
        let of = &self.x[row * self.features..(row + 1) * self.features];
        for ((c, &x), mean) in centred.iter_mut().zip(of).zip(&self.mean_x) {
            *c = x.into() - mean;
        }
    }

    fn answer(&self, row: usize, output: usize) -> f64 {
        self.y[row * self.outputs + output] - self.mean_y[output]
    }

    /// The sum of the weighted squares of the means.
    fn squares(&self) -> f64 {
        self.weights.iter().sum::<f64>() * dot(&self.mean_x, &self.mean_x)
    }

    /// The sum of the weighted squares of all inputs off their means.
    fn trace(&self) -> f64 {
        let mut centred = vec![0.0; self.features];
        let mut sum = 0.0;
        for (row, weight) in self.weights.iter().enumerate() {
            self.row(row, &mut centred);
            sum += weight * centred.iter().map(|c| c * c).sum::<f64>();
        }
        sum
    }

    /// `(xᵀ W x + added)⁻¹ xᵀ W y`, as `[outputs, features]`.
    fn solved_by_features(&self, added: f64) -> Option<Vec<f64>> {
        let (features, outputs) = (self.features, self.outputs);
        // The upper triangle of xᵀ W x, and xᵀ W y, of centred rows.
        let mut square = vec![0.0; features * features];
        let mut right = vec![0.0; features * outputs];
        let mut centred = vec![0.0; features];
        for (row, weight) in self.weights.iter().enumerate() {
            self.row(row, &mut centred);
            for i in 0..features {
                let factor = weight * centred[i];
                if factor == 0.0 {
                    continue;
                }
                let sums = &mut square[i * features + i..(i + 1) * features];
                let rest = sums.iter_mut().zip(&centred[i..]);
                rest.for_each(|(s, c)| *s += factor * c);
                for output in 0..outputs {
                    right[i * outputs + output] += factor * self.answer(row, output);
                }
            }
        }
        (0..features).for_each(|i| square[i * features + i] += added);
        solve(&mut square, &mut right, features, outputs)?;
        let of = |output: usize| right.iter().skip(output).step_by(outputs).copied();
        Some((0..outputs).flat_map(of).collect())
    }

    /// The same as `xᵀ √W (√W x xᵀ √W + added)⁻¹ √W y`.
    fn solved_by_rows(&self, added: f64) -> Option<Vec<f64>> {
        let (rows, outputs) = (self.weights.len(), self.outputs);
        let roots: Vec<f64> = self.weights.iter().map(|w| w.sqrt()).collect();
        let mut square = vec![0.0; rows * rows];
        let mut right = vec![0.0; rows * outputs];
        let mut centred = vec![0.0; self.features];
        for i in 0..rows {
            self.row(i, &mut centred);
            let offset = dot(&centred, &self.mean_x);
            for j in i..rows {
                let other = &self.x[j * self.features..(j + 1) * self.features];
                square[i * rows + j] = roots[i] * roots[j] * (dot(&centred, other) - offset);
            }
            for output in 0..outputs {
                right[i * outputs + output] = roots[i] * self.answer(i, output);
            }
        }
        (0..rows).for_each(|i| square[i * rows + i] += added);
        solve(&mut square, &mut right, rows, outputs)?;
        let mut weight = vec![0.0; outputs * self.features];
        for i in 0..rows {
            self.row(i, &mut centred);
            for (output, weight) in weight.chunks_mut(self.features).enumerate() {
                let factor = roots[i] * right[i * outputs + output];
                weight
                    .iter_mut()
                    .zip(&centred)
                    .for_each(|(w, c)| *w += factor * c);
            }
        }
        Some(weight)
    }
}

fn dot<X: Copy + Into<f64>>(a: &[f64], b: &[X]) -> f64 {
    a.iter().zip(b).map(|(a, &b)| a * b.into()).sum()
}

/// The weighted means of columns.
fn means<X: Copy + Into<f64>>(values: &[X], columns: usize, weights: &[f64]) -> Vec<f64> {
    let total: f64 = weights.iter().sum();
    let mut sums = vec![0.0; columns];
    for (of, weight) in values.chunks(columns).zip(weights) {
        let share = weight / total;
        sums.iter_mut()
            .zip(of)
            .for_each(|(sum, &v)| *sum += share * v.into());
    }
    sums
}

/// Solves `a z = b` in place of `b` `[n, outputs]`, by Cholesky: `a = uᵀ u` is symmetric, and its upper triangle is given.
/// None if `a` has no inverse that rounding leaves something of.
fn solve(a: &mut [f64], b: &mut [f64], n: usize, outputs: usize) -> Option<()> {
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
            return None;
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
    Some(())
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

    /// More inputs than rows: the equations of the rows give what those of the inputs give.
    #[test]
    fn both_ways_to_solve_agree() {
        let at = |i: usize| ((i * 7919 + 13) % 101) as f64 / 50.0 - 1.0;
        let (rows, features) = (9, 12);
        let x: Vec<f64> = (0..rows * features).map(at).collect();
        let y: Vec<f64> = (0..rows * 2).map(|i| at(i + 1000)).collect();
        let weights: Vec<f64> = (0..rows).map(|i| 0.5 + at(i + 50).abs()).collect();
        let data = Centred::of(&x, &y, features, 2, Some(&weights));
        let [by_rows, by_features] =
            [data.solved_by_rows(0.3), data.solved_by_features(0.3)].map(Option::unwrap);
        assert_eq!(
            by_rows,
            Linear::fit(&x, &y, 2, Some(&weights), 0.3 * 12.0 / data.trace())
                .unwrap()
                .weight
        );
        for (a, b) in by_rows.iter().zip(&by_features) {
            assert!((a - b).abs() < 1e-10, "{a} for {b}");
        }
        // Inputs that do not vary say nothing, and that is no matter of the ridge.
        let flat = Linear::fit(&[3.0_f32; 8], &y[..8], 1, None, 0.01).unwrap();
        let mean = y[..8].iter().sum::<f64>() / 8.0;
        assert!(
            flat.weight == [0.0] && (flat.bias[0] - mean).abs() < 1e-15,
            "{flat:?}"
        );
        let fidelity = Fidelity::of(&flat.answers(&[3.0_f32; 3]), &[0.1, 0.1, 0.1], 1, None);
        assert_eq!(fidelity.r2, None, "what does not vary is not explained");
    }
}

//! How the inputs of a data set are spread.

/// Mean, deviation and range of each input.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Spread {
    /// Rows so far.
    pub rows: usize,
    /// Means `[features]`.
    pub mean: Vec<f64>,
    /// Population standard deviations `[features]`.
    pub deviation: Vec<f64>,
    /// The least of each `[features]`.
    pub low: Vec<f32>,
    /// The largest of each `[features]`.
    pub high: Vec<f32>,
    /// Sums of squared distances from the mean.
    squares: Vec<f64>,
}

impl Spread {
    /// Of rows `[rows, features]`.
    pub fn of(x: &[f32], features: usize) -> Self {
        let mut spread = Self::default();
        spread.add(x, features);
        spread
    }

    /// Takes more rows into account (Welford 1962).
    pub fn add(&mut self, x: &[f32], features: usize) {
        if self.rows == 0 {
            self.mean = vec![0.0; features];
            self.squares = vec![0.0; features];
            self.low = vec![f32::INFINITY; features];
            self.high = vec![f32::NEG_INFINITY; features];
        }
        for row in x.chunks(features) {
            self.rows += 1;
            for (feature, &value) in row.iter().enumerate() {
                let before = f64::from(value) - self.mean[feature];
                self.mean[feature] += before / self.rows as f64;
                self.squares[feature] += before * (f64::from(value) - self.mean[feature]);
                self.low[feature] = self.low[feature].min(value);
                self.high[feature] = self.high[feature].max(value);
            }
        }
        let count = self.rows.max(1) as f64;
        self.deviation = self.squares.iter().map(|s| (s / count).sqrt()).collect();
    }

    /// The means as a row.
    #[expect(clippy::cast_possible_truncation, reason = "inputs are f32")]
    pub fn mean_row(&self) -> Vec<f32> {
        self.mean.iter().map(|&m| m as f32).collect()
    }

    /// The mean of all inputs.
    #[expect(clippy::cast_possible_truncation, reason = "inputs are f32")]
    pub fn grey(&self) -> f32 {
        (self.mean.iter().sum::<f64>() / self.mean.len().max(1) as f64) as f32
    }
}

//! Median and percentiles.

/// What some samples come to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Statistics {
    /// The median.
    pub median: f64,
    /// The 10th percentile.
    pub p10: f64,
    /// The 90th percentile.
    pub p90: f64,
    /// How many samples.
    pub samples: usize,
}

impl Statistics {
    /// The statistics of some samples, in any order; `None` of none.
    pub fn of(samples: &[f64]) -> Option<Self> {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        Some(Self {
            median: quantile(&sorted, 0.5)?,
            p10: quantile(&sorted, 0.1)?,
            p90: quantile(&sorted, 0.9)?,
            samples: sorted.len(),
        })
    }

    /// How far the 10th and the 90th percentile are apart, over the median.
    pub fn spread(&self) -> f64 {
        (self.p90 - self.p10) / self.median
    }
}

/// The value below which a share `q` of the sorted samples lies, linear between the two nearest: what `NumPy` calls the
/// method `linear`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the place is between 0 and the number of samples"
)]
fn quantile(sorted: &[f64], q: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let at = q * last as f64;
    let low = (at as usize).min(last);
    let high = (low + 1).min(last);
    Some(sorted[low] + (sorted[high] - sorted[low]) * (at - low as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_numbers() {
        let found = Statistics::of(&[5.0, 1.0, 4.0, 2.0, 3.0]).expect("there are samples");
        assert_eq!((found.median, found.samples), (3.0, 5));
        assert!((found.p10 - 1.4).abs() < 1e-12, "numpy.quantile gives 1.4");
        assert!((found.p90 - 4.6).abs() < 1e-12, "numpy.quantile gives 4.6");
        assert!((found.spread() - 3.2 / 3.0).abs() < 1e-12, "{found:?}");
        let even = Statistics::of(&[4.0, 1.0, 3.0, 2.0]).expect("there are samples");
        assert!(
            (even.median - 2.5).abs() < 1e-12,
            "between the two in the middle"
        );
    }

    #[test]
    fn one_sample_and_none() {
        let one = Statistics::of(&[7.0]).expect("there is a sample");
        assert_eq!((one.median, one.p10, one.p90), (7.0, 7.0, 7.0));
        assert_eq!(Statistics::of(&[]), None);
    }
}

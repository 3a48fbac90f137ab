//! Intervals that need no resampling: of a share, and of the mean of a few runs.

use serde::Serialize;

/// The 97.5 % quantile of the normal distribution.
const NORMAL: f64 = 1.959_963_984_540_054;

/// Wilson's interval of 95 % for a share of `hits` among `trials` (Wilson 1927): it never leaves 0 to 1, and has a width
/// also where all or none hit. None without trials.
#[expect(
    clippy::cast_precision_loss,
    reason = "there are far fewer than 2^53 rows"
)]
pub fn wilson(hits: u64, trials: u64) -> Option<[f64; 2]> {
    if trials == 0 {
        return None;
    }
    let (n, share) = (trials as f64, hits as f64 / trials as f64);
    let square = NORMAL * NORMAL;
    let middle = (share + square / (2.0 * n)) / (1.0 + square / n);
    let half =
        NORMAL / (1.0 + square / n) * (share * (1.0 - share) / n + square / (4.0 * n * n)).sqrt();
    // At the ends the formula gives 0 and 1 but for rounding.
    let low = if hits == 0 { 0.0 } else { middle - half };
    let high = if hits == trials { 1.0 } else { middle + half };
    Some([low, high])
}

/// The quantile of Student's t with so many degrees of freedom below which 97.5 % lie: half the width of a 95 % interval of
/// a mean, in standard errors.
///
/// # Panics
/// If there are no degrees of freedom.
pub fn student_t(degrees: u32) -> f64 {
    assert!(degrees > 0, "one run alone has no spread");
    // The quantile falls from 12.7 at one degree to the normal's.
    let (mut low, mut high) = (NORMAL, 13.0);
    for _ in 0..100 {
        let middle = f64::midpoint(low, high);
        if within(middle, degrees) < 0.95 {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

/// The share of Student's t between `-t` and `t` (Abramowitz and Stegun, 26.7.3 and 26.7.4).
fn within(t: f64, degrees: u32) -> f64 {
    let angle = (t / f64::from(degrees).sqrt()).atan();
    let (sine, cosine) = angle.sin_cos();
    let is_odd = degrees % 2 == 1;
    // Terms cos, 2/3 cos^3, 2/3 4/5 cos^5, ... or 1, 1/2 cos^2, 1/2 3/4 cos^4, ...
    let (mut term, mut sum) = (if is_odd { cosine } else { 1.0 }, 0.0);
    let mut power = if is_odd { 1 } else { 0 };
    while power + 2 <= degrees {
        sum += term;
        term *= cosine * cosine * f64::from(power + 1) / f64::from(power + 2);
        power += 2;
    }
    if is_odd {
        (angle + sine * sum) * 2.0 / std::f64::consts::PI
    } else {
        sine * sum
    }
}

/// What several runs come to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Summary {
    /// How many.
    pub runs: usize,
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation, divided by one less than their number; none for a single run.
    pub sd: Option<f64>,
    /// The interval of 95 % for the mean, by Student's t.
    pub interval: Option<[f64; 2]>,
}

impl Summary {
    /// The summary of some runs, if there are any.
    #[expect(clippy::cast_precision_loss, reason = "there are few runs")]
    pub fn of(values: &[f64]) -> Option<Self> {
        let runs = values.len();
        if runs == 0 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / runs as f64;
        let degrees = u32::try_from(runs - 1).ok().filter(|degrees| *degrees > 0);
        let square = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>();
        let sd = degrees.map(|degrees| (square / f64::from(degrees)).sqrt());
        let interval = sd.zip(degrees).map(|(sd, degrees)| {
            let half = student_t(degrees) * sd / (runs as f64).sqrt();
            [mean - half, mean + half]
        });
        Some(Self {
            runs,
            mean,
            sd,
            interval,
        })
    }

    /// The same with an interval that ends where the numbers must: an accuracy is not above 1.
    #[must_use]
    pub fn within(mut self, low: f64, high: f64) -> Self {
        self.interval = self.interval.map(|[a, b]| [a.max(low), b.min(high)]);
        self
    }
}

//! An axis: what it spans, where a value is on it, and its marks.

/// How an axis counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scale {
    /// Equal steps are equal differences.
    #[default]
    Linear,
    /// Equal steps are equal ratios; what is not above 0 is left out.
    Logarithmic,
}

impl Scale {
    /// Whether a value has a place on it.
    pub(super) fn holds(self, value: f64) -> bool {
        value.is_finite() && (self == Self::Linear || value > 0.0)
    }
}

/// Powers of ten that are marked at most.
const MOST: usize = 8;

/// An axis with its ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Axis {
    scale: Scale,
    low: f64,
    high: f64,
    /// The distance of the marks of a linear axis.
    step: f64,
}

impl Axis {
    /// From the round number below the smallest value to that above the largest; none without values.
    pub(crate) fn over(scale: Scale, values: impl Iterator<Item = f64>) -> Option<Self> {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        values.for_each(|v| (low, high) = (low.min(v), high.max(v)));
        if low > high {
            return None;
        }
        Some(match scale {
            Scale::Linear => Self::linear(low, high),
            Scale::Logarithmic => Self::logarithmic(low, high),
        })
    }

    fn linear(low: f64, high: f64) -> Self {
        // One value has an axis too, with room around it.
        let (low, high) = match high - low {
            0.0 if low == 0.0 => (0.0, 1.0),
            0.0 => (low - low.abs() / 2.0, low + low.abs() / 2.0),
            _ => (low, high),
        };
        let rough = (high - low) / 4.0;
        let ten = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .map(|f| f * ten)
            .into_iter()
            .find(|&step| step >= rough * (1.0 - 1e-9))
            .unwrap_or(rough);
        let slack = 1e-9;
        Self {
            scale: Scale::Linear,
            low: (low / step + slack).floor() * step,
            high: (high / step - slack).ceil() * step,
            step,
        }
    }

    fn logarithmic(low: f64, high: f64) -> Self {
        let below = ticks(low / 10.0, low).last().copied().unwrap_or(low);
        let above = ticks(high, high * 10.0).first().copied().unwrap_or(high);
        Self {
            scale: Scale::Logarithmic,
            low: below,
            high: if above > below { above } else { below * 2.0 },
            step: 0.0,
        }
    }

    /// Where a value is, from 0 to 1.
    pub(crate) fn share(&self, value: f64) -> f64 {
        match self.scale {
            Scale::Linear => (value - self.low) / (self.high - self.low),
            Scale::Logarithmic => (value / self.low).ln() / (self.high / self.low).ln(),
        }
    }

    /// Where the marks are. On a logarithmic axis at powers of ten, each second or third of them where there are many, and where
    /// there are fewer than 3 at twice and five times those too.
    pub(crate) fn places(&self) -> Vec<f64> {
        match self.scale {
            Scale::Linear => {
                let count = ((self.high - self.low) / self.step).round();
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "an axis has fewer than ten marks"
                )]
                let count = count as u32;
                (0..=count)
                    .map(|i| self.low + f64::from(i) * self.step)
                    .collect()
            }
            Scale::Logarithmic => {
                let all = ticks(self.low, self.high);
                let tens: Vec<_> = all.iter().copied().filter(|t| is_ten(*t)).collect();
                match tens.len() {
                    ..3 => all,
                    count => tens.into_iter().step_by(count.div_ceil(MOST)).collect(),
                }
            }
        }
    }

    /// The marks and what stands beside them.
    pub(super) fn marks(&self) -> Vec<(f64, String)> {
        let places = self.places().into_iter();
        places.map(|mark| (mark, self.label(mark))).collect()
    }

    fn label(&self, mark: f64) -> String {
        // What is left of a zero by rounding is none.
        label(if mark.abs() < self.step * 1e-9 {
            0.0
        } else {
            mark
        })
    }
}

/// 1, 2 and 5 times the powers of ten from `low` to `high`, both included but for rounding.
fn ticks(low: f64, high: f64) -> Vec<f64> {
    let slack = 1.0 + 1e-9;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a power of ten of an f64 is small"
    )]
    let powers = (low.log10().floor() as i32)..=(high.log10().ceil() as i32);
    let all = powers.flat_map(|p| [1.0, 2.0, 5.0].map(|f| f * 10_f64.powi(p)));
    all.filter(|t| *t * slack >= low && *t <= high * slack)
        .collect()
}

fn is_ten(value: f64) -> bool {
    let power = value.log10();
    (power - power.round()).abs() < 1e-9
}

/// A mark's number: plain, or with the prefixes of thousands.
fn label(value: f64) -> String {
    match value.abs() {
        v if v >= 1e9 => format!("{}G", round(value / 1e9)),
        v if v >= 1e6 => format!("{}M", round(value / 1e6)),
        v if v >= 1e3 => format!("{}k", round(value / 1e3)),
        v if v >= 1e-3 || v == 0.0 => round(value).to_string(),
        _ => format!("{value:.0e}"),
    }
}

fn round(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    fn over(scale: Scale, values: &[f64]) -> Axis {
        Axis::over(scale, values.iter().copied()).expect("there are values")
    }

    #[test]
    fn logarithmic_axes_end_at_round_numbers() {
        let axis = over(Scale::Logarithmic, &[3.0, 70.0]);
        assert!(
            (axis.low - 2.0).abs() < 1e-9 && (axis.high - 100.0).abs() < 1e-6,
            "{axis:?}"
        );
        assert!((axis.share(2.0)).abs() < 1e-12);
        assert!((axis.share(axis.high) - 1.0).abs() < 1e-12);
        assert!(
            (axis.share(200_f64.sqrt()) - 0.5).abs() < 1e-6,
            "in the middle of the logarithms"
        );
        assert_eq!(Axis::over(Scale::Linear, std::iter::empty()), None);
        let one = over(Scale::Logarithmic, &[10.0]);
        assert!(one.high > one.low, "one value has an axis too: {one:?}");
    }

    #[test]
    fn linear_axes_end_at_round_numbers() {
        for (values, low, high, marks) in [
            (&[0.3, 7.0][..], 0.0, 8.0, 5),
            (&[-1.0, 1.0], -1.0, 1.0, 5),
            (&[0.971, 0.978], 0.97, 0.978, 5),
            (&[5.0], 2.0, 8.0, 4),
            (&[0.0], 0.0, 1.0, 3),
            (&[-3.0], -5.0, -1.0, 5),
        ] {
            let axis = over(Scale::Linear, values);
            assert!(
                (axis.low - low).abs() < 1e-9 && (axis.high - high).abs() < 1e-9,
                "{values:?}: {axis:?}"
            );
            assert_eq!(axis.marks().len(), marks, "{values:?}: {:?}", axis.marks());
            assert!((axis.share((low + high) / 2.0) - 0.5).abs() < 1e-9);
        }
    }

    #[test]
    fn marks_are_powers_of_ten_or_closer() {
        assert_eq!(over(Scale::Logarithmic, &[1.0, 1e6]).marks().len(), 7);
        let wide = over(Scale::Logarithmic, &[1e-14, 10.0]);
        let places: Vec<_> = wide.places().iter().map(|p| p.log10().round()).collect();
        assert_eq!(places, [-14.0, -12.0, -10.0, -8.0, -6.0, -4.0, -2.0, 0.0]);
        let narrow = over(Scale::Logarithmic, &[2.0, 50.0]);
        assert_eq!(narrow.marks().len(), 5, "{:?}", narrow.marks());
        assert_eq!([label(4000.0), label(0.5), label(2e6)], ["4k", "0.5", "2M"]);
        assert_eq!(
            [label(-4000.0), label(0.0), label(2e-5)],
            ["-4k", "0", "2e-5"]
        );
        let through = over(Scale::Linear, &[-0.3, 0.3]).marks();
        assert!(through.iter().any(|(_, text)| text == "0"), "{through:?}");
    }
}

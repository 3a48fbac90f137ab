//! The comparison that every test and `verify` make.

use half::f16;
use thiserror::Error;

use super::Bounded;

/// The element of a tensor that came nearest to its bound, in a comparison that passed.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Closeness {
    /// Which element.
    pub index: usize,
    /// How far it was from the reference.
    pub error: f64,
    /// How far it might have been.
    pub tolerance: f64,
    /// `error / tolerance`, at most 1; 0 if nothing was off.
    pub ratio: f64,
}

/// Why a comparison failed.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum Difference {
    /// The lengths differ.
    #[error("{tensor} has {actual} elements, and the reference has {expected}")]
    Length {
        /// The tensor.
        tensor: String,
        /// Elements compared.
        actual: usize,
        /// Elements of the reference.
        expected: usize,
    },
    /// There is nothing to compare, which would always pass.
    #[error("{tensor} has no elements, so there is nothing to compare")]
    Empty {
        /// The tensor.
        tensor: String,
    },
    /// The reference itself leaves the range of f32, or cannot say how far an executor may be off.
    #[error(
        "{tensor}[{index}]: the numbers leave the range of f32 here (the reference has {expected:e}, and {actual:e} was \
         found), so they cannot be compared; take a smaller learning rate, or look at the data's scale"
    )]
    Range {
        /// The tensor.
        tensor: String,
        /// The first such element.
        index: usize,
        /// What was found there.
        actual: f64,
        /// What the reference has there.
        expected: f64,
    },
    /// A number has left the range of half precision on one side only.
    #[error(
        "{tensor}[{index}] is {actual:e}, and the reference has {expected:e}: one has left the range of f16"
    )]
    Overflow {
        /// The tensor.
        tensor: String,
        /// The first such element.
        index: usize,
        /// What was found there.
        actual: f64,
        /// What the reference has there.
        expected: f64,
    },
    /// An element is further off than its bound, or not finite.
    #[error(
        "{tensor}[{index}] is {actual:e}, and the reference has {expected:e}, within {tolerance:e} \
         ({count} elements of {len} are wrong)"
    )]
    Element {
        /// The tensor.
        tensor: String,
        /// The first element that is wrong.
        index: usize,
        /// What was found there.
        actual: f64,
        /// What the reference has there.
        expected: f64,
        /// How far it might have been.
        tolerance: f64,
        /// How many elements are wrong.
        count: usize,
        /// How many there are.
        len: usize,
    },
}

/// Holds what an executor found, in f32 or in f64, against the reference.
///
/// # Errors
/// Unless the lengths agree, there is at least one element, and for every element both sides and the bound are finite
/// and `|actual - expected| <= error`.
pub fn compare<A: Copy + Into<f64>>(
    tensor: &str,
    actual: &[A],
    expected: &[Bounded],
) -> Result<Closeness, Difference> {
    let (tensor, len) = (tensor.to_owned(), expected.len());
    if actual.len() != len {
        let actual = actual.len();
        return Err(Difference::Length {
            tensor,
            actual,
            expected: len,
        });
    }
    if expected.is_empty() {
        return Err(Difference::Empty { tensor });
    }
    let pairs = || actual.iter().map(|&a| a.into()).zip(expected).enumerate();
    let wrong = |a: f64, e: &Bounded| closeness(0, a, e).is_none();
    if let Some((index, (actual, e))) = pairs().find(|&(_, (a, e))| wrong(a, e)) {
        if !(e.value.is_finite() && e.error.is_finite()) {
            let expected = e.value;
            return Err(Difference::Range {
                tensor,
                index,
                actual,
                expected,
            });
        }
        return Err(Difference::Element {
            tensor,
            index,
            actual,
            expected: e.value,
            tolerance: e.error,
            count: pairs().filter(|&(_, (a, e))| wrong(a, e)).count(),
            len,
        });
    }
    let worst = pairs()
        .filter_map(|(index, (a, e))| closeness(index, a, e))
        .fold(Closeness::default(), |worst, next| {
            if next.ratio > worst.ratio {
                next
            } else {
                worst
            }
        });
    Ok(worst)
}

/// The same for numbers of half precision. What is infinite or NaN in the reference must be so in what was found.
///
/// # Errors
/// As [`compare`], and where one side has left the range and the other has not.
pub fn compare_half(
    tensor: &str,
    actual: &[f16],
    expected: &[Bounded],
) -> Result<Closeness, Difference> {
    let left = |e: &Bounded| !e.value.is_finite() && e.error == 0.0;
    let same = |a: f16, e: &Bounded| f64::from(a) == e.value || (a.is_nan() && e.value.is_nan());
    let pairs = || actual.iter().zip(expected);
    if let Some(index) = pairs().position(|(&a, e)| left(e) && !same(a, e)) {
        let (actual, expected) = (f64::from(actual[index]), expected[index].value);
        let tensor = tensor.to_owned();
        return Err(Difference::Overflow {
            tensor,
            index,
            actual,
            expected,
        });
    }
    let finite = |(&a, e): (&f16, &Bounded)| if left(e) { 0.0 } else { f64::from(a) };
    let found: Vec<f64> = if actual.len() == expected.len() {
        pairs().map(finite).collect()
    } else {
        actual.iter().map(|&a| a.into()).collect()
    };
    let zero = Bounded {
        value: 0.0,
        error: 0.0,
    };
    let within: Vec<Bounded> = expected
        .iter()
        .map(|e| if left(e) { zero } else { *e })
        .collect();
    compare(tensor, &found, &within)
}

/// How close one element is, or nothing if it is wrong.
fn closeness(index: usize, actual: f64, expected: &Bounded) -> Option<Closeness> {
    let error = (actual - expected.value).abs();
    let tolerance = expected.error;
    let finite = actual.is_finite() && expected.value.is_finite() && tolerance.is_finite();
    // Written so that NaN, which compares false, is refused.
    (finite && error <= tolerance).then(|| Closeness {
        index,
        error,
        tolerance,
        ratio: if error == 0.0 { 0.0 } else { error / tolerance },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Matmul;
    use crate::random::{Random, stream};
    use crate::reference::{Real, matmul};

    const N: u32 = 5;

    /// A square product: what f32 gives, and what the reference says.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "rounded to f32, as is meant"
    )]
    fn product() -> (Vec<f32>, Vec<Bounded>) {
        let p = Matmul {
            groups: 1,
            m: N,
            n: N,
            k: 8,
            transpose_a: false,
            transpose_b: true,
            ..Matmul::default()
        };
        let random = Random::new(1, stream::TEST, 0);
        let a: Vec<f32> = (0..40).map(|i| random.normal(i) as f32).collect();
        let b: Vec<f32> = (40..80).map(|i| random.normal(i) as f32).collect();
        let bounded = |x: &[f32]| x.iter().copied().map(Real::from_f32).collect::<Vec<_>>();
        let mut actual = vec![f32::NAN; 25];
        let mut expected = vec![Bounded::from_f32(f32::NAN); 25];
        matmul(&p, (&a, &b), None, &mut actual, None);
        matmul(&p, (&bounded(&a), &bounded(&b)), None, &mut expected, None);
        (actual, expected)
    }

    fn refused(actual: &[f32], expected: &[Bounded]) -> usize {
        match compare("y", actual, expected) {
            Err(Difference::Element { index, .. } | Difference::Range { index, .. }) => index,
            other => panic!("should have been refused: {other:?}"),
        }
    }

    #[test]
    fn a_right_result_passes() {
        let (actual, expected) = product();
        let closeness = compare("y", &actual, &expected).expect("f32 is within its bound");
        assert!(
            closeness.ratio > 0.0 && closeness.ratio <= 1.0,
            "{closeness:?}"
        );
        assert_eq!(closeness.ratio, closeness.error / closeness.tolerance);
        let Closeness { index, error, .. } = closeness;
        let off = (f64::from(actual[index]) - expected[index].value).abs();
        assert_eq!(error, off);
    }

    #[test]
    fn one_wrong_element_is_refused() {
        let (mut actual, expected) = product();
        actual[13] += 1e-4;
        let message = compare("y", &actual, &expected).map_err(|d| d.to_string());
        let message = message.expect_err("an element is wrong");
        assert!(message.starts_with("y[13] is "), "{message}");
        assert!(
            message.ends_with("(1 elements of 25 are wrong)"),
            "{message}"
        );
    }

    #[test]
    fn a_transposed_result_is_refused() {
        let (actual, expected) = product();
        let n = N as usize;
        let transposed: Vec<f32> = (0..25).map(|i| actual[i % n * n + i / n]).collect();
        assert_eq!(refused(&transposed, &expected), 1);
    }

    #[test]
    fn an_untouched_buffer_is_refused() {
        let (_, expected) = product();
        assert_eq!(refused(&[0.0; 25], &expected), 0);
        assert_eq!(refused(&[f32::NAN; 25], &expected), 0);
    }

    #[test]
    fn what_is_not_finite_is_refused_on_either_side() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let (mut actual, mut expected) = product();
            expected[3].value = f64::from(bad);
            assert_eq!(refused(&actual, &expected), 3);
            actual[3] = bad;
            assert_eq!(refused(&actual, &expected), 3, "{bad} on both sides");
            let (mut actual, mut expected) = product();
            expected[3].error = f64::INFINITY;
            assert_eq!(refused(&actual, &expected), 3, "no bound");
            actual[3] = bad;
            assert_eq!(refused(&actual, &expected), 3);
            expected[3].error = f64::NAN;
            assert_eq!(refused(&actual, &expected), 3);
        }
    }

    #[test]
    fn a_short_or_empty_slice_is_refused() {
        let (actual, expected) = product();
        let short = compare("y", &actual[..24], &expected);
        assert!(matches!(short, Err(Difference::Length { .. })), "{short:?}");
        let long = compare("y", &actual, &expected[..24]);
        assert!(matches!(long, Err(Difference::Length { .. })), "{long:?}");
        let empty = compare::<f32>("y", &[], &[]);
        assert!(matches!(empty, Err(Difference::Empty { .. })), "{empty:?}");
    }
}

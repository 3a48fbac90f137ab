//! The comparison that every test and `verify` make.

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
    /// An element is further off than its bound, or one side is not finite, or the bound is not.
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
        actual: f32,
        /// What the reference has there.
        expected: f64,
        /// How far it might have been; infinite if the reference cannot say.
        tolerance: f64,
        /// How many elements are wrong.
        count: usize,
        /// How many there are.
        len: usize,
    },
}

/// Holds what an executor found against the reference.
///
/// # Errors
/// Unless the lengths agree, there is at least one element, and for every element both sides and the bound are finite
/// and `|actual - expected| <= error`.
pub fn compare(
    tensor: &str,
    actual: &[f32],
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
    let pairs = || actual.iter().zip(expected).enumerate();
    let wrong = |a: f32, e: &Bounded| closeness(0, a, e).is_none();
    if let Some((index, (&actual, e))) = pairs().find(|&(_, (&a, e))| wrong(a, e)) {
        return Err(Difference::Element {
            tensor,
            index,
            actual,
            expected: e.value,
            tolerance: e.error,
            count: pairs().filter(|&(_, (&a, e))| wrong(a, e)).count(),
            len,
        });
    }
    let worst = pairs()
        .filter_map(|(index, (&a, e))| closeness(index, a, e))
        .fold(Closeness::default(), |worst, next| {
            if next.ratio > worst.ratio {
                next
            } else {
                worst
            }
        });
    Ok(worst)
}

/// How close one element is, or nothing if it is wrong.
fn closeness(index: usize, actual: f32, expected: &Bounded) -> Option<Closeness> {
    let error = (f64::from(actual) - expected.value).abs();
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

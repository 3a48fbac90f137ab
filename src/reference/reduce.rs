//! Sums along an axis, and their gradient.

use super::Real;
use crate::kernel::{Broadcast, Sum};

/// `y[o, i] = factor Σ_a x[o, a, i]`; see [`Sum`].
pub fn sum<T: Real>(p: &Sum, x: &[T], y: &mut [T]) {
    let [outer, axis, inner] = [p.outer, p.axis, p.inner].map(|extent| extent as usize);
    let factor = T::parameter(p.factor);
    assert_eq!(y.len(), outer * inner, "number of sums");
    for o in 0..outer {
        for i in 0..inner {
            let terms = (0..axis).map(|a| x[(o * axis + a) * inner + i]);
            y[o * inner + i] = factor * T::sum(terms);
        }
    }
}

/// `y[o, a, i] = factor x[o, i]`; see [`Broadcast`].
pub fn broadcast<T: Real>(p: &Broadcast, x: &[T], y: &mut [T]) {
    let [outer, axis, inner] = [p.outer, p.axis, p.inner].map(|extent| extent as usize);
    let factor = T::parameter(p.factor);
    assert_eq!(y.len(), outer * axis * inner, "length of the repetition");
    for o in 0..outer {
        for a in 0..axis {
            for i in 0..inner {
                y[(o * axis + a) * inner + i] = factor * x[o * inner + i];
            }
        }
    }
}

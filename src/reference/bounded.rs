//! A number with a bound on how far a correct f32 executor may be from it.

use std::cmp::Ordering;
use std::ops::{Add, Div, Mul, Neg, Sub};

use super::real::{Real, tanh_argument};

/// Unit roundoff of f32: 2⁻²⁴.
const U: f64 = f32::EPSILON as f64 / 2.0;
/// One unit in the last place, relative to the number, at most: 2⁻²³.
const ULP: f64 = f32::EPSILON as f64;
/// What flushing a subnormal number to 0 can lose.
const TINY: f64 = f32::MIN_POSITIVE as f64;
/// The largest finite f32.
const LARGEST: f64 = f32::MAX as f64;
/// The reach of divisors whose quotients have a stated precision: 2⁻¹²⁶ to 2¹²⁶.
const DIVISOR: f64 = 1.0 / TINY;
/// Where a function's value rounds to 0 whatever the device does with subnormals: 2⁻¹⁶⁰.
const VANISHED: f64 = TINY / (1_u64 << 34) as f64;

/// A value, computed in f64, and a bound on how far from it an f32 executor may be that keeps to the table in
/// [`super`].
///
/// This is a running error analysis (Higham, *Accuracy and Stability of Numerical Algorithms*, section 3.3): every
/// operation carries the bounds of its operands through, and adds what it may itself lose. The rounding of f64 is
/// not counted, nor is that of the bound: both are 2⁻²⁹ of what is.
///
/// The bound is infinite where nothing can be said: an intermediate may have left the range of f32, or a divisor may
/// be 0. It stays so through all that follows, and `compare` refuses it.
///
/// Equality and order are those of the values: branches are taken on what the kernels read, which is exact. A branch on
/// what was computed goes through [`Real::if_negative`].
#[derive(Debug, Clone, Copy)]
pub struct Bounded {
    /// The value.
    pub value: f64,
    /// The bound: never negative, infinite if there is none.
    pub error: f64,
}

impl Bounded {
    const fn exact(value: f64) -> Self {
        Self { value, error: 0.0 }
    }

    /// A result: `propagated` comes from the operands, and `lost` is what the operation itself may lose.
    fn new(value: f64, propagated: f64, lost: f64) -> Self {
        let error = propagated + lost;
        // False for NaN too.
        if value.abs() + error <= LARGEST {
            Self { value, error }
        } else {
            let error = f64::INFINITY;
            Self { value, error }
        }
    }

    /// The result of an operation that is right to `precision`, relative to what the executor found.
    fn rounded(value: f64, propagated: f64, precision: f64) -> Self {
        let lost = precision * (value.abs() + propagated) + TINY;
        Self::new(value, propagated, lost)
    }

    /// How far a monotone function moves when its argument does, by at most the bound.
    fn moved(self, f: impl Fn(f64) -> f64) -> f64 {
        if self.error == 0.0 || !self.error.is_finite() {
            return self.error;
        }
        let value = f(self.value);
        let up = (f(self.value + self.error) - value).abs();
        let down = (value - f(self.value - self.error)).abs();
        if up.is_finite() && down.is_finite() {
            up.max(down)
        } else {
            f64::INFINITY
        }
    }

    /// A monotone function that an executor computes to so many ulps.
    fn function(self, f: impl Fn(f64) -> f64, ulps: f64) -> Self {
        let value = f(self.value);
        let propagated = self.moved(f);
        if value.abs() < VANISHED {
            Self::new(value, propagated, 2.0 * VANISHED)
        } else {
            Self::rounded(value, propagated, ulps * ULP)
        }
    }
}

impl PartialEq for Bounded {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl PartialOrd for Bounded {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.value.partial_cmp(&other.value)
    }
}

impl Neg for Bounded {
    type Output = Self;

    fn neg(self) -> Self {
        Self {
            value: -self.value,
            error: self.error,
        }
    }
}

impl Add for Bounded {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self::rounded(self.value + other.value, self.error + other.error, U)
    }
}

impl Sub for Bounded {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self::rounded(self.value - other.value, self.error + other.error, U)
    }
}

impl Mul for Bounded {
    type Output = Self;

    /// `(a ± e) (b ± f) = a b ± (|a| f + |b| e + e f)`.
    fn mul(self, other: Self) -> Self {
        let propagated = self.value.abs() * other.error
            + other.value.abs() * self.error
            + self.error * other.error;
        Self::rounded(self.value * other.value, propagated, U)
    }
}

impl Div for Bounded {
    type Output = Self;

    /// `(a ± e) / (b ± f) = q ± (e + |q| f) / (|b| - f)`.
    fn div(self, other: Self) -> Self {
        let value = self.value / other.value;
        let smallest = other.value.abs() - other.error;
        let largest = other.value.abs() + other.error;
        if smallest >= 1.0 / DIVISOR && largest <= DIVISOR {
            let propagated = (self.error + value.abs() * other.error) / smallest;
            Self::rounded(value, propagated, 2.5 * ULP)
        } else {
            Self::new(value, f64::INFINITY, 0.0)
        }
    }
}

impl Real for Bounded {
    const ZERO: Self = Self::exact(0.0);
    const ONE: Self = Self::exact(1.0);

    /// Exact, but a device may take a subnormal for 0.
    fn from_f32(value: f32) -> Self {
        let exact = f64::from(value);
        let error = if value.is_subnormal() {
            exact.abs()
        } else {
            0.0
        };
        Self::new(exact, error, 0.0)
    }

    /// As far off as the f32 next to it.
    fn parameter(value: f64) -> Self {
        let device = Self::from_f32(f32::parameter(value));
        let error = (value - device.value).abs() + device.error;
        Self::new(value, error, 0.0)
    }

    fn drawn(value: f64) -> Self {
        Self::rounded(value, 0.0, 24.0 * ULP)
    }

    fn to_f64(self) -> f64 {
        self.value
    }

    fn is_finite(self) -> bool {
        self.value.abs() <= LARGEST
    }

    /// To one unit in the last place of half precision; what is infinite or NaN then, and surely so, is exact.
    fn half(self) -> Self {
        let value = self.value.half();
        if !value.is_finite() {
            let ends = [self.value - self.error, self.value + self.error];
            let sure = self.error == 0.0 || ends.iter().all(|end| end.half() == value);
            let error = if sure { 0.0 } else { f64::INFINITY };
            return Self { value, error };
        }
        Self::new(value, self.moved(f64::half), half_ulp(value))
    }

    /// Where the bound reaches across 0, an executor may take either.
    fn if_negative(self, below: Self, otherwise: Self) -> Self {
        let (taken, other) = if self.value < 0.0 {
            (below, otherwise)
        } else {
            (otherwise, below)
        };
        if self.error < self.value.abs() || self.error == 0.0 {
            return taken;
        }
        let error = taken
            .error
            .max((taken.value - other.value).abs() + other.error);
        Self::new(taken.value, error, 0.0)
    }

    /// `k` terms in any order, with partial sums in tiles or trees: `(k - 1) u Σ |term|`, and what each of the `k - 1`
    /// additions may flush.
    fn sum(terms: impl Iterator<Item = Self>) -> Self {
        let (mut value, mut propagated, mut magnitude, mut count) = (0.0, 0.0, 0.0, 0.0_f64);
        for term in terms {
            value += term.value;
            propagated += term.error;
            magnitude += term.value.abs() + term.error;
            count += 1.0;
        }
        let additions = (count - 1.0).max(0.0);
        // Some order of summing may reach the sum of the magnitudes on its way.
        if magnitude <= LARGEST {
            Self::new(value, propagated, additions * (U * magnitude + TINY))
        } else {
            Self::new(value, f64::INFINITY, 0.0)
        }
    }

    /// Steeper below the value than above it.
    fn sqrt(self) -> Self {
        let value = libm::sqrt(self.value);
        let below = libm::sqrt((self.value - self.error).max(0.0));
        let propagated = if self.error.is_finite() {
            value - below
        } else {
            self.error
        };
        Self::rounded(value, propagated, 4.5 * ULP)
    }

    fn exp(self) -> Self {
        self.function(libm::exp, exp_ulps(self.value.abs() + self.error))
    }

    fn ln(self) -> Self {
        let value = libm::log(self.value);
        let (low, high) = (self.value - self.error, self.value + self.error);
        let propagated = self.moved(libm::log);
        if low > 2.0 || high < 0.5 {
            Self::rounded(value, propagated, 3.0 * ULP)
        } else {
            Self::new(value, propagated, 4.0 * ULP)
        }
    }

    fn exp_minus(self, shift: Self) -> Self {
        let difference = self.value - shift.value;
        let error = self.error + shift.error;
        let argument = Self {
            value: difference,
            error: error + U * (difference.abs() + error),
        };
        argument.function(libm::exp, exp_ulps(difference.abs() + argument.error))
    }

    fn expm1(self) -> Self {
        self.function(libm::expm1, 16.0 + 2.0 * self.value.max(0.0))
    }

    fn sigmoid(self) -> Self {
        self.function(f64::sigmoid, 11.0 + 2.0 * (-self.value).max(0.0))
    }

    fn tanh(self) -> Self {
        self.function(libm::tanh, 10.0)
    }

    fn softplus(self) -> Self {
        self.function(f64::softplus, 11.0 + 2.0 * (-self.value).max(0.0))
    }

    fn normal_cdf(self) -> Self {
        let left = self.value.min(0.0);
        self.function(f64::normal_cdf, 24.0 + 2.0 * left * left)
    }

    /// Not monotone, but nowhere steeper than `φ(1) < 0.25`.
    fn normal_density(self) -> Self {
        let exact = Self::exact(self.value);
        let ulps = 8.0 + 2.0 * self.value * self.value;
        let density = exact.function(f64::normal_density, ulps);
        Self::new(density.value, density.error, 0.25 * self.error)
    }

    fn normal_cdf_tanh(self) -> Self {
        let left = tanh_argument(self.value).min(0.0);
        self.function(f64::normal_cdf_tanh, 16.0 - 4.0 * left)
    }
}

/// One unit in the last place of a number of half precision, which has 11 bits and no exponent below -14.
fn half_ulp(value: f64) -> f64 {
    let exponent = libm::ilogb(value).max(-14);
    libm::ldexp(1.0, exponent - 10)
}

/// What WGSL and Vulkan allow `exp` at an argument of this magnitude.
fn exp_ulps(magnitude: f64) -> f64 {
    3.0 + 2.0 * magnitude
}

#[cfg(test)]
mod tests;

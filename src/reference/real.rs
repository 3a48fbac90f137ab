//! The numbers that the reference computes with.

use std::fmt::Debug;
use std::ops::{Add, Div, Mul, Neg, Sub};

use half::f16;

/// A real number: `f32`, `f64`, or [`Bounded`](super::Bounded).
///
/// The functions are right over all of f32 and let NaN through. In `f64` they are as good as `libm`; in `f32` the
/// engine's own functions are those of `f64`, rounded.
pub trait Real:
    Copy
    + Debug
    + PartialOrd
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + Send
    + Sync
    + 'static
{
    /// 0
    const ZERO: Self;
    /// 1
    const ONE: Self;

    /// A number that devices hold too.
    fn from_f32(value: f32) -> Self;
    /// A parameter of a kernel, or a constant of a formula, which devices round to f32.
    fn parameter(value: f64) -> Self;
    /// A normal number that devices make themselves of the same random bits.
    fn drawn(value: f64) -> Self {
        Self::parameter(value)
    }
    /// The number, without its bound if it has one.
    fn to_f64(self) -> f64;
    /// Whether f32 can hold it: neither NaN nor infinite.
    fn is_finite(self) -> bool;
    /// `below` if the number is negative, else `otherwise`, also for NaN.
    fn if_negative(self, below: Self, otherwise: Self) -> Self {
        if self < Self::ZERO { below } else { otherwise }
    }
    /// The number rounded to half precision, from f32, to nearest with ties to even; infinite from 65520 on.
    fn half(self) -> Self;
    /// The sum of the terms, in order; 0 if there are none.
    fn sum(terms: impl Iterator<Item = Self>) -> Self;

    /// `√x`
    fn sqrt(self) -> Self;
    /// `e^x`
    fn exp(self) -> Self;
    /// The natural logarithm.
    fn ln(self) -> Self;
    /// `e^(x - shift)` where `shift` is at least `x`; 0 where the difference leaves the range.
    fn exp_minus(self, shift: Self) -> Self;
    /// `e^x - 1`
    fn expm1(self) -> Self;
    /// `1 / (1 + e^-x)`
    fn sigmoid(self) -> Self;
    /// The hyperbolic tangent.
    fn tanh(self) -> Self;
    /// `ln(1 + e^x)`
    fn softplus(self) -> Self;
    /// `Φ(x) = erfc(-x / √2) / 2`, the distribution function of the standard normal distribution.
    fn normal_cdf(self) -> Self;
    /// `φ(x) = e^(-x²/2) / √(2π)`, its density.
    fn normal_density(self) -> Self;
    /// `0.5 (1 + tanh(√(2/π) (x + 0.044715 x³)))`, which is close to Φ (Hendrycks and Gimpel 2016).
    fn normal_cdf_tanh(self) -> Self;
}

impl Real for f64 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;

    fn from_f32(value: f32) -> Self {
        Self::from(value)
    }

    fn parameter(value: f64) -> Self {
        value
    }

    fn to_f64(self) -> f64 {
        self
    }

    fn is_finite(self) -> bool {
        Self::is_finite(self)
    }

    fn half(self) -> Self {
        Self::from(f32::parameter(self).half())
    }

    fn sum(terms: impl Iterator<Item = Self>) -> Self {
        terms.fold(0.0, |sum, term| sum + term)
    }

    fn sqrt(self) -> Self {
        libm::sqrt(self)
    }

    fn exp(self) -> Self {
        libm::exp(self)
    }

    fn ln(self) -> Self {
        libm::log(self)
    }

    fn exp_minus(self, shift: Self) -> Self {
        libm::exp(self - shift)
    }

    fn expm1(self) -> Self {
        libm::expm1(self)
    }

    fn sigmoid(self) -> Self {
        if self >= 0.0 {
            1.0 / (1.0 + libm::exp(-self))
        } else {
            let e = libm::exp(self);
            e / (1.0 + e)
        }
    }

    fn tanh(self) -> Self {
        libm::tanh(self)
    }

    fn softplus(self) -> Self {
        self.max(0.0) + libm::log1p(libm::exp(-self.abs()))
    }

    fn normal_cdf(self) -> Self {
        0.5 * libm::erfc(-self * std::f64::consts::FRAC_1_SQRT_2)
    }

    fn normal_density(self) -> Self {
        libm::exp(-0.5 * self * self) / libm::sqrt(std::f64::consts::TAU)
    }

    fn normal_cdf_tanh(self) -> Self {
        tanh_argument(self).sigmoid()
    }
}

/// `q(x) = 2 √(2/π) (x + 0.044715 x³)`: `0.5 (1 + tanh(q / 2))` is `sigmoid(q)`, which does not cancel.
pub(super) fn tanh_argument(x: f64) -> f64 {
    libm::sqrt(8.0 / std::f64::consts::PI) * (x + 0.044_715 * x * x * x)
}

macro_rules! rounded_from_f64 {
    ($($function:ident),*) => {
        $(
            #[expect(clippy::cast_possible_truncation, reason = "rounded to f32, as is meant")]
            fn $function(self) -> Self {
                Real::$function(f64::from(self)) as Self
            }
        )*
    };
}

impl Real for f32 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;

    fn from_f32(value: f32) -> Self {
        value
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "rounded as for a device; see Parameters::f32"
    )]
    fn parameter(value: f64) -> Self {
        value as Self
    }

    fn to_f64(self) -> f64 {
        f64::from(self)
    }

    fn is_finite(self) -> bool {
        Self::is_finite(self)
    }

    fn half(self) -> Self {
        f16::from_f32(self).to_f32()
    }

    fn sum(terms: impl Iterator<Item = Self>) -> Self {
        terms.fold(0.0, |sum, term| sum + term)
    }

    fn sqrt(self) -> Self {
        libm::sqrtf(self)
    }

    fn exp(self) -> Self {
        libm::expf(self)
    }

    fn ln(self) -> Self {
        libm::logf(self)
    }

    fn exp_minus(self, shift: Self) -> Self {
        libm::expf(self - shift)
    }

    rounded_from_f64!(
        expm1,
        sigmoid,
        tanh,
        softplus,
        normal_cdf,
        normal_density,
        normal_cdf_tanh
    );
}

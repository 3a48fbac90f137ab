//! Functions of one number that LLVM turns into vector code: no branch, no table, no call.
//!
//! They use neither fused multiply-add nor anything else that only some machines have, so that their results are the
//! same bits on every machine and at every vector width. NaN passes through all of them; every choice is written so
//! that a comparison with NaN leaves NaN in. Errors are in units in the last place (ulp) of the exact result (of
//! the smallest normal number, 1.2e-38, if the result is below it), and `tests.rs` holds them over all exponents.
//!
//! Polynomials for `exp` and `log`: S. Moshier, Cephes library (`expf.c`, `logf.c`).

use std::f32::consts::LOG2_E;

/// Adding and subtracting 1.5 * 2^23 rounds to an integer, whose bits then stand at the end of the sum.
const ROUND: f32 = 12_582_912.0;
/// ln 2 in two parts; the first has 9 bits, so that its product with an exponent is exact.
const LN2_HIGH: f32 = 0.693_359_4;
const LN2_LOW: f32 = -2.121_944_4e-4;

/// The f32 nearest to an f64.
#[expect(
    clippy::cast_possible_truncation,
    reason = "rounding is what it is for"
)]
#[inline(always)]
pub(super) const fn narrow(x: f64) -> f32 {
    x as f32
}

/// An f64 as the sum of two f32.
#[inline(always)]
const fn split(x: f64) -> (f32, f32) {
    let high = narrow(x);
    (high, narrow(x - high as f64))
}

/// `x`, at most `limit`; NaN stays.
#[inline(always)]
const fn at_most(x: f32, limit: f32) -> f32 {
    if x > limit { limit } else { x }
}

/// `x`, at least `limit`; NaN stays.
#[inline(always)]
const fn at_least(x: f32, limit: f32) -> f32 {
    if x < limit { limit } else { x }
}

/// `2^i` for an exponent of a normal number.
#[inline(always)]
const fn power(i: i32) -> f32 {
    f32::from_bits((i.wrapping_add(127) as u32) << 23)
}

/// `x = i ln 2 + r` with `|r| <= ln 2 / 2`, as `(r, i)`.
#[inline(always)]
fn reduce(x: f32) -> (f32, i32) {
    let shifted = x * LOG2_E + ROUND;
    let n = shifted - ROUND;
    let i = shifted.to_bits().wrapping_sub(ROUND.to_bits()) as i32;
    ((x - n * LN2_HIGH) - n * LN2_LOW, i)
}

/// `(exp(r) - 1 - r) / r²` for `|r| <= ln 2 / 2`.
#[inline(always)]
fn exp_tail(r: f32) -> f32 {
    let p = 1.987_569_1e-4;
    let p = p * r + 1.398_199_9e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 0.166_666_66;
    p * r + 0.5
}

/// `exp(x + low)`, where `low` is what the rounding of the argument lost.
#[inline(always)]
fn exp_of(x: f32, low: f32) -> f32 {
    // Beyond these it is 0 or infinite anyway, and 2^i is made in two halves that are both normal.
    let (r, i) = reduce(at_most(at_least(x, -104.5), 89.5));
    let r = r + low;
    let half = i >> 1;
    (exp_tail(r) * (r * r) + r + 1.0) * power(half) * power(i.wrapping_sub(half))
}

/// The exponential function: 1.5 ulp.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    exp_of(x, 0.0)
}

/// `exp(x) - 1`: 2 ulp, near 0 too.
#[inline(always)]
pub(super) fn expm1(x: f32) -> f32 {
    let (r, i) = reduce(at_most(at_least(x, -18.0), 89.5));
    let half = i >> 1;
    let rest = i.wrapping_sub(half);
    let p = exp_tail(r) * (r * r) + r;
    // 2^i (p + 1) - 1, where 2^i may not be a finite number but its halves are.
    (p * power(half) + (power(half) - power(rest.wrapping_neg()))) * power(rest)
}

/// `log(u + c) + shift ln 2`, where `c` is what the rounding of the argument lost; `u` finite, positive and normal.
#[inline(always)]
fn log_of(u: f32, c: f32, shift: f32) -> f32 {
    const ROOT_HALF: u32 = 0x3f35_04f3;
    // u = 2^e m with sqrt(1/2) <= m < sqrt(2)
    let bits = u.to_bits().wrapping_add(0x3f80_0000 - ROOT_HALF);
    let e = ((bits >> 23) as i32).wrapping_sub(127) as f32 + shift;
    let f = f32::from_bits((bits & 0x007f_ffff).wrapping_add(ROOT_HALF)) - 1.0;
    let p = 7.037_683_6e-2;
    let p = p * f - 0.115_146_1;
    let p = p * f + 0.116_769_98;
    let p = p * f - 0.124_201_41;
    let p = p * f + 0.142_493_23;
    let p = p * f - 0.166_680_58;
    let p = p * f + 0.200_007_15;
    let p = p * f - 0.249_999_94;
    let p = p * f + 0.333_333_3;
    let z = f * f;
    let y = p * f * z + e * LN2_LOW - 0.5 * z + c / u;
    f + y + e * LN2_HIGH
}

/// What a logarithm is where [`log_of`] does not hold: 0, below, infinity and NaN.
#[inline(always)]
const fn log_or(log: f32, u: f32) -> f32 {
    let log = if u == f32::INFINITY { u } else { log };
    let log = if u == 0.0 { f32::NEG_INFINITY } else { log };
    // Not `u < 0`, so that NaN comes here too.
    if u >= 0.0 { log } else { f32::NAN }
}

/// The natural logarithm: 1.5 ulp.
#[inline(always)]
pub(super) fn log(x: f32) -> f32 {
    let tiny = x < f32::MIN_POSITIVE;
    let shift = if tiny { -23.0 } else { 0.0 };
    log_or(
        log_of(if tiny { x * 8_388_608.0 } else { x }, 0.0, shift),
        x,
    )
}

/// `log(1 + x)`: 1.5 ulp, near 0 too.
#[inline(always)]
pub(super) fn log1p(x: f32) -> f32 {
    let u = 1.0 + x;
    let lost = if x > 1.0 {
        1.0 - (u - x)
    } else {
        x - (u - 1.0)
    };
    log_or(log_of(u, lost, 0.0), u)
}

/// The hyperbolic tangent: 3 ulp.
#[inline(always)]
pub(super) fn tanh(x: f32) -> f32 {
    let t = expm1(-2.0 * x.abs());
    (-t / (t + 2.0)).copysign(x)
}

/// `sigmoid(x)` and `sigmoid(-x)` from `e = exp(-|x|)`.
#[inline(always)]
fn sigmoid_from(x: f32, e: f32) -> (f32, f32) {
    let large = 1.0 / (1.0 + e);
    let small = e / (1.0 + e);
    if x > 0.0 {
        (large, small)
    } else {
        (small, large)
    }
}

/// `sigmoid(x)` and `sigmoid(-x)`, each to 3 ulp.
#[inline(always)]
pub(super) fn sigmoids(x: f32) -> (f32, f32) {
    sigmoid_from(x, exp(-x.abs()))
}

/// `1 / (1 + exp(-x))`: 3 ulp.
#[inline(always)]
pub(super) fn sigmoid(x: f32) -> f32 {
    sigmoids(x).0
}

/// `log(1 + exp(x))`: 2 ulp.
#[inline(always)]
pub(super) fn softplus(x: f32) -> f32 {
    // NaN comes in by the second term.
    (if x > 0.0 { x } else { 0.0 }) + log1p(exp(-x.abs()))
}

/// The normal distribution function `Φ(x)`, to 4 ulp, and `exp(-x²/2)` to 2.
///
/// `Φ(-a) = exp(-a²/2) h(a)` with `h(a) = exp(a²/2) erfc(a/√2) / 2`, and `(1 + a) h(a)` is a polynomial in
/// `q = (a - 3) / (a + 3)` to 1.3e-8 relative for `0 <= a <= 15` (form: N. Juffa's `erfcxf`; coefficients: Chebyshev
/// interpolation of degree 10 in 40 digits). The exponent is rounded to two f32, or the tail would lose four digits.
#[inline(always)]
pub(super) fn normal(x: f32) -> (f32, f32) {
    let a = at_most(x.abs(), 15.0);
    let wide = f64::from(a);
    let (high, low) = split(-0.5 * wide * wide);
    let e = exp_of(high, low);
    let q = (a - 3.0) / (a + 3.0);
    let p = 4.752_42e-5;
    let p = p * q + 1.437_78e-5;
    let p = p * q - 4.691_079e-4;
    let p = p * q - 3.421_815_6e-4;
    let p = p * q + 2.990_097e-3;
    let p = p * q + 1.155_578_2e-3;
    let p = p * q - 2.272_632_7e-2;
    let p = p * q + 4.516_459_6e-2;
    let p = p * q - 1.643_239_1e-2;
    let p = p * q - 9.652_678e-2;
    let p = p * q + 0.486_055_8;
    let tail = e * (p / (1.0 + a));
    (if x > 0.0 { 1.0 - tail } else { tail }, e)
}

/// `sigmoid(v)` and `sigmoid(-v)` of `v = 2 sqrt(2/π) (x + 0.044715 x³)`: the factor of GELU's tanh form, since
/// `(1 + tanh(v/2)) / 2 = sigmoid(v)`. As in [`normal`], `v` is rounded to two f32: 3 ulp.
#[inline(always)]
pub(super) fn gelu_tanh_factor(x: f32) -> (f32, f32) {
    const SCALE: f64 = 1.595_769_121_605_730_8;
    let wide = f64::from(at_most(x.abs(), 20.0));
    let (high, low) = split(-SCALE * (wide + 0.044_715 * (wide * wide * wide)));
    sigmoid_from(x, exp_of(high, low))
}

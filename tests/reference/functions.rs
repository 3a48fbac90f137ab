//! What `thalweg::reference` demands of an executor's functions can be had from WGSL's `exp` and division, even
//! where a device makes the worst of what the specification allows it.

use std::cell::Cell;

use thalweg::random::{Random, stream};
use thalweg::reference::{Bounded, Real, compare};

/// Which way the results of a device's inexact operations err.
#[derive(Debug, Clone, Copy)]
enum Off {
    Up,
    Down,
    EitherWay,
}

/// A device that rounds sums and products, and is off by all it may be elsewhere. It flushes what is subnormal.
struct Device {
    off: Off,
    operations: Cell<u64>,
}

impl Device {
    /// `value`, off by `ulps`. Rounding to f32 takes half of one.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the device computes in f32"
    )]
    fn wrong(&self, value: f64, ulps: f64) -> f32 {
        let operation = self.operations.replace(self.operations.get() + 1);
        let up = match self.off {
            Off::Up => true,
            Off::Down => false,
            Off::EitherWay => Random::new(1, stream::TEST, 0).bits(operation) & 1 == 1,
        };
        let near = (value as f32).abs();
        let ulp = f64::from(near.next_up()) - f64::from(near);
        let off = (ulps - 0.5) * if up { ulp } else { -ulp };
        let result = (value + off) as f32;
        // An ulp of 0 is a subnormal, and `exp` may be off by many of them: no device is, there.
        if result.abs() < f32::MIN_POSITIVE || value.abs() < 1e-48 {
            0.0
        } else {
            result
        }
    }

    fn exp(&self, x: f32) -> f32 {
        let x = f64::from(x);
        self.wrong(libm::exp(x), 3.0 + 2.0 * x.abs())
    }

    fn divide(&self, a: f32, b: f32) -> f32 {
        self.wrong(f64::from(a) / f64::from(b), 2.5)
    }

    fn sigmoid(&self, x: f32) -> f32 {
        let e = self.exp(-x.abs());
        self.divide(if x < 0.0 { e } else { 1.0 }, 1.0 + e)
    }

    /// A series up to 0.625 (Cephes, `tanhf.c`), and an exponential beyond.
    fn tanh(&self, x: f32) -> f32 {
        if x.abs() < 0.625 {
            let c = [
                -0.333_332_8,
                0.133_314_42,
                -0.053_739_716,
                0.020_639_09,
                -0.005_704_988_7,
            ];
            x + x * (x * x) * horner(x * x, &c)
        } else {
            let e = self.exp(-2.0 * x.abs());
            self.divide(1.0 - e, 1.0 + e).copysign(x)
        }
    }

    /// Taylor's series near 0.
    fn expm1(&self, x: f32) -> f32 {
        if x.abs() < 0.5 {
            let c = [2.0, 6.0, 24.0, 120.0, 720.0, 5040.0, 40320.0].map(|n: f32| 1.0 / n);
            x + x * x * horner(x, &c)
        } else {
            self.exp(x) - 1.0
        }
    }

    /// `ln(1 + e) = 2 artanh(e / (2 + e))` by its series: the argument is at most 1/3.
    fn softplus(&self, x: f32) -> f32 {
        let e = self.exp(-x.abs());
        let s = self.divide(e, 2.0 + e);
        let c = [1.0, 3.0, 5.0, 7.0, 9.0, 11.0, 13.0, 15.0].map(|n: f32| 1.0 / n);
        x.max(0.0) + 2.0 * s * horner(s * s, &c)
    }

    /// `erfc` with a fractional error below 1.2e-7 (Press et al., *Numerical Recipes*, section 6.2).
    fn normal_cdf(&self, x: f32) -> f32 {
        let z = (x.abs() * std::f32::consts::FRAC_1_SQRT_2).min(16.0);
        let t = self.divide(1.0, 1.0 + 0.5 * z);
        let c = [
            -1.265_512_2,
            1.000_023_7,
            0.374_091_96,
            0.096_784_18,
            -0.186_288_06,
            0.278_868_07,
            -1.135_204,
            1.488_515_9,
            -0.822_152_23,
            0.170_872_77,
        ];
        let left = 0.5 * t * self.exp(horner(t, &c) - z * z);
        if x < 0.0 { left } else { 1.0 - left }
    }

    fn normal_density(&self, x: f32) -> f32 {
        let x = x.clamp(-32.0, 32.0);
        0.398_942_3 * self.exp(-0.5 * x * x)
    }

    fn normal_cdf_tanh(&self, x: f32) -> f32 {
        let x = x.clamp(-16.0, 16.0);
        self.sigmoid(x * (1.595_769 + 0.071_354_814 * x * x))
    }
}

/// `Σ c[i] x^i`
fn horner(x: f32, c: &[f32]) -> f32 {
    c.iter().rev().fold(0.0, |sum, c| sum * x + c)
}

/// Dense where the functions bend, and over all of f32 besides.
fn arguments() -> Vec<f32> {
    let dense = (-30_000..=30_000).map(|i| i as f32 / 1000.0);
    let magnitudes = (0..=254).flat_map(|exponent| {
        let power = f32::from_bits((exponent << 23).max(1 << 3));
        [power, 1.3 * power, 1.7 * power]
    });
    dense.chain(magnitudes.flat_map(|x| [x, -x])).collect()
}

type Function = (
    &'static str,
    fn(Bounded) -> Bounded,
    fn(&Device, f32) -> f32,
);

const FUNCTIONS: [Function; 8] = [
    ("exp", Real::exp, Device::exp),
    ("sigmoid", Real::sigmoid, Device::sigmoid),
    ("tanh", Real::tanh, Device::tanh),
    ("expm1", Real::expm1, Device::expm1),
    ("softplus", Real::softplus, Device::softplus),
    ("normal_cdf", Real::normal_cdf, Device::normal_cdf),
    (
        "normal_density",
        Real::normal_density,
        Device::normal_density,
    ),
    (
        "normal_cdf_tanh",
        Real::normal_cdf_tanh,
        Device::normal_cdf_tanh,
    ),
];

#[test]
fn the_worst_device_allowed_meets_the_bounds() {
    for (name, function, device_function) in FUNCTIONS {
        for off in [Off::Up, Off::Down, Off::EitherWay] {
            let device = Device {
                off,
                operations: Cell::new(0),
            };
            // Beyond, the exponentials overflow.
            let reach = if name.starts_with("exp") {
                80.0
            } else {
                f32::MAX
            };
            let x = arguments().into_iter().filter(|&x| x < reach);
            let pairs: Vec<(f32, Bounded)> = x
                .map(|x| (device_function(&device, x), function(Bounded::from_f32(x))))
                .collect();
            assert_close(name, pairs.iter().copied());
            // Where nothing is flushed, a bound that the worst device stays far below would be a loose one.
            let normal = pairs.iter().filter(|(_, e)| e.value.abs() > 1e-30);
            let ratio = assert_close(name, normal.copied());
            eprintln!("{name} {off:?}: {ratio:.2} of the bound");
            assert!(ratio > 0.2, "{name}: only {ratio} of the bound used");
        }
    }
}

fn assert_close(name: &str, pairs: impl Iterator<Item = (f32, Bounded)>) -> f64 {
    let (actual, expected): (Vec<f32>, Vec<Bounded>) = pairs.unzip();
    let closeness = compare(name, &actual, &expected);
    closeness
        .unwrap_or_else(|difference| panic!("{difference}"))
        .ratio
}

/// Values computed to 60 digits from series, rounded to f64.
#[test]
fn known_values() {
    let known = [
        (
            "sigmoid(-20)",
            Real::sigmoid(-20.0_f64),
            2.0611536181902037e-09,
        ),
        (
            "sigmoid(-1.5)",
            Real::sigmoid(-1.5_f64),
            0.18242552380635635,
        ),
        ("sigmoid(0.25)", Real::sigmoid(0.25_f64), 0.5621765008857981),
        ("sigmoid(30)", Real::sigmoid(30.0_f64), 0.9999999999999064),
        ("tanh(-0.001)", Real::tanh(-0.001_f64), -0.0009999996666668),
        ("tanh(0.75)", Real::tanh(0.75_f64), 0.6351489523872873),
        ("tanh(5)", Real::tanh(5.0_f64), 0.9999092042625951),
        (
            "softplus(-40)",
            Real::softplus(-40.0_f64),
            4.248354255291589e-18,
        ),
        ("softplus(0.5)", Real::softplus(0.5_f64), 0.9740769841801067),
        ("softplus(9)", Real::softplus(9.0_f64), 9.000123402189724),
        (
            "expm1(-0.0001)",
            Real::expm1(-0.0001_f64),
            -9.99950001666625e-05,
        ),
        ("expm1(-3)", Real::expm1(-3.0_f64), -0.950212931632136),
        (
            "normal_cdf(-8)",
            Real::normal_cdf(-8.0_f64),
            6.220960574271784e-16,
        ),
        (
            "normal_cdf(-1)",
            Real::normal_cdf(-1.0_f64),
            0.15865525393145705,
        ),
        (
            "normal_cdf(0.5)",
            Real::normal_cdf(0.5_f64),
            0.6914624612740131,
        ),
        (
            "normal_cdf(3)",
            Real::normal_cdf(3.0_f64),
            0.9986501019683699,
        ),
        (
            "normal_density(-6)",
            Real::normal_density(-6.0_f64),
            6.075882849823285e-09,
        ),
        (
            "normal_density(0.5)",
            Real::normal_density(0.5_f64),
            0.35206532676429947,
        ),
        (
            "normal_cdf_tanh(-4)",
            Real::normal_cdf_tanh(-4.0_f64),
            1.756148704809317e-05,
        ),
        (
            "normal_cdf_tanh(1)",
            Real::normal_cdf_tanh(1.0_f64),
            0.8411919906082767,
        ),
    ];
    for (name, actual, expected) in known {
        let error: f64 = (actual - expected) / expected;
        assert!(
            error.abs() < 1e-14,
            "{name}: {actual:e} is not {expected:e}"
        );
    }
}

#[test]
fn nan_comes_out_as_nan() {
    let functions: [fn(f64) -> f64; 8] = [
        Real::exp,
        Real::sigmoid,
        Real::tanh,
        Real::expm1,
        Real::softplus,
        Real::normal_cdf,
        Real::normal_density,
        Real::normal_cdf_tanh,
    ];
    for (i, function) in functions.iter().enumerate() {
        assert!(function(f64::NAN).is_nan(), "{}", FUNCTIONS[i].0);
    }
}

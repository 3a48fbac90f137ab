use super::*;
use crate::random::{Random, stream};

/// Numbers of all common sizes, positive or not, with bounds from 0 to a thousandth of them; and for each an f32
/// that an executor may hold in its place.
#[expect(
    clippy::cast_possible_truncation,
    reason = "rounded to f32, as is meant"
)]
fn operands(count: u64, seed: u64) -> impl Iterator<Item = (Bounded, f32)> {
    let random = Random::new(seed, stream::TEST, 0);
    (0..count).map(move |i| {
        let size = libm::exp(6.0 * random.normal(3 * i));
        let held = (size * (2.0 * random.uniform(6 * i + 1) - 1.0)) as f32;
        let error = if i % 3 == 0 {
            0.0
        } else {
            1e-3 * f64::from(held.abs()) * random.uniform(6 * i + 2)
        };
        let off = error * (2.0 * random.uniform(6 * i + 4) - 1.0);
        let value = f64::from(held) + off;
        (Bounded { value, error }, held)
    })
}

fn assert_within(what: &str, found: f32, bounded: Bounded) {
    let error = (f64::from(found) - bounded.value).abs();
    assert!(error <= bounded.error, "{what}: {found:e}, {bounded:?}");
    assert!(bounded.error.is_finite(), "{what}: {bounded:?}");
}

#[test]
fn arithmetic_in_f32_is_within() {
    for ((a, held_a), (b, held_b)) in operands(20_000, 1).zip(operands(20_000, 2)) {
        assert_within("sum", held_a + held_b, a + b);
        assert_within("difference", held_a - held_b, a - b);
        assert_within("product", held_a * held_b, a * b);
        assert_within("quotient", held_a / held_b, a / b);
        assert_within("fused", held_a.mul_add(held_b, held_a), a * b + a);
    }
}

#[test]
fn functions_in_f32_are_within() {
    for (x, held) in operands(20_000, 3) {
        let absolute = Bounded {
            value: x.value.abs(),
            ..x
        };
        assert_within("sqrt", held.abs().sqrt(), absolute.sqrt());
        assert_within("ln", held.abs().ln(), absolute.ln());
        if held < 80.0 {
            assert_within("exp", held.exp(), x.exp());
            assert_within("expm1", held.exp_m1(), x.expm1());
        }
        assert_within("sigmoid", Real::sigmoid(held), x.sigmoid());
        assert_within("tanh", Real::tanh(held), x.tanh());
        assert_within("softplus", Real::softplus(held), x.softplus());
        assert_within("cdf", Real::normal_cdf(held), x.normal_cdf());
        assert_within("density", Real::normal_density(held), x.normal_density());
        assert_within("cdf_tanh", Real::normal_cdf_tanh(held), x.normal_cdf_tanh());
        let below = Bounded {
            value: -x.value.abs(),
            ..x
        };
        let shift = Bounded::from_f32(3.0);
        let found = (-held.abs() - 3.0).exp();
        assert_within("exp_minus", found, below.exp_minus(shift));
    }
}

#[test]
fn a_sum_is_within_in_any_order() {
    fn tree(x: &[f32]) -> f32 {
        match x {
            [] => 0.0,
            [x] => *x,
            _ => tree(&x[..x.len() / 2]) + tree(&x[x.len() / 2..]),
        }
    }
    for k in [0, 1, 2, 3, 64, 1000] {
        let (bounded, held): (Vec<Bounded>, Vec<f32>) = operands(k, 4).unzip();
        let sum = Bounded::sum(bounded.into_iter());
        assert_within("forward", held.iter().fold(0.0, |s, x| s + x), sum);
        assert_within("backward", held.iter().rev().fold(0.0, |s, x| s + x), sum);
        assert_within("tree", tree(&held), sum);
    }
    // A million equal terms one after the other lose far more than their square root would say.
    let tenths = (0..1_000_000).map(|_| 0.1_f32);
    let found = tenths.clone().fold(0.0, |s, x| s + x);
    let sum = Bounded::sum(tenths.map(Bounded::from_f32));
    assert_within("a million", found, sum);
    assert!((f64::from(found) - sum.value).abs() > 500.0, "{found}");
}

#[test]
fn what_is_exact_has_no_error() {
    for value in [0.0, 1.0, -2.5, f32::MAX, f32::MIN_POSITIVE] {
        assert_eq!(Bounded::from_f32(value).error, 0.0);
        assert_eq!(Bounded::parameter(f64::from(value)).error, 0.0);
    }
    let tenth = Bounded::parameter(0.1);
    assert_eq!(tenth.value, 0.1);
    assert_eq!(tenth.error, f64::from(0.1_f32) - 0.1);
    let term = Bounded::from_f32(0.1);
    assert_eq!(Bounded::sum([term].into_iter()).error, 0.0);
}

/// The table in the module's documentation, in ulps of the result.
#[test]
fn precisions_are_those_stated() {
    let [a, b, half, ten] = [1.5, -3.0, 0.5, 10.0].map(Bounded::from_f32);
    let table = [
        ("sum", a + b, 0.5),
        ("product", a * b, 0.5),
        ("quotient", a / b, 2.5),
        ("sqrt", ten.sqrt(), 4.5),
        ("exp", (-ten).exp(), 23.0),
        ("exp_minus", a.exp_minus(ten), 20.0 + 0.5 * 8.5),
        ("ln", ten.ln(), 3.0),
        ("ln", half.ln(), 4.0 / std::f64::consts::LN_2),
        ("expm1", b.expm1(), 16.0),
        ("sigmoid", ten.sigmoid(), 11.0),
        ("sigmoid", (-ten).sigmoid(), 31.0),
        ("tanh", b.tanh(), 10.0),
        ("softplus", (-ten).softplus(), 31.0),
        ("normal_cdf", b.normal_cdf(), 24.0 + 18.0),
        ("normal_density", b.normal_density(), 8.0 + 18.0),
        ("normal_cdf_tanh", ten.normal_cdf_tanh(), 16.0),
    ];
    for (what, result, ulps) in table {
        let found = result.error / (ULP * result.value.abs());
        assert!((found - ulps).abs() < 1e-4, "{what}: {found} ulps");
    }
}

#[test]
fn subnormal_numbers_may_be_flushed() {
    let x = Bounded::from_f32(1e-40);
    assert_within("read", 0.0, x);
    assert_within("scaled", 0.0, x * Bounded::from_f32(1e30));
    let small = Bounded::from_f32(1e-30);
    assert_within("underflow", 0.0, small * small);
    assert_within("exp", 0.0, Bounded::from_f32(-88.0).exp());
}

#[test]
fn where_nothing_can_be_said_the_bound_is_infinite() {
    let [zero, one, huge] = [0.0, 1.0, 3e38].map(Bounded::from_f32);
    let unsure = Bounded {
        value: 1.0,
        error: 1.0,
    };
    let nan = Bounded::from_f32(f32::NAN);
    let table = [
        huge + huge,
        huge * huge,
        huge.exp(),
        one / zero,
        one / unsure,
        one / huge,
        unsure.ln(),
        nan,
        nan.sigmoid(),
        (-one).sqrt(),
        Bounded::from_f32(f32::INFINITY),
        Bounded::parameter(1e39),
        Bounded::sum([huge, huge, -huge].into_iter()),
    ];
    for (i, unknown) in table.into_iter().enumerate() {
        assert_eq!(unknown.error, f64::INFINITY, "case {i}: {unknown:?}");
        let followed = [
            zero * (unknown - unknown),
            -unknown / one,
            one / unknown,
            unknown.sqrt(),
            unknown.sigmoid(),
            unknown.normal_density(),
            unknown.exp_minus(huge),
            Bounded::sum([one, unknown].into_iter()),
        ];
        for (j, followed) in followed.into_iter().enumerate() {
            assert_eq!(followed.error, f64::INFINITY, "case {i}, followed by {j}");
        }
    }
}

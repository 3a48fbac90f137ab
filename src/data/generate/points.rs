//! Points in the plane (and a little beyond) with a class each. Shapes follow scikit-learn's `make_*` where it has them.

use std::f64::consts::{PI, TAU};

use super::{Draws, Points};

/// Builds rows one after another: `place` gives a row's coordinates without noise.
fn points(
    [rows, features]: [usize; 2],
    labels: Vec<u32>,
    noise: f64,
    draws: Draws,
    mut place: impl FnMut(usize, &mut [f64]),
) -> Points {
    let scatter = draws.stream(1);
    let mut values = Vec::with_capacity(rows * features);
    let mut point = vec![0.0; features];
    for row in 0..rows {
        place(row, &mut point);
        for (feature, x) in point.iter().enumerate() {
            // With no noise the corners of `xor` are exact.
            let shift = if noise > 0.0 {
                noise * scatter.normal((row * features + feature) as u64)
            } else {
                0.0
            };
            #[expect(
                clippy::cast_possible_truncation,
                reason = "rounding a small coordinate to f32"
            )]
            values.push((x + shift) as f32);
        }
    }
    Points {
        values,
        features,
        labels,
    }
}

/// Corners of the unit cube; the class is a function of the number of ones.
pub(super) fn bits(
    rows: usize,
    bits: usize,
    noise: f64,
    draws: Draws,
    class: impl Fn(u32) -> u32,
) -> Points {
    let patterns = draws.cases(rows, 1 << bits);
    let labels = patterns
        .iter()
        .map(|pattern| class(pattern.count_ones()))
        .collect();
    points([rows, bits], labels, noise, draws, |row, point| {
        for (bit, x) in point.iter_mut().enumerate() {
            *x = f64::from(patterns[row] >> (bits - 1 - bit) & 1);
        }
    })
}

/// Class 0 on the unit circle, class 1 on one of half its radius, at random angles.
pub(super) fn circles(rows: usize, noise: f64, draws: Draws) -> Points {
    let labels = draws.cases(rows, 2);
    let angle = draws.stream(2);
    points([rows, 2], labels.clone(), noise, draws, |row, point| {
        let radius = if labels[row] == 0 { 1.0 } else { 0.5 };
        let t = TAU * angle.uniform(row as u64);
        point.copy_from_slice(&[radius * libm::cos(t), radius * libm::sin(t)]);
    })
}

/// Class 0 an upper half circle around the origin, class 1 a lower one around (1, 0.5).
pub(super) fn moons(rows: usize, noise: f64, draws: Draws) -> Points {
    let labels = draws.cases(rows, 2);
    let angle = draws.stream(2);
    points([rows, 2], labels.clone(), noise, draws, |row, point| {
        let t = PI * angle.uniform(row as u64);
        let (x, y) = (libm::cos(t), libm::sin(t));
        point.copy_from_slice(&if labels[row] == 0 {
            [x, y]
        } else {
            [1.0 - x, 0.5 - y]
        });
    })
}

/// `classes` arms that make three quarters of a turn from radius 0.1 to 1.
pub(super) fn spirals(rows: usize, classes: usize, noise: f64, draws: Draws) -> Points {
    let count = u32::try_from(classes).expect("the specification allows at most 100 classes");
    let labels = draws.cases(rows, count);
    let along = draws.stream(2);
    points([rows, 2], labels.clone(), noise, draws, |row, point| {
        let t = along.uniform(row as u64);
        let radius = 0.1 + 0.9 * t;
        let angle = TAU * (0.75 * t + f64::from(labels[row]) / f64::from(count));
        point.copy_from_slice(&[radius * libm::cos(angle), radius * libm::sin(angle)]);
    })
}

/// Normal clouds, of standard deviation `noise`, around centres in `[-3, 3)`. Each centre is the one of 32 candidates
/// that lies farthest from those before it, so that clouds overlap little.
pub(super) fn blobs(
    [rows, features]: [usize; 2],
    classes: usize,
    noise: f64,
    draws: Draws,
) -> Points {
    const CANDIDATES: usize = 32;
    let count = u32::try_from(classes).expect("the specification allows at most 100 classes");
    let labels = draws.cases(rows, count);
    let place = draws.stream(2);
    let candidate = |number: usize| -> Vec<f64> {
        (0..features)
            .map(|f| 6.0 * place.uniform((number * features + f) as u64) - 3.0)
            .collect()
    };
    let squared =
        |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum() };
    let mut centres: Vec<Vec<f64>> = Vec::new();
    for class in 0..classes {
        let apart = |c: &[f64]| {
            centres
                .iter()
                .map(|other| squared(c, other))
                .fold(f64::INFINITY, f64::min)
        };
        let best = (0..CANDIDATES)
            .map(|i| candidate(class * CANDIDATES + i))
            .max_by(|a, b| apart(a).total_cmp(&apart(b)))
            .expect("there are candidates");
        centres.push(best);
    }
    points(
        [rows, features],
        labels.clone(),
        noise,
        draws,
        |row, point| {
            point.copy_from_slice(&centres[labels[row] as usize]);
        },
    )
}

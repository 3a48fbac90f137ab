//! Occlusion, against pictures that are covered here.

use thalweg::explain::{Patch, Quantity};
use thalweg::network::{Activation, Network};

use super::{drawn, explainer, near, rows};
use crate::common::executors;

/// A picture with a square of grey, as slowly as can be.
fn covered(
    x: &[f32],
    [width, height, channels]: [usize; 3],
    planes: bool,
    at: [i64; 2],
    patch: Patch,
) -> Vec<f32> {
    let mut x = x.to_vec();
    let first = at.map(|middle| middle - (patch.size / 2) as i64);
    let within =
        |place: i64, axis: usize| (first[axis]..first[axis] + patch.size as i64).contains(&place);
    for row in 0..height {
        for column in 0..width {
            for channel in 0..channels {
                let place = if planes {
                    channel * width * height + row * width + column
                } else {
                    (row * width + column) * channels + channel
                };
                if within(column as i64, 0) && within(row as i64, 1) {
                    x[place] = patch.grey;
                }
            }
        }
    }
    x
}

#[test]
fn a_patch_covers_every_position() {
    let cases = [
        ([5, 4, 1], false, 1, 1),
        ([5, 4, 1], false, 3, 2),
        ([4, 6, 3], false, 2, 1),
        ([4, 6, 3], true, 4, 3),
    ];
    for (shape, planes, size, stride) in cases {
        let features = shape.iter().product();
        let model = drawn(
            Network::mlp(features, &[9], 3, Activation::Relu),
            Activation::Softmax,
            2,
        );
        let x = rows(3, features, 5);
        let patch = Patch {
            size,
            stride,
            grey: 0.25,
        };
        for named in executors() {
            let (name, mut explainer) = explainer(&model, named);
            for of in [Quantity::Probability, Quantity::Logit] {
                let found = explainer.occlusion(of, &x, shape, planes, patch).unwrap();
                assert_eq!(found.len(), 3, "{name}");
                for (x, found) in x.chunks(features).zip(&found) {
                    let positions = (0..shape[1]).step_by(stride).flat_map(|row| {
                        (0..shape[0])
                            .step_by(stride)
                            .map(move |column| [column as i64, row as i64])
                    });
                    let pictures: Vec<f32> = positions
                        .flat_map(|at| covered(x, shape, planes, at, patch))
                        .collect();
                    let expected = explainer.answers(of, &pictures).unwrap();
                    near(
                        &found.covered,
                        &expected,
                        2e-6,
                        &format!("{name}, {shape:?}"),
                    );
                    let whole = explainer.answers(of, x).unwrap();
                    near(&found.whole, &whole, 2e-6, &name);
                    assert_eq!(found.width, shape[0].div_ceil(stride), "{name}");
                    let drops = found.drops(1);
                    let lost: Vec<f64> = expected.chunks(3).map(|y| whole[1] - y[1]).collect();
                    near(&drops, &lost, 4e-6, &name);
                }
            }
        }
    }
}

/// A picture that is too large for all positions at once, by a linear network: what a patch costs is then known.
#[test]
fn positions_come_in_parts() {
    let shape @ [width, height, _] = [80, 70, 1];
    let features = width * height;
    let model = drawn(Network::new(features).linear(2), Activation::Identity, 3);
    let x = rows(2, features, 6);
    let patch = Patch {
        size: 3,
        stride: 1,
        grey: 0.25,
    };
    let on_cpu = executors().into_iter().filter(|named| named.name == "cpu");
    for named in on_cpu {
        let (name, mut explainer) = explainer(&model, named);
        let found = explainer.occlusion(Quantity::Logit, &x, shape, false, patch);
        let found = found.expect("it fits");
        for (x, found) in x.chunks(features).zip(&found) {
            assert_eq!(found.covered.len(), 2 * features, "one answer a position");
            let cost = |at: [usize; 2]| -> f64 {
                let covered = (0..features).filter(|i| {
                    let (column, row) = (i % width, i / width);
                    column.abs_diff(at[0]) <= 1 && row.abs_diff(at[1]) <= 1
                });
                let change =
                    |i: usize| f64::from(model.values[0][features + i]) * f64::from(x[i] - 0.25);
                covered.map(change).sum()
            };
            let positions = (0..features).step_by(37);
            let drops = found.drops(1);
            for place in positions {
                let expected = cost([place % width, place / width]);
                assert!(
                    (drops[place] - expected).abs() < 2e-5,
                    "{name}, position {place}: {} instead of {expected}",
                    drops[place]
                );
            }
        }
    }
}

#[test]
fn patches_that_make_no_sense_are_refused() {
    let model = drawn(
        Network::mlp(20, &[4], 2, Activation::Relu),
        Activation::Softmax,
        2,
    );
    let x = rows(1, 20, 5);
    for named in executors().into_iter().take(1) {
        let (_, mut explainer) = explainer(&model, named);
        for (shape, size, stride, grey) in [
            ([5, 5, 1], 2, 1, 0.0),
            ([5, 4, 1], 0, 1, 0.0),
            ([5, 4, 1], 5, 1, 0.0),
            ([5, 4, 1], 2, 0, 0.0),
            ([5, 4, 1], 2, 1, f32::NAN),
        ] {
            let patch = Patch { size, stride, grey };
            let error = explainer
                .occlusion(Quantity::Logit, &x, shape, false, patch)
                .unwrap_err();
            assert!(error.is_bad_input(), "{error}");
        }
    }
}

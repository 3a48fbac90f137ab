//! Integrated gradients against a slow integration, and rows in several parts.

use thalweg::explain::{Explainer, Patch, Quantity};
use thalweg::network::{Activation, Network};
use thalweg::train::Model;

use super::{drawn, explainer, near, rows};
use crate::common::{cpu, executors, named};

/// The contributions by the mean of so many gradients.
#[expect(clippy::cast_possible_truncation, reason = "inputs are f32")]
fn slowly(
    explainer: &mut Explainer,
    of: Quantity,
    [from, to]: [&[f32]; 2],
    output: usize,
    points: usize,
) -> Vec<f64> {
    let way = |i: usize| f64::from(to[i]) - f64::from(from[i]);
    let at = |point: usize, i: usize| {
        let share = (point as f64 + 0.5) / points as f64;
        (f64::from(from[i]) + share * way(i)) as f32
    };
    let x: Vec<f32> = (0..points)
        .flat_map(|point| (0..to.len()).map(move |i| at(point, i)))
        .collect();
    let found = explainer.gradients(of, &x, &vec![output; points]).unwrap();
    let mean = |i: usize| {
        let each = found.gradients.iter().skip(i).step_by(to.len());
        each.sum::<f64>() / points as f64
    };
    (0..to.len()).map(|i| way(i) * mean(i)).collect()
}

fn bent() -> [Model; 3] {
    let of = |hidden: &[usize], function, seed| {
        drawn(
            Network::mlp(12, hidden, 5, function),
            Activation::Softmax,
            seed,
        )
    };
    let mut faint = of(&[30], Activation::Relu, 9);
    // Differences of 1e-5 on outputs of about 1.
    faint.values[2].iter_mut().for_each(|w| *w *= 1e-5);
    faint.values[3].iter_mut().for_each(|b| *b += 1.0);
    [
        of(&[40, 30], Activation::Relu, 7),
        of(&[40], Activation::Tanh, 8),
        faint,
    ]
}

/// Each contribution by itself, and not their sum alone, however few gradients are begun with and however small the answer's
/// difference is.
#[test]
fn single_contributions_are_right() {
    let x: Vec<f32> = rows(6, 12, 3).iter().map(|x| 3.0 * x).collect();
    let baseline = rows(1, 12, 4);
    for model in &bent() {
        for named in executors() {
            let (name, mut explainer) = explainer(model, named);
            for of in [Quantity::Logit, Quantity::Probability] {
                for (row, x) in x.chunks(12).enumerate() {
                    let exact = slowly(&mut explainer, of, [&baseline, x], row % 5, 10_000);
                    let largest = exact.iter().fold(0.0_f64, |most, a| most.max(a.abs()));
                    for steps in [4, 32] {
                        let found = explainer
                            .integrated_gradients(of, x, &[row % 5], &baseline, steps)
                            .unwrap();
                        let worst = (found[0].attributions.iter().zip(&exact))
                            .map(|(found, exact)| (found - exact).abs() / largest)
                            .fold(0.0, f64::max);
                        assert!(
                            worst < 2e-3,
                            "{name}, {of}, row {row}, {steps} steps: off by {worst:.1e} of the largest; {} gradients",
                            found[0].gradients
                        );
                        assert!(found[0].is_complete, "{name}: {:?}", found[0]);
                        assert!(found[0].missed >= found[0].gap().abs() - 1e-12, "{name}");
                    }
                }
            }
        }
    }
}

/// What is not complete says so: of so many inputs fewer gradients are kept than the path bends.
#[test]
fn a_path_that_cannot_be_followed_is_not_complete() {
    let features = 1 << 18;
    let network = Network::mlp(features, &[64], 1, Activation::Relu);
    let model = drawn(network, Activation::Identity, 3);
    let (_, mut explainer) = explainer(&model, named("cpu", cpu(2)));
    let (from, to) = (rows(1, features, 10), rows(1, features, 11));
    let of = Quantity::Logit;
    let found = explainer
        .integrated_gradients(of, &to, &[0], &from, 8)
        .unwrap();
    assert!(
        !found[0].is_complete && found[0].gradients <= 200,
        "{}",
        found[0].gradients
    );
    assert!(found[0].missed > 2e-5 * (found[0].to - found[0].from).abs());
    assert!(
        explainer
            .integrated_gradients(of, &to, &[0], &from, 65)
            .is_err()
    );
}

/// More rows, and more inputs, than are computed at once.
#[test]
fn parts_come_together() {
    let model = drawn(
        Network::mlp(9, &[7], 3, Activation::Tanh),
        Activation::Softmax,
        5,
    );
    let x = rows(1300, 9, 6);
    let outputs: Vec<usize> = (0..1300).map(|row| row % 3).collect();
    let wide = drawn(Network::new(5000).linear(2), Activation::Identity, 6);
    let y = rows(900, 5000, 7);
    for named in executors() {
        let name = named.name.clone();
        let (_, mut explainer) = explainer(&model, named);
        let all = explainer
            .gradients(Quantity::Probability, &x, &outputs)
            .unwrap();
        for row in [0, 1023, 1024, 1299] {
            let one = &x[row * 9..(row + 1) * 9];
            let alone = explainer
                .gradients(Quantity::Probability, one, &[row % 3])
                .unwrap();
            near(
                &all.gradients[row * 9..(row + 1) * 9],
                &alone.gradients,
                1e-6,
                &name,
            );
            near(&all.values[row..=row], &alone.values, 1e-6, &name);
        }
    }
    let weights: Vec<f64> = wide.values[0].iter().map(|&w| f64::from(w)).collect();
    for named in executors().into_iter().skip(1) {
        let (name, mut explainer) = explainer(&wide, named);
        let all = explainer
            .gradients(Quantity::Logit, &y, &vec![1; 900])
            .unwrap();
        assert_eq!(all.values.len(), 900, "{name}");
        near(&all.gradients[899 * 5000..], &weights[5000..], 1e-5, &name);
        let changed = explainer
            .perturbation(Quantity::Logit, &y[..5000], &[1], 0.5)
            .unwrap();
        near(&changed, &weights[5000..], 1e-4, &name);
        let expected = explainer
            .answers(Quantity::Logit, &y[899 * 5000..])
            .unwrap();
        let all = explainer.answers(Quantity::Logit, &y).unwrap();
        near(&all[2 * 899..], &expected, 1e-5, &name);
    }
}

/// Pictures so large that neither all positions nor all pictures fit into a batch.
#[test]
fn large_pictures_are_covered_in_parts() {
    let shape = [512, 512, 3];
    let features = 512 * 512 * 3;
    let model = drawn(Network::new(features).linear(2), Activation::Identity, 8);
    let x = rows(6, features, 9);
    let patch = Patch {
        size: 100,
        stride: 128,
        grey: 0.25,
    };
    let weight = |at: usize| f64::from(model.values[0][features + at]);
    for named in executors().into_iter().skip(1) {
        let (name, mut explainer) = explainer(&model, named);
        let found = explainer
            .occlusion(Quantity::Logit, &x, shape, false, patch)
            .unwrap();
        for (x, found) in x.chunks(features).zip(&found) {
            let drops = found.drops(1);
            assert_eq!((drops.len(), found.width), (16, 4), "{name}");
            for (place, drop) in drops.iter().enumerate() {
                let [column, row] = [place % 4 * 128, place / 4 * 128];
                let side = |middle: usize| middle.saturating_sub(50)..(middle + 50).min(512);
                let mut expected = 0.0;
                for at in side(row).flat_map(|y| side(column).map(move |x| (y * 512 + x) * 3)) {
                    let lost = |at: usize| weight(at) * (f64::from(x[at]) - 0.25);
                    expected += lost(at) + lost(at + 1) + lost(at + 2);
                }
                assert!(
                    (drop - expected).abs() < 1e-3,
                    "{name}: {drop} for {expected}"
                );
            }
        }
    }
}

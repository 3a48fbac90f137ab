//! Inputs that excite units.

use thalweg::explain::{Exciting, ExplainError, Place, Quantity};
use thalweg::network::{Activation, Layer, Network};

use super::{drawn, explainer, near, rows};
use crate::common::executors;

fn how(features: usize, l2: f64) -> Exciting {
    Exciting {
        steps: 300,
        rate: 0.05,
        l2,
        start: vec![0.1; features],
        low: vec![-1.0; features],
        high: vec![2.0; features],
    }
}

/// Of a linear network the best input is at the ends of its range, by the signs of the weights; with L2 it is `w / l2`.
#[test]
fn a_linear_network_is_excited_as_its_weights_say() {
    let model = drawn(Network::new(6).linear(3), Activation::Identity, 11);
    for named in executors() {
        let (name, mut explainer) = explainer(&model, named);
        let place = Place::Outputs(Quantity::Logit);
        let found = explainer.excite(place, &[2, 0], &how(6, 0.0)).unwrap();
        for (found, unit) in found.iter().zip([2, 0]) {
            let weights = &model.values[0][unit * 6..(unit + 1) * 6];
            let ends: Vec<f64> = weights
                .iter()
                .map(|w| if *w > 0.0 { 2.0 } else { -1.0 })
                .collect();
            let x: Vec<f64> = found.x.iter().map(|&x| f64::from(x)).collect();
            near(&x, &ends, 1e-6, &name);
            assert_eq!(found.unit, unit, "{name}");
            let y = explainer.answers(Quantity::Logit, &found.x).unwrap();
            near(&found.values[1..], &y[unit..=unit], 1e-5, &name);
            assert!(
                found.values[1] > found.values[0],
                "{name}: {:?}",
                found.values
            );
        }
        let found = explainer.excite(place, &[1], &how(6, 2.0)).unwrap();
        let expected: Vec<f64> = model.values[0][6..12]
            .iter()
            .map(|w| (f64::from(*w) / 2.0).clamp(-1.0, 2.0))
            .collect();
        let x: Vec<f64> = found[0].x.iter().map(|&x| f64::from(x)).collect();
        near(&x, &expected, 1e-2, &name);
    }
}

/// A hidden unit is excited though it is off at first, the input stays in its range, and rows are found in their order.
#[test]
fn hidden_units_and_rows() {
    let model = drawn(
        Network::mlp(6, &[8, 5], 3, Activation::Relu),
        Activation::Softmax,
        13,
    );
    let x = rows(40, 6, 21);
    for named in executors() {
        let (name, mut explainer) = explainer(&model, named);
        let place = Place::Hidden(1);
        let units: Vec<usize> = (0..5).collect();
        let found = explainer.excite(place, &units, &how(6, 0.0)).unwrap();
        let values = explainer.unit_values(place, &x).unwrap();
        let rows = explainer.most_excited(place, &units, &x, 3).unwrap();
        for (found, rows) in found.iter().zip(&rows) {
            let of: Vec<f64> = values.chunks(5).map(|row| row[found.unit]).collect();
            let most = of.iter().copied().fold(0.0, f64::max);
            assert!(
                found.values[1] >= most,
                "{name}: {:?} for {most}",
                found.values
            );
            assert!(
                found.x.iter().all(|x| (-1.0..=2.0).contains(x)),
                "{name}: {:?}",
                found.x
            );
            assert_eq!(rows.len(), 3, "{name}");
            assert!(
                rows[0].1 == most && rows.windows(2).all(|w| w[0].1 >= w[1].1),
                "{name}: {rows:?}"
            );
            assert!(
                rows.iter().all(|(row, value)| of[*row] == *value),
                "{name}: {rows:?}"
            );
        }
        // A hidden layer is what the layers before it make.
        let mut first = model.clone();
        first.network = Network::mlp(6, &[8], 5, Activation::Relu).activation(Activation::Relu);
        first.values.truncate(4);
        first.output = Activation::Identity;
        let expected: Vec<f64> = first
            .predict(&x)
            .unwrap()
            .iter()
            .map(|&y| f64::from(y))
            .collect();
        near(&values, &expected, 2e-6, &name);
        for (place, units) in [(Place::Hidden(2), [0]), (place, [5])] {
            let error = explainer.excite(place, &units, &how(6, 0.0)).unwrap_err();
            assert!(error.is_bad_input(), "{error}");
        }
    }
}

/// The units of a maxout layer are the largest of their pieces, and a probability is no logit.
#[test]
fn maxout_units_and_probabilities() {
    let maxout = Layer::Maxout {
        outputs: 3,
        pieces: 2,
    };
    let model = drawn(
        Network::new(4).layer(maxout).linear(3),
        Activation::Softmax,
        15,
    );
    let ends = |piece: usize| -> f64 {
        let weights = &model.values[0][piece * 4..(piece + 1) * 4];
        let most = weights
            .iter()
            .map(|&w| f64::from(if w > 0.0 { 2.0 * w } else { -w }));
        most.sum::<f64>() + f64::from(model.values[1][piece])
    };
    for named in executors() {
        let (name, mut explainer) = explainer(&model, named);
        let place = Place::Hidden(0);
        for found in explainer.excite(place, &[0, 1, 2], &how(4, 0.0)).unwrap() {
            let made = found.values[1];
            let pieces = [0, 1].map(|piece| ends(2 * found.unit + piece));
            assert!(
                pieces.iter().any(|p| (p - made).abs() < 1e-4),
                "{name}: {made} for {pieces:?}"
            );
            let own = explainer.unit_values(place, &found.x).unwrap();
            near(&own[found.unit..=found.unit], &[made], 1e-5, &name);
        }
        let place = Place::Outputs(Quantity::Probability);
        let found = explainer.excite(place, &[1], &how(4, 0.0)).unwrap();
        let p = explainer
            .answers(Quantity::Probability, &found[0].x)
            .unwrap()[1];
        near(&found[0].values[1..], &[p], 1e-5, &name);
        assert!(
            found[0].values[0] < p && p <= 1.0,
            "{name}: {:?}",
            found[0].values
        );
    }
}

/// Rows in parts are ranked as all at once; a unit that is the same on all rows is excited by none.
#[test]
fn rows_are_ranked_in_parts() {
    let mut model = drawn(
        Network::mlp(3, &[4], 2, Activation::Relu),
        Activation::Softmax,
        17,
    );
    model.values[1][2] = -100.0;
    let x = rows(50, 3, 19);
    for named in executors() {
        let (name, mut explainer) = explainer(&model, named);
        let (place, units) = (Place::Hidden(0), [0, 1, 2, 3]);
        let whole = explainer.most_excited(place, &units, &x, 4).unwrap();
        assert!(
            whole[2].is_empty() && whole[1].len() == 4,
            "{name}: {whole:?}"
        );
        let parts = x.chunks(3 * 7).map(Ok::<_, ExplainError>);
        let ranked = explainer.ranked(place, &units, parts, 4).unwrap();
        for (ranked, whole) in ranked.iter().zip(&whole) {
            let of = |rows: &[(usize, f64)]| rows.iter().map(|(row, _)| *row).collect::<Vec<_>>();
            assert_eq!(of(&ranked.rows), of(whole), "{name}");
        }
        assert!(
            ranked[2].deviation == 0.0 && ranked[1].deviation > 0.0,
            "{name}: {ranked:?}"
        );
    }
}

/// More steps, and more units of many inputs, than memory holds are refused.
#[test]
fn what_memory_cannot_hold_is_refused() {
    let model = drawn(Network::new(6).linear(3), Activation::Identity, 11);
    for named in executors().into_iter().take(1) {
        let (_, mut explainer) = explainer(&model, named);
        let place = Place::Outputs(Quantity::Logit);
        let steps = |steps| Exciting {
            steps,
            ..how(6, 0.0)
        };
        for (units, how) in [
            (vec![0], steps(u32::MAX)),
            (vec![0], steps(0)),
            (vec![1; 1 << 22], steps(1)),
            (
                vec![0],
                Exciting {
                    l2: 1e300,
                    ..how(6, 0.0)
                },
            ),
        ] {
            let error = explainer.excite(place, &units, &how).unwrap_err();
            assert!(
                error.is_bad_input() && error.to_string().len() < 150,
                "{error}"
            );
        }
        // More steps than are submitted at once.
        let found = explainer.excite(place, &[0], &steps(1500)).unwrap();
        assert!(found[0].values[1] > found[0].values[0], "{found:?}");
    }
}

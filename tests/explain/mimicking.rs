//! Surrogates of networks that are such models themselves.

use thalweg::explain::{Cells, Fidelity, Goal, Linear, Locality, Quantity, Spread, Tree};
use thalweg::network::{Activation, Network};

use super::{drawn, explainer, near, rows};
use crate::common::executors;

const HOW: Locality = Locality {
    samples: 400,
    width: None,
    ridge: 1e-9,
    seed: 3,
};

/// Of a linear network the linear surrogates are the network.
#[test]
fn a_linear_network_is_its_own_surrogate() {
    let model = drawn(Network::new(5).linear(2), Activation::Identity, 17);
    let x = rows(60, 5, 31);
    let wide: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
    let spread = Spread::of(&x, 5);
    let expected: Vec<f64> = model.values[0].iter().map(|&w| f64::from(w)).collect();
    for named in executors() {
        let (name, mut explainer) = explainer(&model, named);
        let y = explainer.answers(Quantity::Logit, &x).unwrap();
        let found = Linear::fit(&wide, &y, 2, None, 1e-9).unwrap();
        near(&found.weight, &expected, 1e-5, &name);
        let fidelity = Fidelity::of(&found.answers(&wide), &y, 2, None);
        assert!(
            fidelity.r2 > Some(0.999_999) && fidelity.agreement > Some(0.95),
            "{fidelity:?}"
        );
        let local = explainer
            .local(Quantity::Logit, &x[..5], 1, &spread, HOW)
            .unwrap();
        let scaled: Vec<f64> = (0..5)
            .map(|f| expected[5 + f] * spread.deviation[f])
            .collect();
        near(&local.weights, &scaled, 1e-4, &name);
        near(&[local.bias], &y[1..2], 1e-4, &name);
        assert!(
            local.fidelity.r2 > Some(0.9999),
            "{name}: {:?}",
            local.fidelity
        );
        assert!(
            (local.width - 0.75 * 5.0_f64.sqrt()).abs() < 1e-12,
            "LIME's width"
        );
    }
}

/// Cells of a picture: what a cell adds is the sum of its weights times what it shows beyond the grey.
#[test]
fn cells_of_a_linear_network_add_up() {
    let model = drawn(Network::new(24).linear(2), Activation::Identity, 19);
    let x = rows(1, 24, 33);
    let cells = Cells {
        size: 2,
        shape: [6, 4, 1],
        planes: false,
        grey: 0.5,
    };
    let mut expected = vec![0.0; 6];
    for (at, value) in x.iter().enumerate() {
        let cell = at / 6 / 2 * 3 + at % 6 / 2;
        expected[cell] += f64::from(model.values[0][at]) * (f64::from(*value) - 0.5);
    }
    for named in executors() {
        let (name, mut explainer) = explainer(&model, named);
        let local = explainer
            .local_cells(Quantity::Logit, &x, 0, cells, HOW)
            .unwrap();
        near(&local.weights, &expected, 1e-4, &name);
        let wrong = Cells { size: 0, ..cells };
        assert!(
            explainer
                .local_cells(Quantity::Logit, &x, 0, wrong, HOW)
                .is_err(),
            "{name}"
        );
    }
}

/// A local model is truer near its row than the global one is there.
#[test]
fn a_local_model_is_local() {
    let model = drawn(
        Network::mlp(3, &[30], 1, Activation::Tanh),
        Activation::Identity,
        23,
    );
    let x: Vec<f32> = rows(300, 3, 35).iter().map(|x| 4.0 * x).collect();
    let spread = Spread::of(&x, 3);
    for named in executors().into_iter().take(1) {
        let (name, mut explainer) = explainer(&model, named);
        let narrow = Locality {
            width: Some(0.2),
            samples: 3000,
            ..HOW
        };
        let local = explainer
            .local(Quantity::Logit, &x[..3], 0, &spread, narrow)
            .unwrap();
        let exact = explainer.gradients(Quantity::Logit, &x[..3], &[0]).unwrap();
        let slopes: Vec<f64> = exact
            .gradients
            .iter()
            .zip(&spread.deviation)
            .map(|(g, s)| g * s)
            .collect();
        near(&local.weights, &slopes, 0.1, &name);
        let wide = explainer
            .local(Quantity::Logit, &x[..3], 0, &spread, HOW)
            .unwrap();
        assert!(
            local.fidelity.r2 > wide.fidelity.r2,
            "{:?} and {:?}",
            local.fidelity,
            wide.fidelity
        );
    }
}

/// A tree finds the boxes that rows were made of, and says so.
#[test]
fn a_tree_finds_boxes() {
    let x = rows(500, 3, 37);
    let class = |row: &[f32]| match (row[1] > 0.2, row[2] > -0.4) {
        (true, _) => 2_usize,
        (false, true) => 0,
        (false, false) => 1,
    };
    let labels: Vec<usize> = x.chunks(3).map(class).collect();
    let goal = Goal::Classes {
        labels: &labels[..300],
        classes: 3,
    };
    let tree = Tree::grow(&x[..900], 3, goal, 3, 1).unwrap();
    let said = tree.answers(&x[900..], 3);
    let same = said
        .iter()
        .zip(&labels[300..])
        .filter(|(s, l)| **s == **l as f64)
        .count();
    assert!(same >= 196, "{same} of 200");
    assert_eq!(tree.leaves(), 3, "{tree:?}");
    let error = Tree::grow(&x, 3, goal, 3, 1).unwrap_err();
    assert!(error.is_bad_input(), "{error}");
}

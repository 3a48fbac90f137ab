//! Surrogates of networks that are such models themselves.

use thalweg::explain::{Cells, Fidelity, Linear, Locality, Quantity, Spread};
use thalweg::network::{Activation, Network};
use thalweg::random::{Random, stream};
use thalweg::reference::Reference;

use super::{drawn, explainer, near, rows};
use crate::common::{executors, named};

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

/// What is drawn, what each row counts, and on which rows it is held, as the documentation says.
#[test]
#[expect(clippy::cast_possible_truncation, reason = "inputs are f32")]
fn a_local_model_is_as_documented() {
    let model = drawn(
        Network::mlp(2, &[9], 2, Activation::Tanh),
        Activation::Softmax,
        43,
    );
    let (_, mut explainer) = explainer(&model, named("reference", Reference::f64()));
    let (x, of) = ([0.3_f32, -0.8], Quantity::Probability);
    let spread = Spread::of(&rows(50, 2, 44), 2);
    let (width, usual) = (0.5_f64, 0.75 * 2.0_f64.sqrt());
    let how = Locality {
        width: Some(width),
        ..HOW
    };
    let random = Random::new(how.seed, stream::AROUND, 0);
    let (mut seen, mut drawn, mut counts) = (Vec::new(), Vec::new(), Vec::new());
    for sample in 0..how.samples {
        let mut square = 0.0;
        for (i, x) in x.iter().enumerate() {
            let z = random.normal((2 * sample + i) as u64) * width / usual;
            square += z * z;
            seen.push(z);
            drawn.push((f64::from(*x) + z * spread.deviation[i]) as f32);
        }
        counts.push((-square / (width * width)).exp());
    }
    let y = explainer.answers(of, &drawn).unwrap();
    let y: Vec<f64> = y.chunks(2).map(|y| y[1]).collect();
    let expected =
        Linear::fit(&seen[..560], &y[..280], 1, Some(&counts[..280]), how.ridge).unwrap();
    let said = expected.answers(&seen[560..]);
    let fidelity = Fidelity::of(&said, &y[280..], 1, Some(&counts[280..]));
    let found = explainer.local(of, &x, 1, &spread, how).unwrap();
    near(&found.weights, &expected.weight, 1e-5, "weights");
    near(&[found.bias], &expected.bias, 1e-6, "bias");
    assert_eq!(found.fidelity.rows, 120, "three tenths are held out");
    near(
        &[found.fidelity.r2.unwrap()],
        &[fidelity.r2.unwrap()],
        1e-5,
        "fidelity",
    );
    assert!((100.0..280.0).contains(&found.counted), "{}", found.counted);
}

/// A kernel as narrow as f32 lets it be still counts rows, and finds the gradient.
#[test]
fn a_narrow_kernel_finds_the_gradient() {
    let model = drawn(
        Network::mlp(5, &[30], 1, Activation::Tanh),
        Activation::Identity,
        23,
    );
    let x: Vec<f32> = rows(300, 5, 35).iter().map(|x| 2.0 * x).collect();
    let spread = Spread::of(&x, 5);
    let (_, mut explainer) = explainer(&model, named("reference", Reference::f64()));
    let exact = explainer
        .gradients(Quantity::Logit, &x[..5], &[0])
        .unwrap()
        .gradients;
    let slopes: Vec<f64> = exact
        .iter()
        .zip(&spread.deviation)
        .map(|(g, s)| g * s)
        .collect();
    for width in [0.05, 0.03, 0.01] {
        let how = Locality {
            width: Some(width),
            ..HOW
        };
        let found = explainer
            .local(Quantity::Logit, &x[..5], 0, &spread, how)
            .unwrap();
        near(&found.weights, &slopes, 2e-2, &format!("width {width}"));
        assert!(
            found.fidelity.r2 > Some(0.99),
            "{width}: {:?}",
            found.fidelity
        );
        assert!(found.counted > 100.0, "{width}: {}", found.counted);
    }
    let how = Locality {
        width: Some(1e-12),
        ..HOW
    };
    let error = explainer
        .local(Quantity::Logit, &x[..5], 0, &spread, how)
        .unwrap_err();
    assert!(error.to_string().contains("larger"), "{error}");
}

/// Cells that a picture cuts off, of colour, whatever the order of the channels; and what makes no sense is refused.
#[test]
fn cells_of_a_bent_network() {
    let (wide, high) = (7, 5);
    let features = wide * high * 3;
    let model = drawn(
        Network::mlp(features, &[9], 2, Activation::Tanh),
        Activation::Softmax,
        45,
    );
    let (_, mut explainer) = explainer(&model, named("reference", Reference::f64()));
    let (x, of) = (rows(1, features, 46), Quantity::Probability);
    for planes in [false, true] {
        let cells = Cells {
            size: 2,
            shape: [wide, high, 3],
            planes,
            grey: 0.25,
        };
        assert_eq!(cells.counts(), [4, 3]);
        let random = Random::new(HOW.seed, stream::AROUND, 1);
        let (mut seen, mut pictures, mut counts) = (Vec::new(), Vec::new(), Vec::new());
        for sample in 0..HOW.samples {
            let coin = |cell: usize| random.bits((sample * 12 + cell) as u64) & 1 == 1;
            let cell = |at: usize| {
                let pixel = if planes { at % (wide * high) } else { at / 3 };
                pixel / wide / 2 * 4 + pixel % wide / 2
            };
            pictures.extend((0..features).map(|at| if coin(cell(at)) { x[at] } else { 0.25 }));
            let shown = (0..12).filter(|cell| coin(*cell)).count() as f64;
            seen.extend((0..12).map(|cell| f64::from(u8::from(coin(cell)))));
            let distance = 1.0 - (shown / 12.0).sqrt();
            counts.push((-distance * distance / 0.0625).exp());
        }
        let y = explainer.answers(of, &pictures).unwrap();
        let y: Vec<f64> = y.chunks(2).map(|y| y[0]).collect();
        let (rows, ridge) = (HOW.samples * 7 / 10, HOW.ridge);
        let expected = Linear::fit(
            &seen[..rows * 12],
            &y[..rows],
            1,
            Some(&counts[..rows]),
            ridge,
        );
        let expected = expected.unwrap();
        let found = explainer.local_cells(of, &x, 0, cells, HOW).unwrap();
        near(&found.weights, &expected.weight, 1e-6, "cells");
        near(&[found.bias], &expected.bias, 1e-6, "bias");
        for (cells, how) in [
            (Cells { size: 7, ..cells }, HOW),
            (
                Cells {
                    grey: f32::NAN,
                    ..cells
                },
                HOW,
            ),
            (
                cells,
                Locality {
                    width: Some(0.01),
                    ..HOW
                },
            ),
            (cells, Locality { samples: 19, ..HOW }),
            (
                cells,
                Locality {
                    samples: usize::MAX,
                    ..HOW
                },
            ),
        ] {
            let error = explainer.local_cells(of, &x, 0, cells, how).unwrap_err();
            assert!(
                error.is_bad_input() && error.to_string().contains("expected"),
                "{error}"
            );
        }
    }
    let spread = Spread::of(&x, features);
    let how = Locality {
        samples: 1 << 40,
        ..HOW
    };
    let error = explainer.local(of, &x, 0, &spread, how).unwrap_err();
    assert!(
        error.to_string().contains("samples is 1099511627776"),
        "{error}"
    );
}

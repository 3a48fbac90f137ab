//! Gradients, gradient times input, integrated gradients and perturbation, which agree where they must.

use thalweg::explain::Quantity;
use thalweg::network::{Activation, Network};
use thalweg::reference::Reference;

use super::{drawn, explainer, near, rows};
use crate::common::{executors, named};

/// On a linear network all say its weights, times the input where they tell contributions.
#[test]
fn all_agree_on_a_linear_network() {
    let network = Network::new(5).linear(4).linear(3);
    let model = drawn(network, Activation::Identity, 3);
    let x = rows(7, 5, 1);
    let outputs: Vec<usize> = (0..7).map(|row| row % 3).collect();
    // The product of the weights, [3, 4] and [4, 5].
    let weight = |output: usize, feature: usize| -> f64 {
        let [first, _, second, _] = [0, 1, 2, 3].map(|at: usize| &model.values[at]);
        let along =
            |k: usize| f64::from(second[output * 4 + k]) * f64::from(first[k * 5 + feature]);
        (0..4).map(along).sum()
    };
    let pairs = || outputs.iter().flat_map(|&o| (0..5).map(move |f| (o, f)));
    let slopes: Vec<f64> = pairs().map(|(o, f)| weight(o, f)).collect();
    let contributions: Vec<f64> = slopes
        .iter()
        .zip(&x)
        .map(|(w, &x)| w * f64::from(x))
        .collect();
    let exact = named("reference f64", Reference::f64());
    for named in executors().into_iter().chain([exact]) {
        // Rounding of f32, and of a difference of outputs over a step of 0.2.
        let tight = if named.name.ends_with("f64") {
            [1e-12, 1e-11]
        } else {
            [1e-6, 1e-5]
        };
        let (name, mut explainer) = explainer(&model, named);
        let found = explainer.gradients(Quantity::Logit, &x, &outputs).unwrap();
        near(&found.gradients, &slopes, tight[0], &name);
        let sizes: Vec<f64> = slopes.iter().map(|s| s.abs()).collect();
        near(&found.saliency(), &sizes, tight[0], &name);
        near(&found.times_input(&x), &contributions, tight[0], &name);
        let changed = explainer
            .perturbation(Quantity::Logit, &x, &outputs, 0.1)
            .unwrap();
        near(&changed, &slopes, tight[1], &name);
        let paths = explainer
            .integrated_gradients(Quantity::Logit, &x, &outputs, &[0.0; 5], 1)
            .unwrap();
        let all: Vec<f64> = paths.iter().flat_map(|p| p.attributions.clone()).collect();
        near(&all, &contributions, tight[0], &name);
        assert!(
            paths.iter().all(|p| p.gradients == 1),
            "one gradient is enough"
        );
        let values: Vec<f64> = paths.iter().map(|p| p.to).collect();
        near(&found.values, &values, 1e-6, &name);
    }
}

/// The gradient of a bent network is that of small changes, of logits and of probabilities.
#[test]
fn gradients_are_those_of_small_changes() {
    let x = rows(5, 6, 2);
    let outputs = [0, 1, 2, 3, 1];
    for function in [Activation::Tanh, Activation::Gelu, Activation::Sigmoid] {
        let model = drawn(
            Network::mlp(6, &[9, 7], 4, function),
            Activation::Softmax,
            5,
        );
        let (name, mut explainer) = explainer(&model, named("reference f64", Reference::f64()));
        for of in [Quantity::Logit, Quantity::Probability] {
            let found = explainer.gradients(of, &x, &outputs).unwrap();
            // The difference leaves h²/6 of the third derivative, which is some ten here.
            let changed = explainer.perturbation(of, &x, &outputs, 1e-3).unwrap();
            near(
                &found.gradients,
                &changed,
                1e-5,
                &format!("{name}, {function}, {of}"),
            );
        }
    }
}

/// Contributions sum to the difference of the outputs, though the network bends and is begun with few gradients.
#[test]
fn integrated_gradients_are_complete() {
    let models = [
        drawn(
            Network::mlp(12, &[40, 30], 5, Activation::Relu),
            Activation::Softmax,
            7,
        ),
        drawn(
            Network::mlp(12, &[40], 5, Activation::Tanh),
            Activation::Softmax,
            8,
        ),
    ];
    let x: Vec<f32> = rows(6, 12, 3).iter().map(|x| 3.0 * x).collect();
    let baseline = rows(1, 12, 4);
    let outputs = [0, 1, 2, 3, 4, 0];
    for model in &models {
        for named in executors() {
            let (name, mut explainer) = explainer(model, named);
            for of in [Quantity::Logit, Quantity::Probability] {
                let paths = explainer
                    .integrated_gradients(of, &x, &outputs, &baseline, 4)
                    .unwrap();
                let ends = explainer.answers(of, &x).unwrap();
                let start = explainer.answers(of, &baseline).unwrap();
                for (row, path) in paths.iter().enumerate() {
                    let to = ends[row * 5 + outputs[row]];
                    near(
                        &[path.to, path.from],
                        &[to, start[outputs[row]]],
                        1e-6,
                        &name,
                    );

                    assert!(
                        path.gap().abs() <= 1e-3,
                        "{name}, {of}: off by {}",
                        path.gap()
                    );
                    assert!(path.gradients >= 4, "{} gradients", path.gradients);
                }
            }
        }
    }
}

/// What makes no sense is refused, with what was expected.
#[test]
fn nonsense_is_refused() {
    let model = drawn(
        Network::mlp(3, &[4], 2, Activation::Relu),
        Activation::Softmax,
        1,
    );
    let (_, mut explainer) = explainer(&model, named("reference", Reference::f32()));
    let of = Quantity::Logit;
    let mut told = vec![
        explainer.gradients(of, &[1.0; 4], &[0]).unwrap_err(),
        explainer.gradients(of, &[1.0; 3], &[2]).unwrap_err(),
        explainer.gradients(of, &[1.0; 3], &[0, 0]).unwrap_err(),
        explainer
            .perturbation(of, &[1.0; 3], &[0], 0.0)
            .unwrap_err(),
        explainer
            .perturbation(of, &[1e9; 3], &[0], 1e-3)
            .unwrap_err(),
        explainer
            .integrated_gradients(of, &[1.0; 3], &[0], &[0.0; 2], 4)
            .unwrap_err(),
    ];
    told.push(
        explainer
            .integrated_gradients(of, &[1.0; 3], &[0], &[0.0; 3], 0)
            .unwrap_err(),
    );
    for error in told {
        assert!(error.is_bad_input(), "{error}");
        assert!(error.to_string().contains("expected"), "{error}");
    }
}

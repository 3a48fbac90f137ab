//! Looking inside networks, on every device.

mod contributions;
mod covering;
mod exciting;
mod mimicking;
mod names;
mod paths;
mod trees;
mod units;

use thalweg::explain::Explainer;
use thalweg::network::{Activation, Init, Network};
use thalweg::random::{Random, stream};
use thalweg::train::Model;

use crate::common::Named;

/// A network with weights that were drawn.
#[expect(clippy::cast_possible_truncation, reason = "weights are f32")]
fn drawn(network: Network, output: Activation, seed: u64) -> Model {
    let mut values = network.initial(Init::HeNormal, seed);
    // Also what begins as 0 or 1 is to be seen.
    let random = Random::new(seed, stream::TEST, 9);
    for (at, value) in values.iter_mut().flatten().enumerate() {
        *value += (0.1 * random.uniform(at as u64)) as f32;
    }
    Model::from_values(network, output, values).expect("they fit")
}

#[expect(clippy::cast_possible_truncation, reason = "inputs are f32")]
fn rows(count: usize, features: usize, seed: u64) -> Vec<f32> {
    let random = Random::new(seed, stream::TEST, 8);
    let value = |at: usize| (2.0 * random.uniform(at as u64) - 1.0) as f32;
    (0..count * features).map(value).collect()
}

fn explainer(model: &Model, named: Named) -> (String, Explainer) {
    let explainer = Explainer::new(model, named.executor).expect("the device holds it");
    (named.name, explainer)
}

/// All numbers finite and near: to an absolute error, or to this share.
#[track_caller]
fn near(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (at, (f, e)) in found.iter().zip(expected).enumerate() {
        let error = (f - e).abs();
        assert!(
            f.is_finite() && error <= tolerance * e.abs().max(1.0),
            "{what}: [{at}] is {f} for {e}"
        );
    }
}

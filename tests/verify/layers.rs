//! Training with normalisation, residual blocks, maxout and noise is verified too.

use std::collections::BTreeSet;

use thalweg::network::{Activation, Layer, Loss, Network};
use thalweg::train::{Optimizer, Trainer};
use thalweg::verify::verify;

use super::{FEATURES, OUTPUTS, broken, data, gpu, passes};

fn trainer(optimizer: Optimizer) -> Trainer {
    // A bias before batch normalisation has no gradient but rounding errors, which Adam makes steps of.
    let linear = Layer::Linear {
        outputs: 9,
        bias: false,
    };
    let block = vec![
        linear.clone(),
        Layer::BATCH_NORM,
        Layer::Activation {
            function: Activation::Tanh,
        },
    ];
    let network = Network::new(FEATURES)
        .layer(Layer::Noise { std: 0.1 })
        .layer(linear)
        .layer(Layer::BATCH_NORM)
        .activation(Activation::Relu)
        .layer(Layer::Residual { layers: block })
        .layer(Layer::Maxout {
            outputs: 7,
            pieces: 3,
        })
        .layer(Layer::LAYER_NORM)
        .linear(OUTPUTS);
    Trainer::new(network, Loss::CrossEntropy)
        .optimizer(optimizer)
        .batch_size(4)
        .seed(3)
}

#[test]
fn every_layer_passes() {
    for optimizer in [Optimizer::sgd(0.1), Optimizer::adam(0.01)] {
        passes(&trainer(optimizer), &data(true));
    }
}

/// As in `BREAKS`.
#[rustfmt::skip] // one a line
const LAYERS: [[&str; 4]; 10] = [
    ["moments", "moments", "squares += d * d", "squares += d"],
    ["moments", "group_total", "+= group_sums", "-= group_sums"],
    ["normalize", "normalize", "gamma[j] * hat + beta[j]", "gamma[j] * hat"],
    ["normalize_sums", "normalize_sums", "hats += dy[e] * hat", "hats += dy[e]"],
    ["batch_norm_grad", "batch_norm_grad", "(dy[e] - through)", "(dy[e] + through)"],
    ["layer_norm_grad", "layer_norm_grad", "- mean_d - hat", "- mean_d + hat"],
    ["running_moments", "running_moments", "p.correction * moments", "moments"],
    ["max_pieces", "max_pieces", "next > largest", "next < largest"],
    ["max_pieces_grad", "max_pieces_grad", "k == at", "k != at"],
    ["noise", "noise", "cos_of_turn(bits.y)", "cos_of_turn(bits.x)"],
];

#[test]
fn a_broken_layer_is_named() {
    let (trainer, data) = (trainer(Optimizer::sgd(0.1)), data(true));
    let Some(gpu) = gpu() else { return };
    let whole = verify(&trainer, Box::new(gpu), &data, 2).expect("the device works");
    assert!(whole.passed(), "{whole:#?}");
    let kernels: BTreeSet<&str> = LAYERS.iter().map(|[kernel, ..]| *kernel).collect();
    for edit in LAYERS {
        let [kernel, file, ..] = edit;
        assert!(whole.kernels.contains_key(kernel), "{kernel} is not used");
        let Some((found, used)) = broken(&trainer, &data, edit) else {
            return;
        };
        let failure = found.failure.unwrap_or_default();
        // A file that several kernels share breaks the first of them.
        let named = failure.contains(&format!(" ({kernel}, "));
        assert!(used && named, "{file} is broken: {failure}");
    }
    assert_eq!(kernels.len(), 9, "every kernel of layers is broken");
}

//! The updates beside SGD and Adam, and the rules for gradients and weights: each passes, and is found when it is broken.

use thalweg::network::{Activation, Loss};
use thalweg::train::{Group, Optimizer, Precision, Rules};
use thalweg::verify::verify;

use super::{broken, data, passes, passes_to, trainer};
use crate::common::gpu;

fn optimizers() -> [Optimizer; 10] {
    use thalweg::graph::ops::Update;
    use thalweg::kernel::Rmsprop;
    let rmsprop = |centered, momentum| Optimizer {
        learning_rate: 0.01,
        update: Update::Rmsprop(Rmsprop {
            centered,
            momentum,
            // The variance of one gradient is nothing but rounding.
            epsilon: 0.1,
            ..Rmsprop::default()
        }),
    };
    [
        rmsprop(false, 0.0),
        rmsprop(false, 0.9),
        rmsprop(true, 0.0),
        rmsprop(true, 0.9),
        Optimizer::adagrad(0.01),
        Optimizer::adadelta(1.0),
        Optimizer::adamax(0.01),
        Optimizer::nadam(0.01),
        Optimizer::radam(0.01),
        Optimizer::lion(0.001),
    ]
}

fn rules() -> Rules {
    let groups = ["layers.0.*:lr=0.5", "*.bias:weight-decay=0"];
    Rules {
        clip_norm: Some(0.5),
        clip_value: Some(0.1),
        l1: 0.001,
        max_norm: Some(0.4),
        groups: groups
            .map(|group| group.parse::<Group>().expect("it is right"))
            .into(),
        ema: Some(0.9),
        accumulate: None,
    }
}

#[test]
fn every_update_by_a_rule_passes() {
    for optimizer in optimizers() {
        let trainer = trainer(
            Activation::Tanh,
            Loss::CrossEntropy,
            optimizer.weight_decay(0.05),
        );
        // The sign that Lion takes of what is nearly 0 is any.
        passes_to(1e-2, &trainer, &data(true));
    }
}

#[test]
fn gradients_and_weights_under_rules_pass() {
    for optimizer in [
        Optimizer::sgd(0.1),
        Optimizer::adam(0.01),
        Optimizer::nadam(0.01),
    ] {
        let optimizer = optimizer.weight_decay(0.05);
        let mut trainer = trainer(Activation::Tanh, Loss::CrossEntropy, optimizer);
        trainer.options.rules = rules();
        passes(&trainer, &data(true));
    }
}

/// Both plans are held against the reference: that which adds a batch's gradient, and that which updates behind a group. A
/// group ends with the epoch, so that there are updates of 8 and of 2 rows.
#[test]
fn accumulated_gradients_and_their_updates_pass() {
    for optimizer in [Optimizer::sgd(0.1), Optimizer::adam(0.01)] {
        let mut trainer = trainer(Activation::Tanh, Loss::CrossEntropy, optimizer);
        for plain in [true, false] {
            trainer.options.rules = if plain { Rules::default() } else { rules() };
            trainer.options.rules.accumulate = Some(2);
            passes(&trainer, &data(true));
        }
        for executor in super::executors() {
            let found = verify(&trainer, executor, &data(true), 4).expect("the device works");
            let update = if optimizer.word() == "sgd" {
                "sgd_update"
            } else {
                "adam_update"
            };
            let steps = found.kernels.get(update).map_or(0, |kernel| kernel.steps);
            // Six batches, four updates, each of at least one run of parameters.
            assert!(steps >= 4 && steps.is_multiple_of(4), "{found:#?}");
            assert_eq!(found.steps, 4);
        }
    }
    // The update is in no other plan: broken there, it is found there.
    let mut trainer = trainer(Activation::Tanh, Loss::CrossEntropy, Optimizer::adam(0.01));
    trainer.options.rules.accumulate = Some(2);
    let break_ = ["adam", "adam_update", "mean[i] = m;", "mean[i] = -m;"];
    let Some((found, _)) = broken(&trainer, &data(true), break_) else {
        return;
    };
    let failure = found.failure.unwrap_or_default();
    assert!(failure.starts_with("update 1, "), "{failure:?}");
}

#[test]
fn they_pass_under_mixed_precision() {
    for optimizer in [
        Optimizer::sgd(0.1),
        Optimizer::rmsprop(0.01),
        Optimizer::adagrad(0.01),
        Optimizer::adadelta(1.0),
        Optimizer::adamax(0.01),
        Optimizer::lion(0.001),
    ] {
        let mut trainer =
            trainer(Activation::Tanh, Loss::CrossEntropy, optimizer).precision(Precision::Mixed);
        passes_to(1e-1, &trainer, &data(true));
        trainer.options.rules = rules();
        passes_to(1e-1, &trainer, &data(true));
    }
}

/// One line of each shader, as in [`super::BREAKS`].
#[rustfmt::skip] // one a line
const BREAKS: [[&str; 4]; 17] = [
    ["rmsprop_update", "rmsprop_update", "quicken(i, g /", "quicken(i, -g /"],
    ["rmsprop_update", "rmsprop_plain", "return s;", "return s + 1.0;"],
    ["rmsprop_update", "rmsprop_centered", "average[i] = a;", "average[i] = -a;"],
    ["rmsprop_update", "rmsprop_still", "return step;", "return 2.0 * step;"],
    ["rmsprop_update", "rmsprop_momentum", "velocity[i] = v;", "velocity[i] = step + step;"],
    ["adagrad_update", "adagrad_update", "total[i] = s;", "total[i] = g;"],
    ["adadelta_update", "adadelta_update", "step * step);", "step);"],
    ["adamax_update", "adamax_update", "norm[i] = n;", "norm[i] = g;"],
    ["nadam_update", "nadam_update", "square[i] = s;", "square[i] = g;"],
    ["radam_update", "radam_update", "p.rectified != 0u", "p.rectified == 0u"],
    ["lion_update", "lion_update", "p.one_minus_beta2 * g", "p.one_minus_beta1 * g"],
    ["square_sum", "square_sum", "value * value", "value"],
    ["l1_gradient", "l1_gradient", "sign(w[i])", "sign(-w[i])"],
    ["clip_norm", "clip_norm", "min(1.0, ", "max(1.0, "],
    ["clip_value", "clip_value", "clamp(g, -limit, limit)", "clamp(g, -limit, 0.5 * limit)"],
    ["max_norm_update", "max_norm_update", "p.limit / sqrt(square)", "p.limit / square"],
    ["lerp_update", "lerp_update", "x[i] - y[i], y[i]", "x[i], y[i]"],
];

#[test]
fn a_broken_one_is_named() {
    let mut unbroken: Vec<_> = BREAKS.iter().map(|[_, file, ..]| *file).collect();
    for optimizer in optimizers() {
        let mut trainer = trainer(Activation::Tanh, Loss::CrossEntropy, optimizer);
        trainer.options.rules = rules();
        let data = data(true);
        let Some(gpu) = gpu() else { return };
        let whole = verify(&trainer, Box::new(gpu), &data, 2).expect("the device works");
        assert!(whole.passed(), "{whole:#?}");
        for edit in BREAKS {
            let [kernel, file, ..] = edit;
            if !whole.kernels.contains_key(kernel) || !unbroken.contains(&file) {
                continue;
            }
            let Some((found, used)) = broken(&trainer, &data, edit) else {
                return;
            };
            match found.failure {
                None => assert!(!used, "{file} is broken, and nothing was found: {found:#?}"),
                Some(failure) => {
                    let named = failure.contains(&format!(" ({kernel}, "));
                    assert!(used && named, "{file} is broken: {failure}");
                    unbroken.retain(|other| *other != file);
                }
            }
        }
    }
    assert!(
        unbroken.is_empty(),
        "no line of these was broken: {unbroken:?}"
    );
}

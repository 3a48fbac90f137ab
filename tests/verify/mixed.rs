//! Mixed precision in lockstep with the reference.

use thalweg::device::Device;
use thalweg::network::{Activation, Loss};
use thalweg::train::{Optimizer, Precision, Trainer};
use thalweg::verify::verify;

use super::{ACTIVATIONS, data, passes_to, trainer};
use crate::common::{Named, gpu_as_others};

#[test]
fn mixed_precision_passes() {
    let data = data(true);
    let trainings = ACTIVATIONS
        .iter()
        .map(|&a| trainer(a, Loss::CrossEntropy, Optimizer::adam(0.01)));
    let updates = [
        Optimizer::sgd(0.1),
        Optimizer::with_momentum(0.1, 0.9, false),
        Optimizer::with_momentum(0.1, 0.9, true),
        Optimizer::adamw(0.01),
    ]
    .map(|u| trainer(Activation::Relu, Loss::SquaredError, u));
    for trainer in trainings.chain(updates) {
        let trainer = trainer.precision(Precision::Mixed);
        passes_to(1e-2, &trainer, &data);
    }
}

/// The shaders that real GPUs get for operands in half precision, tiles and thin products, as far as this adapter runs them.
#[test]
fn mixed_precision_passes_with_the_shaders_of_hardware() {
    let data = data(true);
    for Named { name, executor } in gpu_as_others() {
        let trainer = trainer(Activation::Gelu, Loss::CrossEntropy, Optimizer::adam(0.01));
        let trainer = trainer.precision(Precision::Mixed);
        let found = verify(&trainer, executor, &data, 4).expect("the device works");
        assert!(found.passed(), "{name}: {found:#?}");
        assert!(found.kernels["matmul"].steps > 0, "{name}: {found:#?}");
    }
}

/// A scale that is too high: the first steps overflow in half precision and are skipped, which is as it should be.
#[test]
fn a_skipped_step_passes() {
    let mut trainer = trainer(Activation::Tanh, Loss::CrossEntropy, Optimizer::adam(0.01))
        .precision(Precision::Mixed);
    let data = data(true);
    let compared = |trainer: &Trainer| {
        let cpu = Device::Cpu.open(None).expect("there is always a CPU");
        let found = verify(trainer, cpu.executor, &data, 4).expect("the device works");
        found.kernels.values().map(|k| k.elements).sum::<usize>()
    };
    let all = compared(&trainer);
    trainer.options.scaling.initial = f64::from(1 << 22);
    passes_to(1e-2, &trainer, &data);
    assert!(
        compared(&trainer) < all,
        "what is infinite counts as compared"
    );
}

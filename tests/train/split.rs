//! Training where tensors are larger than what the device binds: split, it is the same training.

use thalweg::executor::Executor;
use thalweg::kernel::{Limits, Tick};
use thalweg::network::{Activation, Layer, Loss, Network};
use thalweg::reference::Reference;
use thalweg::train::{Evaluation, Optimizer, Purpose, Trainer};
use thalweg::verify::verify;

use super::{classes, numbers};
use crate::common::{Named, cpu, gpu, named};

/// Executors that make plans as for a device that binds so many bytes, and has and needs so many workgroups.
fn limited(binding: u64, workgroups: u32, fill: u32) -> Vec<Named> {
    let change = |limits: &Limits| Limits {
        fill,
        binding: limits.binding.min(binding),
        workgroups: limits.workgroups.min(workgroups),
        ..limits.clone()
    };
    let mut reference = Reference::f32();
    reference.choose_as(change(reference.limits()));
    let mut cpu = cpu(2);
    cpu.choose_as(change(cpu.limits()));
    let gpu = gpu().map(|mut gpu| {
        gpu.choose_as(change(gpu.limits()));
        named("gpu", gpu)
    });
    let host = [named("reference", reference), named("cpu", cpu)];
    host.into_iter().chain(gpu).collect()
}

fn trainers() -> Vec<(Trainer, bool)> {
    let wide = |outputs| {
        Network::new(20)
            .linear(96)
            .activation(Activation::Gelu)
            .dropout(0.2)
            .linear(70)
            .activation(Activation::Relu)
            .linear(outputs)
    };
    let trainer = |outputs, loss, optimizer| {
        Trainer::new(wide(outputs), loss)
            .optimizer(optimizer)
            .batch_size(64)
            .epochs(2)
    };
    vec![
        (trainer(5, Loss::CrossEntropy, Optimizer::adam(0.01)), true),
        (
            trainer(
                3,
                Loss::SquaredError,
                Optimizer::with_momentum(0.01, 0.9, true),
            ),
            false,
        ),
    ]
}

/// With all other layers, whose rows are split too; a batch that is normalised by columns must fit.
fn normalised() -> (Trainer, bool) {
    let network = Network::new(20)
        .layer(Layer::Noise { std: 0.1 })
        .layer(Layer::Linear {
            outputs: 16,
            bias: false,
        })
        .layer(Layer::BATCH_NORM)
        .activation(Activation::Gelu)
        .linear(96)
        .layer(Layer::LAYER_NORM)
        .layer(Layer::Maxout {
            outputs: 70,
            pieces: 2,
        })
        .linear(5);
    let trainer = Trainer::new(network, Loss::CrossEntropy)
        .optimizer(Optimizer::with_momentum(0.05, 0.9, false))
        .batch_size(64)
        .epochs(2);
    (trainer, true)
}

/// Parameters, and what the training and the validation came to.
fn trained(trainer: &Trainer, named: Named, by_class: bool) -> (String, Vec<f64>, [Evaluation; 2]) {
    let make = |rows| {
        if by_class {
            classes(rows, 20, 5)
        } else {
            numbers(rows, 20, 3)
        }
    };
    let (data, validation) = (make(200), make(90));
    let fitted = trainer
        .fit_on(
            named.executor,
            &data,
            Some(&validation),
            &mut thalweg::train::Silent,
        )
        .expect("it trains");
    let values = fitted.model.values.iter().flatten();
    let summary = fitted.summary;
    let validation = summary.validation.expect("there are rows");
    let values = values.map(|&v| f64::from(v)).collect();
    (named.name, values, [summary.train, validation])
}

#[test]
fn small_limits_change_nothing_but_rounding() {
    for (trainer, by_class) in trainers().into_iter().chain([normalised()]) {
        let [whole, bound, few] = [(u64::MAX, u32::MAX), (4096, u32::MAX), (4096, 2)]
            .map(|(binding, workgroups)| limited(binding, workgroups, 1));
        for ((whole, bound), few) in whole.into_iter().zip(bound).zip(few) {
            let (name, expected, [train, validation]) = trained(&trainer, whole, by_class);
            for limited in [bound, few] {
                let (_, found, [t, v]) = trained(&trainer, limited, by_class);
                let largest = expected.iter().fold(0.0_f64, |m, x| m.max(x.abs()));
                let apart = expected.iter().zip(&found).map(|(a, b)| (a - b).abs());
                let apart = apart.fold(0.0, f64::max);
                assert!(apart <= 2e-3 * largest, "{name}: {apart} of {largest}");
                for (a, b) in [(&train, &t), (&validation, &v)] {
                    assert!(
                        (a.loss - b.loss).abs() <= 1e-3 * a.loss,
                        "{name}: {a:?}, {b:?}"
                    );
                    assert_eq!(a.rows, b.rows, "{name}");
                }
            }
        }
    }
}

/// A batch that is normalised by columns is not split: it is refused, with what to do.
#[test]
fn batch_normalisation_beyond_one_binding_is_refused() {
    let network = Network::new(20)
        .linear(96)
        .layer(Layer::BATCH_NORM)
        .linear(5);
    let trainer = Trainer::new(network, Loss::CrossEntropy).batch_size(64);
    for Named { name, executor } in limited(4096, u32::MAX, 1) {
        let data = classes(128, 20, 5);
        let session = trainer.session(executor, &data);
        let found = session.and_then(|mut session| session.plan(Purpose::Training(64)).map(|_| ()));
        let error = found.expect_err("96 columns of 64 rows").to_string();
        assert!(
            error.contains("smaller layers or batches"),
            "{name}: {error}"
        );
    }
}

/// Every step of a split plan is what the reference says, and one submission gives the bits of step by step.
#[test]
fn a_split_plan_is_verified() {
    for (trainer, by_class) in trainers().into_iter().chain([normalised()]) {
        for Named { name, executor } in limited(4096, 3, 1) {
            let data = if by_class {
                classes(100, 20, 5)
            } else {
                numbers(100, 20, 3)
            };
            let found = verify(&trainer, executor, &data, 2).expect("the device works");
            assert!(found.passed(), "{name}: {found:#?}");
            assert!(
                found.kernels["matmul"].steps > 40,
                "{name}: {:?}",
                found.kernels["matmul"]
            );
        }
    }
}

/// Gradients that are long sums, computed in parts as for a real GPU: every step is what the reference says, and the
/// training is the same but for rounding.
#[test]
fn long_sums_in_parts_are_verified() {
    for (trainer, by_class) in trainers() {
        let trainer = trainer.batch_size(1024);
        let data = match by_class {
            true => classes(2048, 20, 5),
            false => numbers(2048, 20, 3),
        };
        let filled = |fill| {
            limited(u64::MAX, u32::MAX, fill)
                .into_iter()
                .filter(|named| named.name != "cpu")
        };
        for (parts, whole) in filled(Limits::FILL).zip(filled(1)) {
            let name = parts.name.clone();
            let [parts, whole] = [parts, whole].map(|named| {
                let found = verify(&trainer, named.executor, &data, 2).expect("it works");
                assert!(found.passed(), "{name}: {found:#?}");
                found.kernels["sum"].steps
            });
            // Three layers with a weight and a bias each, and two steps.
            assert_eq!(parts, whole + 12, "{name}");
        }
    }
}

/// A layer of 8192 x 8192 on a device that binds 128 MiB: its weight takes two bindings.
#[test]
fn a_layer_beyond_one_binding_trains() {
    const UNITS: usize = 8192;
    let network = Network::new(8).linear(UNITS).activation(Activation::Tanh);
    let network = network.linear(UNITS).activation(Activation::Relu).linear(2);
    let trainer = Trainer::new(network, Loss::CrossEntropy)
        .optimizer(Optimizer::sgd(0.1))
        .batch_size(4);
    let Some(mut gpu) = gpu() else { return };
    let mut limits = gpu.limits().clone();
    limits.binding = limits.binding.min(128 << 20);
    gpu.choose_as(limits);
    let data = classes(4, 8, 2);
    let tick = |step| Tick {
        step,
        learning_rate: 0.1,
        ..Tick::default()
    };
    let run = |executor: Box<dyn Executor>| {
        let mut session = trainer.session(executor, &data).expect("it fits");
        let ready = session.plan(Purpose::Training(4)).expect("it is split");
        session
            .executor
            .run(ready.handle, &[tick(1), tick(2)])
            .expect("it runs");
        let products = ready
            .plan
            .steps
            .iter()
            .filter(|s| s.kernel.name() == "matmul");
        let products = products.count();
        let mut read = |name: &str| {
            let values = session.executor.read_stored(&session.store, name);
            values.expect("it is there").to_f32()
        };
        let names = ["layers.2.weight", "layers.0.weight", "train.log.loss"];
        (products, names.map(&mut read))
    };
    let (whole, expected) = run(Box::new(cpu(2)));
    let (split, found) = run(Box::new(gpu));
    assert!(
        split > whole,
        "{split} products, {whole} where nothing is split"
    );
    for (found, expected) in found.iter().zip(&expected) {
        let largest = expected.iter().fold(0.0_f32, |m, x| m.max(x.abs()));
        let apart = expected.iter().zip(found).map(|(a, b)| (a - b).abs());
        let apart = apart.fold(0.0, f32::max);
        assert!(apart <= 1e-5 * largest, "{apart} of {largest}");
    }
}

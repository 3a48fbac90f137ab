//! Memory is foretold, to the byte, and what does not fit is refused with what would.

use thalweg::executor::Executor;
use thalweg::kernel::Limits;
use thalweg::network::{Activation, Loss, Network};
use thalweg::reference::Reference;
use thalweg::train::{Callback, Optimizer, Silent, TrainError, Trainer};

use super::shared::Shared;
use super::{classes, numbers};
use crate::common::{Named, cpu, gpu, named};

/// Trainers, and whether they are for classes.
fn trainers() -> Vec<(Trainer, bool)> {
    let deep = Network::mlp(12, &[40, 30, 20], 3, Activation::Relu);
    let wide = Network::mlp(12, &[700], 3, Activation::Gelu);
    let mut trainers = Vec::new();
    for network in [deep, wide] {
        for optimizer in [
            Optimizer::sgd(0.01),
            Optimizer::with_momentum(0.01, 0.9, false),
            Optimizer::adam(0.01),
        ] {
            for (loss, by_class) in [(Loss::CrossEntropy, true), (Loss::SquaredError, false)] {
                let trainer = Trainer::new(network.clone(), loss).optimizer(optimizer);
                trainers.push((trainer.batch_size(32).epochs(2), by_class));
            }
        }
    }
    // Batches whose gradients are long sums.
    let mut long = trainers[2].clone();
    long.0 = long.0.batch_size(1024);
    trainers.push(long);
    // Fewer steps than the epoch has: the last, smaller batch never comes.
    let mut short = trainers[0].clone();
    short.0.options.steps = Some(2);
    trainers.push(short);
    // Rows that stream, and classes as one-hot rows.
    for loss in [Loss::CrossEntropy, Loss::SigmoidCrossEntropy] {
        let network = Network::mlp(12, &[40], 3, Activation::Relu);
        let mut streamed = Trainer::new(network, loss).batch_size(32).epochs(2);
        streamed.options.stream = Some(5000);
        trainers.push((streamed, true));
    }
    trainers
}

fn holds_what_was_foretold<E: Executor + 'static>(open: impl Fn() -> Option<E>) {
    for (trainer, by_class) in trainers() {
        let make = |rows| match by_class {
            true => classes(rows, 12, 3),
            false => numbers(rows, 12, 3),
        };
        let rows = trainer.options.batch_size.max(65) * 2;
        let (data, validation) = (make(rows), make(70));
        let Some(executor) = open() else { return };
        let shared = Shared::new(executor);
        let (name, network) = (&shared.device().name, &trainer.network);
        let foretold = trainer
            .foretell(Box::new(shared.clone()), &data, Some(&validation), &Silent)
            .expect("it can be planned");
        let lack = &foretold.lack;
        assert!(lack.is_none(), "{name}: {lack:?}");
        let streams = trainer.options.stream.is_some();
        let found = &foretold.footprint;
        assert_eq!(found.streamed.len(), usize::from(streams), "{name}");
        let chunks = found.host.iter().find(|item| item.name.contains("chunks"));
        let bytes = found.streamed.first().map(|s| {
            let targets = match trainer.objective.to_string().as_str() {
                "cross_entropy" => 4,
                _ => 4 + 3 * 4,
            };
            2 * s.chunk as u64 * (12 * 4 + targets + 4)
        });
        assert_eq!(chunks.map(|item| item.bytes), bytes, "{name}");
        assert_eq!(shared.allocated(), 0, "{name}: foretelling takes nothing");
        let executor = Box::new(shared.clone());
        trainer
            .fit_on(executor, &data, Some(&validation), &mut Silent)
            .expect("it trains");
        let found = &foretold.footprint;
        assert_eq!(
            shared.allocated(),
            found.device_bytes(),
            "{name}, {network}: {found:#?}"
        );
    }
}

/// Looks into the network take memory on the device too, where the callback wants them.
#[test]
fn looks_into_the_network_are_foretold() {
    struct Looks;
    impl Callback for Looks {
        fn inspects(&self, _epoch: u64) -> bool {
            true
        }
    }
    for (trainer, by_class) in trainers() {
        let rows = trainer.options.batch_size * 2 + 5;
        let data = match by_class {
            true => classes(rows, 12, 3),
            false => numbers(rows, 12, 3),
        };
        let Some(executor) = gpu() else { return };
        let shared = Shared::new(executor);
        let foretell = |callback: &dyn Callback| {
            let executor = Box::new(shared.clone());
            let found = trainer.foretell(executor, &data, None, callback);
            found.expect("it can be planned").footprint
        };
        let (plain, found) = (foretell(&Silent), foretell(&Looks));
        assert!(plain.device_bytes() < found.device_bytes(), "{found:#?}");
        let executor = Box::new(shared.clone());
        trainer
            .fit_on(executor, &data, None, &mut Looks)
            .expect("it trains");
        assert_eq!(shared.allocated(), found.device_bytes(), "{found:#?}");
    }
}

#[test]
fn what_is_allocated_is_what_was_foretold() {
    holds_what_was_foretold(|| Some(Reference::f64()));
    holds_what_was_foretold(|| Some(cpu(2)));
    holds_what_was_foretold(gpu);
    holds_what_was_foretold(|| {
        let mut gpu = gpu()?;
        // So that the products of long batches are computed in parts, which takes scratch.
        let fill = Limits::FILL;
        let limits = gpu.limits().clone();
        gpu.choose_as(Limits { fill, ..limits });
        Some(gpu)
    });
}

/// The largest batch that is named fits, and one row more does not.
#[test]
fn the_largest_batch_that_fits_is_named() {
    let network = Network::mlp(12, &[64], 3, Activation::Relu);
    let data = classes(3000, 12, 3);
    let limited = || -> Vec<Named> {
        let limits = |limits: &Limits| Limits {
            buffer: 200_000,
            ..limits.clone()
        };
        let mut host = cpu(1);
        host.choose_as(limits(host.limits()));
        let gpu = gpu().map(|mut gpu| {
            gpu.choose_as(limits(gpu.limits()));
            named("gpu", gpu)
        });
        std::iter::once(named("cpu", host)).chain(gpu).collect()
    };
    let run = |executor, batch| {
        let trainer = Trainer::new(network.clone(), Loss::CrossEntropy);
        let trainer = trainer.epochs(1).batch_size(batch);
        trainer.fit_on(executor, &data, None, &mut Silent)
    };
    for ((first, second), third) in limited().into_iter().zip(limited()).zip(limited()) {
        let name = first.name;
        let error = run(first.executor, 3000).expect_err("the activations need more");
        let TrainError::Memory {
            batch: 3000,
            largest: Some(largest),
            ..
        } = error
        else {
            panic!("{name}: {error:?}")
        };
        // 64 activations of 4 bytes a row.
        assert_eq!(largest, 200_000 / 256, "{name}: {error}");
        let message = error.to_string();
        for part in ["3000", "200000", "781 rows"] {
            assert!(message.contains(part), "`{part}`: {message}");
        }
        run(second.executor, largest).expect("it fits, as was said");
        run(third.executor, largest + 1).expect_err("one row more does not");
    }
}

/// Nothing is allocated for a run that is refused.
#[test]
fn a_refused_run_allocates_nothing() {
    let Some(mut gpu) = gpu() else { return };
    let limits = Limits {
        buffer: 1000,
        ..gpu.limits().clone()
    };
    gpu.choose_as(limits);
    let shared = Shared::new(gpu);
    let trainer = Trainer::new(
        Network::mlp(12, &[64], 3, Activation::Relu),
        Loss::CrossEntropy,
    );
    let executor = Box::new(shared.clone());
    let error = trainer
        .fit_on(executor, &classes(100, 12, 3), None, &mut Silent)
        .expect_err("the parameters need more");
    let TrainError::Memory { largest: None, .. } = &error else {
        panic!("{error:?}")
    };
    assert!(error.to_string().contains("`parameters` takes"), "{error}");
    assert_eq!(shared.allocated(), 0);
}

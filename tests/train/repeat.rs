//! The same seed gives the same bits: again, with any number of threads, in any chunks, and by hand.

use thalweg::executor::{Data, Executor};
use thalweg::gpu::Options;
use thalweg::kernel::Tick;
use thalweg::network::{Activation, Loss, Network};
use thalweg::random::{Random, stream};
use thalweg::train::{Model, Optimizer, Purpose, Trainer, batches};

use super::{Notes, bits, classes, network, numbers, one_step, steps_by_hand};
use crate::common::{Named, cpus, executors, fast_executors, gpu_with, named};

fn trainer() -> Trainer {
    let optimizer = Optimizer::adam(0.01);
    Trainer::new(network(12, 4), Loss::CrossEntropy)
        .optimizer(optimizer)
        .batch_size(16)
        .epochs(3)
        .seed(5)
}

/// The bits of all losses and parameters of a run.
fn run(
    trainer: &Trainer,
    named: Named,
    data: &thalweg::data::Dataset,
) -> (Vec<u64>, Vec<Vec<u32>>) {
    let mut notes = Notes::default();
    let fit = trainer
        .fit_on(named.executor, data, None, &mut notes)
        .unwrap_or_else(|e| panic!("{}: {e}", named.name));
    (
        notes.losses.iter().map(|l| l.to_bits()).collect(),
        bits(&fit.model.values),
    )
}

#[test]
fn twice_on_each_executor() {
    let data = classes(100, 12, 4);
    for (first, second) in executors().into_iter().zip(executors()) {
        let name = first.name.clone();
        assert!(
            run(&trainer(), first, &data) == run(&trainer(), second, &data),
            "{name}: another run, other bits"
        );
    }
}

#[test]
fn another_seed_is_another_run() {
    let data = classes(100, 12, 4);
    for (first, second) in executors().into_iter().zip(executors()) {
        let name = first.name.clone();
        let other = trainer().seed(6);
        assert!(
            run(&trainer(), first, &data).1 != run(&other, second, &data).1,
            "{name}: the seed changes nothing"
        );
    }
}

/// Large enough that the threads share the work.
#[test]
fn any_number_of_threads() {
    let data = classes(700, 200, 10);
    let network = Network::mlp(200, &[300, 111], 10, Activation::Relu).dropout(0.1);
    let trainer = Trainer::new(network, Loss::CrossEntropy)
        .batch_size(256)
        .epochs(4);
    let runs: Vec<_> = cpus()
        .into_iter()
        .map(|named| run(&trainer, named, &data))
        .collect();
    assert!(
        runs[0].0.len() == 12 && runs[0] == runs[1] && runs[0] == runs[2],
        "the threads change the bits"
    );
}

/// Guards around every access of every shader change no bit on a driver that runs on the CPU, and elsewhere no more than
/// another device would.
#[test]
fn checked_and_unchecked_shaders() {
    let data = classes(100, 12, 4);
    let open = |checked| gpu_with(Options { checked });
    let (Some(checked), Some(unchecked)) = (open(true), open(false)) else {
        return;
    };
    let software = unchecked.limits().software;
    let [checked, unchecked] = [named("checked", checked), named("unchecked", unchecked)]
        .map(|named| run(&trainer(), named, &data));
    assert_eq!(
        (checked.0.len(), unchecked.0.len()),
        (21, 21),
        "batches of 16 and one of 4"
    );
    if software {
        assert!(checked == unchecked, "the checks change the bits");
    }
    for (step, (&a, &b)) in (1..).zip(checked.0.iter().zip(&unchecked.0)) {
        let (a, b) = (f64::from_bits(a), f64::from_bits(b));
        assert!(
            (a - b).abs() <= 1e-3 * b,
            "step {step}: {a} checked, {b} unchecked"
        );
    }
}

/// How many steps go into a submission depends on how fast they are. By hand it is one.
#[test]
fn any_chunks() {
    let data = classes(96, 12, 4);
    let mut trainer = trainer().epochs(20);
    trainer.options.shuffle = false;
    let steps = 120;
    for (first, second) in executors().into_iter().zip(executors()) {
        let name = first.name.clone();
        let (losses, values) = run(&trainer, first, &data);
        let mut session = trainer.session(second.executor, &data).expect("it fits");
        let by_hand = steps_by_hand(&mut session, 96, 16, steps, 0.01);
        assert_eq!(
            losses,
            by_hand.iter().map(|l| l.to_bits()).collect::<Vec<_>>(),
            "{name}: losses"
        );
        let model = session.model(false).expect("it can be read");
        assert!(
            values == bits(&model.values),
            "{name}: the chunks change the bits"
        );
    }
}

/// Epochs in the order of `random`'s permutation, and the rows that are left over in a smaller batch.
#[test]
fn a_shuffled_run_with_a_remainder_by_hand() {
    let data = numbers(53, 7, 3);
    let optimizer = Optimizer::with_momentum(0.05, 0.9, true);
    let trainer = Trainer::new(network(7, 3), Loss::SquaredError)
        .optimizer(optimizer)
        .batch_size(16)
        .epochs(3)
        .seed(9);
    for (first, second) in executors().into_iter().zip(executors()) {
        let name = first.name.clone();
        let (losses, values) = run(&trainer, first, &data);
        let mut session = trainer.session(second.executor, &data).expect("it fits");
        let mut by_hand = Vec::new();
        for epoch in 1..=3 {
            let order = Random::new(9, stream::SHUFFLE, epoch).permutation(53);
            session
                .executor
                .write_stored(&session.store, "train.order", &Data::U32(order))
                .expect("it fits");
            for position in batches(53, 16) {
                let step = u32::try_from(by_hand.len() + 1).expect("it is small");
                by_hand.push(one_step(&mut session, position, step, 0.05).to_bits());
            }
        }
        assert_eq!(by_hand.len(), 12, "batches of 16, 16, 16 and 5");
        assert_eq!(losses, by_hand, "{name}: losses");
        let model = session.model(false).expect("it can be read");
        assert!(
            values == bits(&model.values),
            "{name}: by hand it is another run"
        );
    }
}

/// A model that is trained on, from where it was.
#[test]
fn initial_values_are_taken() {
    let data = classes(64, 12, 4);
    let Model { values, .. } = trainer().fit(&data).expect("it trains").model;
    let mut next = trainer().optimizer(Optimizer::sgd(0.0));
    next.initial = Some(values.clone());
    for named in executors() {
        let name = named.name.clone();
        let (_, after) = run(&next, named, &data);
        assert!(
            after == bits(&values),
            "{name}: a learning rate of 0 changed something"
        );
    }
}

/// The same steps from the same state, a thousand times, with several submissions under way at once: the same bits.
#[test]
fn a_thousand_repeats_give_the_same_bits() {
    const STEPS: u32 = 4;
    const READ: u32 = 8;
    for Named { name, executor } in fast_executors() {
        let trainer = Trainer::new(network(6, 3), Loss::CrossEntropy)
            .optimizer(Optimizer::adam(0.01))
            .seed(5);
        let mut session = trainer
            .session(executor, &classes(32, 6, 3))
            .expect("it fits");
        session.run_once(Purpose::Keep).expect("it runs");
        let restore = session.plan(Purpose::Restore).expect("it can be built");
        let train = session.plan(Purpose::Training(8)).expect("it can be built");
        // Every repeat between two that are read has a place of its own for its losses.
        let tick = |repeat: u32, step| Tick {
            step,
            start: (step - 1) * 8,
            slot: repeat % READ * STEPS + step - 1,
            learning_rate: 0.01,
            momentum: None,
        };
        let (mut first, mut first_losses) = (None, None);
        for repeat in 0..1000 {
            let restored = session.executor.run(restore.handle, &[Tick::default()]);
            restored.expect("it runs");
            for step in 1..=STEPS {
                let ran = session.executor.run(train.handle, &[tick(repeat, step)]);
                ran.expect("it runs");
            }
            // Reading waits, so most repeats only add to what is under way.
            if repeat % READ + 1 < READ {
                continue;
            }
            let mut read = |name: &str| {
                let values = session.executor.read_stored(&session.store, name);
                values.expect("it is there").to_f32()
            };
            let losses = read("train.log.loss");
            let (losses, _) = losses.as_chunks::<{ STEPS as usize }>();
            for (back, losses) in (0..READ).rev().zip(&losses[..READ as usize]) {
                let bits = losses.map(f32::to_bits);
                let expected = *first_losses.get_or_insert(bits);
                assert_eq!(expected, bits, "{name}: repeat {}", repeat - back);
            }
            let found = bits(&["parameters", "parameters.mean"].map(&mut read));
            let expected = first.get_or_insert_with(|| found.clone());
            assert!(*expected == found, "{name}: repeat {repeat} has other bits");
        }
    }
}

//! Training under mixed precision, on every executor: it learns as in single precision, repeats itself, and passes over what
//! does not fit half precision.

use thalweg::data::{Dataset, Preparation, Spec, TableOptions};
use thalweg::executor::{Data, Executor};
use thalweg::network::{Activation, Loss, Network};
use thalweg::train::{Optimizer, Precision, Purpose, Scaling, Session, TrainError, Trainer};

use super::{Notes, bits, classes, network, numbers, one_step, steps_by_hand};
use crate::common::{Named, executors, fast_executors, gpu};

fn mixed(network: Network, loss: Loss) -> Trainer {
    Trainer::new(network, loss)
        .precision(Precision::Mixed)
        .optimizer(Optimizer::adam(0.01))
        .batch_size(16)
        .epochs(3)
}

/// Parameters, states, scale and counts.
fn lasting(session: &mut Session) -> Vec<Vec<u64>> {
    let blocks = session.recipe.blocks();
    let mut read = |block: &String| {
        let data = session.executor.read_stored(&session.store, block);
        let values = data.expect("it is there").to_f64();
        values.into_iter().map(f64::to_bits).collect()
    };
    blocks.iter().map(&mut read).collect()
}

/// Pictures, prepared as `train` does.
fn glyphs(rows: usize) -> Dataset {
    let spec: Spec = format!("glyphs:n={rows}").parse().expect("a generator");
    let table = spec.load(&TableOptions::default()).expect("it draws");
    let all: Vec<u32> = (0..u32::try_from(rows).expect("few")).collect();
    let (task, normalize) = Default::default();
    let preparation = Preparation::fit(&table, &all, task, normalize).expect("it fits");
    preparation.prepare(&table).expect("its own table")
}

/// As many pictures are told apart as in single precision, to within a point.
#[test]
fn learns_as_single_precision_does() {
    let all = glyphs(1500);
    let rows: Vec<u32> = (0..1500).collect();
    let (training, validation) = all.into_parts(&rows[..1000], &rows[1000..]);
    let trainer = |precision| {
        let (inputs, outputs) = (training.features(), training.outputs());
        let network = Network::mlp(inputs, &[64, 32], outputs, Activation::Relu);
        Trainer::new(network, Loss::CrossEntropy)
            .precision(precision)
            .batch_size(50)
            .epochs(12)
    };
    for (single, half) in fast_executors().into_iter().zip(fast_executors()) {
        let accuracy = |precision, named: Named| {
            let mut notes = Notes::default();
            let fit = trainer(precision)
                .fit_on(named.executor, &training, Some(&validation), &mut notes)
                .unwrap_or_else(|e| panic!("{}: {e}", named.name));
            let scale = fit.summary.loss_scale;
            assert_eq!(scale.is_some(), precision == Precision::Mixed);
            let found = fit.summary.validation.expect("there are validation rows");
            found.accuracy.expect("there are classes")
        };
        let name = half.name.clone();
        let [single, mixed] = [
            accuracy(Precision::Single, single),
            accuracy(Precision::Mixed, half),
        ];
        assert!(single > 0.9, "{name}: {single} in single precision");
        assert!(
            (single - mixed).abs() <= 0.01,
            "{name}: {single} in single precision, {mixed} in mixed"
        );
    }
}

#[test]
fn twice_on_each_executor() {
    let data = classes(100, 12, 4);
    let trainer = mixed(network(12, 4), Loss::CrossEntropy);
    for (first, second) in executors().into_iter().zip(executors()) {
        let name = first.name.clone();
        let [a, b] = [first, second].map(|named| {
            let mut notes = Notes::default();
            let fit = trainer.fit_on(named.executor, &data, None, &mut notes);
            let fit = fit.unwrap_or_else(|e| panic!("{name}: {e}"));
            let losses: Vec<u64> = notes.losses.iter().map(|l| l.to_bits()).collect();
            (losses, bits(&fit.model.values))
        });
        assert!(a == b, "{name}: another run, other bits");
        let mut notes = Notes::default();
        let single = trainer.clone().precision(Precision::Single);
        let Named { executor, .. } = executors()
            .into_iter()
            .find(|n| n.name == name)
            .expect("the same");
        let single = single.fit_on(executor, &data, None, &mut notes);
        let values = single.expect("it trains").model.values;
        assert!(a.1 != bits(&values), "{name}: nothing was rounded to f16");
    }
}

/// A batch whose inputs leave the range of half precision: the step is skipped, and all but the scale and its counts stays as
/// it was; the next step goes on as the second would have.
#[test]
fn a_poisoned_batch_is_skipped() {
    let data = classes(64, 12, 4);
    let trainer = mixed(network(12, 4), Loss::CrossEntropy);
    for Named { name, executor } in executors() {
        let mut session = trainer.session(executor, &data).expect("it fits");
        steps_by_hand(&mut session, 64, 16, 2, 0.01);
        let before = lasting(&mut session);
        let inputs = session
            .executor
            .read_stored(&session.store, "train.inputs")
            .expect("it is there");
        let mut poisoned = inputs.to_f32();
        poisoned[17 * 12 + 3] = 7e4;
        let mut write = |values: Data| {
            session
                .executor
                .write_stored(&session.store, "train.inputs", &values)
                .expect("it fits");
        };
        write(Data::F32(poisoned));
        let position = thalweg::train::batches(64, 16)[1];
        one_step(&mut session, position, 3, 0.01);
        let after = lasting(&mut session);
        let kept = before.len() - 2;
        assert!(before[..kept] == after[..kept], "{name}: something changed");
        let found = session.loss_scale().expect("it can be read");
        let found = found.expect("the precision is mixed");
        assert_eq!(
            (found.scale, found.row, found.updates, found.skipped),
            (32768.0, 0, 2, 1),
            "{name}"
        );

        session
            .executor
            .write_stored(&session.store, "train.inputs", &inputs)
            .expect("it fits");
        let loss = one_step(&mut session, position, 4, 0.01);
        assert!(loss.is_finite(), "{name}: {loss}");
        let found = session.loss_scale().expect("it can be read");
        let found = found.expect("the precision is mixed");
        assert_eq!(
            (found.scale, found.row, found.updates, found.skipped),
            (32768.0, 1, 3, 1),
            "{name}"
        );
        assert!(lasting(&mut session)[0] != before[0], "{name}: no update");
    }
}

/// The guard takes a skipped step for no failure: a scale that begins too high comes down, and the run ends well.
#[test]
fn a_scale_that_is_too_high_comes_down() {
    let data = classes(64, 12, 4);
    let mut trainer = mixed(network(12, 4), Loss::CrossEntropy);
    trainer.options.scaling.initial = f64::from(1 << 30);
    for Named { name, executor } in executors() {
        let mut notes = Notes::default();
        let fit = trainer.fit_on(executor, &data, None, &mut notes);
        let fit = fit.unwrap_or_else(|e| panic!("{name}: {e}"));
        let found = fit.summary.loss_scale.expect("the precision is mixed");
        assert!(found.skipped > 3, "{name}: {found:?}");
        assert_eq!(found.skipped + found.updates, 12, "{name}: {found:?}");
        assert_eq!(
            found.scale,
            f64::from(1 << 30) / f64::from(1 << found.skipped),
            "{name}"
        );
        assert!(notes.losses.iter().all(|l| l.is_finite()), "{name}");
    }
}

/// Inputs that no scale makes fit: the run ends, says why and where, and has the model as it was.
#[test]
fn a_scale_that_falls_through_the_floor_ends_the_run() {
    let x: Vec<f32> = (0..32).map(|i| 1e5 + i as f32).collect();
    let y = vec![0.5; 32];
    let data = Dataset::numbers(&x, 1, &y, 1).expect("finite");
    let trainer = mixed(
        Network::mlp(1, &[3], 1, Activation::Tanh),
        Loss::SquaredError,
    )
    .epochs(200);
    let first = trainer.network.initial(trainer.options.init, 0);
    for Named { name, executor } in executors() {
        let fit = trainer.fit_on(executor, &data, None, &mut Notes::default());
        let error = fit.expect_err("half precision ends at 65504");
        let message = error.to_string();
        let TrainError::LossScale(found) = error else {
            panic!("{name}: another error: {message}");
        };
        assert!(found.scale < Scaling::FLOOR, "{name}: {found:?}");
        assert!(
            found.skipped >= 33 && found.skipped <= 200,
            "{name}: {found:?}"
        );
        assert!(
            bits(&first) == bits(&found.found.last_good.values),
            "{name}: no step changed a weight"
        );
        for part in ["narrow", "layer 0", "inf", "65504", "--precision single"] {
            assert!(message.contains(part), "{name}: no `{part}` in: {message}");
        }
    }
}

/// Weights that leave the range of f32 are found and named as in single precision: here the update does it, by gradients
/// that are finite.
#[test]
fn a_weight_that_is_not_finite_still_ends_the_run() {
    let data = numbers(64, 7, 3);
    let trainer = mixed(Network::new(7).linear(5).linear(3), Loss::SquaredError)
        .optimizer(Optimizer::sgd(1e39))
        .epochs(50);
    for Named { name, executor } in executors() {
        let fit = trainer.fit_on(executor, &data, None, &mut Notes::default());
        let Err(TrainError::NonFinite(found)) = fit else {
            panic!("{name}: it should not have gone well");
        };
        assert_eq!(
            (found.step, found.last_good_step),
            (1, 0),
            "{name}: {found}"
        );
        assert!(found.plan_step.contains("sgd_update"), "{name}: {found}");
    }
}

/// Only the training step is mixed: what is told of a model is told in single precision.
#[test]
fn evaluation_is_in_single_precision() {
    let data = classes(64, 12, 4);
    let trainer = mixed(network(12, 4), Loss::CrossEntropy);
    let cpu = thalweg::device::Device::Cpu.open(None).expect("a CPU");
    let mut session = trainer.session(cpu.executor, &data).expect("it fits");
    let halves = |session: &mut Session, purpose| {
        let ready = session.plan(purpose).expect("it can be built");
        let narrow = |s: &&thalweg::plan::Step| s.kernel.name() == "narrow";
        ready.plan.steps.iter().filter(narrow).count()
    };
    assert_eq!(halves(&mut session, Purpose::TrainingLoss(16)), 0);
    assert_eq!(halves(&mut session, Purpose::Prediction(16)), 0);
    // Three layers: a copy of each weight, of what each reads, and of the gradient behind each.
    assert_eq!(halves(&mut session, Purpose::Training(16)), 9);
}

/// A device without numbers of half precision is told as such before anything runs.
#[test]
fn a_device_without_half_precision() {
    let Some(mut device) = gpu() else { return };
    let mut limits = device.limits().clone();
    limits.half = false;
    device.choose_as(limits);
    let data = classes(64, 12, 4);
    let trainer = mixed(network(12, 4), Loss::CrossEntropy);
    let fit = trainer.fit_on(Box::new(device), &data, None, &mut Notes::default());
    let message = fit.expect_err("it has none").to_string();
    for part in [
        "half precision",
        "SHADER_F16",
        "--precision single",
        "--device cpu",
    ] {
        assert!(message.contains(part), "no `{part}` in: {message}");
    }
}

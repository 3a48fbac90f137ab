//! Numbers that are not finite end a run: named, and with the last good model.

use thalweg::executor::{Data, Executor};
use thalweg::network::{Loss, Network};
use thalweg::train::{NonFinite, Optimizer, TrainError, Trainer};

use super::{Notes, bits, classes, network, numbers, steps_by_hand};
use crate::common::{Named, executors, gpu};

/// The error of a run that goes wrong.
fn fails(
    trainer: &Trainer,
    executor: Box<dyn Executor>,
    data: &thalweg::data::Dataset,
) -> NonFinite {
    match trainer.fit_on(executor, data, None, &mut Notes::default()) {
        Err(TrainError::NonFinite(found)) => *found,
        Err(other) => panic!("another error: {other}"),
        Ok(_) => panic!("nothing was noticed"),
    }
}

fn is_good(found: &NonFinite) -> bool {
    found
        .last_good
        .values
        .iter()
        .flatten()
        .all(|x| x.is_finite())
}

/// The weights leave the range of f32 with the first steps, and each executor says the same of it.
#[test]
fn a_huge_learning_rate() {
    let data = numbers(64, 7, 3);
    let trainer = Trainer::new(Network::new(7).linear(5).linear(3), Loss::SquaredError);
    let trainer = trainer
        .optimizer(Optimizer::sgd(1e30))
        .batch_size(16)
        .epochs(50);
    let mut told = Vec::new();
    for Named { name, executor } in executors() {
        let found = fails(&trainer, executor, &data);
        assert!(is_good(&found), "{name}: the last good model is not");
        assert!(!found.value.is_finite(), "{name}: {found}");
        assert!(
            found.step <= 3 && found.last_good_step < found.step,
            "{name}: {found}"
        );
        let message = found.to_string();
        for part in [
            &format!("training step {}", found.step),
            &found.tensor,
            &found.plan_step,
            "learning rate",
        ] {
            assert!(
                message.contains(part),
                "{name}: `{part}` is missing in: {message}"
            );
        }
        told.push((
            found.step,
            found.tensor,
            found.plan_step,
            found.last_good_step,
        ));
    }
    assert!(
        told.iter().all(|t| *t == told[0]),
        "the executors disagree: {told:?}"
    );
}

/// A loss of 1e30 squared is infinite in f32 with the first step, before any weight changes.
#[test]
fn a_loss_that_overflows() {
    let data = thalweg::data::Dataset::numbers(&[1e25, 1.0], 1, &[0.0, 1.0], 1).expect("finite");
    let mut trainer =
        Trainer::new(Network::new(1).linear(1), Loss::SquaredError).optimizer(Optimizer::sgd(0.1));
    trainer.initial = Some(vec![vec![1.0], vec![0.0]]);
    for Named { name, executor } in executors() {
        let found = fails(&trainer, executor, &data);
        assert_eq!(
            (found.step, found.last_good_step),
            (1, 0),
            "{name}: {found}"
        );
        assert!(found.tensor.contains("squared_error"), "{name}: {found}");
        assert_eq!(
            found.last_good.values,
            [[1.0], [0.0]],
            "{name}: the first values"
        );
    }
}

/// Long after the start: the last good model is the one of the last check before.
#[test]
fn a_weight_that_goes_wrong_later() {
    let data = classes(64, 12, 4);
    let mut trainer = Trainer::new(network(12, 4), Loss::CrossEntropy)
        .optimizer(Optimizer::adam(0.01))
        .batch_size(16);
    trainer.options.shuffle = false;
    trainer.options.steps = Some(300);
    // Adam's step size falls with the steps: `learning_rate / (1 - 0.9^t)` is below 0.010001 from step 88 on.
    let poison = |text: &str| {
        let nan = "Value(bitcast<f32>(p.count * 0u + 0x7fc00000u))";
        let line = format!(
            "mean[i] = m; if p.step_size < 0.010001 && i == 68u / WIDTH {{ mean[i] = {nan}; }}"
        );
        let broken = text.replace("mean[i] = m;", &line);
        assert_ne!(broken, text, "the shader has changed, and so must the test");
        broken
    };
    let Some(mut device) = gpu() else { return };
    device.replace_shader("adam_update", poison);
    let found = fails(&trainer, Box::new(device), &data);
    assert!(is_good(&found), "the last good model is not");
    let told = (found.step, found.last_good_step);
    assert_eq!(told, (88, 84), "four steps an epoch: {found}");
    let told = (found.tensor.as_str(), found.index);
    assert_eq!(told, ("layers.0.weight.mean", 68), "{found}");
    assert!(found.plan_step.contains("adam_update"), "{found}");

    let Some(healthy) = gpu() else { return };
    let mut session = trainer.session(Box::new(healthy), &data).expect("it fits");
    let steps = usize::try_from(found.last_good_step).expect("it is small");
    steps_by_hand(&mut session, 64, 16, steps, 0.01);
    let expected = session.model(false).expect("it can be read");
    assert!(
        bits(&expected.values) == bits(&found.last_good.values),
        "the last good model is that of its step"
    );
}

/// A gradient that one shader gets wrong is told as that shader's.
#[test]
fn a_poisoned_gradient() {
    let Some(mut device) = gpu() else { return };
    device.replace_shader("activation_grad_wide", |text| {
        let at = text.rfind("dx[").expect("it writes dx");
        let end = at + text[at..].find(';').expect("a statement");
        let poison = "; if i == 1u { dx[i].w = bitcast<f32>(p.count * 0u + 0xff800000u); }";
        format!("{}{poison}{}", &text[..end], &text[end + 1..])
    });
    let mut trainer = Trainer::new(network(12, 4), Loss::CrossEntropy).batch_size(16);
    trainer.options.fuse = false; // or the product before would compute it
    let data = classes(64, 12, 4);
    let first = trainer
        .network
        .initial(trainer.options.init, trainer.options.seed);
    let found = fails(&trainer, Box::new(device), &data);
    assert_eq!(
        (found.step, found.index, found.last_good_step),
        (1, 7, 0),
        "{found}"
    );
    assert!(
        found.plan_step.contains("activation_grad") && found.plan_step.contains("layer 1"),
        "{found}"
    );
    assert_eq!(found.value, f64::NEG_INFINITY, "{found}");
    assert!(
        bits(&first) == bits(&found.last_good.values),
        "the first values are the last good ones"
    );
}

/// What is written to a session from outside is found by the first check.
#[test]
fn first_values_that_are_not_finite_are_refused() {
    let data = classes(64, 12, 4);
    let mut trainer = Trainer::new(network(12, 4), Loss::CrossEntropy);
    let mut values = trainer.network.initial(trainer.options.init, 0);
    values[2][5] = f32::NAN;
    trainer.initial = Some(values);
    let error = trainer.fit(&data).expect_err("a weight is NaN").to_string();
    assert!(
        error.contains("layers.1.weight") && error.contains('5') && error.contains("NaN"),
        "{error}"
    );
}

/// The data are finite by construction; should a device turn them into something else, the loss tells.
#[test]
fn inputs_that_turn_bad_on_the_device() {
    let data = classes(64, 12, 4);
    let trainer = Trainer::new(network(12, 4), Loss::CrossEntropy).batch_size(16);
    for Named { name, executor } in executors() {
        let mut session = trainer.session(executor, &data).expect("it fits");
        let inputs = Data::F32(vec![f32::INFINITY; 64 * 12]);
        session
            .executor
            .write_stored(&session.store, "train.inputs", &inputs)
            .expect("it fits");
        let losses = steps_by_hand(&mut session, 64, 16, 1, 0.1);
        assert!(
            !losses[0].is_finite(),
            "{name}: a loss of {} from infinite inputs",
            losses[0]
        );
    }
}

/// One step that leaves finite parameters with which the network's outputs are not.
#[test]
fn a_validation_loss_that_is_not_finite() {
    let data = numbers(64, 7, 3);
    let trainer = Trainer::new(Network::new(7).linear(5).linear(3), Loss::SquaredError);
    let trainer = trainer
        .optimizer(Optimizer::sgd(1e25))
        .batch_size(64)
        .epochs(1);
    for Named { name, executor } in executors() {
        let fit = trainer.fit_on(executor, &data, Some(&data), &mut Notes::default());
        let Err(TrainError::NonFinite(found)) = fit else {
            panic!("{name}: a run that cannot be evaluated is told as done");
        };
        assert_eq!(found.tensor, "validation loss", "{name}: {found}");
        assert!(is_good(&found), "{name}: the parameters are finite");
    }
}

/// Memory that is not there is refused before it is asked for.
#[test]
fn a_network_larger_than_memory() {
    let data = numbers(4, 2, 1);
    let trainer = Trainer::new(
        Network::new(2).linear(60_000).linear(60_000).linear(1),
        Loss::SquaredError,
    );
    for Named { name, executor } in executors() {
        if executor
            .available_memory()
            .is_none_or(|bytes| bytes > 90 << 30)
        {
            continue;
        }
        let refused = trainer.fit_on(executor, &data, None, &mut Notes::default());
        let message = refused.expect_err("it cannot fit").to_string();
        let parts = ["cannot hold", "available", "smaller"];
        assert!(
            parts.iter().all(|p| message.contains(p)),
            "{name}: {message}"
        );
    }
}

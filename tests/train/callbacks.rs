//! Closures and several callbacks at one run.

use std::cell::RefCell;

use thalweg::network::Loss;
use thalweg::train::{Callbacks, Optimizer, Then, Trainer};

use super::{Notes, bits, classes, network};
use crate::common::cpu;

fn trainer() -> Trainer {
    Trainer::new(network(12, 4), Loss::CrossEntropy)
        .optimizer(Optimizer::sgd(0.1))
        .batch_size(16)
        .epochs(6)
}

#[test]
fn all_are_called_in_order_and_one_ends_the_run() {
    let data = classes(80, 12, 4);
    let calls = RefCell::new(Vec::new());
    let say = |what: String| calls.borrow_mut().push(what);
    let mut notes = Notes::default();
    let mut callbacks = Callbacks::new()
        .on_epoch_begin(|epoch| {
            say(format!("begin {epoch}"));
            None
        })
        .on_steps(|report| say(format!("steps of {}", report.epoch)))
        .on_epoch_end(|report| {
            say(format!("end {}", report.epoch));
            if report.epoch == 3 {
                Then::Stop
            } else {
                Then::GoOn
            }
        })
        .on_train_end(|summary, model| {
            assert!(summary.stopped_early);
            say(format!(
                "over after {}, {} tensors",
                summary.steps,
                model.values.len()
            ));
        })
        .callback(&mut notes);
    let fit = trainer().fit_on(Box::new(cpu(2)), &data, None, &mut callbacks);
    assert_eq!(fit.expect("it trains").summary.epochs, 3);
    drop(callbacks);
    assert_eq!((notes.epochs.len(), notes.losses.len()), (3, 15));
    let mut found = calls.into_inner();
    found.dedup();
    let expected = [
        "begin 1",
        "steps of 1",
        "end 1",
        "begin 2",
        "steps of 2",
        "end 2",
    ];
    assert_eq!(found[..6], expected);
    assert_eq!(
        found.last().map(String::as_str),
        Some("over after 15, 6 tensors")
    );
}

/// A rate for each epoch is that of a schedule which says the same.
#[test]
fn a_closure_sets_the_learning_rate() {
    let data = classes(80, 12, 4);
    let mut scheduled = trainer();
    scheduled.options.schedule = "step:step_size=2,gamma=0.5".parse().expect("a schedule");
    let expected = scheduled.fit(&data).expect("it trains");
    let mut rates = Callbacks::new().on_epoch_begin(|epoch| {
        Some(0.1 * 0.5_f64.powi(i32::try_from((epoch - 1) / 2).expect("few")))
    });
    let found = trainer()
        .fit_with(&data, None, &mut rates)
        .expect("it trains");
    let plain = trainer().fit(&data).expect("it trains");
    assert_eq!(bits(&found.model.values), bits(&expected.model.values));
    assert_ne!(bits(&found.model.values), bits(&plain.model.values));
    let mut wrong = Callbacks::new().on_epoch_begin(|_| Some(f64::NAN));
    let error = trainer()
        .fit_with(&data, None, &mut wrong)
        .expect_err("no rate");
    assert!(
        error
            .to_string()
            .contains("is NaN; expected a finite number"),
        "{error}"
    );
}

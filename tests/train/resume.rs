//! Runs that go on from a snapshot: the same bits as if they had never stopped.

use std::io;
use std::sync::Arc;

use thalweg::data::Dataset;
use thalweg::executor::Executor;
use thalweg::network::Loss;
use thalweg::train::{
    Callback, EpochReport, Evaluation, Optimizer, Precision, Snapshot, StepsReport, Stopping,
    TrainError, Trainer,
};

use super::stored::stored;
use super::streaming::cases;
use super::{bits, classes, network};
use crate::common::{cpu, executors};

/// All that a run told and came to, in bits where it is numbers, but for its times.
#[derive(Debug, Clone, Default, PartialEq)]
struct Told {
    losses: Vec<(u64, u64, u64)>,
    epochs: Vec<(u64, u64, Evaluations, bool, u64)>,
}

type Evaluations = (Evaluation, Option<Evaluation>);

/// Keeps everything, and for every snapshot what was told until then.
#[derive(Default)]
struct Keeper {
    told: Told,
    kept: Vec<(Snapshot, Told)>,
    stop_after: Option<u64>,
}

impl Callback for Keeper {
    fn steps(&mut self, report: &StepsReport<'_>) -> io::Result<()> {
        let lines = (report.first..).zip(report.losses);
        let lines = lines.map(|(step, loss)| (report.epoch, step, loss.to_bits()));
        self.told.losses.extend(lines);
        Ok(())
    }

    fn epoch(&mut self, report: &EpochReport<'_>) -> io::Result<()> {
        let evaluations = (report.train.clone(), report.validation.cloned());
        let rate = report.learning_rate.to_bits();
        let line = (report.epoch, report.samples, evaluations, report.best, rate);
        self.told.epochs.push(line);
        Ok(())
    }

    fn keeps_snapshots(&self) -> bool {
        true
    }

    fn snapshot(&mut self, snapshot: Snapshot) -> io::Result<()> {
        self.kept.push((snapshot, self.told.clone()));
        Ok(())
    }

    fn interrupted(&self) -> bool {
        let done = self.told.losses.len() as u64;
        self.stop_after.is_some_and(|steps| done >= steps)
    }
}

struct Run {
    told: Told,
    kept: Vec<(Snapshot, Told)>,
    values: Vec<Vec<u32>>,
    steps: u64,
    validation: Option<Evaluation>,
}

fn run(
    trainer: &Trainer,
    executor: Box<dyn Executor>,
    [data, validation]: [&Dataset; 2],
    from: Option<(Snapshot, Told)>,
) -> Run {
    let mut keeper = Keeper::default();
    let validation = Some(validation);
    let fit = match from {
        None => trainer.fit_on(executor, data, validation, &mut keeper),
        Some((snapshot, told)) => {
            keeper.told = told;
            trainer.resume_on(executor, data, validation, &mut keeper, snapshot)
        }
    };
    let fit = fit.expect("it trains");
    Run {
        told: keeper.told,
        kept: keeper.kept,
        values: bits(&fit.model.values),
        steps: fit.summary.steps,
        validation: fit.summary.validation,
    }
}

/// Whatever a run depends on beside its parameters: states, counts, a scale, dropout, a schedule that looks back, the
/// best epoch, and batches of two sizes.
fn trainers() -> Vec<(&'static str, Trainer)> {
    let base = || {
        Trainer::new(network(12, 4), Loss::CrossEntropy)
            .optimizer(Optimizer::adam(0.02))
            .batch_size(16)
            .epochs(4)
            .seed(9)
    };
    let mut plateau = base().optimizer(Optimizer::with_momentum(0.3, 0.9, true));
    plateau.options.schedule = "plateau:patience=0,threshold=0.3,cooldown=1"
        .parse()
        .expect("a schedule");
    let mut cycle = base();
    cycle.options.schedule = "one_cycle".parse().expect("a schedule");
    let mut stops = base().optimizer(Optimizer::adam(0.2));
    stops.options.stopping = Some(Stopping {
        min_delta: 0.05,
        ..Stopping::after(1)
    });
    let mut mixed = base().precision(Precision::Mixed);
    mixed.options.scaling.interval = 5;
    vec![
        ("plateau", plateau),
        ("one cycle", cycle),
        ("early stopping", stops),
        ("mixed", mixed),
    ]
}

#[test]
fn a_run_goes_on_as_if_it_had_never_stopped() {
    let (data, validation) = (classes(203, 12, 4), classes(90, 12, 4));
    let rows = [&data, &validation];
    for (what, mut trainer) in trainers() {
        trainer.options.checkpoint_steps = Some(7);
        for (index, executor) in executors().into_iter().enumerate() {
            let name = format!("{what} on {}", executor.name);
            let whole = run(&trainer, executor.executor, rows, None);
            assert!(whole.kept.len() >= 3, "{name}: {}", whole.kept.len());
            let mut without = trainer.clone();
            without.options.checkpoint_steps = None;
            let executor = executors().swap_remove(index).executor;
            let plain = run(&without, executor, rows, None);
            assert_eq!(
                plain.values, whole.values,
                "{name}: snapshots change nothing"
            );
            assert_eq!(plain.told, whole.told, "{name}: snapshots change nothing");
            // All of them on the CPU; elsewhere the first, in the middle of the first epoch, and one later.
            let count = if executors()[index].name == "cpu" {
                99
            } else {
                2
            };
            let spread = whole.kept.iter().step_by(whole.kept.len().div_ceil(count));
            for (snapshot, told) in spread {
                let step = snapshot.standing.steps;
                let executor = executors().swap_remove(index).executor;
                let again = (snapshot.clone(), told.clone());
                let again = run(&trainer, executor, rows, Some(again));
                assert_eq!(again.told, whole.told, "{name}: from step {step}");
                assert_eq!(again.values, whole.values, "{name}: from step {step}");
                assert_eq!(again.steps, whole.steps, "{name}: from step {step}");
                assert_eq!(
                    again.validation, whole.validation,
                    "{name}: from step {step}"
                );
            }
        }
    }
}

/// In the middle of a group of batches whose gradients are gathered, and whose losses are told together.
#[test]
fn a_run_goes_on_within_a_group_of_batches() {
    let (data, validation) = (classes(203, 12, 4), classes(90, 12, 4));
    let rows = [&data, &validation];
    let (_, mut trainer) = trainers().swap_remove(1);
    // 13 batches: three whole groups and one of a single batch.
    trainer.options.rules.accumulate = Some(4);
    for (index, executor) in executors().into_iter().enumerate() {
        let name = executor.name;
        let plain = run(&trainer, executor.executor, rows, None);
        assert_eq!(plain.told.losses.len() as u64, plain.steps, "{name}");
        assert_eq!(plain.steps, 16, "{name}");
        let mut often = trainer.clone();
        // After every submission, the first of which is one batch.
        often.options.checkpoint_seconds = Some(1e-9);
        let executor = executors().swap_remove(index).executor;
        let whole = run(&often, executor, rows, None);
        assert_eq!(whole.told, plain.told, "{name}: snapshots change nothing");
        let within = |batches: u64| !batches.is_multiple_of(4) && batches != 13;
        let kept = whole.kept.into_iter();
        let within: Vec<_> = kept.filter(|(s, _)| within(s.standing.batches)).collect();
        assert!(!within.is_empty(), "{name}: no group was open");
        let last = within.len() - 1;
        for at in [0, last] {
            let (snapshot, told) = within[at].clone();
            let batches = (snapshot.standing.epoch, snapshot.standing.batches);
            let executor = executors().swap_remove(index).executor;
            let again = run(&trainer, executor, rows, Some((snapshot, told)));
            assert_eq!(again.told, plain.told, "{name}: from {batches:?}");
            assert_eq!(again.values, plain.values, "{name}: from {batches:?}");
            assert_eq!(again.steps, plain.steps, "{name}: from {batches:?}");
        }
    }
}

/// Rows that stream or are not in memory, in windows, in batches that do not divide.
#[test]
fn rows_that_stream_go_on_where_they_were() {
    for case in cases() {
        let mut trainer = case.trainer;
        trainer.options.checkpoint_steps = Some(5);
        for away in [false, true] {
            trainer.options.stream = (!away).then_some(1);
            let data = if away {
                stored(&case.data, usize::MAX)
            } else {
                case.data.clone()
            };
            let rows = [&data, &case.validation];
            let whole = run(&trainer, Box::new(cpu(2)), rows, None);
            for (snapshot, told) in &whole.kept {
                let (step, again) = (snapshot.standing.steps, (snapshot.clone(), told.clone()));
                let again = run(&trainer, Box::new(cpu(2)), rows, Some(again));
                assert_eq!(again.told, whole.told, "from step {step}, {away}");
                assert_eq!(again.values, whole.values, "from step {step}, {away}");
            }
        }
    }
}

/// Somebody interrupts, goes on, interrupts again and so on.
#[test]
fn an_interrupted_run_goes_on() {
    let (data, validation) = (classes(203, 12, 4), classes(90, 12, 4));
    let (_, trainer) = trainers().swap_remove(1);
    let whole = run(&trainer, Box::new(cpu(2)), [&data, &validation], None);
    let mut keeper = Keeper {
        stop_after: Some(1),
        ..Keeper::default()
    };
    let fit = trainer.fit_on(Box::new(cpu(2)), &data, Some(&validation), &mut keeper);
    let mut fit = fit.expect("it trains");
    let mut parts = 1;
    while fit.summary.interrupted {
        assert!(fit.summary.validation.is_none(), "it leaves at once");
        assert_eq!(
            keeper.kept.len(),
            1,
            "one snapshot, where it was interrupted"
        );
        let (snapshot, told) = keeper.kept.remove(0);
        assert_eq!(snapshot.standing.steps, fit.summary.steps);
        parts += 1;
        keeper = Keeper {
            stop_after: Some(fit.summary.steps + 9),
            told,
            kept: Vec::new(),
        };
        let executor = Box::new(cpu(2));
        let validation = Some(&validation);
        let next = trainer.resume_on(executor, &data, validation, &mut keeper, snapshot);
        fit = next.expect("it goes on");
    }
    assert!(parts >= 2, "it was never interrupted");
    assert_eq!(keeper.told, whole.told);
    assert_eq!(bits(&fit.model.values), whole.values);
}

#[test]
fn more_epochs_go_on_where_the_run_ended() {
    let (data, validation) = (classes(203, 12, 4), classes(90, 12, 4));
    let rows = [&data, &validation];
    let (_, mut trainer) = trainers().swap_remove(0);
    trainer.options.checkpoint_steps = Some(1000);
    trainer.options.epochs = 2;
    let short = run(&trainer, Box::new(cpu(2)), rows, None);
    let last = short.kept.last().expect("one of the last step").clone();
    assert_eq!(last.0.standing.steps, short.steps);
    trainer.options.epochs = 4;
    let whole = run(&trainer, Box::new(cpu(2)), rows, None);
    let longer = run(&trainer, Box::new(cpu(2)), rows, Some(last));
    assert_eq!(longer.told, whole.told);
    assert_eq!(longer.values, whole.values);
}

#[test]
fn a_snapshot_of_another_run_is_refused() {
    let (data, validation) = (classes(203, 12, 4), classes(90, 12, 4));
    let (_, mut trainer) = trainers().swap_remove(1);
    trainer.options.checkpoint_steps = Some(7);
    let whole = run(&trainer, Box::new(cpu(2)), [&data, &validation], None);
    let (snapshot, _) = whole.kept[0].clone();
    let refused = |trainer: &Trainer, snapshot: Snapshot, parts: &[&str]| {
        let executor = Box::new(cpu(2));
        let mut keeper = Keeper::default();
        let found = trainer.resume_on(executor, &data, None, &mut keeper, snapshot);
        let Err(error @ TrainError::Snapshot { .. }) = found else {
            panic!("{found:?}")
        };
        let error = error.to_string();
        for part in parts {
            assert!(error.contains(part), "no {part:?} in {error}");
        }
    };
    let sgd = trainer.clone().optimizer(Optimizer::sgd(0.1));
    refused(
        &sgd,
        snapshot.clone(),
        &["`layers.0.weight.mean`", "another network or optimizer"],
    );
    let mut other = trainer.clone();
    other.network = thalweg::network::Network::new(12).linear(4);
    refused(&other, snapshot.clone(), &["`layers.0.weight`"]);
    let best = snapshot.best;
    assert!(best.is_none(), "no epoch has ended");
    let later = whole.kept.last().expect("there are several").0.best.clone();
    let later: Arc<_> = later.expect("an epoch has ended");
    assert_eq!(later.network, trainer.network);
}

/// Somebody interrupts while an epoch is evaluated and told, behind its last step.
#[test]
fn a_run_that_is_interrupted_between_epochs_goes_on() {
    struct Between(Keeper, u64);

    impl Callback for Between {
        fn steps(&mut self, report: &StepsReport<'_>) -> io::Result<()> {
            self.0.steps(report)
        }

        fn epoch(&mut self, report: &EpochReport<'_>) -> io::Result<()> {
            self.0.epoch(report)
        }

        fn keeps_snapshots(&self) -> bool {
            true
        }

        fn snapshot(&mut self, snapshot: Snapshot) -> io::Result<()> {
            self.0.snapshot(snapshot)
        }

        fn interrupted(&self) -> bool {
            self.0.told.epochs.len() as u64 == self.1
        }
    }

    let (data, validation) = (classes(203, 12, 4), classes(90, 12, 4));
    // One that stops early does so before.
    for (what, trainer) in trainers()
        .into_iter()
        .filter(|(what, _)| *what != "early stopping")
    {
        let whole = run(&trainer, Box::new(cpu(2)), [&data, &validation], None);
        let mut between = Between(Keeper::default(), 2);
        let executor = Box::new(cpu(2));
        let fit = trainer.fit_on(executor, &data, Some(&validation), &mut between);
        let fit = fit.expect("it trains");
        assert!(
            fit.summary.interrupted && fit.summary.validation.is_some(),
            "{what}"
        );
        let (snapshot, told) = between.0.kept.pop().expect("a snapshot");
        let rows = [&data, &validation];
        let again = run(&trainer, Box::new(cpu(2)), rows, Some((snapshot, told)));
        assert_eq!(again.told, whole.told, "{what}");
        assert_eq!(again.values, whole.values, "{what}");
    }
}

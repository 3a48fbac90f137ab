//! Schedules against `PyTorch`'s, see `tests/fixtures/schedules.py`, and their words.

use std::collections::BTreeMap;
use std::io;

use serde::Deserialize;
use thalweg::data::Dataset;
use thalweg::executor::Executor;
use thalweg::network::{Activation, Loss, Network};
use thalweg::reference::Reference;
use thalweg::train::{Callback, EpochReport, Optimizer, Schedule, Snapshot, Trainer};

use crate::common::fast_executors;

#[derive(Deserialize)]
struct Fixture {
    x: Vec<f32>,
    targets: Vec<f32>,
    first: BTreeMap<String, Vec<f32>>,
    runs: Vec<Run>,
}

#[derive(Deserialize)]
struct Run {
    schedule: String,
    optimizer: String,
    lr: f64,
    rates: Vec<f64>,
    after: BTreeMap<String, Vec<f64>>,
}

fn fixture() -> Fixture {
    serde_json::from_str(include_str!("../fixtures/schedules.json")).expect("the fixture is JSON")
}

const EPOCHS: u64 = 5;
const BATCHES: usize = 4;

/// Notes the learning rates and the parameters after the last step, as the executor holds them.
#[derive(Default)]
struct Watch {
    rates: Vec<f64>,
    parameters: BTreeMap<String, Vec<f64>>,
}

impl Callback for Watch {
    fn epoch(&mut self, report: &EpochReport<'_>) -> io::Result<()> {
        self.rates.push(report.learning_rate);
        Ok(())
    }

    fn keeps_snapshots(&self) -> bool {
        true
    }

    fn snapshot(&mut self, snapshot: Snapshot) -> io::Result<()> {
        let steps = snapshot.standing.steps;
        assert_eq!(steps, EPOCHS * BATCHES as u64, "the last step");
        for kept in &snapshot.tensors {
            self.parameters
                .insert(kept.name.clone(), kept.data.to_f64());
        }
        Ok(())
    }
}

/// The run of the fixture on an executor, each weight within `tolerance` of the largest of its tensor.
fn check(fixture: &Fixture, run: &Run, executor: Box<dyn Executor>, tolerance: f64) {
    let name = format!("{} with {}", run.schedule, run.optimizer);
    let optimizer = match run.optimizer.as_str() {
        "adam" => Optimizer::adam(run.lr),
        _ => Optimizer::with_momentum(run.lr, 0.9, true),
    };
    let network = Network::mlp(3, &[4], 2, Activation::Tanh);
    let mut trainer = Trainer::new(network.clone(), Loss::SquaredError)
        .optimizer(optimizer)
        .batch_size(8)
        .epochs(EPOCHS);
    trainer.options.shuffle = false;
    trainer.options.schedule = run.schedule.parse().expect("it is a schedule");
    trainer.options.checkpoint_steps = Some(EPOCHS * BATCHES as u64);
    let parameters = network.parameters();
    let first = parameters.iter().map(|p| fixture.first[&p.name].clone());
    trainer.initial = Some(first.collect());
    let data = Dataset::numbers(&fixture.x, 3, &fixture.targets, 2).expect("it is well formed");
    let mut watch = Watch::default();
    let fit = trainer.fit_on(executor, &data, None, &mut watch);
    fit.expect("it trains");
    for (found, expected) in watch.rates.iter().zip(run.rates.chunks(BATCHES)) {
        let expected = expected[BATCHES - 1];
        let off = (found - expected).abs();
        assert!(off <= 1e-12 * run.lr, "{name}: {found}, not {expected}");
    }
    assert_eq!(watch.rates.len() as u64, EPOCHS, "{name}");
    for parameter in &parameters {
        let expected = &run.after[&parameter.name];
        let found = &watch.parameters[&parameter.name];
        let largest = expected.iter().fold(0.0_f64, |most, v| most.max(v.abs()));
        for (found, expected) in found.iter().zip(expected) {
            let off = (found - expected).abs();
            let parameter = &parameter.name;
            assert!(
                off <= tolerance * largest.max(1.0),
                "{name}, {parameter}: {found}, not {expected}"
            );
        }
    }
}

#[test]
fn weights_equal_pytorchs_to_ten_digits() {
    let fixture = fixture();
    assert_eq!(fixture.runs.len(), 32);
    for run in &fixture.runs {
        check(&fixture, run, Box::new(Reference::f64()), 1e-10);
    }
}

#[test]
fn devices_follow_them() {
    let fixture = fixture();
    for run in fixture.runs.iter().step_by(3) {
        for executor in fast_executors() {
            check(&fixture, run, executor.executor, 2e-5);
        }
    }
}

#[test]
fn a_schedule_reads_as_it_is_written() {
    for run in &fixture().runs {
        let schedule: Schedule = run.schedule.parse().expect("it is a schedule");
        let words = schedule.to_string();
        assert_eq!(words.parse::<Schedule>().ok().as_ref(), Some(&schedule));
        assert_eq!(words, run.schedule);
    }
    for (words, plain) in [
        ("ONE", None),
        ("One-Cycle", None),
        ("one-cycle", Some("one_cycle")),
        ("step: step_size = 3 ", Some("step:step_size=3")),
        (
            "linear:start_factor=0.5,end_factor=0.25",
            Some("linear:start_factor=0.5,end_factor=0.25"),
        ),
        (
            "cosine:T_max=9,eta-min=0.5",
            Some("cosine:t_max=9,eta_min=0.5"),
        ),
    ] {
        let found = words.parse::<Schedule>().ok().map(|s| s.to_string());
        assert_eq!(found.as_deref(), plain, "{words}");
    }
}

#[test]
fn a_bad_schedule_is_told_with_its_remedy() {
    for (words, parts) in [
        ("cosin", vec!["`cosin`", "did you mean `cosine`"]),
        ("step", vec!["no `step_size`", "`step:step_size=…`"]),
        ("step:step_size=0", vec!["step_size", "at least 1"]),
        (
            "step:step_size=2,gama=1",
            vec!["`gama`", "did you mean `gamma`"],
        ),
        ("step:step_size=2,gamma=nan", vec!["gamma", "finite"]),
        ("step:step_size=2,step_size=3", vec!["`step_size` twice"]),
        ("step:step_size", vec!["key=value"]),
        ("exponential:gamma=x", vec!["`gamma=x`", "number"]),
        ("exponential:gamma=-1", vec!["-1", "at least 0"]),
        ("multi_step:milestones=3/1", vec!["rising order"]),
        ("multi_step:milestones=", vec!["`/`"]),
        ("plateau:per=step", vec!["epoch"]),
        ("plateau:factor=1", vec!["below 1"]),
        ("one_cycle:pct_start=2", vec!["from 0 to 1"]),
        ("one_cycle:div_factor=0", vec!["above 0"]),
        ("one_cycle:max_momentum=1", vec!["below 1"]),
        ("one_cycle:anneal_strategy=up", vec!["cos or linear"]),
        ("cosine:per=batch", vec!["step or epoch"]),
        ("cosine:warmup=-1", vec!["whole number"]),
        ("cosine:warmup=3,warmup_start=2", vec!["from 0 to 1"]),
        ("cosine_restarts:t_0=0", vec!["at least 1"]),
    ] {
        let error = words.parse::<Schedule>().expect_err(words).to_string();
        for part in parts {
            assert!(error.contains(part), "{words}: no {part:?} in {error}");
        }
    }
}

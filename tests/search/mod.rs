//! Random search with successive halving.

use std::ops::ControlFlow;

use thalweg::data::{Dataset, Normalize, Preparation, Spec, TableOptions, Targets, Task, split};
use thalweg::device::Device;
use thalweg::network::{Activation, Loss};
use thalweg::search::{Budget, Candidate, Found, Problem, Progress, Search, Space};
use thalweg::train::Optimizer;
use thalweg::train::population::{Common, Member, Population};

/// Moons in two parts: 128 rows to train on, and 64 that judge.
fn moons() -> (Dataset, Dataset) {
    let spec: Spec = "moons:n=192".parse().expect("it is well formed");
    let table = spec.load(&TableOptions::default()).expect("it can be made");
    let (training, validation) = split(192, 1.0 / 3.0, 1, true).expect("it can be split");
    let preparation = Preparation::fit(&table, &training, Task::Auto, Normalize::Auto)
        .expect("it can be prepared");
    let all = preparation.prepare(&table).expect("it can be prepared");
    all.into_parts(&training, &validation)
}

fn problem<'a>(training: &'a Dataset, validation: &'a Dataset) -> Problem<'a> {
    Problem {
        training,
        validation,
        loss: Loss::CrossEntropy,
        units: None,
    }
}

fn budget() -> Budget {
    Budget {
        trials: 12,
        steps: 60,
        finalists: 2,
        repeats: 3,
        batch_size: 16,
        seed: 3,
        ..Budget::default()
    }
}

fn space() -> Space {
    Space {
        depths: 0..=2,
        widths: 2..=24,
        ..Space::default()
    }
}

fn search(budget: Budget, device: &Device) -> Found {
    let (training, validation) = moons();
    let executor = device.open(None).expect("it is there").executor;
    let mut search =
        Search::new(problem(&training, &validation), budget, executor).expect("it makes sense");
    search
        .run(&space(), &mut |_| ControlFlow::Continue(()))
        .expect("it searches")
}

#[test]
fn the_same_seed_finds_the_same() {
    let found = search(budget(), &Device::Cpu);
    assert!(!found.stopped);
    let again = search(budget(), &Device::Cpu);
    assert_eq!(found, again, "to the bit");
    let other = search(
        Budget {
            seed: 4,
            ..budget()
        },
        &Device::Cpu,
    );
    assert_ne!(found.candidates, other.candidates);
}

#[test]
fn halving_keeps_the_best() {
    let found = search(budget(), &Device::Cpu);
    let counts: Vec<_> = found
        .rungs
        .iter()
        .map(|r| (r.scores.len(), r.steps))
        .collect();
    assert_eq!(counts, budget().rungs());
    assert_eq!(counts, [(12, 6), (4, 20), (2, 60)]);
    for rung in &found.rungs {
        let losses: Vec<_> = rung.scores.iter().map(|s| s.1.loss).collect();
        assert!(losses.is_sorted(), "the best first: {losses:?}");
        let accuracies = rung.scores.iter().map(|s| s.1.accuracy);
        assert!(accuracies.flatten().all(|a| (0.0..=1.0).contains(&a)));
    }
    for pair in found.rungs.windows(2) {
        let numbers = |rung: &thalweg::search::Rung| -> Vec<usize> {
            rung.scores.iter().map(|s| s.0).collect()
        };
        let (all, mut left) = (numbers(&pair[0]), numbers(&pair[1]));
        let mut best = all[..left.len()].to_vec();
        best.sort_unstable();
        left.sort_unstable();
        assert_eq!(left, best, "those that were best go on");
    }
    let last: Vec<_> = found.rungs[2].scores.iter().map(|s| s.0).collect();
    for finalist in &found.finalists {
        let known = last
            .iter()
            .any(|&at| found.candidates[at] == finalist.candidate);
        assert!(known, "a finalist was left at the end");
        let mean = finalist.scores.iter().map(|s| s.loss).sum::<f64>() / 3.0;
        let told = finalist.loss.expect("all are finite");
        assert!((told.mean - mean).abs() < 1e-12 && told.runs == 3);
        let [low, high] = told.interval.expect("three have a spread");
        assert!(low < mean && mean < high);
    }
    let means: Vec<_> = found
        .finalists
        .iter()
        .map(|f| f.loss.map(|l| l.mean))
        .collect();
    assert!(means[0] <= means[1], "{means:?}");
}

/// The loss on the validation rows of a candidate that was trained alone, without a halt.
fn alone(candidate: &Candidate, seed: u64, device: &Device) -> f64 {
    let (training, validation) = moons();
    let member = Member::new(candidate.network(2, 2), seed)
        .learning_rate(candidate.learning_rate)
        .weight_decay(candidate.weight_decay);
    let common = Common {
        loss: Loss::CrossEntropy,
        batch_size: budget().batch_size,
        shuffle: true,
        update: Optimizer::adam(0.0).update,
    };
    let mut population = Population::new(vec![member], &training, common, device).expect("it fits");
    population.train(budget().steps).expect("it trains");
    let x = validation.inputs_of(0..64).expect("they are in memory");
    let p = population.predict(&x).expect("it predicts").remove(0);
    let Targets::Classes { labels, .. } = validation.targets() else {
        panic!("moons have classes");
    };
    let each = p.chunks(2).zip(labels);
    each.map(|(p, &label)| -f64::from(p[label as usize]).ln())
        .sum::<f64>()
        / 64.0
}

/// A candidate that was halted at each rung is at the end what it is without a halt: so its weights, Adam's state, the count of
/// its steps and its rows are carried over, on every device. A finalist's runs are those of the seeds behind.
#[test]
fn a_halt_changes_nothing() {
    let gpu = crate::common::gpu().map(|_| Device::Gpu);
    for device in [Device::Reference, Device::Cpu].into_iter().chain(gpu) {
        let found = search(budget(), &device);
        let alike = |what: &str, loss: f64, expected: f64| {
            let apart = (loss - expected).abs() / expected;
            assert!(apart < 1e-3, "{device}, {what}: {loss} and {expected}");
        };
        for &(at, score) in &found.rungs[2].scores {
            let expected = alone(&found.candidates[at], budget().seed, &device);
            alike("halted", score.loss, expected);
        }
        for (finalist, seed) in found.finalists.iter().zip([4, 4]) {
            for (score, seed) in finalist.scores.iter().zip(seed..) {
                let expected = alone(&finalist.candidate, seed, &device);
                alike("again", score.loss, expected);
            }
        }
    }
}

/// What is drawn twice is trained once, and a batch is no larger than the rows.
#[test]
fn a_space_of_few_points() {
    let (training, validation) = moons();
    let space = Space {
        depths: 1..=1,
        widths: 4..=5,
        activations: vec![Activation::Relu],
        rates: 0.01..=0.01,
        decays: 0.0..=0.0,
    };
    let with = |batch_size: usize| {
        let executor = Device::Cpu.open(None).expect("it is there").executor;
        let budget = Budget {
            batch_size,
            repeats: 1,
            steps: 12,
            ..budget()
        };
        let mut search =
            Search::new(problem(&training, &validation), budget, executor).expect("it makes sense");
        let mut all = 0;
        let mut watch = |progress: &Progress<'_>| {
            all = progress.all;
            assert!(progress.done <= progress.all, "{progress:?}");
            ControlFlow::Continue(())
        };
        let found = search.run(&space, &mut watch).expect("it searches");
        assert_eq!(all, search.training_steps());
        (found, all)
    };
    let (found, steps) = with(1 << 20);
    let mut widths: Vec<_> = found.candidates.iter().map(|c| c.width).collect();
    widths.sort_unstable();
    assert_eq!(widths, [4, 5]);
    assert_eq!(steps, 2 * 12 + 2 * 12, "all of them once, and once more");
    assert_eq!(found, with(128).0, "128 rows train");
}

#[test]
fn it_stops_when_it_is_told_to() {
    let (training, validation) = moons();
    let stopped = |when: fn(&Progress<'_>) -> bool| {
        let executor = Device::Cpu.open(None).expect("it is there").executor;
        let mut search = Search::new(problem(&training, &validation), budget(), executor)
            .expect("it makes sense");
        let mut watch = |progress: &Progress<'_>| {
            assert!(progress.done <= progress.all, "{progress:?}");
            match when(progress) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        };
        search.run(&space(), &mut watch).expect("it searches")
    };
    let at_once = stopped(|_| true);
    assert!(at_once.stopped && at_once.rungs.is_empty());
    // What was judged by then is kept, though the rung is not whole.
    let within = stopped(|progress| progress.done >= 12 * 6 - 6);
    assert!(within.stopped && within.rungs.len() == 1);
    let judged = within.rungs[0].scores.len();
    assert!((1..12).contains(&judged), "{judged} of 12");
    let later = stopped(|progress| progress.rungs.len() == 2);
    assert!(later.stopped && later.rungs.len() == 2 && later.finalists.is_empty());
    let never = stopped(|progress| progress.done > progress.all);
    assert!(!never.stopped && never.finalists.len() == 2);
}

/// Whoever runs away is last, and no reason to fail; numbers are judged in their own units.
#[test]
fn numbers_are_learnt_and_runaways_are_last() {
    let x: Vec<f32> = (0_u8..64).map(|i| f32::from(i) / 32.0 - 1.0).collect();
    let y: Vec<f32> = x.iter().map(|x| 3.0 * x * x).collect();
    let data = Dataset::numbers(&x, 1, &y, 1).expect("it is well formed");
    let with = |units: Option<Vec<f64>>, rates| {
        let problem = Problem {
            training: &data,
            validation: &data,
            loss: Loss::SquaredError,
            units,
        };
        let executor = Device::Cpu.open(None).expect("it is there").executor;
        let mut search = Search::new(problem, budget(), executor).expect("it makes sense");
        let space = Space {
            activations: vec![Activation::Relu],
            rates,
            ..space()
        };
        search
            .run(&space, &mut |_| ControlFlow::Continue(()))
            .expect("it searches")
    };
    let (one, ten) = (with(None, 1e-3..=0.1), with(Some(vec![10.0]), 1e-3..=0.1));
    let loss = |found: &Found| found.rungs[0].scores[0].1.loss;
    assert!((loss(&ten) / loss(&one) - 100.0).abs() < 1e-9);
    assert_eq!(one.finalists[0].accuracy, None);
    let wild = with(None, 1e-3..=1e30);
    let losses: Vec<_> = wild.rungs[0].scores.iter().map(|s| s.1.loss).collect();
    assert!(losses[0].is_finite() && losses.is_sorted(), "{losses:?}");
    assert!(losses.iter().all(|l| !l.is_nan()), "{losses:?}");
}

#[test]
fn what_makes_no_sense_is_refused() {
    let (training, validation) = moons();
    let open = || Device::Cpu.open(None).expect("it is there").executor;
    let refused = |problem: Problem<'_>, budget: Budget| match Search::new(problem, budget, open())
    {
        Err(error) => error.to_string(),
        Ok(_) => panic!("it is accepted"),
    };
    let good = || problem(&training, &validation);
    let zero = Budget {
        trials: 0,
        ..budget()
    };
    assert!(refused(good(), zero).contains("trials is 0; expected at least 1"));
    let hinge = Problem {
        loss: Loss::Hinge,
        ..good()
    };
    assert!(refused(hinge, budget()).contains("cross_entropy or squared_error"));
    let weighed = training
        .clone()
        .with_weights(vec![1.0; 128])
        .expect("they fit");
    assert!(refused(problem(&weighed, &validation), budget()).contains("weights"));
    let numbers = Dataset::numbers(&[0.0; 128], 2, &[0.0; 128], 2).expect("it is well formed");
    let mixed = Problem {
        loss: Loss::SquaredError,
        ..problem(&training, &numbers)
    };
    assert!(refused(mixed, budget()).contains("of one kind in both"));
    let none = Dataset::inputs_only(&[0.0; 128], 2).expect("it is well formed");
    assert!(refused(problem(&training, &none), budget()).contains("no targets"));
    let other = Dataset::classes(&[0.0, 1.0], 1, &[0, 1]).expect("it is well formed");
    assert!(refused(problem(&training, &other), budget()).contains("1 and 2"));
    let mut search = Search::new(good(), budget(), open()).expect("it makes sense");
    let none = Space {
        activations: Vec::new(),
        ..space()
    };
    let error = search.run(&none, &mut |_| ControlFlow::Continue(()));
    assert!(
        error
            .expect_err("none")
            .to_string()
            .contains("activations is none")
    );
}

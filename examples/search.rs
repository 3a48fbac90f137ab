//! Which structure? Random search with successive halving over depth, width, activation, rate and L2, many networks trained at
//! once: `cargo run --release --example search [-- --device gpu]`.
//!
//! Claims: what the search picks by the validation rows is better, on rows that took no part in it, than the median of what it
//! picked from, and both means have an interval that says so; and halving takes a fraction of the steps that training every
//! candidate to the end does. The throughput of many networks at once is told beside that of one after the other.

mod common;

use std::ops::ControlFlow;
use std::process::ExitCode;

use thalweg::bench::{Bounds, Many, measure};
use thalweg::chart::{Chart, Panel};
use thalweg::data::{Dataset, Normalize, Preparation, Spec, TableOptions, Task};
use thalweg::network::Loss;
use thalweg::search::{Budget, Finalist, Found, Problem, Progress, Search, Space};

use common::{Example, Failure, Table};

/// Spirals in three parts: rows that train, that choose, and that judge.
fn spirals() -> Result<[Dataset; 3], Failure> {
    let spec: Spec = "spirals:n=1600,noise=0.15,seed=1".parse()?;
    let rows = spec.load(&TableOptions::default())?;
    let parts: [Vec<u32>; 3] = [
        (0..512).collect(),
        (512..768).collect(),
        (768..1600).collect(),
    ];
    let prepared = Preparation::fit(&rows, &parts[0], Task::Auto, Normalize::Auto)?;
    let all = prepared.prepare(&rows)?;
    Ok(parts.map(|rows| all.select(&rows)))
}

fn row(finalist: &Finalist) -> [String; 6] {
    let candidate = &finalist.candidate;
    let hidden: Vec<_> = candidate.hidden().iter().map(usize::to_string).collect();
    let loss = finalist.loss.map_or_else(
        || "not finite".to_owned(),
        |loss| {
            let [low, high] = loss.interval.unwrap_or([loss.mean; 2]);
            format!("{:.3} ({low:.3} to {high:.3})", loss.mean)
        },
    );
    let accuracy = finalist.accuracy.map_or(f64::NAN, |accuracy| accuracy.mean);
    [
        hidden.join("-"),
        candidate.activation.to_string(),
        format!("{:?}", candidate.learning_rate),
        format!("{:?}", candidate.weight_decay),
        loss,
        format!("{accuracy:.3}"),
    ]
}

/// The ends of the interval of the mean loss.
fn interval(finalist: &Finalist) -> [f64; 2] {
    let loss = finalist.loss.and_then(|loss| loss.interval);
    loss.unwrap_or([f64::INFINITY; 2])
}

/// Networks a second, one after the other and at once.
fn throughput(example: &Example, members: usize) -> Result<[f64; 2], Failure> {
    let many = Many {
        case: "64-32-32-10:32".parse()?,
        members,
    };
    let bounds = Bounds {
        seconds: example.either(1.0, 0.0),
        samples: 30,
    };
    let mut alone = many.alone(example.device.open(None)?.executor, 0)?;
    let alone = measure(bounds, |steps| alone.run(steps))?.statistics.median;
    let mut at_once = many.at_once(example.device.open(None)?.executor)?;
    let at_once = measure(bounds, |steps| at_once.run(steps))?
        .statistics
        .median;
    Ok([1.0 / alone, members as f64 / at_once])
}

/// The rungs, and where each candidate ends on other rows.
fn drawn(found: &Found, all: &[Finalist]) -> Chart {
    let mut ranks = Panel::new("All candidates, on other rows", "place", "loss, 95 %").log_y();
    for (place, finalist) in (1_u32..).zip(all) {
        let chosen = finalist.candidate == found.finalists[0].candidate;
        let name = if chosen { "chosen" } else { "candidate" };
        ranks = ranks.line(name, interval(finalist).map(|end| (f64::from(place), end)));
    }
    Chart::new("A search on spirals")
        .panel(found.halving())
        .panel(ranks)
}

/// Steps of networks that halving takes, without the repeats.
fn halved(budget: &Budget) -> u64 {
    let rungs = budget.rungs();
    let before = std::iter::once(0).chain(rungs.iter().map(|rung| rung.1));
    let each = rungs.iter().zip(before);
    each.map(|(&(count, steps), before)| count as u64 * u64::from(steps - before))
        .sum()
}

fn main() -> ExitCode {
    Example::run("search", |example| {
        let [training, choosing, judging] = spirals()?;
        let budget = Budget {
            trials: example.either(64, 18),
            steps: example.either(600, 360),
            finalists: example.either(3, 1),
            repeats: example.either(8, 4),
            ..Budget::default()
        };
        let space = Space {
            widths: 4..=example.either(64, 24),
            ..Space::default()
        };
        let problem = |validation| Problem {
            training: &training,
            validation,
            loss: Loss::CrossEntropy,
            units: None,
        };
        let go_on = &mut |_: &Progress<'_>| ControlFlow::Continue(());
        let executor = example.device.open(None)?.executor;
        let found =
            Search::new(problem(&choosing), budget.clone(), executor)?.run(&space, go_on)?;
        let winner = found.finalists[0].candidate.clone();

        // What all of them come to on other rows, had each been trained to the end.
        let executor = example.device.open(None)?.executor;
        let mut judge = Search::new(problem(&judging), budget.clone(), executor)?;
        let all = judge.repeat(&found.candidates, go_on)?.unwrap_or_default();
        let place = all.iter().position(|f| f.candidate == winner);
        let place = place.ok_or("the winner is one of the candidates")?;
        let (best, median) = (&all[place], &all[all.len() / 2]);
        let head = [
            "",
            "hidden",
            "activation",
            "lr",
            "l2",
            "loss (95 %)",
            "accuracy",
        ];
        let mut table = Table::new(head);
        table.row("chosen", row(best));
        table.row("best", row(&all[0]));
        table.row("median", row(median));
        table.row("worst", row(&all[all.len() - 1]));
        example.tell(table);
        let ([low, high], [from, to]) = (interval(best), interval(median));
        example.claim(
            "what the search picks is better than the median candidate, by more than chance",
            format!(
                "loss on other rows {low:.3} to {high:.3} against {from:.3} to {to:.3}; place {} of {}",
                place + 1,
                all.len()
            ),
            high < from,
        );
        let halving = halved(&budget);
        let every = found.candidates.len() as u64 * u64::from(budget.steps);
        example.claim(
            "halving takes less than a quarter of the steps that training every candidate to the end takes",
            format!("{halving} steps of networks against {every}; {} with the repeats of the finalists", budget.network_steps()),
            4 * halving < every,
        );
        let members = example.either(32, 8);
        let [alone, at_once] = throughput(example, members)?;
        example.tell(format!(
            "throughput: {alone:.0} steps of networks a second one after the other, {at_once:.0} with {members} at once: {:.1} times\n",
            at_once / alone
        ));

        example.chart("search.svg", &drawn(&found, &all))
    })
}

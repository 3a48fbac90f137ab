//! Depth, width and parity: `cargo run --release --example parity [-- --device DEVICE]`.
//!
//! Whether the number of set bits is odd depends on all of them at once. The texts use parity to ask what depth is good for: a
//! tree of XORs needs few units, one layer of local units 2ⁿ⁻¹. Here gradient descent has to find the units: how many does it
//! need as n grows, in one layer and in two of equal size, and how many of the patterns must be shown? And the other side of the
//! same question: one hidden layer approximates any curve, the better the wider it is.

#![expect(clippy::cast_possible_truncation, reason = "there are few seeds")]

mod common;

use std::process::ExitCode;

use common::{Example, Failure, table};
use thalweg::chart::{Chart, Panel};
use thalweg::data::Dataset;
use thalweg::network::{Activation, Loss, Network};
use thalweg::random::{Random, stream};
use thalweg::train::Optimizer;
use thalweg::train::population::{Common, Member, Population};

const LARGEST: usize = 16;

/// All patterns of n bits as -1 and 1, and their parities.
fn patterns(n: u32) -> (Vec<f32>, Vec<u32>) {
    let bits = |p: u32| (0..n).map(move |i| if p >> i & 1 == 1 { 1.0 } else { -1.0 });
    let all = 0..1_u32 << n;
    (
        all.clone().flat_map(bits).collect(),
        all.map(|p| p.count_ones() % 2).collect(),
    )
}

/// For each member, on how many of all patterns it is right.
fn right(
    example: &Example,
    n: u32,
    members: Vec<Member>,
    steps: u32,
) -> Result<Vec<usize>, Failure> {
    let (x, labels) = patterns(n);
    let data = Dataset::classes(&x, n as usize, &labels)?;
    let common = Common {
        loss: Loss::CrossEntropy,
        batch_size: labels.len().min(32),
        shuffle: true,
        update: Optimizer::adam(0.01).update,
    };
    let mut population = Population::new(members, &data, common, &example.device)?;
    population.train(steps)?;
    let count = |p: &Vec<f32>| {
        labels
            .iter()
            .enumerate()
            .filter(|(i, l)| p[2 * i + **l as usize] > 0.5)
            .count()
    };
    Ok(population.predict(&x)?.iter().map(count).collect())
}

/// A network with so many hidden units in so many layers; the first has one more where they cannot be equal.
fn network(n: u32, units: usize, layers: usize) -> Network {
    let hidden: Vec<_> = (0..layers)
        .map(|layer| (units + layers - 1 - layer) / layers)
        .collect();
    Network::mlp(n as usize, &hidden, 2, Activation::Tanh)
}

/// The fewest units with which at least half of the seeds learn all patterns.
fn units_needed(
    example: &Example,
    n: u32,
    layers: usize,
    seeds: u64,
) -> Result<Option<usize>, Failure> {
    let sizes: Vec<_> = (layers.max(2)..=LARGEST).collect();
    let member =
        |units: usize, seed| Member::new(network(n, units, layers), seed).learning_rate(0.02);
    let members = sizes
        .iter()
        .flat_map(|&units| (0..seeds).map(move |seed| member(units, seed)));
    let steps = example.either(4000, 800);
    let right = right(example, n, members.collect(), steps)?;
    let learnt = |found: &[usize]| found.iter().filter(|r| **r == 1 << n).count();
    let each = sizes.iter().zip(right.chunks(seeds as usize));
    Ok(each
        .filter(|(_, found)| 2 * learnt(found) >= found.len())
        .map(|(units, _)| *units)
        .next())
}

/// The share of the patterns that were not shown which are answered rightly, by how many in sixteen were shown.
fn unseen(example: &Example, n: u32, layers: usize, seeds: u64) -> Result<Vec<f64>, Failure> {
    let all = 1_usize << n;
    let shown = |k: usize| all * k / 16;
    let parts = [8, 12, 14, 15];
    let member = |k: usize, seed: u64| {
        let mut rows = Random::new(seed, stream::TEST, 19).permutation(all);
        rows.truncate(shown(k));
        let member = Member::new(network(n, LARGEST, layers), seed);
        member.learning_rate(0.02).weight_decay(1e-3).rows(rows)
    };
    let members = parts
        .iter()
        .flat_map(|&k| (0..seeds).map(move |seed| member(k, seed)));
    let right = right(example, n, members.collect(), example.either(4000, 800))?;
    let each = parts.iter().zip(right.chunks(seeds as usize));
    // What was shown counts as learnt; the rest is what is asked for.
    let share =
        |k: usize, r: &usize| (*r as f64 - shown(k) as f64).max(0.0) / (all - shown(k)) as f64;
    Ok(each
        .map(|(k, found)| found.iter().map(|r| share(*k, r)).sum::<f64>() / found.len() as f64)
        .collect())
}

/// The error of one hidden layer on a curve, by its width: the best of some seeds.
fn approximation(example: &Example, widths: &[usize], seeds: u64) -> Result<Vec<f64>, Failure> {
    let x: Vec<f32> = (0..128_u8).map(|i| f32::from(i) / 63.5 - 1.0).collect();
    let curve = |x: &f32| (3.0 * x).sin() + 0.5 * (9.0 * x * x).cos();
    let y: Vec<f32> = x.iter().map(curve).collect();
    let data = Dataset::numbers(&x, 1, &y, 1)?;
    let member = |width: usize, seed| {
        Member::new(Network::mlp(1, &[width], 1, Activation::Tanh), seed).learning_rate(0.02)
    };
    let members: Vec<_> = widths
        .iter()
        .flat_map(|&w| (0..seeds).map(move |seed| member(w, seed)))
        .collect();
    let common = Common {
        loss: Loss::SquaredError,
        batch_size: 128,
        shuffle: false,
        update: Optimizer::adam(0.02).update,
    };
    let mut population = Population::new(members, &data, common, &example.device)?;
    population.train(example.either(6000, 1200))?;
    let error = |found: &Vec<f32>| {
        let squares = y.iter().zip(found).map(|(y, f)| f64::from(y - f).powi(2));
        (squares.sum::<f64>() / y.len() as f64).sqrt()
    };
    let errors: Vec<f64> = population.predict(&x)?.iter().map(error).collect();
    Ok(errors
        .chunks(seeds as usize)
        .map(|e| e.iter().copied().fold(f64::INFINITY, f64::min))
        .collect())
}

fn main() -> ExitCode {
    Example::run("parity", |example| {
        let seeds = example.either(10, 4);
        let bits: Vec<u32> = (2..=example.either(5, 3)).collect();
        let mut rows = vec![
            ["bits", "units, one layer", "units, two layers"]
                .map(str::to_owned)
                .to_vec(),
        ];
        let mut needed = Vec::new();
        for &n in &bits {
            let found = [
                units_needed(example, n, 1, seeds)?,
                units_needed(example, n, 2, seeds)?,
            ];
            let text = |f: Option<usize>| {
                f.map_or_else(|| format!("more than {LARGEST}"), |u| u.to_string())
            };
            rows.push(vec![n.to_string(), text(found[0]), text(found[1])]);
            needed.push(found.map(|f| f.unwrap_or(LARGEST + 1)));
        }
        example.tell(format!(
            "fewest hidden units with which at least half of {seeds} seeds learn all patterns\n{}",
            table(&rows)
        ));
        let (first, last) = (needed[0], needed[needed.len() - 1]);
        example.claim(
            "more bits need more units, in one layer and in two; and far fewer than the 2ⁿ⁻¹ of local units as n grows",
            format!("one layer {:?}, two layers {:?} for {bits:?} bits", needed.iter().map(|n| n[0]).collect::<Vec<_>>(), needed.iter().map(|n| n[1]).collect::<Vec<_>>()),
            last[0] > first[0] && last[1] >= first[1] && last[0].min(last[1]) <= 1 << (bits[bits.len() - 1] - 1),
        );

        let n = example.either(6, 5);
        let [one, two] = [unseen(example, n, 1, seeds)?, unseen(example, n, 2, seeds)?];
        example.claim(
            "parity is hard to generalise: shown half of the patterns, neither is better than chance on the others by much",
            format!("{n} bits, {LARGEST} units: right on unseen patterns {one:.2?} in one layer, {two:.2?} in two, shown 8, 12, 14 and 15 of 16"),
            one[0] < 0.75 && two[0] < 0.75,
        );

        let widths = example.either(&[1, 2, 4, 8, 16, 32][..], &[1, 2, 4, 8]);
        let errors = approximation(example, widths, seeds)?;
        example.claim(
            "one hidden layer follows any curve, the better the wider it is, until training and not width is the limit",
            format!("errors {errors:.4?} with {widths:?} units (root mean square, best of {seeds} seeds)"),
            errors[..4].windows(2).all(|pair| pair[1] < pair[0])
                && errors[3..].iter().all(|error| *error < 0.2 * errors[0]),
        );
        let line = |i: usize| {
            bits.iter()
                .zip(&needed)
                .map(|(n, u)| (f64::from(*n), u[i] as f64))
                .collect::<Vec<_>>()
        };
        let units = Panel::new("Units that parity needs", "bits", "hidden units")
            .line("one layer", line(0))
            .line("two layers", line(1));
        let shown = [8.0, 12.0, 14.0, 15.0].map(|k| k / 16.0);
        let share = |found: &[f64]| {
            shown
                .iter()
                .copied()
                .zip(found.iter().copied())
                .collect::<Vec<_>>()
        };
        let rest = Panel::new("Patterns that were not shown", "share shown", "share right")
            .line("one layer", share(&one))
            .line("two layers", share(&two));
        let curve = widths.iter().zip(&errors).map(|(w, e)| (*w as f64, *e));
        let errors = Panel::new("A curve, by one hidden layer", "units", "error")
            .log_x()
            .log_y()
            .line("one layer", curve);
        let chart = Chart::new("Depth, width and parity")
            .panel(units)
            .panel(rest)
            .panel(errors);
        example.chart("parity.svg", &chart)
    })
}

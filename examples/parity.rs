//! Depth, width and parity: `cargo run --release --example parity [-- --device DEVICE]`.
//!
//! Whether the number of set bits is odd depends on all of them at once. The texts use parity to ask what depth is good for: a
//! tree of XORs needs few units, one layer of local units 2ⁿ⁻¹. Here gradient descent has to find the units: how many does it
//! need as n grows, in one layer and in two of equal size, and how many of the patterns must be shown? And the other side of the
//! same question: one hidden layer approximates any curve, the better the wider it is.

#![expect(clippy::cast_possible_truncation, reason = "there are few seeds")]

mod common;

use std::process::ExitCode;

use common::{Example, Failure, Table, mean};
use thalweg::chart::{Chart, Panel};
use thalweg::data::Dataset;
use thalweg::network::{Activation, Loss, Network};
use thalweg::random::{Random, stream};
use thalweg::train::Optimizer;
use thalweg::train::population::{Common, Member, Population};

/// The most units that are tried for parity, and those with which unseen patterns are asked for.
const MOST: usize = 10;
const UNITS: usize = 16;

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
    let sizes: Vec<_> = (layers.max(2)..=MOST).collect();
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

/// How a network does on patterns that were not shown.
struct Unseen {
    /// The fewest that must be shown for half of the seeds to answer all others.
    needed: Option<usize>,
    /// The share of the others that is answered rightly, by how many eighths were shown, up to all but one pattern.
    shares: Vec<f64>,
}

fn unseen(example: &Example, n: u32, layers: usize, seeds: u64) -> Result<Unseen, Failure> {
    let all = 1_usize << n;
    let parts = [all / 2, 3 * all / 4, 7 * all / 8, all - 1];
    let member = |shown: usize, seed: u64| {
        let mut rows = Random::new(seed, stream::TEST, 19).permutation(all);
        rows.truncate(shown);
        let member = Member::new(network(n, UNITS, layers), seed);
        member.learning_rate(0.02).weight_decay(1e-3).rows(rows)
    };
    let members = parts
        .iter()
        .flat_map(|&shown| (0..seeds).map(move |seed| member(shown, seed)));
    let right = right(example, n, members.collect(), example.either(4000, 800))?;
    let each: Vec<_> = parts.iter().zip(right.chunks(seeds as usize)).collect();
    let needed = each.iter().find(|(_, found)| {
        let whole = found.iter().filter(|right| **right == all).count();
        2 * whole >= found.len()
    });
    // What was shown counts as learnt; the rest is what is asked for.
    let share =
        |shown: usize, right: usize| (right as f64 - shown as f64).max(0.0) / (all - shown) as f64;
    let shares = each.iter().map(|(shown, found)| {
        let shares: Vec<_> = found.iter().map(|right| share(**shown, *right)).collect();
        mean(&shares)
    });
    Ok(Unseen {
        needed: needed.map(|(shown, _)| **shown),
        shares: shares.collect(),
    })
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
        let mut table = Table::new(["bits", "units, one layer", "units, two layers"]);
        let mut needed = Vec::new();
        for &n in &bits {
            let found = [
                units_needed(example, n, 1, seeds)?,
                units_needed(example, n, 2, seeds)?,
            ];
            let text =
                |f: Option<usize>| f.map_or_else(|| format!("more than {MOST}"), |u| u.to_string());
            table.row(n, found.map(text));
            needed.push(found.map(|f| f.unwrap_or(MOST + 1)));
        }
        example.tell(format!(
            "fewest hidden units with which at least half of {seeds} seeds learn all patterns\n{table}"
        ));
        let (first, last) = (needed[0], needed[needed.len() - 1]);
        example.claim(
            "more bits need more units, in one layer and in two; and far fewer than the 2ⁿ⁻¹ of local units as n grows",
            format!("one layer {:?}, two layers {:?} for {bits:?} bits", needed.iter().map(|n| n[0]).collect::<Vec<_>>(), needed.iter().map(|n| n[1]).collect::<Vec<_>>()),
            last[0] > first[0] && last[1] >= first[1] && last[0].min(last[1]) <= 1 << (bits[bits.len() - 1] - 1),
        );

        let mut table = Table::new(["bits", "examples, one layer", "examples, two layers"]);
        let mut generalised = Vec::new();
        for n in 3..=example.either(6, 4) {
            let found = [unseen(example, n, 1, seeds)?, unseen(example, n, 2, seeds)?];
            let text = |found: &Unseen| {
                let text = found.needed.map(|shown| shown.to_string());
                format!("{} of {}", text.as_deref().unwrap_or("all"), 1 << n)
            };
            table.row(n, [text(&found[0]), text(&found[1])]);
            generalised.push(found);
        }
        example.tell(format!(
            "fewest examples with which at least half of {seeds} seeds answer the others, {UNITS} units\n{table}"
        ));
        let all = || {
            generalised
                .iter()
                .zip(3_u32..)
                .flat_map(|(both, n)| both.iter().map(move |f| (f, n)))
        };
        let few: Vec<f64> = all().map(|(found, _)| found.shares[0]).collect();
        example.claim(
            "parity is hard to generalise: shown half of the patterns, no network is much better than chance on the others; \
             seven eighths or more must be shown, so the examples grow as the patterns do",
            format!("right on unseen patterns {few:.2?}, shown half, in one layer and in two, for 3 bits and more"),
            few.iter().all(|share| *share < 0.75)
                && all().all(|(found, n)| found.needed.is_none_or(|k| 8 * k >= 7 << n)),
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
        let mut rest = Panel::new(
            "Patterns that were not shown",
            "eighths shown",
            "share right",
        );
        let [one, two] = &generalised[generalised.len() - 1];
        for (name, found) in [("one layer", one), ("two layers", two)] {
            rest = rest.line(
                name,
                [4.0, 6.0, 7.0]
                    .into_iter()
                    .zip(found.shares.iter().copied()),
            );
        }
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

//! Eight states, two answers: `cargo run --release --example eight_states [-- --device DEVICE]`.
//!
//! Three bits have eight states, and a network with eight hidden units in one layer can have a unit for each: it can answer
//! anything, but must be shown nearly everything. The texts put 2 + 3 units in two layers beside it, of which the second works on
//! what the first has found, and ask how many of the eight examples each must see to answer the others rightly as well. The
//! question here is whether exactly one of the first two bits is set, which a first layer can find once for both values of the
//! third.

#![expect(clippy::cast_possible_truncation, reason = "there are few seeds")]

mod common;

use std::process::ExitCode;

use common::{Example, Failure, Table, rate};
use thalweg::chart::{Chart, Panel};
use thalweg::data::Dataset;
use thalweg::network::{Activation, Loss, Network};
use thalweg::random::{Random, stream};
use thalweg::train::Optimizer;
use thalweg::train::population::{Common, Member, Population};

/// The state of a number, as three inputs of -1 and 1, and its answer.
fn state(number: u32) -> ([f32; 3], u32) {
    let bit = |i: u32| number >> i & 1;
    let input = |i| if bit(i) == 1 { 1.0 } else { -1.0 };
    ([input(0), input(1), input(2)], bit(0) ^ bit(1))
}

/// How many networks answer the states rightly that they were not shown, of those that learnt what they were shown; for
/// each number of examples.
fn generalise(
    example: &Example,
    hidden: &[usize],
    sizes: &[usize],
) -> Result<Vec<(usize, usize)>, Failure> {
    let (inputs, labels): (Vec<_>, Vec<_>) = (0..8).map(state).unzip();
    let data = Dataset::classes(&inputs.concat(), 3, &labels)?;
    let network = Network::mlp(3, hidden, 2, Activation::Tanh);
    let seeds = example.either(150, 40);
    let mut members = Vec::new();
    for &size in sizes {
        for seed in 0..seeds {
            let mut shown = Random::new(seed, stream::TEST, 18).permutation(8);
            shown.truncate(size);
            members.push(
                Member::new(network.clone(), seed)
                    .learning_rate(0.02)
                    .weight_decay(1e-3)
                    .rows(shown),
            );
        }
    }
    let common = Common {
        loss: Loss::CrossEntropy,
        batch_size: 8,
        shuffle: false,
        update: Optimizer::adam(0.02).update,
    };
    let mut population = Population::new(members, &data, common, &example.device)?;
    population.train(example.either(2000, 600))?;
    let p = population.predict(&inputs.concat())?;
    let right = |p: &[f32], row: usize| p[2 * row + labels[row] as usize] > 0.5;
    let mut found = vec![(0, 0); sizes.len()];
    for (i, (member, p)) in population.members().iter().zip(&p).enumerate() {
        let shown = member.rows.as_deref().unwrap_or(&[]);
        if shown.iter().all(|&row| right(p, row as usize)) {
            let (rest, all) = &mut found[i / seeds as usize];
            *all += 1;
            *rest += usize::from((0..8).all(|row| right(p, row)));
        }
    }
    Ok(found)
}

fn main() -> ExitCode {
    Example::run("eight_states", |example| {
        let sizes = [3, 4, 5, 6, 7];
        let wide = generalise(example, &[8], &sizes)?;
        let deep = generalise(example, &[2, 3], &sizes)?;
        let mut table = Table::new(["examples", "8 units", "2 + 3 units"]);
        for (size, (wide, deep)) in sizes.iter().zip(wide.iter().zip(&deep)) {
            table.row(size, [rate(wide.0, wide.1), rate(deep.0, deep.1)]);
        }
        example.tell(format!(
            "of the networks that learnt their examples, how many answer the rest\n{table}"
        ));
        let share = |(k, n): (usize, usize)| k as f64 / n.max(1) as f64;
        let gain: Vec<_> = wide
            .iter()
            .zip(&deep)
            .map(|(w, d)| share(*d) - share(*w))
            .collect();
        example.claim(
            "2 + 3 units in two layers need fewer of the eight: shown four or five, they answer the rest now and then, and 8 units in one layer hardly ever",
            format!("shares {:.2?} against {:.2?} with {sizes:?} examples", deep.iter().map(|s| share(*s)).collect::<Vec<_>>(), wide.iter().map(|s| share(*s)).collect::<Vec<_>>()),
            gain[1] + gain[2] > 0.0,
        );
        let curve = |found: &[(usize, usize)]| {
            sizes
                .iter()
                .zip(found)
                .map(|(s, f)| (*s as f64, share(*f)))
                .collect::<Vec<_>>()
        };
        let panel = Panel::new("Right on all eight", "examples", "share of networks")
            .line("8 units in one layer", curve(&wide))
            .line("2 + 3 units in two", curve(&deep));
        example.chart("eight_states.svg", &Chart::new("Eight states").panel(panel))
    })
}

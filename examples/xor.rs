//! What a hidden layer is for: `cargo run --release --example xor [-- --device DEVICE]`.
//!
//! The texts say: OR is learnt without a hidden layer; XOR is not, whatever the training; with two hidden units it can be; with
//! four it is found more easily, and L2 quiets the units that are not needed. From the output back to the inputs XOR is no
//! function, so that nothing can learn it: the best that there is has the conditional entropy, log 2, as its loss.

mod common;

use std::process::ExitCode;

use common::{Example, Failure, Table, rate};
use thalweg::chart::{Chart, Panel};
use thalweg::data::Dataset;
use thalweg::network::{Activation, Loss, Network};
use thalweg::train::population::{Common, Member, Population};
use thalweg::train::{Model, Optimizer};

const INPUTS: [f32; 8] = [0., 0., 0., 1., 1., 0., 1., 1.];
const OR: [u32; 4] = [0, 1, 1, 1];
const XOR: [u32; 4] = [0, 1, 1, 0];

/// Networks of one shape with many seeds, trained at once.
struct Trained {
    /// Probabilities of all rows, and the loss.
    p: Vec<Vec<f32>>,
    losses: Vec<f64>,
    models: Vec<Model>,
    /// How many are right on all rows.
    right: usize,
}

fn train(example: &Example, hidden: usize, labels: &[u32], decay: f64) -> Result<Trained, Failure> {
    let units: &[usize] = if hidden == 0 { &[] } else { &[hidden] };
    let network = Network::mlp(2, units, 2, Activation::Tanh);
    let member = |seed| {
        Member::new(network.clone(), seed)
            .learning_rate(0.03)
            .weight_decay(decay)
    };
    let seeds = example.either(100, 30);
    let data = Dataset::classes(&INPUTS, 2, labels)?;
    let common = Common {
        loss: Loss::CrossEntropy,
        batch_size: 4,
        shuffle: false,
        update: Optimizer::adam(0.03).update,
    };
    let mut population = Population::new(
        (0..seeds).map(member).collect(),
        &data,
        common,
        &example.device,
    )?;
    population.train(example.either(3000, 700))?;
    let p = population.predict(&INPUTS)?;
    let models = population.models()?;
    let loss = |p: &Vec<f32>| {
        labels
            .iter()
            .enumerate()
            .map(|(i, l)| -f64::from(p[2 * i + *l as usize]).ln())
            .sum::<f64>()
            / 4.0
    };
    let is_right = |p: &&Vec<f32>| {
        labels
            .iter()
            .enumerate()
            .all(|(i, l)| p[2 * i + *l as usize] > 0.5)
    };
    Ok(Trained {
        losses: p.iter().map(loss).collect(),
        right: p.iter().filter(is_right).count(),
        p,
        models,
    })
}

/// How strong each hidden unit is: the norm of what leads to it times that of what leads from it, the weakest first.
fn strengths(model: &Model) -> Vec<f64> {
    let (inward, outward) = (&model.values[0], &model.values[2]);
    let hidden = inward.len() / 2;
    let norm = |values: &mut dyn Iterator<Item = f32>| {
        values.map(|v| f64::from(v * v)).sum::<f64>().sqrt()
    };
    let strength = |unit: usize| {
        // The difference of both classes is all that matters.
        let from = f64::from(outward[unit] - outward[hidden + unit]).abs();
        norm(&mut inward[2 * unit..2 * unit + 2].iter().copied()) * from
    };
    let mut all: Vec<_> = (0..hidden).map(strength).collect();
    all.sort_by(f64::total_cmp);
    all
}

/// The truth tables, by the best network of each kind.
fn tell_tables(example: &Example, all: [&Trained; 4]) {
    let best = |t: &Trained| {
        let better = |a: &&usize, b: &&usize| t.losses[**a].total_cmp(&t.losses[**b]);
        (0..t.p.len())
            .collect::<Vec<_>>()
            .iter()
            .min_by(better)
            .copied()
            .unwrap_or(0)
    };
    let cell = |t: &Trained, row: usize| format!("{:.3}", t.p[best(t)][2 * row + 1]);
    let mut table = Table::new(["a", "b", "OR", "XOR", "XOR, 2 hidden", "XOR, 4 hidden"]);
    for row in 0..4 {
        let b = INPUTS[2 * row + 1].to_string();
        let cells = std::iter::once(b).chain(all.map(|t| cell(t, row)));
        table.row(INPUTS[2 * row], cells);
    }
    example.tell(format!(
        "the probability of 1, by the best network of each kind\n{table}"
    ));
}

/// From the output to the four pairs of inputs, which is no function.
fn reverse(example: &mut Example) -> Result<(), Failure> {
    let outputs = [0.0, 1.0, 1.0, 0.0];
    let back = Dataset::classes(&outputs, 1, &[0, 1, 2, 3])?;
    let network = Network::mlp(1, &[16], 4, Activation::Tanh);
    let common = Common {
        loss: Loss::CrossEntropy,
        batch_size: 4,
        shuffle: false,
        update: Optimizer::adam(0.03).update,
    };
    let members = (0..example.either(20, 8))
        .map(|seed| Member::new(network.clone(), seed).learning_rate(0.03));
    let mut population = Population::new(members.collect(), &back, common, &example.device)?;
    population.train(example.either(3000, 700))?;
    let losses: Vec<f64> = population
        .predict(&outputs)?
        .iter()
        .map(|p| {
            (0..4)
                .map(|row| -f64::from(p[4 * row + row]).ln())
                .sum::<f64>()
                / 4.0
        })
        .collect();
    let off = losses
        .iter()
        .map(|l| (l - std::f64::consts::LN_2).abs())
        .fold(0.0, f64::max);
    example.claim(
        "the reverse of XOR cannot be learnt: its loss is the conditional entropy, log 2, and that is reached",
        format!("losses of {} networks within {off:.1e} of log 2", losses.len()),
        off < 1e-3,
    );
    Ok(())
}

fn main() -> ExitCode {
    Example::run("xor", |example| {
        let or = train(example, 0, &OR, 0.0)?;
        let without = train(example, 0, &XOR, 0.0)?;
        let two = train(example, 2, &XOR, 0.0)?;
        let four = train(example, 4, &XOR, 0.0)?;
        let quiet = train(example, 4, &XOR, 8e-3)?;
        let all = or.p.len();
        let least = |t: &Trained| t.losses.iter().copied().fold(f64::INFINITY, f64::min);
        tell_tables(example, [&or, &without, &two, &four]);
        example.claim(
            "OR is learnt without a hidden layer",
            rate(or.right, all),
            or.right == all,
        );
        example.claim(
            "XOR is not: no network is right on all rows, and none has a smaller loss than log 2 = 0.6931",
            format!("{}, least loss {:.6}", rate(without.right, all), least(&without)),
            without.right == 0 && least(&without) > std::f64::consts::LN_2 - 1e-6,
        );
        example.claim(
            "with two hidden units XOR can be learnt, and with four it is more often",
            format!(
                "{} with two, {} with four",
                rate(two.right, all),
                rate(four.right, all)
            ),
            2 * two.right > all && four.right > two.right && 20 * four.right >= 19 * all,
        );
        let weakest = |t: &Trained, unit: usize| {
            let mut all: Vec<_> = t
                .models
                .iter()
                .map(|m| {
                    let s = strengths(m);
                    s[unit] / s[3]
                })
                .collect();
            all.sort_by(f64::total_cmp);
            all[all.len() / 2]
        };
        example.claim(
            "L2 quiets units that are not needed: the weakest of four counts for less beside the strongest",
            format!(
                "median share {:.3} without L2, {:.3} with 0.008; right are {} without, {} with",
                weakest(&four, 0), weakest(&quiet, 0), rate(four.right, all), rate(quiet.right, all)
            ),
            weakest(&quiet, 0) < 0.5 * weakest(&four, 0) && 10 * quiet.right >= 8 * all,
        );

        reverse(example)?;
        let sorted = |t: &Trained| {
            let mut losses = t.losses.clone();
            losses.sort_by(f64::total_cmp);
            (1_u32..)
                .map(f64::from)
                .zip(losses.into_iter().map(|l| l.max(1e-6)))
                .collect::<Vec<_>>()
        };
        let panel =
            Panel::new("XOR: the loss of each seed", "seed, the best first", "loss").log_y();
        let panel = panel
            .line("no hidden layer", sorted(&without))
            .line("2 hidden units", sorted(&two));
        let panel = panel
            .line("4 hidden units", sorted(&four))
            .line("4 hidden units, L2", sorted(&quiet));
        example.chart(
            "xor.svg",
            &Chart::new("What a hidden layer is for").panel(panel),
        )
    })
}

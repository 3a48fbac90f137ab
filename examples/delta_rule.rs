//! The delta rule: `cargo run --release --example delta_rule [-- --device DEVICE]`.
//!
//! One linear unit y = w x with the error E = ½ Σ (y - f)² over the examples. The texts derive its gradient,
//! Σ (y - f) x, and say that steps against it end at the least squares, unless the learning rate is too large: then they
//! oscillate, and beyond 2 over the largest eigenvalue of Σ x xᵀ they diverge.

#![expect(
    clippy::cast_possible_truncation,
    reason = "small numbers, and single precision"
)]

mod common;

use std::process::ExitCode;

use common::{Example, Failure};
use thalweg::chart::{Chart, Panel};
use thalweg::executor::{Program, Workspace};
use thalweg::graph::Graph;
use thalweg::graph::ops::Update;
use thalweg::kernel::Tick;
use thalweg::random::{Random, stream};

const ROWS: usize = 40;
/// Two inputs, and one that is always 1.
const INPUTS: usize = 3;
const FIRST: [f64; INPUTS] = [2.0, -2.0, 2.0];

/// Inputs `[rows, 3]` and noisy targets.
fn data() -> (Vec<f64>, Vec<f64>) {
    let random = Random::new(1, stream::TEST, 0);
    let (mut x, mut f) = (Vec::new(), Vec::new());
    for row in 0..ROWS as u64 {
        let [a, b] = [random.normal(3 * row), 0.4 * random.normal(3 * row + 1)];
        x.extend([a, b, 1.0]);
        f.push(1.5 * a - 0.7 * b + 0.3 + 0.2 * random.normal(3 * row + 2));
    }
    // As the device has them.
    let single = |v: &mut f64| *v = f64::from(*v as f32);
    x.iter_mut().chain(&mut f).for_each(single);
    (x, f)
}

/// Σ x xᵀ and Σ f x.
fn normal(x: &[f64], f: &[f64]) -> ([[f64; INPUTS]; INPUTS], [f64; INPUTS]) {
    let (mut h, mut b) = ([[0.0; INPUTS]; INPUTS], [0.0; INPUTS]);
    for (x, f) in x.chunks(INPUTS).zip(f) {
        for i in 0..INPUTS {
            b[i] += f * x[i];
            for j in 0..INPUTS {
                h[i][j] += x[i] * x[j];
            }
        }
    }
    (h, b)
}

/// The solution of h w = b, by elimination; h is positive definite.
fn solve(mut h: [[f64; INPUTS]; INPUTS], mut b: [f64; INPUTS]) -> [f64; INPUTS] {
    for i in 0..INPUTS {
        for j in i + 1..INPUTS {
            let factor = h[j][i] / h[i][i];
            let row = h[i];
            h[j].iter_mut().zip(row).for_each(|(a, r)| *a -= factor * r);
            b[j] -= factor * b[i];
        }
    }
    for i in (0..INPUTS).rev() {
        let rest: f64 = (i + 1..INPUTS).map(|j| h[i][j] * b[j]).sum();
        b[i] = (b[i] - rest) / h[i][i];
    }
    b
}

/// The largest eigenvalue, by powers.
fn largest_eigenvalue(h: &[[f64; INPUTS]; INPUTS]) -> f64 {
    let mut v = [1.0; INPUTS];
    let mut norm = 0.0;
    for _ in 0..1000 {
        let next = h.map(|row| row.iter().zip(v).map(|(a, b)| a * b).sum::<f64>());
        norm = next.iter().map(|x| x * x).sum::<f64>().sqrt();
        v = next.map(|x| x / norm);
    }
    norm
}

/// The unit on a device: the error, its gradient, and a step against it.
struct Unit {
    workspace: Workspace,
    look: Program,
    step: Program,
}

impl Unit {
    fn new(example: &Example, x: &[f64], f: &[f64]) -> Result<Self, Failure> {
        let mut workspace = example.workspace()?;
        let weights = vec![("weights".to_owned(), [1, INPUTS].into())];
        workspace.store.declare_block("unit", weights)?;
        workspace.put("x", [ROWS, INPUTS], x.to_vec())?;
        workspace.put("f", [ROWS, 1], f.to_vec())?;
        let build = |update: bool| {
            let mut graph = Graph::new();
            let mut stored = |name| graph.stored(&workspace.store, name);
            let (w, x, f) = (stored("weights")?, stored("x")?, stored("f")?);
            let y = graph.matmul_transposed(x, w, false, true)?;
            let e = graph.sub(y, f)?;
            let squares = graph.mul(e, e)?;
            let sum = graph.sum(squares)?;
            let error = graph.scale(sum, 0.5)?;
            let gradient = graph.differentiate(error, &[w])?;
            if update {
                let sgd = Update::Sgd {
                    momentum: 0.0,
                    nesterov: false,
                    weight_decay: 0.0,
                };
                graph.update(&workspace.store, "unit", &gradient, sgd)?;
            }
            Ok::<_, Failure>((graph, vec![error, gradient[0]]))
        };
        let ((look, outputs), (step, _)) = (build(false)?, build(true)?);
        Ok(Self {
            look: workspace.load("error and gradient", &look, &outputs)?,
            step: workspace.load("a step", &step, &[])?,
            workspace,
        })
    }

    /// The error and its gradient at some weights.
    fn look(&mut self, weights: [f64; INPUTS]) -> Result<(f64, Vec<f64>), Failure> {
        self.workspace.write("weights", weights.to_vec())?;
        let mut found = self.workspace.compute(&self.look)?;
        Ok((found[0][0], found.swap_remove(1)))
    }

    /// The errors before each of so many steps, and the weights after them.
    fn descend(&mut self, rate: f64, steps: usize) -> Result<(Vec<f64>, Vec<f64>), Failure> {
        self.workspace.write("weights", FIRST.to_vec())?;
        let tick = Tick {
            learning_rate: rate,
            ..Tick::default()
        };
        let mut errors = Vec::new();
        for _ in 0..steps {
            errors.push(self.workspace.compute(&self.look)?[0][0]);
            self.workspace.run(&self.step, &[tick])?;
        }
        Ok((errors, self.workspace.get("weights")?))
    }

    /// Whether the weights are further from the least squares after many steps than before.
    fn diverges(&mut self, rate: f64, best: [f64; INPUTS], steps: usize) -> Result<bool, Failure> {
        self.workspace.write("weights", FIRST.to_vec())?;
        let tick = Tick {
            learning_rate: rate,
            ..Tick::default()
        };
        self.workspace.run(&self.step, &vec![tick; steps])?;
        let far = |w: &[f64]| {
            w.iter()
                .zip(best)
                .map(|(w, b)| (w - b).powi(2))
                .sum::<f64>()
        };
        let end = far(&self.workspace.get("weights")?);
        Ok(end.is_nan() || end >= far(&FIRST))
    }
}

fn main() -> ExitCode {
    Example::run("delta_rule", |example| {
        let (x, f) = data();
        let (h, b) = normal(&x, &f);
        let (best, largest) = (solve(h, b), largest_eigenvalue(&h));
        let mut unit = Unit::new(example, &x, &f)?;

        let (_, gradient) = unit.look(FIRST)?;
        let by_hand: Vec<f64> = (0..INPUTS)
            .map(|i| {
                let rows = x.chunks(INPUTS).zip(&f);
                let y = |x: &[f64]| x.iter().zip(FIRST).map(|(x, w)| x * w).sum::<f64>();
                rows.map(|(x, f)| (f - y(x)) * -x[i]).sum()
            })
            .collect();
        let off = gradient
            .iter()
            .zip(&by_hand)
            .map(|(a, b)| (a - b).abs() / b.abs());
        let off = off.fold(0.0, f64::max);
        example.claim(
            "the gradient is Σ (f_d - y_d)(-x_id)",
            format!("{gradient:.4?}, by hand {by_hand:.4?}, {off:.1e} apart"),
            off < 1e-5,
        );

        let limit = 2.0 / largest;
        let steps = example.either(60, 30);
        let mut panel = Panel::new(
            "Error above the least squares",
            "step",
            "E - E(least squares)",
        )
        .log_y();
        let (least, _) = unit.look(best)?;
        let mut ends = Vec::new();
        for (name, share) in [
            ("too small", 0.02),
            ("right", 0.5),
            ("oscillates", 0.97),
            ("diverges", 1.05),
        ] {
            let (errors, weights) = unit.descend(share * limit, steps)?;
            let above = errors.iter().map(|e| (e - least).max(1e-6));
            panel = panel.line(
                format!("{name}: {share} of the limit"),
                (0_u32..).map(f64::from).zip(above),
            );
            let first = weights
                .iter()
                .zip(best)
                .map(|(w, b)| (w - b).abs())
                .fold(0.0, f64::max);
            ends.push((errors[0] - least, errors[steps - 1] - least, first));
        }
        example.claim(
            "with half of the limit, steps end at the least squares; with a fiftieth they are still on their way; beyond the limit the error grows",
            format!(
                "errors above the least after {steps} steps, {:.3} at first: too small {:.2e}, right {:.2e}, oscillating {:.2e}, beyond {:.2e}",
                ends[0].0, ends[0].1, ends[1].1, ends[2].1, ends[3].1
            ),
            ends[1].1 < 1e-3 * ends[1].0 && ends[0].1 > 10.0 * ends[1].1.max(1e-6) && ends[3].1 > ends[3].0,
        );

        let (mut stable, mut unstable) = (0.5 * limit, 1.5 * limit);
        for _ in 0..example.either(12, 8) {
            let middle = 0.5 * (stable + unstable);
            match unit.diverges(middle, best, 2000)? {
                true => unstable = middle,
                false => stable = middle,
            }
        }
        let found = 0.5 * (stable + unstable);
        example.claim(
            "the largest stable rate is 2 over the largest eigenvalue of Σ x xᵀ",
            format!("{found:.5} by trying rates for 2000 steps, {limit:.5} by the eigenvalue {largest:.3}"),
            (found / limit - 1.0).abs() < 0.01,
        );
        let svg = Chart::new("The delta rule").panel(panel);
        example.chart("delta_rule.svg", &svg)
    })
}

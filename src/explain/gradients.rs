//! How answers change with their inputs: gradients, small changes, and gradients along a path.

use super::{ExplainError, Explainer, Job, Quantity, check_below, inputs_of, mask_of};
use crate::graph::{Graph, TensorId};
use crate::kernel::Tick;

/// One output of each row, and its gradient at the inputs.
#[derive(Debug, Clone, PartialEq)]
pub struct Gradients {
    /// The outputs, one a row.
    pub values: Vec<f64>,
    /// `dy/dx` `[rows, features]`.
    pub gradients: Vec<f64>,
}

impl Gradients {
    /// How much an output changes with each input, whatever the direction (Simonyan et al. 2013): `|dy/dx|`.
    pub fn saliency(&self) -> Vec<f64> {
        self.gradients.iter().map(|g| g.abs()).collect()
    }

    /// `x dy/dx`: what each input contributes, if the output is linear from 0 to the input.
    pub fn times_input(&self, x: &[f32]) -> Vec<f64> {
        let pairs = self.gradients.iter().zip(x);
        pairs.map(|(g, &x)| g * f64::from(x)).collect()
    }
}

/// What integrated gradients found for a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Integrated {
    /// What each input contributes, `[features]`.
    pub attributions: Vec<f64>,
    /// The output at the baseline.
    pub from: f64,
    /// The output at the row.
    pub to: f64,
    /// How many gradients were taken on the way.
    pub gradients: usize,
}

impl Integrated {
    /// By how much the contributions do not sum to the difference of the outputs, which they would if the path were
    /// followed exactly.
    pub fn gap(&self) -> f64 {
        self.attributions.iter().sum::<f64>() - (self.to - self.from)
    }
}

/// Contributions are taken for whole if they sum to the difference of the outputs to this, or to this share of the larger
/// one, which is as far as f32 tells.
const COMPLETE: [f64; 2] = [5e-4, 1e-5];
/// How often stretches of a path are halved, at most.
const HALVINGS: usize = 14;
/// Stretches that a path comes to, at most.
const STRETCHES: usize = 8192;

/// A stretch of the path from the baseline to a row, with the gradient in its middle.
struct Stretch {
    /// Where on the path it is, from 0 to 1.
    span: [f64; 2],
    /// The outputs at its ends, and in the middle.
    ends: [f64; 2],
    middle: f64,
    gradient: Vec<f64>,
    /// By how much the gradient does not explain the difference of the ends.
    gap: f64,
}

impl Stretch {
    fn new(span: [f64; 2], ends: [f64; 2]) -> Self {
        Self {
            span,
            ends,
            middle: 0.0,
            gradient: Vec::new(),
            gap: 0.0,
        }
    }

    fn halves(self) -> [Self; 2] {
        let [a, b] = self.span;
        let m = 0.5 * (a + b);
        [
            Self::new([a, m], [self.ends[0], self.middle]),
            Self::new([m, b], [self.middle, self.ends[1]]),
        ]
    }
}

impl Explainer {
    /// The output of the given number of each row, and its gradient at the row's inputs.
    ///
    /// # Errors
    /// If the inputs are not whole rows, there is no such output, or the device failed.
    pub fn gradients(
        &mut self,
        of: Quantity,
        x: &[f32],
        outputs: &[usize],
    ) -> Result<Gradients, ExplainError> {
        let rows = self.rows_of(x)?;
        self.check_outputs(outputs, rows)?;
        let features = self.network.inputs;
        let mut found = Gradients {
            values: Vec::with_capacity(rows),
            gradients: Vec::with_capacity(x.len()),
        };
        let parts = x.chunks(super::AT_ONCE * features);
        for (part, meant) in parts.zip(outputs.chunks(super::AT_ONCE)) {
            let (rows, count) = self.put_rows(part)?;
            self.put_mask(rows, self.network.outputs(), meant)?;
            let program = self.program(Job::Gradients(of, rows))?;
            self.workspace.run(&program, &[Tick::default()])?;
            let values = self.workspace.read(&program, 0)?;
            let gradients = self.workspace.read(&program, 1)?;
            found.values.extend_from_slice(&values[..count]);
            found
                .gradients
                .extend_from_slice(&gradients[..count * features]);
        }
        Ok(found)
    }

    /// The outputs that are meant `[rows]`, and their gradients `[rows, features]`: those of a sum over the rows, since no
    /// row's answer depends on another's inputs.
    pub(super) fn differentiated(
        &self,
        graph: &mut Graph,
        of: Quantity,
        rows: usize,
    ) -> Result<Vec<TensorId>, ExplainError> {
        let store = &self.workspace.store;
        let x = graph.stored(store, &inputs_of(rows))?;
        let mask = graph.stored(store, &mask_of(rows, self.network.outputs()))?;
        let y = self.quantity(graph, x, of)?;
        let meant = graph.mul(y, mask)?;
        let values = graph.sum_axis(meant, 1)?;
        let sum = graph.sum(values)?;
        let gradient = graph.differentiate(sum, &[x])?;
        Ok(vec![values, gradient[0]])
    }

    /// `dy/dx` by a small change of each input in turn, up and down by `step`: `(y(x + h) - y(x - h)) / 2h`
    /// `[rows, features]`. What rounding leaves of the step is divided by, not the step.
    ///
    /// # Errors
    /// As [`Explainer::gradients`], or if the step is not above 0 or too small to change an input.
    pub fn perturbation(
        &mut self,
        of: Quantity,
        x: &[f32],
        outputs: &[usize],
        step: f32,
    ) -> Result<Vec<f64>, ExplainError> {
        let rows = self.rows_of(x)?;
        self.check_outputs(outputs, rows)?;
        let (features, width) = (self.network.inputs, self.network.outputs());
        if !(step > 0.0 && step.is_finite()) {
            return Err(ExplainError::value(
                "the step",
                step,
                "a finite number above 0",
            ));
        }
        if let Some(fixed) = x.iter().find(|x| **x + step == **x || **x - step == **x) {
            let expected = format!("a number that changes the input {fixed}");
            return Err(ExplainError::value("the step", step, expected));
        }
        let mut found = Vec::with_capacity(x.len());
        for (row, &output) in x.chunks(features).zip(outputs) {
            let mut changed = Vec::with_capacity(2 * features * features);
            for feature in 0..features {
                for by in [step, -step] {
                    let start = changed.len();
                    changed.extend_from_slice(row);
                    changed[start + feature] += by;
                }
            }
            let y = self.answers(of, &changed)?;
            found.extend(row.iter().enumerate().map(|(feature, &x)| {
                let at = |side: usize| y[(2 * feature + side) * width + output];
                (at(0) - at(1)) / (f64::from(x + step) - f64::from(x - step))
            }));
        }
        Ok(found)
    }

    /// Integrated gradients (Sundararajan et al. 2017): each input's way from the baseline to the row times the mean of its
    /// gradient on the straight path between them. The contributions sum to the difference of the outputs.
    ///
    /// The path is first parted into `steps` stretches of equal length, each with the gradient in its middle. Where a
    /// gradient does not explain the difference of its ends, the stretch is halved, until the sum is right: a network of
    /// straight pieces bends at few places of a path.
    ///
    /// # Errors
    /// As [`Explainer::gradients`], or if the baseline is no row or there are no steps.
    pub fn integrated_gradients(
        &mut self,
        of: Quantity,
        x: &[f32],
        outputs: &[usize],
        baseline: &[f32],
        steps: usize,
    ) -> Result<Vec<Integrated>, ExplainError> {
        let rows = self.rows_of(x)?;
        self.check_outputs(outputs, rows)?;
        if !(1..=STRETCHES).contains(&steps) {
            return Err(ExplainError::value(
                "steps",
                steps,
                format!("a number from 1 to {STRETCHES}"),
            ));
        }
        if baseline.len() != self.network.inputs {
            let found = format!("{} numbers", baseline.len());
            return Err(ExplainError::value(
                "the baseline",
                found,
                format!("a row of {}", self.network.inputs),
            ));
        }
        let rows = 0..rows;
        rows.map(|row| {
            let features = self.network.inputs;
            let x = &x[row * features..(row + 1) * features];
            self.integrated(of, x, outputs[row], baseline, steps)
        })
        .collect()
    }

    fn integrated(
        &mut self,
        of: Quantity,
        x: &[f32],
        output: usize,
        baseline: &[f32],
        steps: usize,
    ) -> Result<Integrated, ExplainError> {
        let at = |share: f64| point(baseline, x, share);
        let ends: Vec<f32> = (0..=steps)
            .flat_map(|i| at(i as f64 / steps as f64))
            .collect();
        let width = self.network.outputs();
        check_below("output", &[output], width)?;
        let y: Vec<f64> = (self.answers(of, &ends)?)
            .chunks(width)
            .map(|y| y[output])
            .collect();
        let mut fresh: Vec<_> = (0..steps)
            .map(|i| {
                let span = [i, i + 1].map(|i| i as f64 / steps as f64);
                Stretch::new(span, [y[i], y[i + 1]])
            })
            .collect();
        let (from, to) = (y[0], y[steps]);
        let tolerance = COMPLETE[0].max(COMPLETE[1] * to.abs().max(from.abs()));
        let (mut settled, mut gradients): (Vec<Stretch>, _) = (Vec::new(), 0);
        for round in 0..=HALVINGS {
            self.measure(of, &mut fresh, output, baseline, x)?;
            gradients += fresh.len();
            settled.append(&mut fresh);
            let gap: f64 = settled.iter().map(|s| s.gap).sum();
            if gap.abs() <= tolerance || round == HALVINGS || settled.len() > STRETCHES {
                break;
            }
            let mean = settled.iter().map(|s| s.gap.abs()).sum::<f64>() / settled.len() as f64;
            let (split, kept): (Vec<_>, Vec<_>) =
                settled.into_iter().partition(|s| s.gap.abs() >= mean);
            settled = kept;
            fresh = split.into_iter().flat_map(Stretch::halves).collect();
        }
        let mut attributions = vec![0.0; x.len()];
        for stretch in &settled {
            let length = stretch.span[1] - stretch.span[0];
            for (feature, sum) in attributions.iter_mut().enumerate() {
                let way = f64::from(x[feature]) - f64::from(baseline[feature]);
                *sum += length * way * stretch.gradient[feature];
            }
        }
        Ok(Integrated {
            attributions,
            from,
            to,
            gradients,
        })
    }

    /// Takes the gradients in the middles of stretches.
    fn measure(
        &mut self,
        of: Quantity,
        stretches: &mut [Stretch],
        output: usize,
        baseline: &[f32],
        x: &[f32],
    ) -> Result<(), ExplainError> {
        let middle = |s: &Stretch| point(baseline, x, 0.5 * (s.span[0] + s.span[1]));
        let middles: Vec<f32> = stretches.iter().flat_map(middle).collect();
        let found = self.gradients(of, &middles, &vec![output; stretches.len()])?;
        let gradients = found.gradients.chunks(x.len());
        for ((stretch, value), gradient) in stretches.iter_mut().zip(found.values).zip(gradients) {
            let ways = x
                .iter()
                .zip(baseline)
                .map(|(&x, &b)| f64::from(x) - f64::from(b));
            let slope: f64 = ways.zip(gradient).map(|(way, g)| way * g).sum();
            let length = stretch.span[1] - stretch.span[0];
            stretch.gap = stretch.ends[1] - stretch.ends[0] - slope * length;
            stretch.middle = value;
            stretch.gradient = gradient.to_vec();
        }
        Ok(())
    }
}

/// A point of the straight path between two rows.
#[expect(clippy::cast_possible_truncation, reason = "inputs are f32")]
fn point(from: &[f32], to: &[f32], share: f64) -> Vec<f32> {
    let between =
        |(&a, &b): (&f32, &f32)| (f64::from(a) + share * (f64::from(b) - f64::from(a))) as f32;
    from.iter().zip(to).map(between).collect()
}

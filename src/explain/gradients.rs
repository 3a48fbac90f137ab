//! How answers change with their inputs: gradients, and small changes.

use super::{ExplainError, Explainer, Job, Quantity, inputs_of, mask_of};
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
        let at_once = self.at_once();
        let parts = x.chunks(at_once * features);
        for (part, meant) in parts.zip(outputs.chunks(at_once)) {
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
        if !(step > 0.0 && step.is_finite()) {
            return Err(ExplainError::value(
                "the step",
                step,
                "a finite number above 0",
            ));
        }
        let features = self.network.inputs;
        let is_fixed = |x: &f32| {
            let ends = [*x + step, *x - step];
            ends.contains(x) || ends.iter().any(|end| !end.is_finite())
        };
        if let Some(at) = x.iter().position(is_fixed) {
            return Err(ExplainError::Step {
                step,
                row: at / features,
                feature: at % features,
                value: x[at],
            });
        }
        let mut found = Vec::with_capacity(x.len());
        for (row, &output) in x.chunks(features).zip(outputs) {
            self.perturbed(of, row, output, step, &mut found)?;
        }
        Ok(found)
    }

    /// `dy/dx` of a row, as many inputs at once as rows are.
    fn perturbed(
        &mut self,
        of: Quantity,
        row: &[f32],
        output: usize,
        step: f32,
        found: &mut Vec<f64>,
    ) -> Result<(), ExplainError> {
        let width = self.network.outputs();
        let at_once = (self.at_once() / 2).max(1);
        let mut changed = Vec::with_capacity(2 * at_once.min(row.len()) * row.len());
        for start in (0..row.len()).step_by(at_once) {
            let features = start..row.len().min(start + at_once);
            changed.clear();
            for feature in features.clone() {
                for by in [step, -step] {
                    let first = changed.len();
                    changed.extend_from_slice(row);
                    changed[first + feature] += by;
                }
            }
            let y = self.answers(of, &changed)?;
            found.extend(features.zip(y.chunks(2 * width)).map(|(feature, y)| {
                let x = row[feature];
                (y[output] - y[width + output]) / (f64::from(x + step) - f64::from(x - step))
            }));
        }
        Ok(())
    }
}

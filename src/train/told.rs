//! What the log of the loss holds of a batch: the loss, what its rows weigh, and the loss of each output.

use super::logs::Logged;
use super::tables::Tables;
use crate::graph::{Graph, GraphError, TensorId};
use crate::network::LossTensors;

impl Tables {
    /// Numbers of a batch in the log of the loss, but for those of the outputs.
    fn told_columns(&self) -> usize {
        1 + usize::from(self.weights.is_some() || self.class_weights.is_some())
    }

    /// A row of the log of the loss.
    pub(super) fn told(
        &self,
        graph: &mut Graph,
        tensors: &LossTensors,
    ) -> Result<TensorId, GraphError> {
        let by_output = tensors.by_output.filter(|_| self.told.is_some());
        let parts = [tensors.weight, by_output];
        let mut row = tensors.loss;
        for part in parts.into_iter().flatten() {
            let both = [row, part].map(|tensor| (tensor, graph.tensor(tensor).shape.len()));
            let [(row_id, row_len), (part, part_len)] = both;
            let joined = [
                graph.reshape(row_id, [row_len])?,
                graph.reshape(part, [part_len])?,
            ];
            row = graph.concat(joined[0], joined[1], 0)?;
            graph.rename(row, "told");
        }
        Ok(row)
    }

    /// What stands in the rows of the logs.
    pub(super) fn logged(&self, told: &[f64], metrics: Vec<Vec<f64>>) -> Logged {
        let own = self.told_columns();
        let outputs = self.told.map_or(0, |(outputs, _)| outputs);
        let rows = told.chunks(own + outputs).take(metrics.len());
        let mut logged = Logged {
            metrics: Vec::new(),
            power: self.told.map_or(0, |(_, power)| power),
            ..Logged::default()
        };
        for row in rows {
            logged.losses.push(row[0]);
            logged.weights.extend(&row[1..own]);
            if outputs > 0 {
                logged.by_output.push(row[own..].to_vec());
            }
        }
        logged.metrics = metrics;
        logged
    }
}

/// The power of two that brings the largest of these to between 1 and 2: sums of weights stay within f32 then, and no
/// mean changes.
pub(super) fn power_of_two(weights: &[f32]) -> f32 {
    let largest = weights.iter().fold(0.0_f32, |most, &w| most.max(w));
    let exponent = largest.to_bits() >> 23;
    f32::from_bits((254 - exponent.min(253)) << 23)
}

pub(super) fn scaled_weights(weights: &[f32]) -> Vec<f32> {
    let scale = power_of_two(weights);
    weights.iter().map(|w| w * scale).collect()
}

//! What the metrics tell of a look into the network.

use serde_json::{Value, json};

use crate::report::Histogram;
use crate::train::EpochReport;

/// Weights of which histograms are kept, the first ones: a line stays small, however deep the network is.
const MOST: usize = 24;

/// All of the first hundred epochs, every tenth of the first thousand, and so on.
pub(super) const fn is_looked_at(epoch: u64) -> bool {
    let mut spacing = 1;
    while epoch / spacing > 100 {
        spacing *= 10;
    }
    epoch.is_multiple_of(spacing)
}

/// A line of the metrics: gradients and units as far as they were looked at, and how the weights are spread.
pub(super) fn layers_line(report: &EpochReport<'_>) -> Value {
    let model = report.model;
    let tensors = model.network.lasting().zip(&model.values);
    let weights = tensors
        .filter(|(parameter, _)| parameter.name.ends_with("weight"))
        .take(MOST)
        .map(|(parameter, values)| Histogram::of(&parameter.name, values).to_json());
    let mut line = json!({
        "kind": "layers",
        "epoch": report.epoch,
        "step": report.steps,
        "weights": weights.collect::<Vec<_>>(),
    });
    if let Some(seen) = report.inspection {
        let gradients = seen.gradients.iter();
        let gradients = gradients.map(|(layer, norm)| json!({"layer": layer, "norm": norm}));
        let units = seen.units.iter().map(|of| {
            json!({"layer": of.layer, "function": of.function, "units": of.units, "idle": of.idle})
        });
        line["rows"] = json!(seen.rows);
        line["gradients"] = gradients.collect();
        line["units"] = units.collect();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::is_looked_at;

    #[test]
    fn looks_thin_out() {
        let looks = |to: u64| (1..=to).filter(|&epoch| is_looked_at(epoch)).count();
        assert_eq!((looks(100), looks(1000), looks(10_000)), (100, 190, 280));
    }
}

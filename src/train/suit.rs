//! Whether data, network and loss suit one another.

use super::{Objective, TrainError};
use crate::data::{Dataset, Targets};
use crate::network::{Loss, Network};

/// Refuses data that do not fit the network or the loss.
pub(super) fn check(
    data: &Dataset,
    network: &Network,
    objective: &Objective,
) -> Result<(), TrainError> {
    let mismatch = |what, found, expected| {
        if found == expected {
            return Ok(());
        }
        Err(TrainError::Mismatch {
            what,
            found,
            expected,
            network: network.to_string(),
        })
    };
    let targets = |expected, found: &str| {
        Err(TrainError::Targets {
            loss: objective.to_string(),
            expected,
            found: found.to_owned(),
        })
    };
    mismatch("features", data.features(), network.inputs)?;
    match (data.targets(), objective.loss()) {
        (Targets::None, _) => return targets("targets", "none"),
        (Targets::Numbers { .. }, Some(loss)) if loss.takes_classes() => {
            return targets("classes", "numbers");
        }
        (Targets::Numbers { values, outputs }, Some(loss)) => {
            let probabilities = [Loss::SigmoidCrossEntropy, Loss::KullbackLeibler];
            if probabilities.contains(&loss)
                && let Some(value) = values.iter().find(|v| !(0.0..=1.0).contains(*v))
            {
                return targets("targets from 0 to 1", &format!("{value} among them"));
            }
            let sum = |row: &[f32]| row.iter().map(|&p| f64::from(p)).sum::<f64>();
            let off = |row: &&[f32]| (sum(row) - 1.0).abs() > 1e-3;
            if loss == Loss::KullbackLeibler
                && let Some(row) = values.chunks(*outputs).find(off)
            {
                let found = format!("a row whose sum is {}", sum(row));
                return targets("a distribution a row, with the sum 1", &found);
            }
        }
        _ => {}
    }
    if data.weights().is_some() && objective.loss().is_none() {
        return targets("rows without weights", "weights");
    }
    if let Some(weights) = data.weights()
        && weights.iter().all(|&weight| weight == 0.0)
    {
        return targets("a weight above 0 for some row", "the weight 0 for all rows");
    }
    if objective.class_weights().is_some() && !matches!(data.targets(), Targets::Classes { .. }) {
        return targets("no weights of classes", "numbers as targets");
    }
    if matches!(objective, Objective::Custom { .. }) {
        return Ok(());
    }
    let what = if matches!(data.targets(), Targets::Classes { .. }) {
        "classes"
    } else {
        "outputs"
    };
    mismatch(what, data.outputs(), network.outputs())
}

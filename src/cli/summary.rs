//! The table of a network's layers that `inspect` shows.

use serde_json::{Value, json};

use super::output::{Facts, bytes, grouped, table};
use crate::network::{Network, Summary, SummaryRow};

/// The longest name of a layer that is shown whole.
const NAME: usize = 24;

/// The table, and the totals below it.
pub(super) fn text(network: &Network, batch: u64) -> String {
    let summary = network.summary();
    let heads = [
        "layer",
        "output",
        "trained",
        "weights",
        "activations",
        "FLOPs/row",
    ];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    rows.push(vec![
        "input".to_owned(),
        format!("[{batch}, {}]", network.inputs),
        "-".to_owned(),
        "-".to_owned(),
        bytes(4 * batch * network.inputs as u64),
        "-".to_owned(),
    ]);
    rows.extend(summary.rows.iter().map(|row| cells(row, batch)));
    let mut facts = Facts::default();
    let Summary {
        trained,
        not_trained,
        ..
    } = summary;
    let all = trained + not_trained;
    facts.add(
        "parameters",
        format!(
            "{}: {} trained, {} not (running statistics)",
            grouped(all),
            grouped(trained),
            grouped(not_trained)
        ),
    );
    facts.add("weights", bytes(summary.weight_bytes));
    facts.add(
        "activations",
        format!(
            "{} at batch {batch}, if no step were fused",
            bytes(batch * summary.activation_bytes)
        ),
    );
    facts.add(
        "FLOPs a row",
        format!(
            "{} forward; a training step takes about {} times as many",
            grouped(summary.flops),
            Summary::TRAINING
        ),
    );
    format!("{}\n{}", table(&rows), facts.text())
}

fn cells(row: &SummaryRow, batch: u64) -> Vec<String> {
    let name = format!("{}{}", "  ".repeat(row.depth), row.layer);
    let name = if name.chars().count() > NAME {
        name.chars().take(NAME - 1).chain(['…']).collect()
    } else {
        name
    };
    let or_dash = |number: u64, text: String| if number == 0 { "-".to_owned() } else { text };
    vec![
        name,
        format!("[{batch}, {}]", row.outputs),
        or_dash(row.trained, grouped(row.trained)),
        or_dash(row.weight_bytes, bytes(row.weight_bytes)),
        or_dash(row.activation_bytes, bytes(batch * row.activation_bytes)),
        or_dash(row.flops, grouped(row.flops)),
    ]
}

/// The same as JSON. Activations are of a whole batch.
pub(super) fn as_json(network: &Network, batch: u64) -> Value {
    let summary = network.summary();
    let row = |row: &SummaryRow| {
        json!({
            "layer": row.layer,
            "depth": row.depth,
            "output": [batch, row.outputs as u64],
            "trained": row.trained,
            "not_trained": row.not_trained,
            "weight_bytes": row.weight_bytes,
            "activation_bytes": batch * row.activation_bytes,
            "flops_per_row": row.flops,
        })
    };
    json!({
        "batch": batch,
        "rows": summary.rows.iter().map(row).collect::<Vec<_>>(),
        "trained": summary.trained,
        "not_trained": summary.not_trained,
        "weight_bytes": summary.weight_bytes,
        "activation_bytes": batch * summary.activation_bytes,
        "flops_per_row": summary.flops,
        "training_flops_per_row": Summary::TRAINING * summary.flops,
    })
}

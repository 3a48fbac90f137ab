//! What `train --profile` says and writes.

use std::path::Path;

use serde_json::{Value, json};

use super::exit::Exit;
use super::output::{duration, table};
use crate::run::TRACE;
use crate::train::{PartTime, Profile};

/// Writes the trace into the run folder, and gives its path.
pub(super) fn write(profile: &Profile, device: &str, folder: &Path) -> Result<String, Exit> {
    let path = folder.join(TRACE);
    crate::run::write(&path, profile.trace(device).to_string().as_bytes())
        .map_err(|cause| Exit::failed(format!("{}: {cause}", path.display())))?;
    Ok(path.display().to_string())
}

/// What a training step takes beside its kernels: an untimed one is `step_seconds` long.
fn host(parts: &[PartTime], step_seconds: f64) -> f64 {
    let kernels: f64 = parts.iter().map(PartTime::total).sum();
    (step_seconds - kernels).max(0.0)
}

/// The times by part and phase, and where the trace is.
pub(super) fn text(profile: &Profile, step_seconds: f64, trace: &str) -> String {
    let (parts, timed) = profile.parts();
    if timed == 0 {
        return "profile: no training step was timed, as the run was one submission long\n"
            .to_owned();
    }
    let host = host(&parts, step_seconds);
    let sum: f64 = parts.iter().map(PartTime::total).sum::<f64>() + host;
    let headings = ["", "forward", "backward", "update", "all", "share"];
    let mut rows = vec![headings.map(str::to_owned).to_vec()];
    let share = |seconds: f64| format!("{:.1} %", 100.0 * seconds / sum);
    let cell = |seconds: f64| match seconds {
        0.0 => String::new(),
        seconds => format!("{:.1} us", seconds * 1e6),
    };
    for part in &parts {
        let total = part.total();
        let mut row = vec![part.part.to_string()];
        row.extend(part.phases.map(cell));
        row.extend([cell(total), share(total)]);
        rows.push(row);
    }
    let mut row = vec!["host".to_owned()];
    row.extend(["", "", ""].map(str::to_owned));
    row.extend([cell(host), share(host)]);
    rows.push(row);
    let clock = if profile.by_device() {
        "by the device's clock"
    } else {
        "by the host's clock, as the device has no timestamps: submitting and waiting is in each"
    };
    let (what, one) = match profile.batches() {
        1 => ("a training step".to_owned(), "step"),
        n => (
            format!("a batch, with its share of the update after {n}"),
            "batch",
        ),
    };
    format!(
        "\nprofile: {what}, medians of {timed} timed {clock}\n{}\
         host is what an untimed {one}, {}, takes beyond its kernels\n\
         trace         {trace} (open it in https://ui.perfetto.dev or chrome://tracing)\n",
        table(&rows),
        duration(step_seconds),
    )
}

/// The same as an object.
pub(super) fn to_json(profile: &Profile, step_seconds: f64, trace: &str) -> Value {
    let (parts, timed) = profile.parts();
    let rows = parts.iter().map(|part| {
        let [forward, backward, update] = part.phases.map(|seconds| seconds * 1e3);
        json!({
            "part": part.part.to_string(),
            "forward_ms": forward,
            "backward_ms": backward,
            "update_ms": update,
        })
    });
    json!({
        "clock": if profile.by_device() { "device" } else { "host" },
        "timed_steps": timed,
        "batches_to_an_update": profile.batches(),
        "parts": rows.collect::<Vec<_>>(),
        "host_ms": host(&parts, step_seconds) * 1e3,
        "trace": trace,
    })
}

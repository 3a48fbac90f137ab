//! A profile in the trace event format of Chrome, which Perfetto and `chrome://tracing` open.
//!
//! The format: "Trace Event Format", Google, 2016. Events of phase `X` are complete, with times in microseconds.

use serde_json::{Value, json};

use super::TimedStep;
use super::profile::{Part, Profile};

/// The rows of the picture.
const HOST: u32 = 1;
const DEVICE: u32 = 2;

impl Profile {
    /// The trace of a run on a device: the host's spans in one row, and in another the plan's steps of the training steps
    /// that were timed. The device's clock is set to the host's at the submission of each training step.
    pub fn trace(&self, device: &str) -> Value {
        let named = |thread: u32, name: &str| json!({"ph": "M", "name": "thread_name", "pid": 1, "tid": thread, "args": {"name": name}});
        let mut events = vec![
            json!({"ph": "M", "name": "process_name", "pid": 1, "args": {"name": "thalweg train"}}),
            named(HOST, "host"),
            named(DEVICE, device),
        ];
        events.extend(
            self.spans()
                .iter()
                .map(|span| event(HOST, &span.name, "host", span.start, span.seconds)),
        );
        self.steps().iter().for_each(|step| add(step, &mut events));
        json!({"displayTimeUnit": "ms", "traceEvents": events})
    }
}

fn add(timed: &TimedStep, events: &mut Vec<Value>) {
    let TimedStep {
        number,
        update,
        batches,
        start,
        plan,
        times,
    } = timed;
    if let Some(last) = times.steps.last() {
        let what = match (update, batches) {
            (true, _) => "update",
            (false, 1) => "training step",
            (false, _) => "batch",
        };
        let name = format!("{what} {number}");
        events.push(event(
            DEVICE,
            &name,
            "step",
            *start,
            last.start + last.seconds,
        ));
    }
    for (step, time) in plan.steps.iter().zip(&times.steps) {
        let phase = step.phase.to_string();
        let start = start + time.start;
        let mut event = event(DEVICE, step.kernel.name(), &phase, start, time.seconds);
        let written = step.outputs.first().map(|&t| plan.tensors[t].name.as_str());
        event["args"] = json!({"part": Part::of(step).to_string(), "writes": written});
        events.push(event);
    }
}

fn event(thread: u32, name: &str, category: &str, start: f64, seconds: f64) -> Value {
    let micro = |seconds: f64| seconds * 1e6;
    json!({
        "ph": "X", "name": name, "cat": category, "pid": 1, "tid": thread,
        "ts": micro(start), "dur": micro(seconds),
    })
}

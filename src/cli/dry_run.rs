//! `thalweg train --dry-run`: what a run would take of memory.

use serde_json::{Value, json};

use super::output::{bytes, grouped, table};
use crate::train::{Foretold, Item};

/// The parts of a run's memory, a heading to each.
fn parts(foretold: &Foretold) -> [(&'static str, &[Item]); 4] {
    let found = &foretold.footprint;
    [
        ("store", &found.store),
        ("plan", &found.plans),
        ("host", &found.host),
        ("host", &found.rows),
    ]
}

pub(super) fn text(foretold: &Foretold, device: &str) -> String {
    let row = |where_: &str, name: &str, count: u64| {
        let exact = format!("{} bytes", grouped(count));
        vec![format!("{where_:5}  {name}"), exact, bytes(count)]
    };
    let mut rows = Vec::new();
    for (heading, items) in parts(foretold) {
        rows.extend(
            items
                .iter()
                .map(|item| row(heading, &item.name, item.bytes)),
        );
    }
    let found = &foretold.footprint;
    rows.push(row("all", &format!("on {device}"), found.device_bytes()));
    rows.push(row("all", "in all", found.bytes()));
    if let Some(available) = foretold.available {
        rows.push(row("all", "available", available));
    }
    let mut text = table(&rows);
    for streamed in &found.streamed {
        text.push_str(&format!("{streamed}\n"));
    }
    text
}

pub(super) fn json(foretold: &Foretold, device: &str) -> Value {
    let found = &foretold.footprint;
    json!({
        "device": device,
        "store": found.store,
        "plans": found.plans,
        "host": found.host,
        "rows": found.rows,
        "streamed": found.streamed,
        "device_bytes": found.device_bytes(),
        "bytes": found.bytes(),
        "available": foretold.available,
        "fits": foretold.lack.is_none(),
    })
}

//! `thalweg devices`.

use serde_json::json;

use super::exit::Exit;
use super::output::{Facts, bytes, grouped, print, print_json};
use crate::cpu::Cpu;
use crate::executor::Executor;
use crate::gpu::{AdapterInfo, Wanted, adapters, choose};

const EXAMPLES: &str = "Examples:
  thalweg devices
  thalweg devices --json
  thalweg train --device 0       the adapter of that number
  thalweg train --device radeon  the first adapter whose name contains this";

/// Lists the devices, and says which one is taken.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Devices {
    /// Print one JSON object in place of the list
    #[arg(long)]
    json: bool,
}

impl Devices {
    pub(super) fn run(self) -> Result<(), Exit> {
        let adapters = adapters();
        let cpu = Cpu::with_threads(None)?.device().clone();
        let (taken, why) = automatic(&adapters);
        if self.json {
            let auto =
                json!({"device": taken.map_or(json!("cpu"), |a| json!(a.index)), "why": why});
            let executors = ["cpu", "reference", "reference-f32"];
            return print_json(
                &json!({"adapters": adapters, "cpu": cpu, "executors": executors, "auto": auto}),
            );
        }
        let mut text = String::new();
        for adapter in &adapters {
            text.push_str(&describe(adapter));
            text.push('\n');
        }
        if adapters.is_empty() {
            text.push_str("no adapters: no driver for Vulkan, Metal or DirectX 12 was found\n\n");
        }
        let mut facts = Facts::default();
        facts.add("cpu", format!("the fast executor on the CPU, {}", cpu.name));
        facts.add(
            "reference",
            "plain loops in double precision, slow (reference-f32: in single precision)",
        );
        facts.add(
            "auto",
            format!(
                "takes {}: {why}",
                taken.map_or_else(|| "cpu".to_owned(), ToString::to_string)
            ),
        );
        text.push_str(&facts.text());
        print(&text)
    }
}

/// The adapter that `auto` takes, or nothing for the CPU, and why.
fn automatic(adapters: &[AdapterInfo]) -> (Option<&AdapterInfo>, &'static str) {
    match choose(adapters, &Wanted::Best) {
        Ok(place) => (
            Some(&adapters[place]),
            "the best GPU; discrete before integrated, then by number",
        ),
        Err(_) if adapters.is_empty() => (None, "there is no GPU"),
        Err(_) if adapters.iter().all(AdapterInfo::is_software) => (
            None,
            "only software adapters were found, and the CPU executor is faster; `--device gpu` takes one",
        ),
        Err(_) => (None, "no GPU has all that is needed"),
    }
}

fn describe(adapter: &AdapterInfo) -> String {
    let (limits, features) = (&adapter.limits, &adapter.features);
    let mut facts = Facts::default();
    facts.add("driver", &adapter.driver);
    facts.add("vendor", &adapter.vendor);
    facts.add(
        "limits",
        format!(
            "buffer {}, binding {}, {} workgroups, {} invocations, {} workgroup memory, {} storage buffers, \
             {} B immediates",
            bytes(limits.buffer),
            bytes(limits.binding),
            grouped(limits.workgroups.into()),
            limits.invocations,
            bytes(limits.workgroup_memory.into()),
            limits.storage_buffers,
            limits.immediates
        ),
    );
    facts.add("features", list_features(adapter));
    if !features.cooperative_matrices.is_empty() {
        facts.add("matrices", features.cooperative_matrices.join(", "));
    }
    if let Some(lacks) = &adapter.lacks {
        facts.add("unusable", format!("lacks {lacks}"));
    }
    format!("{adapter}\n{}", facts.indented(3))
}

fn list_features(adapter: &AdapterInfo) -> String {
    let features = &adapter.features;
    let subgroups = features
        .subgroups
        .map(|[smallest, largest]| match smallest == largest {
            true => format!("subgroups of {smallest}"),
            false => format!("subgroups of {smallest} to {largest}"),
        });
    let named = [
        (features.f16, "f16"),
        (features.timestamps, "timestamps"),
        (features.immediates, "immediates"),
        (features.pipeline_cache, "pipeline cache"),
    ];
    let named = named
        .iter()
        .filter(|(has, _)| *has)
        .map(|(_, name)| (*name).to_owned());
    let all: Vec<_> = subgroups.into_iter().chain(named).collect();
    if all.is_empty() {
        "none".to_owned()
    } else {
        all.join(", ")
    }
}

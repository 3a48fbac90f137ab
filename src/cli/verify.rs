//! `thalweg verify`.

use serde_json::json;

use super::exit::Exit;
use super::flags::Flags;
use super::job::{self, Job};
use super::output::{Facts, print, print_json, table};
use crate::verify::{Verification, verify};

const EXAMPLES: &str = "Examples:
  thalweg verify                                        two training steps of the default run
  thalweg verify --device gpu --steps 5 --hidden 256,128
  thalweg verify --config flowers.toml --device cpu --json

Takes what `train` takes (see `thalweg train --help`). Every step of the plan is run on the device
and repeated by the reference in double precision from the device's own inputs. The same training
steps are then run in one submission, and must give the same bits. The drift is how far the device's
weights are from the reference's own training, over the largest weight of each tensor. With
--accumulate, steps count updates, each with the batches before it.";

/// Steps that are verified if the flags do not say.
const STEPS: u64 = 2;

/// Runs training steps on a device and checks every step against the reference.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Verify {
    #[command(flatten)]
    flags: Flags,
}

impl Verify {
    pub(super) fn run(self) -> Result<(), Exit> {
        let flags = self.flags.with_file()?;
        let (as_json, quiet) = (flags.json.unwrap_or(false), flags.quiet.unwrap_or(false));
        let config = flags.resolve()?;
        let job = Job::load(config)?;
        if !quiet {
            job.say_notes();
        }
        let steps = usize::try_from(flags.steps.unwrap_or(STEPS)).unwrap_or(usize::MAX);
        let opened = job::open(&job.config.device, job.config.opening(), quiet)?;
        let described = job::describe(&opened);
        let found = verify(&job.trainer, opened.executor, &job.training, steps)?;
        if as_json {
            print_json(&to_json(&found))?;
        } else {
            print(&text(&found, described))?;
        }
        if found.passed() {
            Ok(())
        } else {
            Err(Exit::failed(failure(&found)))
        }
    }
}

fn failure(found: &Verification) -> String {
    let first = found.failure.as_ref().or(found.submission.as_ref());
    format!(
        "{} is not as the reference: {}",
        job::name(&found.device),
        first.map_or("", String::as_str)
    )
}

fn text(found: &Verification, described: String) -> String {
    let mut rows = vec![
        ["kernel", "steps", "elements", "error", "tolerance", "ratio"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for (name, kernel) in &found.kernels {
        let worst = &kernel.worst;
        rows.push(vec![
            (*name).to_owned(),
            kernel.steps.to_string(),
            kernel.elements.to_string(),
            format!("{:.1e}", worst.error),
            format!("{:.1e}", worst.tolerance),
            format!("{:.3}", worst.ratio),
        ]);
    }
    let mut facts = Facts::default();
    facts.add("device", described);
    facts.add(
        "compared",
        format!("{} training steps, every step of the plan", found.steps),
    );
    let largest = found.drift.iter().max_by(|a, b| a.1.total_cmp(&b.1));
    if let Some((name, drift)) = largest {
        facts.add(
            "drift",
            format!("{drift:.1e} of the largest weight, in {name}"),
        );
    }
    let same = match &found.submission {
        _ if found.failure.is_some() => "not tried",
        None => "the same bits",
        Some(_) => "other bits",
    };
    facts.add(
        "submission",
        format!("{same} in one submission as step by step"),
    );
    facts.add("result", if found.passed() { "passed" } else { "FAILED" });
    format!("{}\n{}", table(&rows), facts.text())
}

fn to_json(found: &Verification) -> serde_json::Value {
    let kernels = found.kernels.iter().map(|(name, kernel)| {
        let worst = &kernel.worst;
        let report = json!({
            "steps": kernel.steps,
            "elements": kernel.elements,
            "error": worst.error,
            "tolerance": worst.tolerance,
            "ratio": worst.ratio,
            "place": kernel.place,
        });
        ((*name).to_owned(), report)
    });
    json!({
        "device": job::name(&found.device),
        "backend": found.device.backend,
        "steps": found.steps,
        "passed": found.passed(),
        "failure": found.failure,
        "submission": found.submission,
        "kernels": kernels.collect::<serde_json::Map<_, _>>(),
        "drift": found.drift.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
    })
}

//! `thalweg train --find-lr`: which learning rates learn.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::config::Config;
use super::exit::Exit;
use super::job::{self, Job};
use super::output::{Facts, print, print_json, table};
use crate::chart::{Chart, Panel};
use crate::run::{self, RunError};
use crate::train::{RateSweep, SweepEnd};

/// Training steps of a sweep, if no other number is given.
const STEPS: u64 = 100;
/// With fewer a curve says nothing.
const LEAST: u64 = 20;
/// Rows of the table.
const ROWS: usize = 12;

/// Sweeps, draws and tells.
pub(super) fn run(
    config: Config,
    picture: &str,
    force: bool,
    json: bool,
    quiet: bool,
) -> Result<(), Exit> {
    let steps = config.options.steps.unwrap_or(STEPS);
    if steps < LEAST {
        return Err(Exit::usage(format!(
            "--steps is {steps}; --find-lr expects at least {LEAST} steps to see anything"
        )));
    }
    let picture = place(picture, force)?;
    let job = Job::load(config)?;
    let opened = job::open(&job.config.device, job.config.opening(), quiet)?;
    let described = job::describe(&opened);
    let device = job::name(opened.executor.device()).to_owned();
    let sweep = job
        .trainer
        .sweep_rates(opened.executor, &job.training, steps)?;
    let (steepest, tenth) = (sweep.steepest(), sweep.tenth_of_minimum());
    let svg = chart(&sweep, &job.trainer.network.to_string()).svg();
    run::write(&picture, svg.as_bytes()).map_err(|source| RunError::Io {
        path: picture.clone(),
        what: "written",
        source,
    })?;
    let picture = picture.display().to_string();
    if json {
        return print_json(&json!({
            "device": device,
            "steps": sweep.rates.len(),
            "end": end(sweep.end),
            "steepest": steepest,
            "minimum_tenth": tenth,
            "rates": sweep.rates,
            "losses": sweep.losses,
            "smoothed": sweep.smoothed,
            "picture": picture,
        }));
    }
    let rate =
        |rate: Option<f64>| rate.map_or_else(|| "none: the loss never falls".to_owned(), short);
    let mut facts = Facts::default();
    facts.add("device", described);
    facts.add("network", job.trainer.network.to_string());
    facts.add(
        "swept",
        format!("{} of {steps} steps; {}", sweep.rates.len(), end(sweep.end)),
    );
    facts.add("steepest", rate(steepest));
    facts.add("minimum / 10", rate(tenth));
    facts.add("picture", picture);
    let mut text = rows(&sweep);
    text.push('\n');
    text.push_str(&facts.text());
    if let Some(steepest) = steepest {
        text.push_str(&format!(
            "Nothing was kept of this. A first choice: `thalweg train --lr {}`\n",
            short(steepest)
        ));
    }
    print(&text)
}

/// A learning rate in two digits: the sweep says no more.
fn short(rate: f64) -> String {
    format!("{rate:.1e}")
}

/// Where the picture goes. None that is there is replaced unasked.
fn place(picture: &str, force: bool) -> Result<PathBuf, Exit> {
    if picture.is_empty() {
        let path = |n: u64| PathBuf::from(format!("find-lr-{n}.svg"));
        let free = (1..)
            .map(path)
            .find(|path| path.symlink_metadata().is_err());
        return Ok(free.expect("there is no end of numbers"));
    }
    let path = PathBuf::from(picture);
    if path.symlink_metadata().is_ok() && !force {
        let hint = "; choose another picture, or replace this one by `--force`";
        return Err(RunError::Exists { path, hint }.into());
    }
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        return Err(Exit::usage(format!(
            "--find-lr={picture}: there is no folder {}; make it first, or choose another place",
            folder.display()
        )));
    }
    if Path::new(picture).is_dir() {
        return Err(Exit::usage(format!(
            "--find-lr={picture}: is a folder; expected the name of a file, such as find-lr.svg"
        )));
    }
    Ok(path)
}

const fn end(end: SweepEnd) -> &'static str {
    match end {
        SweepEnd::Highest => "the highest rate was reached",
        SweepEnd::Diverged => "the loss grew to four times its least",
        SweepEnd::NonFinite => "the loss left the range of f32",
    }
}

/// Some of the steps.
fn rows(sweep: &RateSweep) -> String {
    let mut rows = vec![["rate", "loss", "smoothed"].map(str::to_owned).to_vec()];
    let every = sweep.rates.len().div_ceil(ROWS).max(1);
    let last = sweep.rates.len().saturating_sub(1);
    for step in (0..sweep.rates.len()).filter(|step| step % every == 0 || *step == last) {
        rows.push(vec![
            short(sweep.rates[step]),
            super::output::short(sweep.losses[step]),
            super::output::short(sweep.smoothed[step]),
        ]);
    }
    table(&rows)
}

fn chart(sweep: &RateSweep, network: &str) -> Chart {
    let over = |losses: &[f64]| -> Vec<_> {
        let rates = sweep.rates.iter().copied();
        rates.zip(losses.iter().copied()).collect()
    };
    let (least, most) = sweep.range();
    let marks = [
        ("steepest", sweep.steepest()),
        ("minimum / 10", sweep.tenth_of_minimum()),
    ];
    let panel = Panel::new(network, "learning rate", "loss")
        .log_x()
        .log_y()
        .line("smoothed loss", over(&sweep.smoothed))
        .line("loss", over(&sweep.losses));
    let panel = marks.iter().fold(panel, |panel, (name, rate)| match rate {
        Some(rate) => panel.line(
            format!("{name} {}", short(*rate)),
            [(*rate, least), (*rate, most)],
        ),
        None => panel,
    });
    Chart::new("Learning rates").columns(1).panel(panel)
}

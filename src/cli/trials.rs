//! `thalweg train --folds` and `--repeats`: several runs, and what they come to together.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Map, Value, json};

use super::config::Config;
use super::exit::Exit;
use super::interrupt;
use super::job::{self, Job};
use super::launch::{Launch, launch};
use super::output::{note, print, print_json, short, table};
use crate::data::{Folds, Preparation, Table};
use crate::metrics::Summary;
use crate::run::{self, Out, RunError, RunFolder};

/// What the runs came to, in the folder above theirs.
const SUMMARY: &str = "summary.json";

/// The flags. What is not given is `None`, so that a file can give it.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(super) struct TrialFlags {
    /// Cross-validation: train so many times, each time validating on another of so many parts of the rows, with the same share of each class (in place of --val-fraction)
    #[arg(long, value_name = "K", value_parser = folds, allow_negative_numbers = true, help_heading = "Choosing")]
    pub(super) folds: Option<u32>,
    /// With --folds: train once, validating on the part of this number, from 1
    #[arg(long, value_name = "N", value_parser = one, allow_negative_numbers = true, help_heading = "Choosing")]
    pub(super) fold: Option<u32>,
    /// Train so many times, from the seeds --seed, --seed + 1 and so on: other first weights, and other rows to validate on
    #[arg(long, value_name = "N", value_parser = one, allow_negative_numbers = true, help_heading = "Choosing")]
    pub(super) repeats: Option<u32>,
}

fn folds(text: &str) -> Result<u32, String> {
    let valid = text.trim().parse().ok().filter(|n| *n > 1);
    valid.ok_or_else(|| "expected a whole number of at least 2".to_owned())
}

fn one(text: &str) -> Result<u32, String> {
    let valid = text.trim().parse().ok().filter(|n| *n > 0);
    valid.ok_or_else(|| "expected a whole number of at least 1".to_owned())
}

impl TrialFlags {
    /// These flags, and where one is not given, that of `file`.
    pub(super) fn or(self, file: Self) -> Self {
        Self {
            folds: self.folds.or(file.folds),
            fold: self.fold.or(file.fold),
            repeats: self.repeats.or(file.repeats),
        }
    }

    /// Refuses flags that make no sense together.
    pub(super) fn check(&self, has_validation_data: bool) -> Result<(), Exit> {
        match (self.folds, self.fold) {
            (None, Some(fold)) => Err(Exit::usage(format!(
                "--fold {fold} is a part of --folds, which is not given; say by --folds how many parts there are"
            ))),
            (Some(folds), Some(fold)) if fold > folds => Err(Exit::usage(format!(
                "--fold is {fold}, and --folds makes {folds} parts; expected 1 to {folds}"
            ))),
            (Some(_), _) if has_validation_data => Err(Exit::usage(
                "--folds validates on parts of --data, and --val-data on rows of its own; leave one of them out",
            )),
            _ => Ok(()),
        }
    }

    /// The part of the rows that validates, from 0, and how many parts there are.
    pub(super) fn part(&self) -> Option<(u32, u32)> {
        Some((self.fold? - 1, self.folds?))
    }

    /// Whether they ask for several runs.
    pub(super) fn are_several(&self) -> bool {
        self.repeats.is_some() || self.folds.is_some() && self.fold.is_none()
    }

    /// The flags of one run as lines of TOML.
    pub(super) fn put(&self, put: &mut impl FnMut(&str, Option<String>)) {
        let part = self.part();
        put("folds", part.map(|(_, folds)| folds.to_string()));
        put("fold", part.map(|(fold, _)| (fold + 1).to_string()));
    }
}

/// One of the runs.
struct Trial {
    name: String,
    seed: u64,
    fold: Option<u32>,
}

/// What has been done, and where it is.
struct Done {
    folder: PathBuf,
    folds: Option<u32>,
    repeats: Option<u32>,
    /// The JSON of each run.
    runs: Vec<Value>,
    interrupted: bool,
}

/// Trains one run after the other on the same data, and tells what they come to.
pub(super) fn run(config: Config, out: Out, json: bool, quiet: bool) -> Result<(), Exit> {
    let (folder, force) = match out {
        Out::Path { path, force } => (path, force),
        Out::Next(name) => (RunFolder::next(&name), false),
        Out::Resumed { path, .. } => (path, false),
    };
    check(&folder, force)?;
    let trials = trials(&config)?;
    let table = job::table(&config)?;
    note_rare_class(&config, &table)?;
    let validation = OnceCell::new();
    let mut done = Done {
        folder,
        folds: config.trials.folds,
        repeats: config.trials.repeats,
        runs: Vec::new(),
        interrupted: false,
    };
    for (number, trial) in trials.iter().enumerate() {
        if interrupt::asked() {
            done.interrupted = true;
            break;
        }
        if !quiet {
            let (name, all) = (&trial.name, trials.len());
            note(&format!("{name}: run {} of {all}", number + 1));
        }
        let ended = one_run(
            &config,
            (&table, &validation),
            trial,
            &done.folder,
            (force, quiet, number == 0),
        );
        let launched = ended.map_err(|error| match done.runs.len() {
            0 => error,
            runs => error.hint(&format!(
                "the {runs} runs before are whole, and {} tells them",
                done.folder.join(SUMMARY).display()
            )),
        })?;
        if launched.interrupted {
            launched.note_interruption();
            done.interrupted = true;
            break;
        }
        let mut object = launched.object;
        object["name"] = json!(trial.name);
        object["seed"] = json!(trial.seed);
        object["fold"] = json!(trial.fold);
        done.runs.push(object);
        // After each, so that a run that is killed does not take those before with it.
        done.write()?;
    }
    let printed = if json {
        print_json(&done.json())
    } else {
        print(&done.text())
    };
    if done.interrupted {
        return Err(Exit::INTERRUPTED);
    }
    printed
}

fn one_run(
    config: &Config,
    (table, validation): (&Table, &OnceCell<Table>),
    trial: &Trial,
    folder: &Path,
    (force, quiet, first): (bool, bool, bool),
) -> Result<super::launch::Launched, Exit> {
    let mut config = config.clone();
    config.options.seed = trial.seed;
    (config.trials.fold, config.trials.repeats) = (trial.fold, None);
    let parts = job::parts(&config, table)?;
    let job = Job::of(config, Cow::Borrowed(table), parts, Some(validation))?;
    // What is said of the device is said once.
    let opened = job::open(&job.config.device, job.config.opening(), quiet || !first)?;
    let path = folder.join(&trial.name);
    let how = Launch {
        data: None,
        out: Out::Path { path, force },
        snapshot: None,
        quiet,
        profile: false,
    };
    launch(&job, opened, how)
}

/// Refuses a folder that several runs cannot be written to, before anything is read.
fn check(folder: &Path, force: bool) -> Result<(), Exit> {
    let refused = |hint| {
        Err(Exit::from(RunError::Exists {
            path: folder.to_owned(),
            hint,
        }))
    };
    if folder.symlink_metadata().is_err() {
        return Ok(());
    }
    if !force {
        return refused("; choose another `--out`, or replace the runs in it by `--force`");
    }
    let is_empty = std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none());
    if is_empty || folder.join(SUMMARY).is_file() {
        return Ok(());
    }
    refused(
        " and is not a folder of several runs, so `--force` does not replace it; choose another `--out`",
    )
}

/// Repeats of folds, in this order.
fn trials(config: &Config) -> Result<Vec<Trial>, Exit> {
    let flags = config.trials;
    let folds: Vec<Option<u32>> = match (flags.folds, flags.fold) {
        (Some(folds), None) => (1..=folds).map(Some).collect(),
        (_, fold) => vec![fold],
    };
    let mut trials = Vec::new();
    for repeat in 0..flags.repeats.unwrap_or(1) {
        let first = config.options.seed;
        let seed = first.checked_add(u64::from(repeat)).ok_or_else(|| {
            Exit::usage(format!(
                "--seed {first} and --repeats leave the range of seeds; expected a smaller seed"
            ))
        })?;
        for &fold in &folds {
            let mut name = Vec::new();
            name.extend(flags.repeats.map(|_| format!("seed-{seed}")));
            name.extend(fold.map(|fold| format!("fold-{fold}")));
            trials.push(Trial {
                name: name.join("-"),
                seed,
                fold,
            });
        }
    }
    Ok(trials)
}

/// Says if a class has too few rows for all parts, and refuses more parts than rows.
fn note_rare_class(config: &Config, table: &Table) -> Result<(), Exit> {
    let Some(folds) = config.trials.folds else {
        return Ok(());
    };
    let targets = Preparation::targets_of(table, config.task)?;
    let divided = Folds::new(table.rows(), &targets, folds, 0, false)?;
    if let Some((class, rows)) = divided.rare() {
        // The preparation knows names; what is fitted for them is not kept.
        let all: Vec<u32> = (0..u32::try_from(table.rows()).unwrap_or(u32::MAX)).collect();
        let fitted = Preparation::fit(table, &all, config.task, config.normalize)?;
        let names = fitted.class_names().unwrap_or_default();
        let name = names.get(class as usize).map_or("", String::as_str);
        note(&format!(
            "note: the class {name:?} has {rows} rows, fewer than the {folds} folds: some folds have none to validate on"
        ));
    }
    Ok(())
}

/// The columns of the table, and their names in the JSON.
const COLUMNS: [(&str, &str); 6] = [
    ("train loss", "train_loss"),
    ("val loss", "val_loss"),
    ("val accuracy", "val_accuracy"),
    ("val R2", "val_r2"),
    ("epochs", "epochs"),
    ("seconds", "seconds"),
];

/// A number of a summary.
type Told = fn(&Summary) -> Option<f64>;

impl Done {
    /// The numbers of one name, of the runs that have it.
    fn values(&self, name: &str) -> Vec<f64> {
        self.runs
            .iter()
            .filter_map(|run| run[name].as_f64())
            .collect()
    }

    /// What each figure comes to: those of a run, and those of its validation rows.
    fn figures(&self) -> Value {
        let mut figures = Map::new();
        for (_, name) in COLUMNS {
            if let Some(summary) = Summary::of(&self.values(name)) {
                figures.insert(name.to_owned(), json!(summary));
            }
        }
        let metrics: Vec<&Map<String, Value>> = (self.runs.iter())
            .filter_map(|run| run["val_metrics"].as_object())
            .collect();
        for name in metrics
            .first()
            .into_iter()
            .flat_map(|metrics| metrics.keys())
        {
            let values = metrics.iter().filter_map(|m| m.get(name)?.as_f64());
            let summary = Summary::of(&values.collect::<Vec<_>>());
            let name = format!("val_{name}");
            if let (Some(summary), false) = (summary, figures.contains_key(&name)) {
                figures.insert(name, json!(summary));
            }
        }
        Value::Object(figures)
    }

    fn json(&self) -> Value {
        json!({
            "out": self.folder.display().to_string(),
            "folds": self.folds,
            "repeats": self.repeats,
            "interrupted": self.interrupted,
            "figures": self.figures(),
            "runs": self.runs,
        })
    }

    fn write(&self) -> Result<(), Exit> {
        let path = self.folder.join(SUMMARY);
        let text = format!("{:#}\n", self.json());
        run::write(&path, text.as_bytes()).map_err(|source| {
            let what = "written";
            RunError::Io { path, what, source }.into()
        })
    }

    /// A row a run, and below them mean, standard deviation and interval.
    fn text(&self) -> String {
        if self.runs.is_empty() {
            return "no run has ended\n".to_owned();
        }
        let has_validation = !self.values("val_loss").is_empty();
        // Where rows validate, the loss on those that train is not what is compared.
        let hidden = |name: &str| has_validation && name == "train_loss";
        let columns = COLUMNS
            .iter()
            .filter(|(_, name)| !hidden(name) && !self.values(name).is_empty());
        let columns: Vec<_> = columns.collect();
        let mut heading = vec!["run".to_owned()];
        heading.extend(columns.iter().map(|(title, _)| (*title).to_owned()));
        let mut rows = vec![heading];
        let cell = |value: Option<f64>, name: &str| match (value, name) {
            (None, _) => "-".to_owned(),
            (Some(value), "epochs") if value.fract() == 0.0 => format!("{value:.0}"),
            (Some(value), "epochs" | "seconds") => format!("{value:.2}"),
            (Some(value), _) => short(value),
        };
        for run in &self.runs {
            let mut row = vec![run["name"].as_str().unwrap_or("").to_owned()];
            row.extend(
                columns
                    .iter()
                    .map(|(_, name)| cell(run[*name].as_f64(), name)),
            );
            rows.push(row);
        }
        let summaries: Vec<_> = columns
            .iter()
            .map(|(_, name)| Summary::of(&self.values(name)))
            .collect();
        let told: [(&str, Told); 4] = [
            ("mean", |s| Some(s.mean)),
            ("sd", |s| s.sd),
            ("95 % from", |s| s.interval.map(|i| i[0])),
            ("95 % to", |s| s.interval.map(|i| i[1])),
        ];
        for (title, of) in told {
            let mut row = vec![title.to_owned()];
            for (summary, (_, name)) in summaries.iter().zip(&columns) {
                // How long a run takes is not what an interval is wanted of.
                let plain = title.starts_with('9') && ["epochs", "seconds"].contains(name);
                let told = summary.as_ref().filter(|_| !plain).and_then(of);
                row.push(cell(told, name));
            }
            rows.push(row);
        }
        let mut text = table(&rows);
        text.push_str(
            "95 %: Student's t, for the mean; folds share rows, so theirs is a little too narrow\n",
        );
        text.push_str(&format!("saved {}\n", self.folder.display()));
        text
    }
}

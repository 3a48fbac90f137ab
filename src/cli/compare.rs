//! `thalweg compare`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::exit::Exit;
use super::output::{duration, grouped, note, print, print_json, short, table, width};
use crate::report::{Compared, Comparison, History, Row};
use crate::run::{BEST, CONFIG, METRICS, MODEL, ModelFile, RunError};

const EXAMPLES: &str = "Examples:
  thalweg compare runs/flowers-1 runs/flowers-2
  thalweg compare runs/* --out runs.html         and a page with the curves over one another
  thalweg compare runs/* --json | jq '.runs[] | [.name, .results.val_loss]'

Results are those of the best epoch. A star marks the best of a row.";

/// Puts runs side by side: what differs in their configurations, and what came of them.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Compare {
    /// Run folders
    #[arg(required = true, num_args = 1..)]
    runs: Vec<PathBuf>,
    /// Write a page with the curves over one another to this file, replacing it as a whole
    #[arg(long, value_name = "FILE.html")]
    out: Option<PathBuf>,
    /// Print one JSON object in place of the tables
    #[arg(long)]
    json: bool,
}

/// A run that is compared.
struct Run {
    name: String,
    path: PathBuf,
    history: History,
    /// The configuration by key.
    config: BTreeMap<String, String>,
    parameters: Option<u64>,
}

/// A figure: its name, whether more of it is better (if either is), and each run's.
struct Figure {
    name: String,
    more: Option<bool>,
    values: Vec<Option<f64>>,
}

impl Compare {
    pub(super) fn run(self) -> Result<(), Exit> {
        let runs = self.runs.iter().map(|path| Run::read(path));
        let mut runs = runs.collect::<Result<Vec<_>, _>>()?;
        name(&mut runs);
        let (differs, figures) = (differences(&runs), figures(&runs));
        let notes = notes(&runs);
        if let Some(out) = &self.out {
            let page = page(&runs, &differs, &figures, &notes);
            let written = crate::run::write(out, page.as_bytes());
            written.map_err(|source| RunError::Io {
                path: out.clone(),
                what: "written",
                source,
            })?;
        }
        for text in &notes {
            note(&format!("note: {text}"));
        }
        if self.json {
            return print_json(&to_json(&runs, &differs, &figures));
        }
        let mut text = text(&runs, &differs, &figures);
        if let Some(out) = &self.out {
            text.push_str(&format!("\npage  {}\n", out.display()));
        }
        print(&text)
    }
}

impl Run {
    fn read(path: &Path) -> Result<Self, Exit> {
        let place = path.display();
        if path.is_file() {
            return Err(Exit::usage(format!(
                "{place}: is a file, and only runs have curves; expected the folder of a run"
            )));
        }
        let metrics = path.join(METRICS);
        if !metrics.is_file() {
            let found = if path.is_dir() {
                format!("there is no {METRICS} in it")
            } else {
                "does not exist".to_owned()
            };
            return Err(Exit::usage(format!(
                "{place}: {found}; expected the folder of a run"
            )));
        }
        let unreadable = |path: PathBuf| {
            move |source| RunError::Io {
                path,
                what: "read",
                source,
            }
        };
        let history = History::read(&metrics).map_err(unreadable(metrics))?;
        let config = path.join(CONFIG);
        let config = if config.is_file() {
            configuration(&config)?
        } else {
            BTreeMap::new()
        };
        // A run that was killed has the model of its best epoch.
        let models = [MODEL, BEST].map(|name| path.join(name));
        let model = models.iter().find(|model| model.is_file());
        let parameters = model.and_then(|model| ModelFile::load(model).ok());
        let parameters = parameters.map(|file| file.model.network.parameter_count() as u64);
        Ok(Self {
            name: String::new(),
            path: path.to_owned(),
            history,
            config,
            parameters,
        })
    }

    /// Whether it was trained to its end: a run that is under way, or was killed, has no last model, or an older one.
    fn is_finished(&self) -> bool {
        self.path.join(MODEL).is_file() && self.history.last_epoch > 0
    }
}

/// The lines of a configuration by key. Those of a list of layers are one.
fn configuration(path: &Path) -> Result<BTreeMap<String, String>, Exit> {
    let text = std::fs::read_to_string(path).map_err(|source| RunError::Io {
        path: path.to_owned(),
        what: "read",
        source,
    })?;
    let table: toml::Table = text.parse().map_err(|e: toml::de::Error| {
        Exit::usage(format!(
            "{}: {}; expected the configuration of a run",
            path.display(),
            e.message()
        ))
    })?;
    let shown = |value: toml::Value| match value {
        toml::Value::String(text) => text,
        toml::Value::Array(list) => {
            let words: Vec<_> = list.iter().map(ToString::to_string).collect();
            words.join(",")
        }
        other => other.to_string(),
    };
    Ok(table
        .into_iter()
        .map(|(key, value)| (key, shown(value)))
        .collect())
}

/// Names the runs by their folders, and by as much of the path as tells them apart.
fn name(runs: &mut [Run]) {
    let last = |path: &Path, parts: usize| {
        let all: Vec<_> = path
            .components()
            .map(|c| c.as_os_str().to_string_lossy().into_owned())
            .collect();
        all[all.len().saturating_sub(parts)..].join("/")
    };
    for index in 0..runs.len() {
        let mut parts = 1;
        let path = runs[index].path.clone();
        let mut named = last(&path, parts);
        while parts < 16
            && runs
                .iter()
                .filter(|run| last(&run.path, parts) == named)
                .count()
                > 1
        {
            parts += 1;
            named = last(&path, parts);
        }
        runs[index].name = if named.is_empty() {
            path.display().to_string()
        } else {
            named
        };
    }
}

/// The keys in which the configurations differ, with each run's value.
fn differences(runs: &[Run]) -> Vec<(String, Vec<Option<String>>)> {
    let mut keys: Vec<&String> = runs.iter().flat_map(|run| run.config.keys()).collect();
    // How a run is shown is no part of it.
    keys.retain(|key| !["report", "plot", "tensorboard"].contains(&key.as_str()));
    keys.sort();
    keys.dedup();
    let of = |key: &String| {
        runs.iter()
            .map(|run| run.config.get(key).cloned())
            .collect::<Vec<_>>()
    };
    let rows = keys.into_iter().map(|key| (key.clone(), of(key)));
    rows.filter(|(_, values)| values.iter().any(|v| *v != values[0]))
        .collect()
}

/// What came of the runs, at their best epochs.
fn figures(runs: &[Run]) -> Vec<Figure> {
    let each = |of: &dyn Fn(&Run) -> Option<f64>| runs.iter().map(of).collect::<Vec<_>>();
    let mut out = Vec::new();
    let mut add = |name: &str, more, values: Vec<Option<f64>>| {
        if values.iter().any(Option::is_some) {
            out.push(Figure {
                name: name.to_owned(),
                more,
                values,
            });
        }
    };
    // Losses of different kinds, or in different units, are not better or worse than one another.
    let of = |key: &str| {
        runs.iter()
            .map(|run| run.config.get(key))
            .collect::<Vec<_>>()
    };
    let mut same = ["loss", "task"]
        .into_iter()
        .map(|key| of(key).windows(2).all(|pair| pair[0] == pair[1]));
    let same_loss = same.all(|same| same);
    let mut keys: Vec<&String> = runs
        .iter()
        .flat_map(|run| run.history.epochs.keys())
        .collect();
    keys.retain(|key| key.starts_with("val_") || key.starts_with("train_"));
    keys.sort_by_key(|key| {
        (
            !key.starts_with("val_"),
            !key.ends_with("_loss"),
            key.to_string(),
        )
    });
    keys.dedup();
    for key in keys {
        let at = |run: &Run| {
            run.history
                .at(key, run.history.best.unwrap_or(run.history.last_epoch))
        };
        let comparable = same_loss || !key.ends_with("_loss");
        add(key, comparable.then(|| is_better_larger(key)), each(&at));
    }
    let whole = |n: u64| Some(n as f64);
    add(
        "best epoch",
        None,
        each(&|run| run.history.best.and_then(whole)),
    );
    add("epochs", None, each(&|run| whole(run.history.last_epoch)));
    add("steps", None, each(&|run| whole(run.history.last_step)));
    add(
        "seconds",
        Some(false),
        each(&|run| run.history.last("seconds")),
    );
    add(
        "parameters",
        Some(false),
        each(&|run| run.parameters.and_then(whole)),
    );
    out
}

/// Losses and errors are better the smaller they are.
fn is_better_larger(key: &str) -> bool {
    let small = ["loss", "mae", "rmse", "mse", "error", "ece", "calibration"];
    !small.iter().any(|word| key.contains(word))
}

impl Figure {
    /// Which run has the best of it, where that can be said: none if all are equal, or only one has it.
    fn best(&self) -> Vec<bool> {
        let known: Vec<f64> = self
            .values
            .iter()
            .flatten()
            .copied()
            .filter(|v| v.is_finite())
            .collect();
        let least = known.iter().copied().fold(f64::INFINITY, f64::min);
        let most = known.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let best = match self.more {
            Some(more) if known.len() > 1 && least < most => Some(if more { most } else { least }),
            _ => None,
        };
        self.values
            .iter()
            .map(|v| best.is_some() && *v == best)
            .collect()
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "these figures are whole numbers"
    )]
    fn shown(&self, value: Option<f64>) -> String {
        match (value, self.name.as_str()) {
            (None, _) => "-".to_owned(),
            (Some(v), "seconds") => duration(v),
            (Some(v), "best epoch" | "epochs" | "steps" | "parameters") => grouped(v as u64),
            (Some(v), _) => short(v),
        }
    }
}

/// What a reader should know before comparing.
fn notes(runs: &[Run]) -> Vec<String> {
    let mut notes = Vec::new();
    for run in runs {
        if run.history.last_epoch == 0 {
            notes.push(format!("{} has no epoch that ended", run.name));
        } else if !run.is_finished() {
            notes.push(format!(
                "{} has not ended: its figures are those so far",
                run.name
            ));
        }
        if run.config.is_empty() {
            notes.push(format!("{} has no {CONFIG}", run.name));
        }
    }
    for (key, what) in [("task", "tasks"), ("loss", "losses"), ("data", "data")] {
        let mut values: Vec<_> = runs.iter().filter_map(|run| run.config.get(key)).collect();
        values.sort();
        values.dedup();
        if values.len() > 1 && !(key == "loss" && notes.iter().any(|n| n.contains("tasks"))) {
            notes.push(format!("the runs have different {what}, so that their figures say little beside one another"));
        }
    }
    notes
}

/// The rows of both tables as text with marks.
fn rows(differs: &[(String, Vec<Option<String>>)], figures: &[Figure]) -> [Vec<Row>; 2] {
    let result = |figure: &Figure| {
        let cells = figure
            .values
            .iter()
            .map(|v| figure.shown(*v))
            .zip(figure.best());
        (figure.name.clone(), cells.collect())
    };
    let difference = |(key, values): &(String, Vec<Option<String>>)| {
        let cells = values
            .iter()
            .map(|v| (v.clone().unwrap_or_else(|| "-".to_owned()), false));
        (key.clone(), cells.collect())
    };
    [
        figures.iter().map(result).collect(),
        differs.iter().map(difference).collect(),
    ]
}

/// Both tables, with as many runs beside one another as fit; the others follow below.
fn text(runs: &[Run], differs: &[(String, Vec<Option<String>>)], figures: &[Figure]) -> String {
    let room = width();
    let mut out = String::new();
    let tables = rows(differs, figures);
    let most = room.saturating_sub(20).clamp(12, 40);
    let mut first = 0;
    while first < runs.len() {
        let mut count = runs.len() - first;
        loop {
            let part = part(runs, &tables, first..first + count, most);
            let widest = part
                .lines()
                .map(|line| line.chars().count())
                .max()
                .unwrap_or(0);
            if widest <= room || count == 1 {
                if first > 0 {
                    out.push('\n');
                }
                out.push_str(&part);
                break;
            }
            count -= 1;
        }
        first += count;
    }
    out
}

fn part(runs: &[Run], tables: &[Vec<Row>; 2], of: std::ops::Range<usize>, most: usize) -> String {
    let cut = |text: &str| {
        if text.chars().count() <= most {
            return text.to_owned();
        }
        // The end of a path or a list tells more.
        let skipped = text.chars().count() + 1 - most;
        format!("…{}", text.chars().skip(skipped).collect::<String>())
    };
    let mut lines = vec![
        std::iter::once(String::new())
            .chain(runs[of.clone()].iter().map(|r| cut(&r.name)))
            .collect::<Vec<_>>(),
    ];
    for (index, rows) in tables.iter().enumerate() {
        if index == 1 && !rows.is_empty() {
            lines.push(
                std::iter::once("configuration".to_owned())
                    .chain(of.clone().map(|_| String::new()))
                    .collect(),
            );
        }
        for (what, cells) in rows {
            let cell = |(text, best): &(String, bool)| {
                format!("{}{}", cut(text), if *best { "*" } else { " " })
            };
            lines.push(
                std::iter::once(what.clone())
                    .chain(cells[of.clone()].iter().map(cell))
                    .collect(),
            );
        }
    }
    for cell in lines[0].iter_mut().skip(1) {
        cell.push(' ');
    }
    table(&lines)
}

fn page(
    runs: &[Run],
    differs: &[(String, Vec<Option<String>>)],
    figures: &[Figure],
    notes: &[String],
) -> String {
    let [results, differences] = rows(differs, figures);
    let mut tables = vec![("Results at the best epoch".to_owned(), results)];
    if !differences.is_empty() {
        tables.push(("What differs in the configurations".to_owned(), differences));
    }
    let compared = runs.iter().map(|run| Compared {
        name: run.name.clone(),
        history: run.history.clone(),
    });
    let comparison = Comparison {
        runs: compared.collect(),
        tables,
        notes: notes.to_vec(),
    };
    comparison.html()
}

fn to_json(runs: &[Run], differs: &[(String, Vec<Option<String>>)], figures: &[Figure]) -> Value {
    let each = runs.iter().enumerate().map(|(index, run)| {
        let results: Map<String, Value> = figures
            .iter()
            .map(|f| (f.name.replace(' ', "_"), json!(f.values[index])))
            .collect();
        let config: Map<String, Value> = differs
            .iter()
            .map(|(key, values)| (key.clone(), json!(values[index])))
            .collect();
        json!({
            "name": run.name,
            "path": run.path.display().to_string(),
            "finished": run.is_finished(),
            "results": results,
            "config": config,
        })
    });
    let best: Map<String, Value> = figures
        .iter()
        .filter_map(|figure| {
            let place = figure.best().iter().position(|best| *best)?;
            Some((figure.name.replace(' ', "_"), json!(runs[place].name)))
        })
        .collect();
    json!({ "runs": each.collect::<Vec<_>>(), "best": best })
}

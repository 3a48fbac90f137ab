//! The page of one run.

use super::chart::{Chart, Series};
use super::history::{Curve, History};
use super::html::{escaped, name, number, page, put, section, summary, table};
use super::layers;
use super::outcome::Outcome;

/// Longer files are cut.
const LONGEST: usize = 100_000;
/// After so many seconds the page of a run that goes on loads itself anew.
const AGAIN: u32 = 10;

/// How far a run is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It goes on.
    Running,
    /// It has come to its end.
    Ended,
    /// It ended early, as there was no better epoch for long.
    StoppedEarly,
    /// It was interrupted, and can go on.
    Interrupted,
    /// It failed, and why.
    Failed(String),
}

/// The time that a part of a training step takes.
#[derive(Debug, Clone, PartialEq)]
pub struct PartRow {
    /// The part: a layer, the data, the loss.
    pub part: String,
    /// Seconds of forward, backward and update.
    pub phases: [f64; 3],
}

/// All that the page of a run shows.
#[derive(Debug, Clone)]
pub struct Report {
    /// The run's name.
    pub title: String,
    /// How far it is.
    pub state: State,
    /// What is known of it, by name.
    pub facts: Vec<(String, String)>,
    /// What it has told.
    pub history: History,
    /// How the network answers, once the run has ended.
    pub outcome: Option<Outcome>,
    /// Where the time of a training step goes, if the run was profiled.
    pub parts: Vec<PartRow>,
    /// The configuration, as TOML.
    pub config: String,
    /// The environment, as JSON.
    pub environment: String,
}

impl Report {
    /// The page.
    pub fn html(&self) -> String {
        let mut body = self.head();
        body.push_str(&section("curves", "Curves", &self.curves()));
        let none =
            "<p class=\"quiet\">The metrics of this run tell nothing of its layers yet.</p>\n";
        let inside = layers::html(&self.history).unwrap_or_else(|| none.to_owned());
        body.push_str(&section("layers", "Layers", &inside));
        match &self.outcome {
            Some(outcome) => {
                let (heading, answers) = outcome.answers();
                body.push_str(&section("answers", heading, &answers));
                body.push_str(&section("mistakes", "Worst mistakes", &outcome.worst()));
            }
            None => {
                let why = match self.state {
                    State::Running => "They are shown when the run has ended.",
                    _ => "There is no model to answer with.",
                };
                body.push_str(&section(
                    "answers",
                    "Answers and mistakes",
                    &format!("<p class=\"quiet\">{why}</p>\n"),
                ));
            }
        }
        body.push_str(&section("time", "Time", &self.time()));
        body.push_str(&section(
            "configuration",
            "Configuration and environment",
            &self.files(),
        ));
        let again = (self.state == State::Running).then_some(AGAIN);
        page(&format!("{} · Thalweg", self.title), again, &body)
    }

    fn head(&self) -> String {
        let (class, state) = match &self.state {
            State::Running => ("busy", "training; this page follows".to_owned()),
            State::Ended => ("good", "ended".to_owned()),
            State::StoppedEarly => (
                "good",
                "stopped early, as no epoch was better for long".to_owned(),
            ),
            State::Interrupted => ("busy", "interrupted; `thalweg resume` goes on".to_owned()),
            State::Failed(why) => ("bad", format!("failed: {why}")),
        };
        let mut out = format!(
            "<header>\n<h1>{}</h1>\n<p class=\"state {class}\">{}</p>\n</header>\n",
            name(&self.title),
            escaped(&state)
        );
        out.push_str(&self.tiles());
        out.push_str(&summary(&self.facts));
        out
    }

    /// The last of each figure, and the best epoch.
    fn tiles(&self) -> String {
        let history = &self.history;
        let mut out = String::from("<div class=\"tiles\">\n");
        let mut tile = |value: String, what: &str| {
            put(
                &mut out,
                &format!(
                    "<div class=\"tile\"><b>{value}</b><span>{}</span></div>\n",
                    escaped(what)
                ),
            );
        };
        tile(history.last_epoch.to_string(), "epochs");
        if let Some(best) = history.best {
            tile(best.to_string(), "best epoch");
        }
        let at = history.best.unwrap_or(history.last_epoch);
        for key in history.epochs.keys().filter(|key| key.starts_with("val_")) {
            if let Some(value) = history.at(key, at) {
                tile(number(value), &format!("{} at the best epoch", words(key)));
            }
        }
        if let Some(loss) = history.last("train_loss") {
            tile(number(loss), "training loss, last epoch");
        }
        out.push_str("</div>\n");
        out
    }

    fn curves(&self) -> String {
        let history = &self.history;
        let mark = history
            .best
            .map(|best| (best as f64, format!("best epoch, {best}")));
        let mut out = String::from("<div class=\"grid\">\n");
        let known = ["samples", "seconds", "step", "learning_rate"];
        let mut metrics: Vec<&str> = Vec::new();
        for key in history
            .epochs
            .keys()
            .filter(|key| !known.contains(&key.as_str()))
        {
            let metric = key
                .strip_prefix("train_")
                .or(key.strip_prefix("val_"))
                .unwrap_or(key);
            if !metrics.contains(&metric) {
                metrics.push(metric);
            }
        }
        // The loss first.
        metrics.sort_by_key(|metric| (*metric != "loss", *metric));
        for metric in metrics.iter().take(24) {
            let series = ["train", "val"].map(|of| Series {
                name: if of == "train" {
                    "training"
                } else {
                    "validation"
                }
                .to_owned(),
                points: history.curve(&format!("{of}_{metric}")).to_vec(),
            });
            let alone = Series {
                name: words(metric),
                points: history.curve(metric).to_vec(),
            };
            let chart = Chart {
                title: capital(&words(metric)),
                label: "epoch",
                series: series
                    .into_iter()
                    .chain([alone])
                    .filter(|s| !s.points.is_empty())
                    .collect(),
                mark: mark.clone(),
                log: *metric == "loss",
            };
            out.push_str(&chart.html(&format!("curve-{}", escaped(metric))));
        }
        let alone = |title: &str, label, points: Curve, log| Chart {
            title: title.to_owned(),
            label,
            series: vec![Series {
                name: title.to_lowercase(),
                points,
            }],
            mark: None,
            log,
        };
        out.push_str(
            &alone(
                "Loss of each training step",
                "step",
                history.steps.clone(),
                true,
            )
            .html("steps"),
        );
        let rates = history.curve("learning_rate").to_vec();
        out.push_str(&alone("Learning rate", "epoch", rates, true).html("rate"));
        out.push_str("</div>\n");
        out
    }

    fn time(&self) -> String {
        let mut out = String::new();
        if let (Some(seconds), epochs @ 1..) =
            (self.history.last("seconds"), self.history.last_epoch)
        {
            put(
                &mut out,
                &format!(
                    "<p>{} s for {epochs} epochs, {} s each.</p>\n",
                    number(seconds),
                    number(seconds / epochs as f64)
                ),
            );
        }
        if self.parts.is_empty() {
            out.push_str("<p class=\"quiet\">Where the time of a training step goes, layer by layer, is measured with <code>--profile</code>.</p>\n");
            return out;
        }
        let sum: f64 = self
            .parts
            .iter()
            .flat_map(|p| p.phases)
            .sum::<f64>()
            .max(f64::MIN_POSITIVE);
        out.push_str("<div class=\"bar\" role=\"img\" aria-label=\"Shares of the parts of a training step, as in the table\">");
        for (place, part) in self.parts.iter().enumerate() {
            let share = 100.0 * part.phases.iter().sum::<f64>() / sum;
            put(
                &mut out,
                &format!(
                    "<span style=\"width:{share:.2}%;background:var(--s{})\"></span>",
                    place % 8
                ),
            );
        }
        out.push_str("</div>\n");
        let head = [
            "",
            "forward, µs",
            "backward, µs",
            "update, µs",
            "all, µs",
            "share",
        ]
        .map(str::to_owned);
        let row = |(place, part): (usize, &PartRow)| {
            let key = format!(
                "<span style=\"color:var(--s{})\" aria-hidden=\"true\">■</span> {}",
                place % 8,
                escaped(&part.part)
            );
            let all: f64 = part.phases.iter().sum();
            let mut row = vec![key];
            row.extend(part.phases.map(|s| format!("{:.1}", s * 1e6)));
            row.extend([
                format!("{:.1}", all * 1e6),
                format!("{:.1} %", 100.0 * all / sum),
            ]);
            row
        };
        let rows: Vec<_> = self.parts.iter().enumerate().map(row).collect();
        out.push_str(&table(
            "",
            "A training step by layer and phase, medians",
            &head,
            &rows,
        ));
        out
    }

    fn files(&self) -> String {
        let cut = |text: &str| {
            let end = text
                .char_indices()
                .nth(LONGEST)
                .map_or(text.len(), |(end, _)| end);
            escaped(&text[..end])
        };
        format!(
            "<details><summary>config.toml</summary><pre tabindex=\"0\">{}</pre></details>\n<details><summary>environment.json</summary><pre tabindex=\"0\">{}</pre></details>\n",
            cut(&self.config),
            cut(&self.environment)
        )
    }
}

/// A key of the metrics in words.
pub(super) fn words(key: &str) -> String {
    match key.strip_prefix("val_") {
        Some(metric) => format!("validation {}", words(metric)),
        None if key.starts_with("train_") => format!("training {}", words(&key[6..])),
        None if key == "r2" => "R²".to_owned(),
        None => key.replace('_', " "),
    }
}

pub(super) fn capital(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(rest).collect()
    })
}

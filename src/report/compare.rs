//! Runs side by side.

use super::chart::{Chart, Series};
use super::history::History;
use super::html::{name, page, put, section, table};
use super::page::{capital, words};

/// A run among others.
#[derive(Debug, Clone, Default)]
pub struct Compared {
    /// What it is called.
    pub name: String,
    /// What it has told.
    pub history: History,
}

/// A row of the table: what it is, and a cell for each run with whether it is the best.
pub type Row = (String, Vec<(String, bool)>);

/// Runs side by side.
#[derive(Debug, Clone, Default)]
pub struct Comparison {
    /// The runs.
    pub runs: Vec<Compared>,
    /// Tables with their headings.
    pub tables: Vec<(String, Vec<Row>)>,
    /// What else is to be said.
    pub notes: Vec<String>,
}

impl Comparison {
    /// The page.
    pub fn html(&self) -> String {
        let mut body = format!("<header>\n<h1>{} runs</h1>\n</header>\n", self.runs.len());
        for note in &self.notes {
            put(
                &mut body,
                &format!("<p class=\"quiet\">{}</p>\n", super::escaped(note)),
            );
        }
        let mut head = vec![String::new()];
        head.extend(self.runs.iter().map(|run| name(&run.name)));
        for (place, (heading, rows)) in self.tables.iter().enumerate() {
            let row = |(what, cells): &Row| {
                let cell = |(text, best): &(String, bool)| match best {
                    true => format!(
                        "<span class=\"better\">{} <span title=\"the best\">★</span></span>",
                        name(text)
                    ),
                    false => name(text),
                };
                std::iter::once(name(what))
                    .chain(cells.iter().map(cell))
                    .collect()
            };
            let rows: Vec<Vec<String>> = rows.iter().map(row).collect();
            let id = format!("table-{place}");
            body.push_str(&section(
                &id,
                &super::escaped(heading),
                &table("side", &super::escaped(heading), &head, &rows),
            ));
        }
        body.push_str(&section("curves", "Curves", &self.curves()));
        page("Runs side by side · Thalweg", None, &body)
    }

    /// A chart for each figure that any of them has, the runs over one another.
    fn curves(&self) -> String {
        let mut keys: Vec<&str> = Vec::new();
        for run in &self.runs {
            for key in run.history.epochs.keys() {
                if !keys.contains(&key.as_str())
                    && !["samples", "seconds", "step"].contains(&key.as_str())
                {
                    keys.push(key);
                }
            }
        }
        keys.sort_by_key(|key| (*key != "val_loss", *key != "train_loss", *key));
        let mut out = String::from("<div class=\"grid\">\n");
        for key in keys.iter().take(24) {
            let series = self.runs.iter().map(|run| Series {
                name: run.name.clone(),
                points: super::thinned(
                    run.history.curve(key),
                    (4000 / self.runs.len().max(1)).clamp(20, 1000),
                ),
            });
            let title = capital(&words(key));
            let chart = Chart {
                title,
                label: "epoch",
                series: series.collect(),
                mark: None,
                log: key.ends_with("loss") || *key == "learning_rate",
            };
            out.push_str(&chart.html(&format!("curve-{}", super::escaped(key))));
        }
        out.push_str("</div>\n");
        out
    }
}

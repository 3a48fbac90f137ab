//! What is told of a search: tables, JSON and a picture.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::super::job::Job;
use super::super::output::{Facts, duration, grouped, short, table};
use crate::chart::{Chart, Panel};
use crate::metrics::Summary;
use crate::search::{Budget, Candidate, Found, Score};

/// Rows of the table below the finalists.
const OTHERS: usize = 7;

/// A search that has ended.
pub(super) struct Told<'a> {
    pub(super) found: &'a Found,
    pub(super) budget: &'a Budget,
    pub(super) job: &'a Job,
    pub(super) device: String,
    pub(super) described: String,
    pub(super) seconds: f64,
    pub(super) network_steps: u64,
    /// Rows that judge.
    pub(super) judges: usize,
    pub(super) training_seconds: f64,
    /// The command that trains a finalist.
    pub(super) command: &'a dyn Fn(usize) -> Option<String>,
    /// Where the picture is, if there is one.
    pub(super) picture: Option<PathBuf>,
}

impl Told<'_> {
    /// Each candidate that was judged, with its last score and the steps before it, the best of those that came farthest first.
    fn judged(&self) -> Vec<(usize, Score, u32)> {
        let mut known = vec![false; self.found.candidates.len()];
        let rungs = self.found.rungs.iter().rev();
        let each = rungs.flat_map(|rung| rung.scores.iter().map(|&(at, s)| (at, s, rung.steps)));
        each.filter(|(at, ..)| !std::mem::replace(&mut known[*at], true))
            .collect()
    }

    fn parameters(&self, candidate: &Candidate) -> usize {
        let (inputs, outputs) = (self.job.training.features(), self.job.training.outputs());
        candidate.network(inputs, outputs).parameter_count()
    }

    fn cells(&self, candidate: &Candidate) -> Vec<String> {
        vec![
            layers(candidate),
            candidate.activation.to_string(),
            format!("{:?}", candidate.learning_rate),
            format!("{:?}", candidate.weight_decay),
            grouped(self.parameters(candidate) as u64),
        ]
    }

    pub(super) fn text(&self) -> String {
        let heads = [
            "hidden",
            "activation",
            "lr",
            "l2",
            "parameters",
            "steps",
            "val loss",
            "95 %",
            "val accuracy",
            "95 %",
        ];
        let mut rows = vec![heads.map(str::to_owned).to_vec()];
        let ends = |summary: Option<Summary>| {
            let interval = summary.and_then(|s| s.interval);
            interval.map_or_else(
                || "-".to_owned(),
                |[low, high]| format!("{} to {}", short(low), short(high)),
            )
        };
        let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), short);
        for finalist in &self.found.finalists {
            let mut row = self.cells(&finalist.candidate);
            row.push(self.budget.steps.to_string());
            row.push(number(finalist.loss.map(|s| s.mean)));
            row.push(ends(finalist.loss));
            row.push(number(finalist.accuracy.map(|s| s.mean)));
            row.push(ends(finalist.accuracy));
            rows.push(row);
        }
        let is_finalist = |at: usize| {
            let candidate = &self.found.candidates[at];
            self.found
                .finalists
                .iter()
                .any(|f| f.candidate == *candidate)
        };
        let others = self
            .judged()
            .into_iter()
            .filter(|(at, ..)| !is_finalist(*at));
        for (at, score, steps) in others.take(OTHERS) {
            let mut row = self.cells(&self.found.candidates[at]);
            row.extend([steps.to_string(), short(score.loss), "-".to_owned()]);
            row.extend([number(score.accuracy), "-".to_owned()]);
            rows.push(row);
        }
        let mut text = if rows.len() > 1 {
            table(&rows)
        } else {
            "no network has been judged\n".to_owned()
        };
        if !self.found.finalists.is_empty() {
            text.push_str(&self.footer());
        }
        text.push('\n');
        text.push_str(&self.facts().text());
        if let Some(command) = (self.command)(0) {
            text.push_str(&format!("The best: `{command}`\n"));
            if !self
                .job
                .training
                .rows()
                .is_multiple_of(self.budget.batch_size)
            {
                text.push_str(
                    "(its batches end with each epoch, and here one may go on into the next: the figures differ a little)\n",
                );
            }
        }
        text
    }

    /// What the figures are, and are not.
    fn footer(&self) -> String {
        let rows = grouped(self.judges as u64);
        let spread = match self.budget.repeats {
            1 => "trained once more, with another seed".to_owned(),
            seeds => format!("95 %: Student's t, for the mean over {seeds} other seeds"),
        };
        format!(
            "{spread}, on the same {rows} rows that chose; the others were trained once, for fewer steps\n"
        )
    }

    fn facts(&self) -> Facts {
        let mut facts = Facts::default();
        facts.add("device", &self.described);
        let rungs = self.found.rungs.iter();
        let rungs: Vec<_> = rungs
            .map(|rung| format!("{} of {} steps", rung.scores.len(), rung.steps))
            .collect();
        if !rungs.is_empty() {
            facts.add("searched", rungs.join(", "));
        }
        let (distinct, drawn) = (self.found.candidates.len(), self.budget.trials);
        if distinct < drawn {
            facts.add(
                "candidates",
                format!("{distinct} different of {drawn} drawn"),
            );
        }
        let rate = self.network_steps as f64 / self.training_seconds.max(1e-9);
        facts.add(
            "trained",
            format!(
                "{} steps of networks in {}, {rate:.0} a second; {} in all",
                grouped(self.network_steps),
                duration(self.training_seconds),
                duration(self.seconds)
            ),
        );
        if self.found.stopped {
            facts.add("stopped", "before its end; this is what is known");
        }
        if let Some(picture) = &self.picture {
            facts.add("picture", picture.display().to_string());
        }
        facts
    }

    fn candidate(&self, candidate: &Candidate) -> Value {
        json!({
            "hidden": candidate.hidden(),
            "activation": candidate.activation.to_string(),
            "lr": candidate.learning_rate,
            "weight_decay": candidate.weight_decay,
            "parameters": self.parameters(candidate),
        })
    }

    pub(super) fn json(&self) -> Value {
        let rung = |rung: &crate::search::Rung| {
            json!({
                "steps": rung.steps,
                "candidates": rung.scores.len(),
                "best_val_loss": rung.scores.first().map(|s| s.1.loss),
                "median_val_loss": median(&rung.scores),
            })
        };
        let finalists = self.found.finalists.iter().enumerate();
        let finalists: Vec<_> = finalists
            .map(|(number, finalist)| {
                let mut object = self.candidate(&finalist.candidate);
                object["val_loss"] = json!(finalist.loss);
                object["val_accuracy"] = json!(finalist.accuracy);
                object["runs"] = json!(finalist.scores);
                object["command"] = json!((self.command)(number));
                object
            })
            .collect();
        let candidates = self.judged().into_iter().map(|(at, score, steps)| {
            let mut object = self.candidate(&self.found.candidates[at]);
            object["number"] = json!(at);
            object["steps"] = json!(steps);
            object["val_loss"] = json!(score.loss);
            object["val_accuracy"] = json!(score.accuracy);
            object
        });
        json!({
            "device": self.device,
            "trials": self.budget.trials,
            "rungs": self.found.rungs.iter().map(rung).collect::<Vec<_>>(),
            "finalists": finalists,
            "candidates": candidates.collect::<Vec<_>>(),
            "command": (self.command)(0),
            "interrupted": self.found.stopped,
            "network_steps": self.network_steps,
            "training_seconds": self.training_seconds,
            "seconds": self.seconds,
            "picture": self.picture.as_ref().map(|path| path.display().to_string()),
        })
    }

    pub(super) fn chart(&self) -> Chart {
        let loss = "validation loss";
        let found = self.found;
        let judged = self.judged();
        let of = |what: fn(&Candidate) -> f64, depth: usize| -> Vec<(f64, f64)> {
            let all = judged
                .iter()
                .filter(|(at, ..)| found.candidates[*at].depth == depth);
            all.map(|(at, score, _)| (what(&found.candidates[*at]), score.loss))
                .collect()
        };
        let mut panels = [
            (
                Panel::new("Width", "units of a layer", loss),
                (|c| c.width as f64) as fn(&Candidate) -> f64,
            ),
            (Panel::new("Rate", "learning rate", loss), |c| {
                c.learning_rate
            }),
            (Panel::new("L2", "weight decay", loss), |c| c.weight_decay),
        ];
        let mut depths: Vec<_> = judged
            .iter()
            .map(|(at, ..)| found.candidates[*at].depth)
            .collect();
        depths.sort_unstable();
        depths.dedup();
        for (panel, what) in &mut panels {
            let mut drawn = panel.clone().log_x().log_y();
            for &depth in &depths {
                let s = if depth == 1 { "" } else { "s" };
                drawn = drawn.points(format!("{depth} hidden layer{s}"), of(*what, depth));
            }
            *panel = drawn;
        }
        let mut finals = Panel::new("Finalists, mean and 95 %", "place", loss);
        for (finalist, place) in found.finalists.iter().zip(1_u32..) {
            let place = f64::from(place);
            let candidate = &finalist.candidate;
            let name = format!("{} {}", layers(candidate), candidate.activation);
            if let Some(loss) = finalist.loss {
                let [low, high] = loss.interval.unwrap_or([loss.mean; 2]);
                finals = finals.line(name, [(place, low), (place, loss.mean), (place, high)]);
            }
        }
        let chart =
            Chart::new(format!("Search on {}", self.job.config.data)).panel(found.halving());
        let chart = panels
            .into_iter()
            .fold(chart, |chart, (panel, _)| chart.panel(panel));
        chart.panel(finals)
    }
}

/// The hidden layers: `16-16`, or `none`.
fn layers(candidate: &Candidate) -> String {
    match candidate.depth {
        0 => "none".to_owned(),
        _ => super::hidden(candidate, "-"),
    }
}

/// The median loss of scores that stand in order.
fn median(scores: &[(usize, Score)]) -> Option<f64> {
    let (last, at) = (scores.len().checked_sub(1)?, scores.len() / 2);
    Some((scores[at].1.loss + scores[last - at].1.loss) / 2.0)
}

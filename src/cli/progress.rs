//! How a run goes, on standard error: a bar on a terminal, plain lines elsewhere.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::output::{estimate, grouped, note, short};
use crate::train::{EpochReport, StepsReport};

/// Shows how a run goes.
pub(super) struct Progress {
    shown: Shown,
    epochs: u64,
    epoch: u64,
    /// What the loss of a step is multiplied by to be in the target's own units.
    unit: f64,
    begun: Instant,
}

enum Shown {
    Nothing,
    Bar(ProgressBar),
    /// When the last line was written.
    Lines(Option<Instant>),
}

impl Progress {
    /// Plain lines come no more often than this, but for the last.
    const PAUSE: Duration = Duration::from_secs(1);

    pub(super) fn new(quiet: bool, epochs: u64, unit: f64) -> Self {
        let shown = if quiet {
            Shown::Nothing
        } else if std::io::stderr().is_terminal() {
            Shown::Bar(bar())
        } else {
            Shown::Lines(None)
        };
        Self {
            shown,
            epochs,
            epoch: 0,
            unit,
            begun: Instant::now(),
        }
    }

    pub(super) fn steps(&mut self, report: &StepsReport<'_>) {
        let Shown::Bar(bar) = &self.shown else { return };
        let done = report.first + report.losses.len() as u64 - 1;
        let loss = report.losses.iter().sum::<f64>() / report.losses.len() as f64 * self.unit;
        let accuracy = report
            .accuracy
            .map_or_else(String::new, |a| format!(", accuracy {a:.3}"));
        let speed = whole(report.samples as f64 / self.begun.elapsed().as_secs_f64());
        bar.set_length(report.total);
        bar.set_position(done);
        let epoch = self.epoch + 1;
        bar.set_message(format!(
            "epoch {epoch}/{}, loss {}{accuracy}, {speed} samples/s",
            self.epochs,
            short(loss)
        ));
    }

    pub(super) fn epoch(&mut self, report: &EpochReport<'_>) {
        self.epoch = report.epoch;
        let last = report.epoch >= self.epochs;
        match &mut self.shown {
            Shown::Nothing => {}
            Shown::Bar(bar) => {
                if last {
                    bar.finish_and_clear();
                }
            }
            Shown::Lines(written) => {
                let due = written.is_none_or(|written| written.elapsed() >= Self::PAUSE);
                if due || last {
                    *written = Some(Instant::now());
                    note(&line(report, self.epochs));
                }
            }
        }
    }

    /// Takes the bar away.
    pub(super) fn end(&self) {
        if let Shown::Bar(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }
}

fn bar() -> ProgressBar {
    let template = "{wide_bar} {percent}%, {eta} left\n{wide_msg}";
    let style =
        ProgressStyle::with_template(template).expect("the template is constant and well formed");
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
    bar.set_style(style);
    bar
}

fn line(report: &EpochReport<'_>, epochs: u64) -> String {
    let mut line = format!(
        "epoch {}/{epochs}: loss {}",
        report.epoch,
        short(report.train.loss)
    );
    let mut add = |name: &str, value: Option<f64>| {
        if let Some(value) = value {
            line.push_str(&format!(", {name} {}", short(value)));
        }
    };
    match report.validation {
        Some(validation) => {
            add("val loss", Some(validation.loss));
            add("val accuracy", validation.accuracy);
            add("val R2", validation.r2);
        }
        None => add("accuracy", report.train.accuracy),
    }
    let speed = report.samples as f64 / report.seconds.max(1e-9);
    let share = report.epoch as f64 / epochs.max(1) as f64;
    let left = report.seconds / share - report.seconds;
    line.push_str(&format!(
        ", {} samples/s, {} left",
        whole(speed),
        estimate(left)
    ));
    line
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a speed is neither negative nor that large"
)]
fn whole(number: f64) -> String {
    grouped(number as u64)
}

//! What is told of a run that has ended, and of what it ran on.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::job::{self, Job};
use super::judge::Report;
use super::output::{Facts, duration, grouped, short};
use super::progress::Progress;
use crate::data::Task;
use crate::device::Opened;
use crate::executor::DeviceInfo;
use crate::train::{Fitted, LossScale, Precision, Summary};

/// What is told of a run beside what it came to.
pub(super) struct Run {
    pub(super) device: DeviceInfo,
    described: String,
    network: String,
    parameters: usize,
    batch: usize,
    is_regression: bool,
    precision: Precision,
}

impl Run {
    pub(super) fn new(job: &Job, opened: &Opened) -> Self {
        let network = &job.trainer.network;
        Self {
            device: opened.executor.device().clone(),
            described: job::describe(opened),
            network: network.to_string(),
            parameters: network.parameter_count(),
            batch: job.config.options.batch_size.min(job.training.rows()),
            is_regression: job.config.task == Task::Regression,
            precision: job.config.options.precision,
        }
    }

    pub(super) fn progress(&self, job: &Job, quiet: bool) -> Progress {
        let options = &job.config.options;
        let batches = job.training.rows().div_ceil(options.batch_size);
        let batches = batches.div_ceil(options.rules.accumulate.unwrap_or(1).max(1)) as u64;
        let epochs = options
            .steps
            .map_or(options.epochs, |steps| steps.div_ceil(batches));
        let unit = match job.preparation.target_scale().map(|scale| scale.scale) {
            Some([scale]) => scale.powi(job.loss().unit_power()),
            _ => 1.0,
        };
        Progress::new(quiet, epochs, unit)
    }

    pub(super) fn environment(&self, job: &Job, opened: &Opened) -> Value {
        let limits = opened.executor.limits();
        let started = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |time| time.as_secs());
        json!({
            "thalweg": env!("CARGO_PKG_VERSION"),
            "os": std::env::consts::OS,
            "arch": std::env::consts::ARCH,
            "device": self.device,
            "why": opened.why,
            "limits": {
                "workgroups": limits.workgroups,
                "binding": limits.binding,
                "buffer": limits.buffer,
                "subgroup": limits.subgroup,
                "software": limits.software,
            },
            "seed": job.config.options.seed,
            "started": started,
            "command": std::env::args_os().map(|a| a.to_string_lossy().into_owned()).collect::<Vec<_>>(),
        })
    }

    fn samples_per_second(&self, summary: &Summary) -> f64 {
        self.batch as f64 / summary.step_seconds.max(1e-9)
    }

    /// The fields that the design promises; what does not apply is null.
    pub(super) fn json(&self, fitted: &Fitted, judged: Option<&Report>, out: &str) -> Value {
        let summary = &fitted.summary;
        let validation = summary.validation.as_ref();
        json!({
            "device": job::name(&self.device),
            "backend": self.device.backend,
            "epochs": summary.epochs,
            "steps": summary.steps,
            "samples": summary.samples,
            "train_loss": summary.train.loss,
            "val_loss": validation.map(|v| v.loss),
            "val_accuracy": validation.and_then(|v| v.accuracy),
            "val_r2": validation.and_then(|v| v.r2),
            "val_metrics": judged.map(Report::points),
            "seconds": summary.seconds,
            "first_step_seconds": summary.first_step_seconds,
            "step_ms": summary.step_seconds * 1e3,
            "samples_per_second": self.samples_per_second(summary),
            "parameters": self.parameters,
            "precision": self.precision.to_string(),
            "best_epoch": summary.best.map(|best| best.epoch),
            "stopped_early": summary.stopped_early,
            "loss_scale": summary.loss_scale.map(|s| s.scale),
            "skipped_steps": summary.loss_scale.map(|s| s.skipped),
            "out": out,
        })
    }

    /// What is known before the run has ended.
    pub(super) fn begun(&self, job: &Job) -> Facts {
        let mut facts = Facts::default();
        let rows = grouped(job.training.rows() as u64);
        let validation = job.validation.as_ref().map_or(0, |data| data.rows() as u64);
        facts.add(
            "data",
            format!(
                "{}: {rows} training rows, {} validation rows",
                job.config.data,
                grouped(validation)
            ),
        );
        facts.add("task", format!("{}, loss {}", job.config.task, job.loss()));
        facts.add(
            "network",
            format!(
                "{}, {} parameters",
                self.network,
                grouped(self.parameters as u64)
            ),
        );
        facts.add("device", &self.described);
        facts
    }

    pub(super) fn facts(&self, fitted: &Fitted, judged: Option<&Report>, out: &str) -> Facts {
        let summary = &fitted.summary;
        let mut facts = Facts::default();
        facts.add("device", &self.described);
        facts.add(
            "network",
            format!(
                "{}, {} parameters",
                self.network,
                grouped(self.parameters as u64)
            ),
        );
        let (epochs, steps) = (count(summary.epochs, "epoch"), count(summary.steps, "step"));
        facts.add(
            "trained",
            format!("{epochs}, {steps} in {}", duration(summary.seconds)),
        );
        let speed = self.samples_per_second(summary);
        facts.add(
            "step",
            format!("{}, {speed:.0} samples/s", duration(summary.step_seconds)),
        );
        if let Some(LossScale { scale, skipped, .. }) = summary.loss_scale {
            let steps = count(skipped, "step");
            facts.add(
                "precision",
                format!("mixed, loss scale {scale}, {steps} skipped"),
            );
        }
        if let Some(best) = summary.best.filter(|_| summary.stopped_early) {
            let epoch = best.epoch;
            facts.add("stopped", format!("early; epoch {epoch} was the best"));
        }
        facts.add("train loss", short(summary.train.loss));
        if let Some(validation) = &summary.validation {
            facts.add("val loss", short(validation.loss));
            if let Some(accuracy) = validation.accuracy {
                facts.add("val accuracy", short(accuracy));
            }
            if let (true, Some(r2)) = (self.is_regression, validation.r2) {
                facts.add("val R2", short(r2));
            }
        }
        for (name, value) in judged.map(Report::summary).unwrap_or_default() {
            facts.add(format!("val {name}"), short(value));
        }
        facts.add("saved", out);
        facts
    }
}

fn count(number: u64, what: &str) -> String {
    format!(
        "{} {what}{}",
        grouped(number),
        if number == 1 { "" } else { "s" }
    )
}

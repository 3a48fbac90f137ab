//! `thalweg train`.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::dry_run;
use super::exit::Exit;
use super::flags::Flags;
use super::interrupt;
use super::job::{self, Job};
use super::output::{self, Facts, duration, grouped, print, print_json, short};
use super::profile;
use super::progress::Progress;
use crate::data::{Spec, Task};
use crate::device::Opened;
use crate::executor::{DeviceInfo, ExecutorError};
use crate::network::Loss;
use crate::run::{CONFIG, ENVIRONMENT, MODEL, Out, Recorder};
use crate::train::{
    EpochReport, Fitted, LossScale, Model, Observer, Precision, Profile, StepsReport, Streamed,
    Summary, TrainError,
};

const EXAMPLES: &str = "Examples:
  thalweg train
  thalweg train --data glyphs:n=20000 --hidden 256,128 --epochs 20
  thalweg train --data flowers.csv --target kind --val-fraction 0.25 --out runs/flowers
  thalweg train --data houses.csv --target price --task regression --lr 0.01 --weight-decay 1e-4
  thalweg train --data train-images.gz,train-labels.gz --val-data t10k-images.gz,t10k-labels.gz
  thalweg train --config flowers.toml --seed 1 --json

A line of a configuration is a flag: `hidden = [256, 128]`, `lr = 0.01`, `no-shuffle = true`.
Paths in it are relative to where the program runs. The run folder holds one as config.toml.

The run folder holds config.toml, model.safetensors (the last model), best.safetensors (the best
epoch's, by the validation loss), metrics.jsonl and environment.json. Ctrl-C ends a run and saves
what was learnt; a second Ctrl-C ends it at once.";

/// Trains a network and writes a run folder.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Train {
    #[command(flatten)]
    flags: Flags,
    /// Tell where the time goes, by layer and phase, and write trace.json into the run folder
    #[arg(long, help_heading = "Output")]
    profile: bool,
    /// Tell what the run would take of memory, and do no more: nothing stays allocated on the device, and nothing is written but, with --autotune, what was timed
    #[arg(long, help_heading = "Output")]
    dry_run: bool,
}

impl Train {
    pub(super) fn run(self) -> Result<(), Exit> {
        interrupt::listen();
        let flags = self.flags.with_file()?;
        let (json, quiet) = (flags.json.unwrap_or(false), flags.quiet.unwrap_or(false));
        let config = flags.resolve()?;
        let out = match flags.out {
            Some(path) => Out::Path {
                path,
                force: flags.force.unwrap_or(false),
            },
            None => Out::Next(name(&config.data)),
        };
        // Whether the place is taken is known without reading the data.
        Recorder::new(out.clone(), Vec::new())?;
        let job = Job::load(config)?;
        if !quiet {
            job.say_notes();
        }
        let opened = job::open(&job.config.device, job.config.opening(), quiet)?;
        if self.dry_run {
            return foretell(&job, opened, json);
        }
        let run = Run::new(&job, &opened);
        let environment = run.environment(&job, &opened);
        let files = vec![
            (CONFIG, job.config.to_toml()),
            (ENVIRONMENT, format!("{environment:#}\n")),
        ];
        let empty = Model {
            network: job.trainer.network.clone(),
            output: job.loss().output(),
            values: Vec::new(),
        };
        let recorder =
            Recorder::new(out, files)?.describe(empty, job.loss(), job.preparation.clone())?;
        let mut watch = Watch {
            recorder,
            environment,
            progress: run.progress(&job, quiet),
            profile: self.profile.then(Profile::new),
            quiet,
        };
        interrupt::training_begins();
        let fitted = job.trainer.fit_on(
            opened.executor,
            &job.training,
            job.validation.as_ref(),
            &mut watch,
        );
        watch.progress.end();
        let fitted = fitted.map_err(|error| failed(error, &job, &mut watch.recorder))?;
        watch.recorder.finish(&fitted.model)?;
        let path = watch
            .recorder
            .path()
            .map_or_else(String::new, |path| path.display().to_string());
        let step_seconds = fitted.summary.step_seconds;
        let (mut object, mut text) = (run.json(&fitted, &path), run.table(&fitted, &path));
        if let Some(found) = &watch.profile {
            let trace = profile::write(found, job::name(&run.device), Path::new(&path))?;
            object["profile"] = profile::to_json(found, step_seconds, &trace);
            text.push_str(&profile::text(found, step_seconds, &trace));
        }
        let printed = if json {
            print_json(&object)
        } else {
            print(&text)
        };
        if fitted.summary.interrupted && interrupt::asked() {
            output::note(&format!(
                "interrupted after {} steps; what was learnt is in {path}",
                fitted.summary.steps
            ));
            return Err(Exit::INTERRUPTED);
        }
        printed
    }
}

/// Tells what the run would take of memory; an error if there is not so much.
fn foretell(job: &Job, opened: Opened, json: bool) -> Result<(), Exit> {
    let device = job::name(opened.executor.device()).to_owned();
    let files = |model| Recorder::FILES * model;
    let (training, validation) = (&job.training, job.validation.as_ref());
    let executor = opened.executor;
    let foretold = (job.trainer).foretell(executor, training, validation, files)?;
    if json {
        print_json(&dry_run::json(&foretold, &device))?;
    } else {
        print(&dry_run::text(&foretold, &device))?;
    }
    foretold.lack.map_or(Ok(()), |lack| Err(lack.into()))
}

/// The recorder, the progress and the profile as one observer.
struct Watch {
    recorder: Recorder,
    environment: Value,
    progress: Progress,
    profile: Option<Profile>,
    quiet: bool,
}

impl Observer for Watch {
    fn chose(&mut self, products: &BTreeMap<String, String>) -> io::Result<()> {
        self.environment["products"] = json!(products);
        let text = format!("{:#}\n", self.environment);
        self.recorder.replace_file(ENVIRONMENT, text);
        Ok(())
    }

    fn streams(&mut self, streamed: &[Streamed]) -> io::Result<()> {
        for rows in streamed.iter().filter(|_| !self.quiet) {
            output::note(&rows.to_string());
        }
        self.environment["streamed"] = json!(streamed);
        let text = format!("{:#}\n", self.environment);
        self.recorder.replace_file(ENVIRONMENT, text);
        Ok(())
    }

    fn steps(&mut self, report: &StepsReport<'_>) -> io::Result<()> {
        self.progress.steps(report);
        self.recorder.steps(report)
    }

    fn epoch(&mut self, report: &EpochReport<'_>) -> io::Result<()> {
        self.progress.epoch(report);
        self.recorder.epoch(report)
    }

    fn keeps(&self, model_bytes: u64) -> u64 {
        Recorder::FILES * model_bytes
    }

    fn profile(&mut self) -> Option<&mut Profile> {
        self.profile.as_mut()
    }

    fn interrupted(&self) -> bool {
        interrupt::asked()
    }
}

/// What is told of a run beside what it came to.
struct Run {
    device: DeviceInfo,
    described: String,
    network: String,
    parameters: usize,
    batch: usize,
    is_regression: bool,
    precision: Precision,
}

impl Run {
    fn new(job: &Job, opened: &Opened) -> Self {
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

    fn progress(&self, job: &Job, quiet: bool) -> Progress {
        let batches = job.training.rows().div_ceil(job.config.options.batch_size) as u64;
        let options = &job.config.options;
        let epochs = options
            .steps
            .map_or(options.epochs, |steps| steps.div_ceil(batches));
        let unit = match job.preparation.target_scale().map(|scale| scale.scale) {
            Some([scale]) if job.loss() == Loss::SquaredError => scale * scale,
            _ => 1.0,
        };
        Progress::new(quiet, epochs, unit)
    }

    fn environment(&self, job: &Job, opened: &Opened) -> Value {
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
    fn json(&self, fitted: &Fitted, out: &str) -> Value {
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
            "seconds": summary.seconds,
            "first_step_seconds": summary.first_step_seconds,
            "step_ms": summary.step_seconds * 1e3,
            "samples_per_second": self.samples_per_second(summary),
            "parameters": self.parameters,
            "precision": self.precision.to_string(),
            "loss_scale": summary.loss_scale.map(|s| s.scale),
            "skipped_steps": summary.loss_scale.map(|s| s.skipped),
            "out": out,
        })
    }

    fn table(&self, fitted: &Fitted, out: &str) -> String {
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
        facts.add("saved", out);
        facts.text()
    }
}

fn count(number: u64, what: &str) -> String {
    format!(
        "{} {what}{}",
        grouped(number),
        if number == 1 { "" } else { "s" }
    )
}

/// A run that failed: the last good model is saved where there is one, and the message says where.
fn failed(error: TrainError, job: &Job, recorder: &mut Recorder) -> Exit {
    match &error {
        TrainError::NonFinite(found) => {
            let saved = rescue(&found.last_good, found.last_good_step, recorder);
            Exit::from(error).hint(&saved)
        }
        TrainError::Rows(lost) => {
            let saved = rescue(&lost.last_good, lost.last_good_step, recorder);
            Exit::from(error).hint(&saved)
        }
        TrainError::LossScale(collapse) => {
            let found = &collapse.found;
            let saved = rescue(&found.last_good, found.last_good_step, recorder);
            Exit::from(error).hint(&saved)
        }
        TrainError::Targets { .. } if job.loss() == Loss::SigmoidCrossEntropy => {
            Exit::from(error).hint("`--normalize none` leaves the target as it is; `--task classification` makes it classes")
        }
        TrainError::Executor(ExecutorError::DeviceLost { .. } | ExecutorError::Device { .. }) => match recorder.path() {
            Some(path) => {
                let hint = format!("the model after the last epoch that ended, if one did, is in {}", path.display());
                Exit::from(error).hint(&hint)
            }
            None => error.into(),
        },
        _ => error.into(),
    }
}

fn rescue(last_good: &Model, step: u64, recorder: &mut Recorder) -> String {
    match recorder.rescue(last_good, step) {
        Ok(()) => {
            let path = recorder
                .path()
                .map_or_else(String::new, |path| path.join(MODEL).display().to_string());
            format!("the last good model, after step {step}, is in {path}")
        }
        Err(error) => format!("the last good model could not be saved: {error}"),
    }
}

/// The name of the runs on a data set.
fn name(data: &Spec) -> String {
    let name = match data {
        Spec::Generator(generator) => generator.kind.name().to_owned(),
        Spec::Path(path) => {
            let path = crate::data::with_options(path).map_or(path.as_str(), |(folder, _)| folder);
            let first = path.split(',').next().unwrap_or(path);
            let file = Path::new(first)
                .file_name()
                .map_or_else(String::new, |f| f.to_string_lossy().into_owned());
            file.split('.')
                .find(|part| !part.is_empty())
                .unwrap_or("run")
                .to_owned()
        }
    };
    let plain = |c: char| {
        if c.is_alphanumeric() || c == '-' || c == '_' {
            c
        } else {
            '-'
        }
    };
    name.chars().take(40).map(plain).collect()
}

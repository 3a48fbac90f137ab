//! A run that is begun or goes on: trained, written and told.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde_json::{Value, json};

use super::ending::ending;
use super::exit::Exit;
use super::interrupt;
use super::job::{self, Job};
use super::output::{self, print, print_json};
use super::plot;
use super::profile;
use super::progress::Progress;
use super::reporting::Reporting;
use super::told::Run;
use crate::data::DataError;
use crate::device::Opened;
use crate::executor::ExecutorError;
use crate::network::Loss;
use crate::run::{CONFIG, ENVIRONMENT, Facts, MODEL, Out, Recorder};
use crate::train::{
    Callback, EpochReport, Model, Profile, Snapshot, StepsReport, Streamed, TrainError,
};

/// How a run is begun.
pub(super) struct Launch {
    pub(super) out: Out,
    /// The rows, hashed, if that was done.
    pub(super) data: Option<String>,
    /// Where it goes on, if it was begun before.
    pub(super) snapshot: Option<Snapshot>,
    pub(super) quiet: bool,
    pub(super) profile: bool,
}

/// A run that has ended, and what is to be told of it.
pub(super) struct Launched {
    /// As JSON.
    pub(super) object: Value,
    text: String,
    /// Its folder.
    pub(super) path: String,
    steps: u64,
    /// Whether it was ended before its end.
    pub(super) interrupted: bool,
}

impl Launched {
    /// Tells it.
    pub(super) fn tell(&self, json: bool) -> Result<(), Exit> {
        let printed = if json {
            print_json(&self.object)
        } else {
            print(&self.text)
        };
        if self.interrupted {
            self.note_interruption();
            return Err(Exit::INTERRUPTED);
        }
        printed
    }

    /// Says how an interrupted run goes on.
    pub(super) fn note_interruption(&self) {
        let Self { path, steps, .. } = self;
        output::note(&format!(
            "interrupted after {steps} steps; what was learnt is in {path}, and `thalweg resume {path}` goes on"
        ));
    }
}

/// Trains, and writes what comes of it.
pub(super) fn launch(job: &Job, opened: Opened, how: Launch) -> Result<Launched, Exit> {
    let Launch {
        out,
        data,
        snapshot,
        quiet,
        profile,
    } = how;
    let run = Run::new(job, &opened);
    let mut environment = run.environment(job, &opened);
    if let Some(snapshot) = &snapshot {
        environment["resumed_after_step"] = json!(snapshot.standing.steps);
    }
    let config = job.config.to_toml();
    let files = vec![
        (CONFIG, config.clone()),
        (ENVIRONMENT, format!("{environment:#}\n")),
    ];
    let empty = Model {
        network: job.trainer.network.clone(),
        output: job.loss().output(),
        values: Vec::new(),
    };
    let seen = job.config.seen;
    let mut recorder = Recorder::new(out, files)?
        .with_looks(seen.report || seen.tensorboard)
        .with_tensorboard(seen.tensorboard)
        .describe(empty, job.objective(), job.preparation.clone())?;
    *recorder.facts() = Facts {
        thalweg: env!("CARGO_PKG_VERSION").to_owned(),
        device: json!(run.device),
        products: BTreeMap::new(),
        data: data.unwrap_or_default(),
        config,
    };
    let mut watch = Watch {
        recorder,
        environment,
        progress: run.progress(job, quiet),
        reporting: Reporting::new(job, run.begun(job).pairs().to_vec()),
        profile: profile.then(Profile::new),
        quiet,
        told_failure: false,
        told_unread: false,
        job,
    };
    interrupt::training_begins();
    let (training, validation) = (&job.training, job.validation.as_ref());
    let (trainer, executor) = (&job.trainer, opened.executor);
    let trained = trainer.train_on(executor, training, validation, &mut watch, snapshot);
    watch.progress.end();
    let (fitted, session) = trained.map_err(|error| {
        let why = error.to_string();
        let exit = failed(error, job, &mut watch.recorder);
        (watch.reporting).fail(&mut watch.recorder, &watch.environment, &why);
        exit
    })?;
    watch.recorder.finish(&fitted.model)?;
    let path = watch
        .recorder
        .path()
        .map_or_else(String::new, |path| path.display().to_string());
    let step_seconds = fitted.summary.step_seconds;
    let interrupted = fitted.summary.interrupted && interrupt::asked();
    let ending = ending(job, &fitted, session);
    let judged = ending.judged.as_ref();
    let mut object = run.json(&fitted, judged, &path);
    let facts = run.facts(&fitted, judged, &path);
    let mut text = facts.text();
    let known = [run.begun(job).pairs(), facts.pairs()].concat();
    watch.reporting.end(
        &mut watch.recorder,
        &watch.environment,
        (&fitted, ending.outcome),
        unique(known),
        watch.profile.as_ref(),
    );
    if let Some(found) = &watch.profile {
        let trace = profile::write(found, job::name(&run.device), Path::new(&path))?;
        object["profile"] = profile::to_json(found, step_seconds, &trace);
        text.push_str(&profile::text(found, step_seconds, &trace));
    }
    if seen.plot {
        text.push_str(&plot::losses(Path::new(&path)));
    }
    Ok(Launched {
        object,
        text,
        path,
        steps: fitted.summary.steps,
        interrupted,
    })
}

/// Facts of the same name once.
fn unique(facts: Vec<(String, String)>) -> Vec<(String, String)> {
    let mut known: Vec<(String, String)> = Vec::new();
    for fact in facts {
        if !known.iter().any(|(name, _)| *name == fact.0) {
            known.push(fact);
        }
    }
    known
}

/// The recorder, the progress and the profile as one callback.
struct Watch<'a> {
    job: &'a Job,
    recorder: Recorder,
    environment: Value,
    progress: Progress,
    reporting: Reporting,
    profile: Option<Profile>,
    quiet: bool,
    /// Whether it was said that checkpoints fail.
    told_failure: bool,
    /// Whether it was said that the rows cannot be read again.
    told_unread: bool,
}

impl Callback for Watch<'_> {
    fn chose(&mut self, products: &BTreeMap<String, String>) -> io::Result<()> {
        self.environment["products"] = json!(products);
        self.recorder.facts().products.clone_from(products);
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
        self.recorder.epoch(report)?;
        self.reporting.epoch(&mut self.recorder, &self.environment);
        Ok(())
    }

    fn inspects(&self, epoch: u64) -> bool {
        self.recorder.inspects(epoch)
    }

    fn keeps_snapshots(&self) -> bool {
        true
    }

    fn snapshot(&mut self, snapshot: Snapshot) -> io::Result<()> {
        if self.recorder.facts().data.is_empty() {
            match self.job.fingerprint() {
                Ok(rows) => self.recorder.facts().data = rows,
                Err(error) => self.tell_unread(&error),
            }
        }
        self.recorder.snapshot(snapshot)?;
        if let (Some(failure), false) = (self.recorder.failure(), self.told_failure) {
            output::note(&format!(
                "error: {failure}; training goes on, and no more checkpoints are saved"
            ));
            self.told_failure = true;
        }
        Ok(())
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

impl Watch<'_> {
    /// What was learnt is worth more than to know of which rows.
    fn tell_unread(&mut self, error: &DataError) {
        if !self.told_unread {
            output::note(&format!(
                "note: {error}; the checkpoint is saved all the same, but it does not tell of which rows, so `resume` cannot \
                 say whether they have changed"
            ));
            self.told_unread = true;
        }
    }
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
        TrainError::Targets { .. }
            if [Loss::SigmoidCrossEntropy, Loss::KullbackLeibler].contains(&job.loss()) =>
        {
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

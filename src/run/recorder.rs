//! The callback that writes a run's folder.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::checkpoint::{Facts, Set};
use super::events::Events;
use super::model_file::Parts;
use super::seen::{is_looked_at, layers_line};
use super::writer::Writer;
use super::{BEST, MODEL, RunError, RunFolder};
use crate::data::Preparation;
use crate::network::{ClassOptions, Loss};
use crate::train::{Callback, EpochReport, Evaluation, Model, Snapshot, StepsReport};

/// Where a run is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Out {
    /// To the first free folder `runs/NAME-N`.
    Next(String),
    /// To this folder.
    Path {
        /// The folder.
        path: PathBuf,
        /// Whether a run that is there already is replaced.
        force: bool,
    },
    /// To the folder of a run that goes on.
    Resumed {
        /// The folder.
        path: PathBuf,
        /// Bytes of its metrics that stay.
        metrics: u64,
        /// The best epoch's model file, as it was.
        best: Option<Arc<Vec<u8>>>,
    },
}

/// Writes a run's folder. The folder is made after the first training steps: a run that cannot begin writes nothing.
#[derive(Debug)]
pub struct Recorder {
    out: Out,
    files: Vec<(&'static str, String)>,
    loss: Option<Loss>,
    classes: ClassOptions,
    preparation: Option<Preparation>,
    /// What the loss of a step is multiplied by to be in the target's own units.
    unit: f64,
    folder: Option<RunFolder>,
    writer: Writer,
    epoch: u64,
    steps: u64,
    saved: Option<Instant>,
    /// What checkpoints tell of the run.
    facts: Facts,
    /// The best epoch's model, and its file.
    best: Option<(Arc<Model>, Arc<Vec<u8>>)>,
    /// Why checkpoints are written no more.
    failed: Option<RunError>,
    /// Whether the metrics tell of gradients, units and weights.
    looks: bool,
    /// Whether there are event files, and the one that is written.
    tensorboard: bool,
    events: Option<Events>,
    /// Steps that were done when it began to record.
    begun_after: u64,
}

impl Recorder {
    /// Model files that are in memory at once: what is written, and what waits.
    #[cfg(feature = "cli")]
    pub(crate) const FILES: u64 = 2;
    /// The model after the last epoch is written no more often than this; the best one always.
    const PAUSE: Duration = Duration::from_secs(1);

    /// A recorder that adds these small files to the folder, by name.
    ///
    /// # Errors
    /// If the folder is taken.
    pub fn new(out: Out, files: Vec<(&'static str, String)>) -> Result<Self, RunError> {
        if let Out::Path { path, force } = &out {
            RunFolder::check(path, *force)?;
        }
        let (loss, preparation, folder, saved) = (None, None, None, None);
        Ok(Self {
            out,
            files,
            loss,
            classes: ClassOptions::default(),
            preparation,
            unit: 1.0,
            folder,
            writer: Writer::new(),
            epoch: 0,
            steps: 0,
            saved,
            facts: Facts::default(),
            best: None,
            failed: None,
            looks: false,
            tensorboard: false,
            events: None,
            begun_after: u64::MAX,
        })
    }

    /// Keeps the loss and the data's preparation in the model files.
    ///
    /// # Errors
    /// If no model file can hold the preparation.
    pub fn describe(
        mut self,
        model: Model,
        (loss, classes): (Loss, ClassOptions),
        preparation: Preparation,
    ) -> Result<Self, RunError> {
        if let Some([scale]) = preparation.target_scale().map(|scale| scale.scale) {
            self.unit = scale.powi(loss.unit_power());
        }
        self.classes = classes;
        (self.loss, self.preparation) = (Some(loss), Some(preparation));
        self.bytes(&model)?;
        Ok(self)
    }

    /// Tells of gradients, units and weights too, in lines of the kind `layers`: those of all of the first hundred epochs, of
    /// every tenth of the first thousand, and so on.
    #[must_use]
    pub const fn with_looks(mut self, looks: bool) -> Self {
        self.looks = looks;
        self
    }

    /// Writes what goes to the metrics into a TensorBoard event file too.
    #[must_use]
    pub const fn with_tensorboard(mut self, tensorboard: bool) -> Self {
        self.tensorboard = tensorboard;
        self
    }

    /// Has a file of the run written while training goes on. Of several versions the last counts.
    ///
    /// # Errors
    /// If a file before could not be written.
    pub fn write_file(&mut self, name: &str, contents: Vec<u8>) -> Result<(), RunError> {
        self.save(name, Arc::new(contents))
    }

    /// Waits until all files are written.
    ///
    /// # Errors
    /// If one could not be.
    pub fn flush(&self) -> Result<(), RunError> {
        self.writer.flush()
    }

    /// Adds lines to the metrics, and to the event file if there is one.
    fn log(&mut self, lines: &[Value]) -> Result<(), RunError> {
        self.folder()?;
        if self.tensorboard && self.events.is_none() {
            let after = match &self.out {
                Out::Resumed { .. } => Some(self.begun_after.min(self.steps)),
                _ => None,
            };
            let path = self.folder()?.path().to_owned();
            self.events = Some(Events::begin(&path, after)?);
        }
        self.folder()?.log(lines)?;
        match &mut self.events {
            Some(events) => events.add(lines),
            None => Ok(()),
        }
    }

    /// Changes what a file will hold; to be called before the run has begun.
    pub fn replace_file(&mut self, name: &str, text: String) {
        if let Some((_, old)) = self.files.iter_mut().find(|(known, _)| *known == name) {
            *old = text;
        }
    }

    /// What checkpoints tell of the run.
    pub const fn facts(&mut self) -> &mut Facts {
        &mut self.facts
    }

    /// Why no more checkpoints are written, if one could not be.
    pub const fn failure(&self) -> Option<&RunError> {
        self.failed.as_ref()
    }

    /// Where the run is, once it has begun.
    pub fn path(&self) -> Option<&Path> {
        self.folder.as_ref().map(RunFolder::path)
    }

    /// Writes the model after the last step.
    ///
    /// # Errors
    /// If the file system refuses, or refused a checkpoint.
    pub fn finish(&mut self, model: &Model) -> Result<(), RunError> {
        let bytes = self.bytes(model)?;
        self.save(MODEL, bytes)?;
        self.writer.flush()?;
        match self
            .failed
            .take()
            .or_else(|| self.writer.checkpoint_failure())
        {
            Some(failed) => Err(failed),
            None => Ok(()),
        }
    }

    /// Has a model written while training goes on.
    fn save(&mut self, name: &str, bytes: Arc<Vec<u8>>) -> Result<(), RunError> {
        let path = self.folder()?.path().join(name);
        self.writer.write(path, bytes)
    }

    /// Writes the model that was last found good, after a step that ended the run.
    ///
    /// # Errors
    /// If the file system refuses.
    pub fn rescue(&mut self, model: &Model, step: u64) -> Result<(), RunError> {
        self.steps = step;
        self.finish(model)
    }

    /// A model file. Several files may share its bytes.
    fn bytes(&self, model: &Model) -> Result<Arc<Vec<u8>>, RunError> {
        self.bytes_after(model, self.steps)
    }

    fn bytes_after(&self, model: &Model, steps: u64) -> Result<Arc<Vec<u8>>, RunError> {
        let parts = Parts {
            model,
            loss: self.loss,
            classes: &self.classes,
            preparation: self.preparation.as_ref(),
            steps,
        };
        parts.to_bytes().map(Arc::new)
    }

    fn folder(&mut self) -> Result<&mut RunFolder, RunError> {
        if self.folder.is_none() {
            let folder = match &self.out {
                Out::Next(name) => create_next(name)?,
                Out::Path { path, force } => RunFolder::create(path, *force)?,
                Out::Resumed {
                    path,
                    metrics,
                    best,
                } => {
                    let folder = RunFolder::reopen(path, *metrics)?;
                    if let Some(best) = best {
                        self.writer.write(path.join(BEST), Arc::clone(best))?;
                    }
                    folder
                }
            };
            for (name, text) in &self.files {
                folder.write(name, text)?;
            }
            self.folder = Some(folder);
        }
        Ok(self.folder.as_mut().expect("it was just made"))
    }

    /// Has a checkpoint written. If one cannot be, no more are: what is there stays, and the run goes on.
    fn record_snapshot(&mut self, snapshot: Snapshot) {
        if self.failed.is_some() {
            return;
        }
        if let Err(error) = self.checkpoint(snapshot) {
            log::error!("{error}");
            self.failed = Some(error);
        }
    }

    fn checkpoint(&mut self, snapshot: Snapshot) -> Result<(), RunError> {
        let best = match (&snapshot.best, snapshot.standing.best) {
            (Some(model), Some(best)) => Some(self.best_file(model, best.steps)?),
            _ => None,
        };
        let facts = self.facts.clone();
        let folder = self.folder()?;
        let (run, metrics) = (folder.path().to_owned(), folder.metrics()?);
        self.writer.checkpoint(Set {
            run,
            snapshot,
            best,
            metrics,
            facts,
        })
    }

    /// The best epoch's model file, made once.
    fn best_file(&mut self, model: &Arc<Model>, steps: u64) -> Result<Arc<Vec<u8>>, RunError> {
        if let Some((known, bytes)) = &self.best
            && Arc::ptr_eq(known, model)
        {
            return Ok(Arc::clone(bytes));
        }
        let bytes = self.bytes_after(model, steps)?;
        self.best = Some((Arc::clone(model), Arc::clone(&bytes)));
        Ok(bytes)
    }

    fn record_steps(&mut self, report: &StepsReport<'_>) -> Result<(), RunError> {
        let (epoch, unit) = (report.epoch, self.unit);
        let steps = (report.first..)
            .zip(report.losses)
            .filter(|(step, _)| is_logged(*step));
        let line = |(step, loss): (u64, &f64)| json!({"kind": "step", "step": step, "epoch": epoch, "loss": loss * unit});
        let lines: Vec<_> = steps.map(line).collect();
        self.steps = report.first + report.losses.len() as u64 - 1;
        self.begun_after = self.begun_after.min(report.first - 1);
        self.log(&lines)
    }

    fn record_epoch(&mut self, report: &EpochReport<'_>) -> Result<(), RunError> {
        (self.epoch, self.steps) = (report.epoch, report.steps);
        let due = self
            .saved
            .is_none_or(|saved| saved.elapsed() >= Self::PAUSE);
        let mut lines = vec![epoch_line(report)];
        if self.looks && is_looked_at(report.epoch) {
            lines.push(layers_line(report));
        }
        self.log(&lines)?;
        if report.best || due {
            let bytes = self.bytes(report.model)?;
            if report.best {
                self.save(BEST, Arc::clone(&bytes))?;
            }
            if due {
                self.save(MODEL, bytes)?;
                self.saved = Some(Instant::now());
            }
        }
        Ok(())
    }
}

impl Callback for Recorder {
    fn steps(&mut self, report: &StepsReport<'_>) -> io::Result<()> {
        self.record_steps(report).map_err(io::Error::other)
    }

    fn epoch(&mut self, report: &EpochReport<'_>) -> io::Result<()> {
        self.record_epoch(report).map_err(io::Error::other)
    }

    fn inspects(&self, epoch: u64) -> bool {
        self.looks && is_looked_at(epoch)
    }

    fn keeps_snapshots(&self) -> bool {
        true
    }

    fn snapshot(&mut self, snapshot: Snapshot) -> io::Result<()> {
        self.record_snapshot(snapshot);
        Ok(())
    }
}

/// Another run may take the number first.
fn create_next(name: &str) -> Result<RunFolder, RunError> {
    loop {
        let path = RunFolder::next(name);
        match RunFolder::create(&path, false) {
            Err(e) if e.is_taken() && path.symlink_metadata().is_ok() => {}
            folder => return folder,
        }
    }
}

/// All of the first thousand steps, every tenth of the first ten thousand, and so on: the file stays small.
const fn is_logged(step: u64) -> bool {
    let mut spacing = 1;
    while step / spacing >= 1000 {
        spacing *= 10;
    }
    step.is_multiple_of(spacing)
}

fn epoch_line(report: &EpochReport<'_>) -> Value {
    let of = |what: fn(&Evaluation) -> Option<f64>| report.validation.and_then(what);
    json!({
        "kind": "epoch",
        "epoch": report.epoch,
        "step": report.steps,
        "samples": report.samples,
        "seconds": report.seconds,
        "train_loss": report.train.loss,
        "train_accuracy": report.train.accuracy,
        "val_loss": of(|v| Some(v.loss)),
        "val_accuracy": of(|v| v.accuracy),
        "val_r2": of(|v| v.r2),
        "best": report.best,
        "learning_rate": report.learning_rate,
    })
}

#[cfg(test)]
mod tests {
    use super::is_logged;

    #[test]
    fn logged_steps_thin_out() {
        let logged = |steps: std::ops::Range<u64>| steps.filter(|&step| is_logged(step)).count();
        assert_eq!(logged(1..1000), 999);
        assert_eq!(logged(1000..10_000), 900);
        assert_eq!(logged(10_000..100_000), 900);
        assert!(
            is_logged(12_300) && !is_logged(12_310),
            "five digits, every hundredth"
        );
    }
}

//! The folder of a run.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::{RunError, files};

/// The run's configuration, resolved.
pub const CONFIG: &str = "config.toml";
/// The model after the last step.
pub const MODEL: &str = "model.safetensors";
/// The model after the best epoch.
pub const BEST: &str = "best.safetensors";
/// Losses and metrics, one JSON object a line.
pub const METRICS: &str = "metrics.jsonl";
/// Device, driver, versions, seed.
pub const ENVIRONMENT: &str = "environment.json";
/// Where the time went, if the run was profiled.
pub const TRACE: &str = "trace.json";

const FILES: [&str; 6] = [CONFIG, MODEL, BEST, METRICS, ENVIRONMENT, TRACE];

/// The folder of a run that is being written.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    metrics: BufWriter<File>,
}

impl RunFolder {
    /// Refuses a path that a run cannot be written to. Writes nothing.
    ///
    /// # Errors
    /// If something is there; with `force`, if it is neither a run folder nor an empty one.
    pub fn check(path: &Path, force: bool) -> Result<(), RunError> {
        let exists = |hint| {
            Err(RunError::Exists {
                path: path.to_owned(),
                hint,
            })
        };
        if path.symlink_metadata().is_err() {
            return Ok(());
        }
        if !force {
            return exists("; choose another `--out`, or replace a run folder by `--force`");
        }
        let looks_like_a_run = path.join(CONFIG).is_file() && path.join(METRICS).is_file();
        let is_empty = fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
        if looks_like_a_run || is_empty {
            return Ok(());
        }
        exists(" and is not a run folder, so `--force` does not replace it; choose another `--out`")
    }

    /// The folder `runs/NAME-N` with the first free number.
    pub fn next(name: &str) -> PathBuf {
        let path = |n: u64| Path::new("runs").join(format!("{name}-{n}"));
        (1..)
            .map(path)
            .find(|path| path.symlink_metadata().is_err())
            .expect("there is no end of numbers")
    }

    /// Makes the folder. A run that is there with `force` loses its files, and nothing else.
    ///
    /// # Errors
    /// As [`RunFolder::check`], or if the file system refuses.
    pub fn create(path: &Path, force: bool) -> Result<Self, RunError> {
        Self::check(path, force)?;
        let written = |e| RunError::written(path, e);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(written)?;
        }
        match fs::create_dir(path) {
            Err(e) if force && e.kind() == io::ErrorKind::AlreadyExists => {}
            made => made.map_err(written)?,
        }
        for file in FILES {
            match fs::remove_file(path.join(file)) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => {
                    return Err(RunError::written(path.join(file), e));
                }
                _ => {}
            }
        }
        let metrics = path.join(METRICS);
        let metrics = File::create_new(&metrics).map_err(|e| RunError::written(metrics, e))?;
        Ok(Self {
            path: path.to_owned(),
            metrics: BufWriter::new(metrics),
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a small file.
    ///
    /// # Errors
    /// If the file system refuses.
    pub fn write(&self, name: &str, text: &str) -> Result<(), RunError> {
        let path = self.path.join(name);
        files::write(&path, text.as_bytes()).map_err(|e| RunError::written(path, e))
    }

    /// Adds lines to the metrics, and lets the system have them.
    ///
    /// # Errors
    /// If the file system refuses.
    pub fn log(&mut self, lines: &[serde_json::Value]) -> Result<(), RunError> {
        let mut add = || {
            lines
                .iter()
                .try_for_each(|line| writeln!(self.metrics, "{line}"))?;
            self.metrics.flush()
        };
        add().map_err(|e| RunError::written(self.path.join(METRICS), e))
    }
}

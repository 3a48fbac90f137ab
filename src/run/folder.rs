//! The folder of a run.

use std::fs::{self, File, TryLockError};
use std::io::{self, BufRead, BufReader, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::{CHECKPOINTS, EVENTS, RunError, files};

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
/// A page that shows the run.
pub const REPORT: &str = "report.html";
/// Where the time went, if the run was profiled.
pub const TRACE: &str = "trace.json";

const FILES: [&str; 7] = [CONFIG, MODEL, BEST, METRICS, ENVIRONMENT, REPORT, TRACE];

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
        if looks_like_a_run {
            // Nothing is locked for longer than it takes to see that nobody else has locked it.
            return match File::open(path.join(METRICS)) {
                Ok(metrics) => lock(&metrics, path),
                Err(_) => Ok(()),
            };
        }
        if is_empty {
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
        let entries = fs::read_dir(path).map_err(written)?.flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let events = names.filter(|name| name.starts_with(EVENTS));
        for file in FILES.into_iter().map(str::to_owned).chain(events) {
            match fs::remove_file(path.join(&file)) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => {
                    return Err(RunError::written(path.join(&file), e));
                }
                _ => {}
            }
        }
        // Without its manifest a checkpoint is none, however far this comes.
        match fs::remove_dir_all(path.join(CHECKPOINTS)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                return Err(RunError::written(path.join(CHECKPOINTS), e));
            }
            _ => {}
        }
        let metrics = path.join(METRICS);
        let metrics = File::create_new(&metrics).map_err(|e| RunError::written(metrics, e))?;
        lock(&metrics, path)?;
        Ok(Self {
            path: path.to_owned(),
            metrics: BufWriter::new(metrics),
        })
    }

    /// Opens the folder of a run that goes on, with the metrics as they were when they had so many bytes. What a process
    /// that was killed left half-written is removed.
    ///
    /// # Errors
    /// If the file system refuses.
    pub fn reopen(path: &Path, metrics_bytes: u64) -> Result<Self, RunError> {
        let place = path.join(METRICS);
        let mut options = File::options();
        let options = options.read(true).write(true).create(true).truncate(false);
        let mut file = options
            .open(&place)
            .map_err(|e| RunError::written(&place, e))?;
        lock(&file, path)?;
        files::sweep(path);
        let mut cut = || {
            let length = whole_lines(&file, metrics_bytes)?;
            file.set_len(length)?;
            file.seek(SeekFrom::End(0))
        };
        cut().map_err(|e| RunError::written(&place, e))?;
        Ok(Self {
            path: path.to_owned(),
            metrics: BufWriter::new(file),
        })
    }

    /// The metrics file, and how long it is with all that was logged.
    pub(super) fn metrics(&mut self) -> Result<(File, u64), RunError> {
        let mut get = || {
            self.metrics.flush()?;
            let file = self.metrics.get_ref().try_clone()?;
            let length = file.metadata()?.len();
            Ok((file, length))
        };
        get().map_err(|e| RunError::written(self.path.join(METRICS), e))
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

/// Locks a run by its metrics, as long as they are open, against other processes. A file system that knows no locks has
/// none; on Windows nobody could read what is locked.
fn lock(metrics: &File, run: &Path) -> Result<(), RunError> {
    if cfg!(windows) {
        return Ok(());
    }
    match metrics.try_lock() {
        Err(TryLockError::WouldBlock) => Err(RunError::Busy {
            path: run.to_owned(),
        }),
        Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
    }
}

/// How many of the first bytes of a file are whole lines; it may be shorter than that.
fn whole_lines(file: &File, bytes: u64) -> io::Result<u64> {
    let length = file.metadata()?.len();
    if length >= bytes {
        return Ok(bytes);
    }
    let mut reader = BufReader::new(file);
    let (mut whole, mut line) = (0, Vec::new());
    while reader.read_until(b'\n', &mut line)? > 0 {
        if line.ends_with(b"\n") {
            whole += line.len() as u64;
        }
        line.clear();
    }
    Ok(whole)
}

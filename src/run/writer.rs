//! Models that are written while training goes on.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use super::checkpoint::Set;
use super::{RunError, files};

/// Writes files as [`files::write`] does, on a thread of its own. Of several versions of a file that wait, the last is
/// written: a disk that is slower than an epoch holds nobody up.
#[derive(Debug)]
pub(super) struct Writer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: BTreeMap<PathBuf, Arc<Vec<u8>>>,
    /// A checkpoint, which is written when no file waits.
    set: Option<Box<Set>>,
    writing: bool,
    failed: Option<RunError>,
    /// Why a checkpoint could not be written.
    set_failed: Option<RunError>,
    closed: bool,
}

impl Writer {
    pub(super) fn new() -> Self {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        Self {
            shared,
            thread: Some(thread::spawn(move || theirs.run())),
        }
    }

    /// Has a file written soon.
    ///
    /// # Errors
    /// If a file before could not be written.
    pub(super) fn write(&self, path: PathBuf, contents: Arc<Vec<u8>>) -> Result<(), RunError> {
        let mut state = self.shared.lock();
        if let Some(failed) = state.failed.take() {
            return Err(failed);
        }
        state.waiting.insert(path, contents);
        self.shared.changed.notify_all();
        Ok(())
    }

    /// Has a checkpoint written soon, all files before it. Waits until the one before is written, so that no more than
    /// two are in memory.
    ///
    /// # Errors
    /// If one before could not be written.
    pub(super) fn checkpoint(&self, set: Set) -> Result<(), RunError> {
        let mut state = self.shared.lock();
        while state.set.is_some() {
            state = self.shared.wait(state);
        }
        if let Some(failed) = state.set_failed.take() {
            return Err(failed);
        }
        state.set = Some(Box::new(set));
        self.shared.changed.notify_all();
        Ok(())
    }

    /// Waits until all is written, and says why a checkpoint was not.
    pub(super) fn checkpoint_failure(&self) -> Option<RunError> {
        let mut state = self.shared.lock();
        while state.writing || state.set.is_some() || !state.waiting.is_empty() {
            state = self.shared.wait(state);
        }
        state.set_failed.take()
    }

    /// Waits until all is written.
    ///
    /// # Errors
    /// If a file could not be written.
    pub(super) fn flush(&self) -> Result<(), RunError> {
        let mut state = self.shared.lock();
        while state.writing || state.set.is_some() || !state.waiting.is_empty() {
            state = self.shared.wait(state);
        }
        state.failed.take().map_or(Ok(()), Err)
    }
}

impl Shared {
    /// Nobody panics while holding the lock, and the state would be whole if one did.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed
            .wait(state)
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread: writes what waits, until the writer is dropped and nothing waits.
    fn run(&self) {
        let mut state = self.lock();
        loop {
            if let Some((path, contents)) = state.waiting.pop_first() {
                state.writing = true;
                drop(state);
                let written = files::write(&path, &contents);
                drop(contents);
                state = self.lock();
                state.writing = false;
                if let Err(error) = written {
                    state.failed.get_or_insert(RunError::written(path, error));
                }
                self.changed.notify_all();
            } else if let Some(set) = state.set.take() {
                state.writing = true;
                drop(state);
                let written = set.write();
                state = self.lock();
                state.writing = false;
                if let Err(error) = written {
                    state.set_failed.get_or_insert(error);
                }
                self.changed.notify_all();
            } else if state.closed {
                return;
            } else {
                state = self.wait(state);
            }
        }
    }
}

/// What waits is written first.
impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            log::error!("the thread that writes models panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_version_is_written_and_failures_are_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let writer = Writer::new();
        let path = folder.path().join("file");
        for version in 0..50_u8 {
            writer
                .write(path.clone(), vec![version].into())
                .expect("nothing has failed");
        }
        writer.flush().expect("all can be written");
        assert_eq!(
            std::fs::read(&path).expect("it is there"),
            [49],
            "the last version"
        );

        writer
            .write(folder.path().join("none/file"), vec![1].into())
            .expect("nothing has failed yet");
        writer.flush().expect_err("there is no such folder");
        writer.flush().expect("a failure is told once");
    }

    #[test]
    fn what_waits_is_written_before_the_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        Writer::new()
            .write(path.clone(), vec![7].into())
            .expect("nothing has failed");
        assert_eq!(std::fs::read(&path).expect("it is there"), [7]);
    }
}

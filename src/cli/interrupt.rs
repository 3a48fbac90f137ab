//! Ctrl-C, and the other signals that ask a program to end.

use super::output::note;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether there is something that an interruption should save.
static TRAINING: AtomicBool = AtomicBool::new(false);
static ASKED: AtomicBool = AtomicBool::new(false);

/// Listens. Before training begins a signal ends the program at once; then the first is only noted, and the second
/// ends it.
pub(super) fn listen() {
    let handler = || {
        if !TRAINING.load(Ordering::SeqCst) || ASKED.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
        note("interrupted: what was learnt so far is kept; once more to end at once");
    };
    if let Err(error) = ctrlc::set_handler(handler) {
        log::warn!("an interruption will not be noticed: {error}");
    }
}

/// From now on the first signal is only noted.
pub(super) fn training_begins() {
    TRAINING.store(true, Ordering::SeqCst);
}

/// Whether a signal has come.
pub(super) fn asked() -> bool {
    ASKED.load(Ordering::SeqCst)
}

//! The report of a run, written while it goes on and at its end.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::job::Job;
use super::output::note;
use crate::report::{History, Outcome, PartRow, Report, State};
use crate::run::{METRICS, REPORT, Recorder, RunError};
use crate::train::{Fitted, PartTime, Profile};

/// Writes the report of a run.
pub(super) struct Reporting {
    wanted: bool,
    /// What is known of the run before it has ended.
    facts: Vec<(String, String)>,
    config: String,
    begun: Instant,
    last: Instant,
    /// What making reports has taken so far.
    spent: Duration,
    told_failure: bool,
}

impl Reporting {
    /// While a run goes on, the report is written no more often than this, and takes no more than one part in so many of the
    /// run's time.
    const PAUSE: Duration = Duration::from_secs(5);
    const PARTS: u32 = 50;

    pub(super) fn new(job: &Job, facts: Vec<(String, String)>) -> Self {
        let now = Instant::now();
        Self {
            wanted: job.config.seen.report,
            facts,
            config: job.config.to_toml(),
            begun: now,
            last: now,
            spent: Duration::ZERO,
            told_failure: false,
        }
    }

    /// After an epoch: writes it, if it is time.
    pub(super) fn epoch(&mut self, recorder: &mut Recorder, environment: &Value) {
        let affordable = self.spent * Self::PARTS <= self.begun.elapsed();
        if self.wanted && affordable && self.last.elapsed() >= Self::PAUSE {
            let written = self.write(recorder, environment, State::Running, None, Vec::new());
            self.tell(written);
        }
    }

    /// Writes it for the last time, as the run has ended.
    pub(super) fn end(
        &mut self,
        recorder: &mut Recorder,
        environment: &Value,
        (fitted, outcome): (&Fitted, Option<Outcome>),
        facts: Vec<(String, String)>,
        profile: Option<&Profile>,
    ) {
        if !self.wanted {
            return;
        }
        self.facts = facts;
        let state = match &fitted.summary {
            summary if summary.interrupted => State::Interrupted,
            summary if summary.stopped_early => State::StoppedEarly,
            _ => State::Ended,
        };
        let parts = profile.map_or_else(Vec::new, |p| parts(p, fitted.summary.step_seconds));
        let written = self.write(recorder, environment, state, outcome, parts);
        let written = written.and_then(|()| recorder.flush());
        self.tell(written);
    }

    /// Writes it for the last time, as the run has failed.
    pub(super) fn fail(&mut self, recorder: &mut Recorder, environment: &Value, why: &str) {
        if self.wanted && recorder.path().is_some() {
            let state = State::Failed(why.to_owned());
            let written = self.write(recorder, environment, state, None, Vec::new());
            let written = written.and_then(|()| recorder.flush());
            self.tell(written);
        }
    }

    fn write(
        &mut self,
        recorder: &mut Recorder,
        environment: &Value,
        state: State,
        outcome: Option<Outcome>,
        parts: Vec<PartRow>,
    ) -> Result<(), RunError> {
        let Some(path) = recorder.path() else {
            return Ok(());
        };
        let start = Instant::now();
        let metrics = path.join(METRICS);
        let history = History::read(&metrics).map_err(|source| RunError::Io {
            path: metrics,
            what: "read",
            source,
        })?;
        let report = Report {
            title: title(path),
            state,
            facts: self.facts.clone(),
            history,
            outcome,
            parts,
            config: self.config.clone(),
            environment: format!("{environment:#}\n"),
        };
        let page = report.html().into_bytes();
        let written = recorder.write_file(REPORT, page);
        self.last = Instant::now();
        self.spent += start.elapsed();
        written
    }

    /// A report that cannot be written is no reason to lose the run.
    fn tell(&mut self, written: Result<(), RunError>) {
        if let (Err(error), false) = (written, self.told_failure) {
            note(&format!("note: the report is not up to date: {error}"));
            self.told_failure = true;
        }
    }
}

/// The folder's name.
fn title(path: &Path) -> String {
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    name.unwrap_or_else(|| path.display().to_string())
}

/// The parts of a training step, and what it takes beside its kernels.
fn parts(profile: &Profile, step_seconds: f64) -> Vec<PartRow> {
    let (parts, timed) = profile.parts();
    if timed == 0 {
        return Vec::new();
    }
    let kernels: f64 = parts.iter().map(PartTime::total).sum();
    let row = |part: &PartTime| PartRow {
        part: part.part.to_string(),
        phases: part.phases,
    };
    let mut rows: Vec<_> = parts.iter().map(row).collect();
    rows.push(PartRow {
        part: "host".to_owned(),
        phases: [0.0, 0.0, (step_seconds - kernels).max(0.0)],
    });
    rows
}

//! The end of a run: the trained network answers the validation rows, once, for the figures and for the report.

use std::time::{Duration, Instant};

use super::exit::Exit;
use super::job::Job;
use super::judge::{Judging, ROWS, Report, room};
use super::outcome::{Found, MOST};
use super::output::note;
use crate::data::Targets;
use crate::device::Device;
use crate::metrics::Bootstrap;
use crate::report::Outcome;
use crate::train::{Fitted, Session, TrainError};

/// Answers for the report alone take no more than this share of the run's time, but this long where the run was short, and
/// no more than that where it was long.
const SHARE: f64 = 0.02;
const LEAST: Duration = Duration::from_millis(300);
const LONGEST: Duration = Duration::from_secs(20);

/// What the answers came to.
#[derive(Default)]
pub(super) struct Ending {
    /// The figures of the validation rows, without intervals.
    pub(super) judged: Option<Report>,
    /// What the report shows.
    pub(super) outcome: Option<Outcome>,
}

/// Has the model that the run ends with answer: all validation rows, by the session that trained it, for which it holds
/// their outputs. Where only the report is made of the answers, because there are no such rows or somebody does not want to
/// wait, the CPU answers, only as many rows as it looks at and as there is time for. A run has ended well without them, so a failure is only noted.
pub(super) fn ending(job: &Job, fitted: &Fitted, session: Session) -> Ending {
    answer(job, fitted, session).unwrap_or_else(|error| {
        note(&format!(
            "note: the rows could not be predicted, so there are no metrics of them: {error}"
        ));
        Ending::default()
    })
}

fn answer(job: &Job, fitted: &Fitted, session: Session) -> Result<Ending, Exit> {
    let (of, data) = match &job.validation {
        Some(data) => ("validation", data),
        None => ("training", &job.training),
    };
    let judges = job.validation.is_some() && !fitted.summary.interrupted;
    let shows = job.config.seen.report;
    let width = job.trainer.network.outputs();
    if matches!(data.targets(), Targets::None) || width == 0 || !(judges || shows) {
        return Ok(Ending::default());
    }
    let mut answering = Answering::new(fitted, session, judges)?;
    let mut found = shows.then(|| Found::new(job));
    let (mut outputs, most) = if judges {
        (room(data.rows(), width)?, data.rows())
    } else {
        (Vec::new(), data.rows().min(MOST))
    };
    let (begun, time) = (Instant::now(), time(fitted));
    for start in (0..most).step_by(ROWS) {
        if !judges && start > 0 && begun.elapsed() >= time {
            break;
        }
        let x = data.inputs_of(start..most.min(start + ROWS))?;
        let y = answering.predict(&x)?;
        if let Some(found) = &mut found {
            found.look(data, start, &y);
        }
        if judges {
            outputs.extend(y);
        }
    }
    let judging = Judging {
        loss: job.loss(),
        units: job.trainer.units.as_deref(),
        top_k: None,
        bootstrap: Bootstrap::NONE,
    };
    let outcome = found.map(|found| found.outcome(of, data)).transpose()?;
    Ok(Ending {
        judged: if judges {
            judging.judge(data, &outputs)
        } else {
            None
        },
        outcome,
    })
}

/// How long the report alone may take.
fn time(fitted: &Fitted) -> Duration {
    match &fitted.summary {
        summary if summary.interrupted => LEAST,
        summary => Duration::from_secs_f64(SHARE * summary.seconds).clamp(LEAST, LONGEST),
    }
}

/// Who answers: the session that trained, or the CPU where that cannot.
struct Answering<'a> {
    fitted: &'a Fitted,
    session: Session,
}

impl<'a> Answering<'a> {
    /// The report alone is not worth a plan that the device must compile first, and perhaps time; who interrupts a run does not
    /// wait for that either.
    fn new(fitted: &'a Fitted, mut session: Session, judges: bool) -> Result<Self, TrainError> {
        let model = &fitted.model;
        if !judges || session.set_parameters(&model.values).is_err() {
            session = model.session(&Device::Cpu)?;
        }
        Ok(Self { fitted, session })
    }

    fn predict(&mut self, x: &[f32]) -> Result<Vec<f32>, TrainError> {
        match self.session.predict(x, ROWS) {
            // The rows that it was trained on may leave no room on the device.
            Err(TrainError::Executor(error))
                if self.session.executor.device().executor != "cpu" =>
            {
                log::warn!("the CPU predicts, as the device does not: {error}");
                self.session = self.fitted.model.session(&Device::Cpu)?;
                self.session.predict(x, ROWS)
            }
            answered => answered,
        }
    }
}

//! Where the time of a training run goes.
//!
//! The first training step of a submission is now and then run step by step of its plan, each timed by the device's own
//! clock where it has one ([`Executor::run_timed`](crate::executor::Executor::run_timed)); all others run as ever. The
//! results are the same bits. Beside them, the host's clock tells how long submissions and evaluations took.

use std::sync::Arc;
use std::time::Instant;

use super::session::Ready;
use super::{Session, TrainError};
use crate::executor::StepTimes;
use crate::graph::Phase;
use crate::kernel::{Kernel, Tick};
use crate::plan::{Plan, Step};

/// Training steps that are timed at most: enough for medians, and for a trace that opens quickly.
const MOST: usize = 200;
/// Where a submission is one training step long, one in so many is timed.
const RARELY: u64 = 4;
/// Spans on the host that are kept at most.
const SPANS: usize = 20_000;

/// What a step works for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// Gathering the rows of the batch.
    Data,
    /// A layer, by its number.
    Layer(usize),
    /// The loss, the metric, and the logs of both.
    Loss,
    /// The update of the parameters of all layers at once; none where the products of the gradients do it.
    Parameters,
}

impl Part {
    /// The part that a step of a plan belongs to.
    pub const fn of(step: &Step) -> Self {
        match (step.layer, &step.kernel, step.phase) {
            (Some(layer), ..) => Self::Layer(layer),
            (None, Kernel::Gather(_), _) => Self::Data,
            (None, _, Phase::Update) => Self::Parameters,
            (None, ..) => Self::Loss,
        }
    }
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Data => f.write_str("data"),
            Self::Layer(layer) => write!(f, "layer {layer}"),
            Self::Loss => f.write_str("loss"),
            Self::Parameters => f.write_str("parameters"),
        }
    }
}

/// The time of a part in one training step, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PartTime {
    /// The part.
    pub part: Part,
    /// Forward, backward and update.
    pub phases: [f64; 3],
}

impl PartTime {
    /// All phases together.
    pub fn total(&self) -> f64 {
        self.phases.iter().sum()
    }
}

/// A training step that was timed.
#[derive(Debug, Clone)]
pub struct TimedStep {
    /// Its number, from 1; that of the batch, where an update has several.
    pub number: u32,
    /// Whether it is the update behind several batches.
    pub update: bool,
    /// Batches to an update.
    pub batches: u64,
    /// When it was submitted, in seconds since the profile began.
    pub start: f64,
    /// The plan that was run.
    pub plan: Arc<Plan>,
    /// The times of the plan's steps.
    pub times: StepTimes,
}

/// Something that the host did, or waited for.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// What.
    pub name: String,
    /// When it began, in seconds since the profile began.
    pub start: f64,
    /// How long it took, in seconds.
    pub seconds: f64,
}

/// What was measured of a run.
#[derive(Debug)]
pub struct Profile {
    begun: Instant,
    submissions: u64,
    steps: Vec<TimedStep>,
    spans: Vec<Span>,
}

impl Default for Profile {
    fn default() -> Self {
        Self::new()
    }
}

impl Profile {
    /// A profile that begins now.
    pub fn new() -> Self {
        Self {
            begun: Instant::now(),
            submissions: 0,
            steps: Vec::new(),
            spans: Vec::new(),
        }
    }

    /// The training steps that were timed.
    pub fn steps(&self) -> &[TimedStep] {
        &self.steps
    }

    /// What the host did.
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// Whether the device itself told the times. If not, each holds what it takes to submit a step and to wait for it.
    pub fn by_device(&self) -> bool {
        self.steps.iter().all(|step| step.times.by_device)
    }

    /// Whether the first training step of the next submission, which has so many, shall be timed.
    pub(super) fn is_due(&mut self, steps: usize) -> bool {
        self.submissions += 1;
        // The first submission is one step and warms up; it is timed only if there is no other.
        let rare = steps == 1 && self.submissions % RARELY != 2;
        !(self.steps.len() >= MOST || self.submissions == 1 || rare)
    }

    /// Whether the update behind the batch that was timed last shall be timed too. Most are not, so that what a step takes can
    /// be told from the others.
    pub(super) fn is_update_due(&self) -> bool {
        self.submissions.is_multiple_of(RARELY) || !self.steps.iter().any(|step| step.update)
    }

    /// Runs a training step and times it; one batch, where an update has several.
    pub(super) fn time(
        &mut self,
        session: &mut Session,
        ready: &Ready,
        tick: &Tick,
        batches: u64,
    ) -> Result<(), TrainError> {
        self.run(session, ready, tick, (false, batches))
    }

    /// Runs the update behind so many batches and times it.
    pub(super) fn time_update(
        &mut self,
        session: &mut Session,
        ready: &Ready,
        tick: &Tick,
        batches: u64,
    ) -> Result<(), TrainError> {
        self.run(session, ready, tick, (true, batches))
    }

    fn run(
        &mut self,
        session: &mut Session,
        ready: &Ready,
        tick: &Tick,
        (update, batches): (bool, u64),
    ) -> Result<(), TrainError> {
        let start = self.begun.elapsed().as_secs_f64();
        let steps = ready.plan.steps.len();
        let times = session.executor.run_timed(ready.handle, steps, tick)?;
        self.steps.push(TimedStep {
            number: tick.step,
            update,
            batches,
            start,
            plan: Arc::clone(&ready.plan),
            times,
        });
        Ok(())
    }

    /// Notes what the host did since `start`.
    pub(super) fn note(&mut self, name: impl FnOnce() -> String, start: Instant) {
        if self.spans.len() < SPANS {
            self.spans.push(Span {
                name: name(),
                start: (start - self.begun).as_secs_f64(),
                seconds: start.elapsed().as_secs_f64(),
            });
        }
    }

    /// Batches to an update of the run.
    pub fn batches(&self) -> u64 {
        self.steps.first().map_or(1, |step| step.batches)
    }

    /// The timed steps that [`Profile::parts`] is over: those of the plan that was timed most, of updates or of the others.
    fn counted(&self, update: bool) -> Option<(&Arc<Plan>, Vec<&TimedStep>)> {
        let of = |plan: &Arc<Plan>| -> Vec<&TimedStep> {
            let same = |step: &&TimedStep| Arc::ptr_eq(&step.plan, plan);
            self.steps.iter().filter(same).collect()
        };
        let all = self.steps.iter().filter(|step| step.update == update);
        let all = all.map(|step| (&step.plan, of(&step.plan)));
        all.max_by_key(|(_, steps)| steps.len())
    }

    /// The median times of the parts of one training step, in order; and over how many training steps. Of several sizes
    /// of batches, the one that was timed most counts. Where an update has several batches, of one of them, with its share of
    /// the update.
    pub fn parts(&self) -> (Vec<PartTime>, usize) {
        let Some((plan, timed)) = self.counted(false) else {
            return (Vec::new(), 0);
        };
        let mut parts: Vec<PartTime> = Vec::new();
        add(&mut parts, plan, &timed, 1.0);
        if let Some((plan, updates)) = self.counted(true) {
            #[expect(
                clippy::cast_precision_loss,
                reason = "updates have far fewer than 2^53 batches"
            )]
            add(&mut parts, plan, &updates, 1.0 / self.batches() as f64);
        }
        parts.sort_by_key(|p| p.part);
        (parts, timed.len())
    }
}

/// Adds a share of the median times of the steps of a plan to the parts.
fn add(parts: &mut Vec<PartTime>, plan: &Plan, timed: &[&TimedStep], share: f64) {
    for (index, step) in plan.steps.iter().enumerate() {
        let mut times: Vec<f64> = timed
            .iter()
            .map(|timed| timed.times.steps[index].seconds)
            .collect();
        times.sort_by(f64::total_cmp);
        let part = Part::of(step);
        let place = match parts.iter().position(|p| p.part == part) {
            Some(place) => place,
            None => {
                let phases = [0.0; 3];
                parts.push(PartTime { part, phases });
                parts.len() - 1
            }
        };
        parts[place].phases[step.phase as usize] += share * times[times.len() / 2];
    }
}

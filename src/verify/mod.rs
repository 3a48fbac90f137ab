//! Holds a device against the reference, step by step of a plan.
//!
//! [`verify`] runs training steps on a device, one step of the plan at a time. Before each it reads what the device is
//! about to read, after it what the device wrote, and lets the reference repeat that one step from the same inputs. So
//! one step's tolerance applies, which the reference computes itself (see [`crate::reference`]), and nothing drifts.
//! Then the same training steps run in one submission, and must give the same bits: that finds a missing barrier. Last,
//! the reference trains on its own in f64; how far the two have drifted apart is told, and not judged.
//!
//! Under mixed precision the reference rounds to f16 where the graph does. A step in which numbers leave the range of f16 is
//! verified as far as they are finite, and must be skipped as the reference skips it.

mod operands;

use std::collections::BTreeMap;

use crate::data::Dataset;
use crate::executor::{Data, DeviceInfo, Executor};
use crate::kernel::Tick;
use crate::network::PARAMETERS;
use crate::reference::{Closeness, Reference};
use crate::train::{Purpose, SLOTS, Session, TrainError, Trainer, batches};
use operands::Operands;

/// How one kernel did, over all its steps.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct KernelReport {
    /// How many steps were compared.
    pub steps: usize,
    /// How many elements were compared.
    pub elements: usize,
    /// The element nearest to its tolerance.
    pub worst: Closeness,
    /// The step in words and the tensor in which it was.
    pub place: String,
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Verification {
    /// The device.
    pub device: DeviceInfo,
    /// Training steps compared.
    pub steps: usize,
    /// By kernel.
    pub kernels: BTreeMap<&'static str, KernelReport>,
    /// The first step that is off, in words: the training step, the plan's step, tensor, index and both values.
    pub failure: Option<String>,
    /// The first tensor that differs when the same steps run in one submission.
    pub submission: Option<String>,
    /// For each parameter, how far the device is from the reference after all steps: the largest difference, over the
    /// largest weight.
    pub drift: Vec<(String, f64)>,
}

impl Verification {
    /// Whether every step was right, and one submission gave the same bits.
    pub const fn passed(&self) -> bool {
        self.failure.is_none() && self.submission.is_none()
    }
}

/// Most training steps that are verified: all of them go into one submission afterwards.
const MOST: usize = 100_000;

/// Verifies `steps` training steps of what `trainer` would do on `executor`. Where gradients are accumulated, steps count
/// updates: each has its batches before it.
///
/// # Errors
/// If there is no step to verify or more than 100,000, the training cannot be set up, or the device failed. A step that
/// is off is no error; see [`Verification::passed`].
pub fn verify(
    trainer: &Trainer,
    executor: Box<dyn Executor>,
    data: &Dataset,
    steps: usize,
) -> Result<Verification, TrainError> {
    if steps == 0 || steps > MOST {
        return Err(TrainError::Option {
            name: "steps",
            found: steps.to_string(),
            expected: "1 to 100000 training steps to verify",
        });
    }
    let mut session = trainer.session(executor, data)?;
    let ticks = ticks(trainer, data, steps);
    let batches = ticks
        .iter()
        .filter(|(purpose, _)| !matches!(purpose, Purpose::Update(_)));
    if batches.count() > MOST {
        return Err(TrainError::Option {
            name: "steps",
            found: format!("{steps} updates, which have more than {MOST} batches"),
            expected: "fewer updates to verify, or fewer batches to an update",
        });
    }
    let mut found = Verification {
        device: session.executor.device().clone(),
        steps,
        kernels: BTreeMap::new(),
        failure: None,
        submission: None,
        drift: Vec::new(),
    };
    session.run_once(Purpose::Keep)?;
    for (purpose, tick) in &ticks {
        found.failure = lockstep(&mut session, *purpose, tick, &mut found.kernels)?;
        if found.failure.is_some() {
            return Ok(found);
        }
    }
    let step_by_step = lasting(&mut session)?;
    session.run_once(Purpose::Restore)?;
    run_whole(&mut session, &ticks)?;
    let whole = lasting(&mut session)?;
    found.submission = difference(&session, &step_by_step, &whole);

    let mut alone = trainer.session(Box::new(Reference::f64()), data)?;
    run_whole(&mut alone, &ticks)?;
    found.drift = drift(&session, &step_by_step[0], &lasting(&mut alone)?[0]);
    Ok(found)
}

/// The plan and tick of each training step; in file order, as the order of rows is nothing to verify here. Behind the
/// batches of each update of accumulated gradients stands a plan of its own, which does it. Of far too many there are only
/// the first.
fn ticks(trainer: &Trainer, data: &Dataset, steps: usize) -> Vec<(Purpose, Tick)> {
    let learning_rate = trainer.options.optimizer.learning_rate;
    let positions = batches(data.rows(), trainer.options.batch_size);
    let group = trainer.options.rules.accumulate.unwrap_or(1);
    let tick = |step: u32, start| Tick {
        step,
        start,
        slot: (step - 1) % SLOTS,
        learning_rate,
        momentum: None,
    };
    let (mut ticks, mut done) = (Vec::new(), 0);
    let (mut batches, mut updates) = (0, 0);
    // A group ends with the epoch.
    let groups = std::iter::repeat_with(|| positions.chunks(group.max(1))).flatten();
    for batch_group in groups.take(steps) {
        for position in batch_group {
            batches += 1;
            ticks.push((
                Purpose::Training(position.rows),
                tick(batches, position.start),
            ));
        }
        done += batch_group.len();
        if group > 1 {
            updates += 1;
            let rows = batch_group.iter().map(|position| position.rows).sum();
            ticks.push((Purpose::Update(rows), tick(updates, 0)));
        }
        if done > MOST {
            // Enough to say that they are too many.
            break;
        }
    }
    ticks
}

/// Runs one training step, plan step by plan step, each beside the reference. Returns the first that is off.
fn lockstep(
    session: &mut Session,
    purpose: Purpose,
    tick: &Tick,
    kernels: &mut BTreeMap<&'static str, KernelReport>,
) -> Result<Option<String>, TrainError> {
    let ready = session.plan(purpose)?;
    let plan = &ready.plan;
    let what = match purpose {
        Purpose::Update(_) => "update",
        _ => "training step",
    };
    for index in 0..plan.steps.len() {
        let step = &plan.steps[index];
        let kernel = step.kernel.at(tick);
        let mut expected = Operands::read(session.executor.as_mut(), ready.handle, plan, index)?;
        // Under mixed precision numbers may leave the range of f16. Such a step is skipped, and what is made of infinities
        // on the way is not compared.
        let overflowed = session.recipe.mixed.is_some() && expected.has_overflowed();
        session.executor.run_step(ready.handle, index, tick)?;
        expected.run(&kernel);
        for (expected, &tensor) in expected.outputs.iter().zip(&step.outputs) {
            let tensor = &plan.tensors[tensor];
            let actual = session.executor.read(ready.handle, tensor.place)?;
            let finite = overflowed.then(|| expected.finite(&actual));
            let (expected, actual) = match &finite {
                None => (expected, &actual),
                Some(Some((expected, actual))) => (expected, actual),
                Some(None) => continue,
            };
            match expected.compare(&tensor.name, actual) {
                Ok(closeness) => {
                    let report = kernels.entry(kernel.name()).or_default();
                    report.note(closeness, actual.len(), || {
                        format!("{}: {}", plan.describe(index), tensor.name)
                    });
                }
                Err(difference) => {
                    let describe = plan.describe(index);
                    return Ok(Some(format!(
                        "{what} {}, {describe}: {difference}",
                        tick.step
                    )));
                }
            }
        }
        kernels.entry(kernel.name()).or_default().steps += 1;
    }
    Ok(None)
}

impl KernelReport {
    fn note(&mut self, closeness: Closeness, elements: usize, place: impl FnOnce() -> String) {
        self.elements += elements;
        if closeness.ratio > self.worst.ratio || self.place.is_empty() {
            self.worst = closeness;
            self.place = place();
        }
    }
}

/// Runs the training steps, those of the same plan in one submission.
fn run_whole(session: &mut Session, ticks: &[(Purpose, Tick)]) -> Result<(), TrainError> {
    for same in ticks.chunk_by(|a, b| a.0 == b.0) {
        let ready = session.plan(same[0].0)?;
        let ticks: Vec<_> = same.iter().map(|(_, tick)| *tick).collect();
        session.executor.run(ready.handle, &ticks)?;
    }
    Ok(())
}

/// The parameters and the optimiser's states.
fn lasting(session: &mut Session) -> Result<Vec<Data>, TrainError> {
    let read = |block: &String| Ok(session.executor.read_stored(&session.store, block)?);
    session.recipe.blocks().iter().map(read).collect()
}

/// The first block in which two runs differ, on the bits.
fn difference(session: &Session, a: &[Data], b: &[Data]) -> Option<String> {
    let bits = |data: &Data| {
        data.to_f64()
            .into_iter()
            .map(f64::to_bits)
            .collect::<Vec<_>>()
    };
    let blocks = session.recipe.blocks();
    let differing = blocks
        .iter()
        .zip(a.iter().zip(b))
        .find_map(|(block, (a, b))| {
            bits(a)
                .into_iter()
                .zip(bits(b))
                .position(|(a, b)| a != b)
                .map(|index| (block, index, a, b))
        });
    differing.map(|(block, index, a, b)| {
        let (a, b) = (a.to_f64()[index], b.to_f64()[index]);
        format!("`{block}`[{index}] is {a:e} step by step, and {b:e} in one submission")
    })
}

fn drift(session: &Session, device: &Data, reference: &Data) -> Vec<(String, f64)> {
    let (device, reference) = (device.to_f64(), reference.to_f64());
    let block = session
        .store
        .block(PARAMETERS)
        .expect("a session declares its parameters");
    let members = block.members.iter().map(|member| {
        let range = member.offset..member.offset + member.shape.len();
        let pairs = || device[range.clone()].iter().zip(&reference[range.clone()]);
        let largest = pairs()
            .map(|(_, r)| r.abs())
            .fold(f64::MIN_POSITIVE, f64::max);
        let apart = pairs().map(|(d, r)| (d - r).abs()).fold(0.0, f64::max);
        (member.name.clone(), apart / largest)
    });
    members.collect()
}

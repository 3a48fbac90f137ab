//! The watch over a run: numbers that are not finite, and the last good model.

use super::session::{Purpose, Session};
use super::tables::Tables;
use super::{LossScale, LostRows, NonFinite, ScaleCollapse, TrainError};
use crate::graph::ops::Scaling;
use crate::kernel::{Access, Kernel, Tick};
use crate::plan::{BufferId, Place};

/// What was run: a training step, or an update behind several.
#[derive(Debug, Clone, Copy)]
struct Ran {
    purpose: Purpose,
    tick: Tick,
    /// The number of the update, from 1.
    step: u64,
}

/// The training steps since the last that was found good, so that they can be run again.
#[derive(Debug, Default)]
pub(super) struct Guard {
    history: Vec<Ran>,
    good_step: u64,
}

impl Guard {
    /// Keeps the parameters as they are, after so many steps, as the first good ones.
    pub(super) fn begin(&mut self, session: &mut Session, steps: u64) -> Result<(), TrainError> {
        session.run_once(Purpose::Keep)?;
        self.good_step = steps;
        Ok(())
    }

    /// How many steps have not been checked.
    pub(super) const fn unchecked(&self) -> usize {
        self.history.len()
    }

    /// Notes training steps on batches of `rows` rows.
    pub(super) fn note(&mut self, rows: usize, ticks: &[Tick]) {
        for &tick in ticks {
            self.note_as(Purpose::Training(rows), tick, u64::from(tick.step));
        }
    }

    /// Notes what was run for a purpose as part of the update of this number.
    pub(super) fn note_as(&mut self, purpose: Purpose, tick: Tick, step: u64) {
        self.history.push(Ran {
            purpose,
            tick,
            step,
        });
    }

    /// Looks at all parameters and states, on their bits. If all are finite they are kept as the last good ones; else
    /// the steps since are run again, one by one, to find where it began.
    pub(super) fn check(&mut self, session: &mut Session) -> Result<(), TrainError> {
        if !is_finite(session)? {
            return Err(self.diagnose(session)?);
        }
        session.run_once(Purpose::Keep)?;
        let last = self.history.last().copied();
        if let Some(ran) = last {
            self.good_step = ran.step;
        }
        self.history.clear();
        match (session.loss_scale()?, last) {
            (Some(found), Some(last)) if found.scale < Scaling::FLOOR => {
                Err(self.collapsed(session, found, last)?)
            }
            _ => Ok(()),
        }
    }

    /// The error for a loss scale that helps no more. The last step was skipped, so it can be run once more to see why.
    fn collapsed(
        &self,
        session: &mut Session,
        LossScale { scale, skipped, .. }: LossScale,
        last: Ran,
    ) -> Result<TrainError, TrainError> {
        let found = match self.find(session, last)? {
            Some(found) => found,
            None => NonFinite {
                step: last.step,
                plan_step: "an earlier step".to_owned(),
                tensor: "loss".to_owned(),
                index: 0,
                value: f64::NAN,
                last_good: session.model(true)?,
                last_good_step: self.good_step,
            },
        };
        Ok(TrainError::LossScale(Box::new(ScaleCollapse {
            scale,
            skipped,
            found,
        })))
    }

    /// The error for a validation loss that is not finite though all parameters are: they are told as the last good ones.
    pub(super) fn bad_validation(
        &self,
        session: &mut Session,
        loss: f64,
    ) -> Result<TrainError, TrainError> {
        Ok(TrainError::NonFinite(Box::new(NonFinite {
            step: self.good_step,
            plan_step: "the evaluation of the validation rows".to_owned(),
            tensor: "validation loss".to_owned(),
            index: 0,
            value: loss,
            last_good: session.model(true)?,
            last_good_step: self.good_step,
        })))
    }

    /// The error for rows that could not be read, with the last good model; any other as it is.
    pub(super) fn lost_rows(&self, session: &mut Session, error: TrainError) -> TrainError {
        let TrainError::Data(error) = error else {
            return error;
        };
        match session.model(true) {
            Ok(last_good) => TrainError::Rows(Box::new(LostRows {
                error,
                last_good,
                last_good_step: self.good_step,
            })),
            Err(error) => error,
        }
    }

    /// Runs the steps since the last good ones again, and finds the first tensor that is not finite.
    pub(super) fn diagnose(&self, session: &mut Session) -> Result<TrainError, TrainError> {
        let tables = session
            .training
            .clone()
            .expect("only a training run is diagnosed");
        session.run_once(Purpose::Restore)?;
        for (index, ran) in self.history.iter().enumerate() {
            let ready = session.plan(ran.purpose)?;
            session.executor.run(ready.handle, &[ran.tick])?;
            // A loss that is not finite is no failure under mixed precision: its step was skipped.
            let mixed = session.recipe.mixed.is_some();
            let has_loss = !mixed && ran.purpose.rows().is_some();
            if is_finite(session)? && (!has_loss || loss_is_finite(session, &tables, &ran.tick)?) {
                continue;
            }
            session.run_once(Purpose::Restore)?;
            for before in &self.history[..index] {
                let ready = session.plan(before.purpose)?;
                session.executor.run(ready.handle, &[before.tick])?;
            }
            if let Some(found) = self.find(session, *ran)? {
                return Ok(TrainError::NonFinite(Box::new(found)));
            }
        }
        let last_good = session.model(true)?;
        Ok(TrainError::NonFinite(Box::new(NonFinite {
            step: self.history.last().map_or(self.good_step, |ran| ran.step),
            plan_step: "a step that did not do so again when it was repeated: the device is not to be trusted".to_owned(),
            tensor: crate::network::PARAMETERS.to_owned(),
            index: 0,
            value: f64::NAN,
            last_good,
            last_good_step: self.good_step,
        })))
    }

    /// Runs one training step, plan step by plan step, up to the first result that is not finite.
    fn find(&self, session: &mut Session, ran: Ran) -> Result<Option<NonFinite>, TrainError> {
        let ready = session.plan(ran.purpose)?;
        let tick = &ran.tick;
        for (number, step) in ready.plan.steps.iter().enumerate() {
            session.executor.run_step(ready.handle, number, tick)?;
            let writes = step
                .kernel
                .bindings()
                .into_iter()
                .filter(|b| b.access != Access::Read);
            for (_, &tensor) in writes
                .zip(&step.outputs)
                .filter(|(b, _)| b.element.is_real())
            {
                let tensor = &ready.plan.tensors[tensor];
                let place = written(&step.kernel.at(tick), tensor.place);
                let values = session.executor.read(ready.handle, place)?.to_f64();
                if let Some(at) = values.iter().position(|v| !v.is_finite()) {
                    let (tensor, index) = name_in_store(session, place, at).unwrap_or_else(|| {
                        (tensor.name.clone(), place.offset - tensor.place.offset + at)
                    });
                    let value = values[at];
                    return Ok(Some(NonFinite {
                        step: ran.step,
                        plan_step: ready.plan.describe(number),
                        tensor,
                        index,
                        value,
                        last_good: session.model(true)?,
                        last_good_step: self.good_step,
                    }));
                }
            }
        }
        Ok(None)
    }
}

/// What a step has just written of a tensor. Of a log it is one row: the others hold what an earlier submission left.
const fn written(kernel: &Kernel, place: Place) -> Place {
    match *kernel {
        Kernel::Record(log) if log.slot < log.slots => Place {
            offset: place.offset + log.slot as usize * log.columns as usize,
            len: log.columns as usize,
            ..place
        },
        _ => place,
    }
}

/// The tensor of the store in which element `at` of a place lies, and where in it: what an update of a whole block, or of
/// a piece of it, wrote is named by the parameter that went wrong.
fn name_in_store(session: &Session, place: Place, at: usize) -> Option<(String, usize)> {
    let BufferId::Store(block) = place.buffer else {
        return None;
    };
    let at = place.offset + at;
    let block = session.store.blocks().get(block)?;
    let member = block
        .members
        .iter()
        .find(|m| (m.offset..m.offset + m.shape.len()).contains(&at))?;
    Some((member.name.clone(), at - member.offset))
}

/// Whether all parameters and states are finite.
fn is_finite(session: &mut Session) -> Result<bool, TrainError> {
    let ready = session.run_once(Purpose::Check)?;
    // All are on their way before the first is waited for.
    let begun = ready
        .outputs
        .iter()
        .map(|&place| session.executor.begin_read(ready.handle, place));
    let begun = begun.collect::<Result<Vec<_>, _>>()?;
    let mut finite = true;
    for reading in begun {
        finite &= session.executor.end_read(reading)?.as_u32() == [u32::MAX];
    }
    Ok(finite)
}

fn loss_is_finite(session: &mut Session, tables: &Tables, tick: &Tick) -> Result<bool, TrainError> {
    let logged = session.read_logs(tables, tick.slot as usize + 1)?;
    Ok(logged.losses[tick.slot as usize].is_finite())
}

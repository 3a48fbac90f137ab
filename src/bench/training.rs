//! A training step on a device.

use super::clock::MOST;
use super::{BenchError, NetworkCase};
use crate::device::Device;
use crate::executor::{Data, Executor, StepTimes};
use crate::kernel::{Access, Kernel, Tick};
use crate::network::PARAMETERS;
use crate::plan::Plan;
use crate::random::{Random, stream};
use crate::train::{Purpose, Ready, Session};
use crate::verify::verify;

/// Operations of a training step up to which every step of it is held against the reference: some tenths of a second.
const VERIFIED: u64 = 100_000_000;
/// How far weights may be from those of the CPU executor after one step, over the largest: the reference's bounds for
/// the products of these sizes, with room for what one step adds up.
pub(super) const DRIFT: f64 = 1e-4;

/// A session that trains on one batch again and again.
pub struct Training {
    session: Session,
    ready: Ready,
    case: NetworkCase,
    learning_rate: f64,
    rows: usize,
    done: usize,
}

impl Training {
    /// Loads the training step. The data set is one batch, or has `rows` rows, of which each step takes the next batch in
    /// a random order.
    ///
    /// # Errors
    /// If it does not fit the device.
    pub fn new(
        executor: Box<dyn Executor>,
        case: &NetworkCase,
        rows: Option<usize>,
    ) -> Result<Self, BenchError> {
        let trainer = case.trainer();
        let count = rows.unwrap_or(case.batch);
        let mut session = trainer.session(executor, &case.data(count)?)?;
        if rows.is_some() {
            let order = Random::new(1, stream::SHUFFLE, 1).permutation(count);
            let Session {
                executor, store, ..
            } = &mut session;
            executor.write_stored(store, "train.order", &Data::U32(order))?;
        }
        let ready = session.plan(Purpose::Training(case.batch))?;
        let learning_rate = trainer.options.optimizer.learning_rate;
        Ok(Self {
            session,
            ready,
            case: case.clone(),
            learning_rate,
            rows: count,
            done: 0,
        })
    }

    /// The plan of the step.
    pub fn plan(&self) -> &Plan {
        &self.ready.plan
    }

    /// What it runs on.
    pub fn executor(&self) -> &dyn Executor {
        self.session.executor.as_ref()
    }

    /// Bytes that the step's tensors and all that lasts take.
    pub fn bytes(&self) -> u64 {
        self.ready.plan.bytes() + self.session.store.bytes()
    }

    /// Operations of one step, as the kernels count them.
    pub fn operations(&self) -> u64 {
        self.ready.plan.operations()
    }

    /// Bytes that the kernels of one step read and write.
    pub fn traffic(&self) -> u64 {
        self.ready
            .plan
            .steps
            .iter()
            .map(|s| traffic(&s.kernel))
            .sum()
    }

    /// The next step's: on the next whole batch, and from the beginning when there is none left.
    fn tick(&mut self) -> Tick {
        let batches = (self.rows / self.case.batch).max(1);
        let start = self.done % batches * self.case.batch;
        self.done += 1;
        Tick {
            learning_rate: self.learning_rate,
            start: u32::try_from(start).expect("a data set has fewer than 2^32 rows"),
            ..Tick::default()
        }
    }

    /// Trains so many steps, in one submission, and waits for the last loss, which it gives.
    ///
    /// # Errors
    /// If the device failed.
    pub fn run(&mut self, steps: usize) -> Result<f64, BenchError> {
        let ticks: Vec<_> = (0..steps.min(MOST)).map(|_| self.tick()).collect();
        let Session {
            executor, store, ..
        } = &mut self.session;
        executor.run(self.ready.handle, &ticks)?;
        let log = executor.read_stored(store, "train.log.loss")?;
        Ok(log.to_f64()[0])
    }

    /// Trains one step and says how long each step of the plan took.
    ///
    /// # Errors
    /// If the device failed.
    pub fn run_timed(&mut self) -> Result<StepTimes, BenchError> {
        let (steps, tick) = (self.ready.plan.steps.len(), self.tick());
        let times = self
            .session
            .executor
            .run_timed(self.ready.handle, steps, &tick)?;
        Ok(times)
    }

    /// Runs the first step and holds its loss against that of the CPU executor on the same rows: a quick look, for
    /// networks whose kernels were checked at another size.
    ///
    /// # Errors
    /// If they differ, or one is not finite.
    pub fn check_loss(&mut self) -> Result<(), BenchError> {
        let loss = self.run(1)?;
        let expected = if self.executor().device().executor == "cpu" {
            loss
        } else {
            let rows = (self.rows != self.case.batch).then_some(self.rows);
            Self::new(Device::Cpu.open(None)?.executor, &self.case, rows)?.run(1)?
        };
        if (loss - expected).abs() <= DRIFT * expected.abs() {
            return Ok(());
        }
        Err(BenchError::Wrong {
            device: self.executor().device().name.clone(),
            case: self.case.to_string(),
            difference: format!("its first loss is {loss}, and the CPU executor's is {expected}"),
        })
    }

    fn parameters(&mut self) -> Result<Vec<f64>, BenchError> {
        let Session {
            executor, store, ..
        } = &mut self.session;
        Ok(executor.read_stored(store, PARAMETERS)?.to_f64())
    }

    /// Checks a device before it is timed: every kernel of the step is held against the reference, at a smaller batch
    /// where the whole one would take it long; and all weights after one whole step against the CPU executor's.
    ///
    /// # Errors
    /// If something is off.
    pub fn check(
        case: &NetworkCase,
        open: &dyn Fn() -> Result<Box<dyn Executor>, BenchError>,
    ) -> Result<(), BenchError> {
        let a_row = (case.products() / case.batch as u64).max(1);
        let rows = usize::try_from(VERIFIED / a_row).unwrap_or(usize::MAX);
        let small = NetworkCase {
            batch: case.batch.min(rows.max(1)),
            ..case.clone()
        };
        let found = verify(&small.trainer(), open()?, &small.data(small.batch)?, 1)?;
        let wrong = |difference: String| BenchError::Wrong {
            device: found.device.name.clone(),
            case: case.to_string(),
            difference,
        };
        if let Some(difference) = found.failure.as_ref().or(found.submission.as_ref()) {
            return Err(wrong(difference.clone()));
        }
        if found.device.executor == "cpu" && small.batch == case.batch {
            return Ok(());
        }
        let after_a_step = |executor| {
            let mut training = Self::new(executor, case, None)?;
            training.run(1)?;
            training.parameters()
        };
        let (here, there) = (
            after_a_step(open()?)?,
            after_a_step(Device::Cpu.open(None)?.executor)?,
        );
        let largest = there.iter().fold(f64::MIN_POSITIVE, |m, w| m.max(w.abs()));
        let apart = here
            .iter()
            .zip(&there)
            .map(|(a, b)| (a - b).abs() / largest);
        match apart.enumerate().find(|(_, a)| a.is_nan() || *a > DRIFT) {
            None => Ok(()),
            Some((i, apart)) => Err(wrong(format!(
                "after one step, weight {i} is {} and the CPU executor's is {}, {apart:.1e} of the largest apart",
                here[i], there[i]
            ))),
        }
    }
}

/// Bytes that a kernel reads and writes, each once. A gather reads as many rows as it writes, and a log gets one row.
pub(super) fn traffic(kernel: &Kernel) -> u64 {
    let bindings = kernel.bindings();
    let written: usize = bindings
        .iter()
        .filter(|b| b.access == Access::Write)
        .map(|b| b.len)
        .sum();
    let bytes = bindings.iter().map(|b| {
        let times = if b.access == Access::ReadWrite { 2 } else { 1 };
        let len = match kernel {
            Kernel::Gather(gather) if b.name == "index" => gather.rows as usize,
            Kernel::Gather(_) => b.len.min(written),
            Kernel::Record(log) => b.len.min(log.columns as usize),
            _ => b.len,
        };
        (times * len * b.element.size()) as u64
    });
    bytes.sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Copy, Gather, Record, SgdUpdate};
    use crate::tensor::Element;

    #[test]
    fn traffic_by_hand() {
        assert_eq!(traffic(&Copy { count: 10 }.into()), 80);
        let log = Record {
            slots: 100,
            columns: 3,
            slot: 0,
            first_slot: 0,
        };
        assert_eq!(traffic(&log.into()), 12 + 24, "one row, read and written");
        let update = SgdUpdate {
            factor: 1.0,
            count: 5,
            learning_rate: 0.1,
            momentum: 0.0,
            nesterov: false,
            weight_decay: 0.0,
            scaled: false,
        };
        assert_eq!(traffic(&update.into()), 20 + 40, "the weights twice");
        let gather = Gather {
            element: Element::F32,
            first_row: 0,
            table_rows: 1000,
            rows: 2,
            columns: 4,
            indices: 1000,
            start: 0,
            batch: true,
            skip: 0,
            factor: 1.0,
        };
        let rows = 2 * 4 * 4;
        assert_eq!(
            traffic(&gather.into()),
            rows + 2 * 4 + rows,
            "not all of the table"
        );
    }
}

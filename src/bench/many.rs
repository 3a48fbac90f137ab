//! Small networks: one after the other, and many at once.

use super::clock::MOST;
use super::training::traffic;
use super::{BenchError, NetworkCase};
use crate::executor::{Data, Executor, Workspace};
use crate::kernel::Tick;
use crate::network::Loss;
use crate::train::population::{Common, Member, Population};
use crate::train::{Model, Optimizer, Purpose, Ready, Session, TrainError, Trainer};

/// Batches of the data set.
const BATCHES: u32 = 32;
/// How far weights may be apart on average after one step, over the largest.
const APART: f64 = 1e-4;

/// What a step of a plan is, and how long it took, in seconds.
pub type StepLine = (String, f64);

/// Networks of one kind that are trained by Adam on the same data, each from a seed of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Many {
    /// What each is.
    pub case: NetworkCase,
    /// How many.
    pub members: usize,
}

/// All at once.
pub struct AtOnce(Population);

/// One of them.
pub struct Alone {
    session: Session,
    ready: Ready,
    batch: usize,
    rate: f64,
    done: u32,
}

impl Many {
    fn trainer(&self, seed: u64) -> Trainer {
        let trainer = self.case.trainer().seed(seed);
        trainer.optimizer(Optimizer::adam(0.001))
    }

    fn rows(&self) -> usize {
        BATCHES as usize * self.case.batch
    }

    /// All of them as a population.
    ///
    /// # Errors
    /// If they do not fit the device.
    pub fn at_once(&self, executor: Box<dyn Executor>) -> Result<AtOnce, BenchError> {
        let network = self.trainer(0).network;
        let member = |seed| Member::new(network.clone(), seed);
        let common = Common {
            loss: Loss::CrossEntropy,
            batch_size: self.case.batch,
            shuffle: true,
            update: Optimizer::adam(0.001).update,
        };
        let members = (0..self.members as u64).map(member).collect();
        let data = self.case.data(self.rows())?;
        let population = Population::within(Workspace::new(executor), members, &data, common)?;
        Ok(AtOnce(population))
    }

    /// One of them, as a trainer would train it.
    ///
    /// # Errors
    /// If it does not fit the device.
    pub fn alone(&self, executor: Box<dyn Executor>, seed: u64) -> Result<Alone, BenchError> {
        let trainer = self.trainer(seed);
        let mut session = trainer.session(executor, &self.case.data(self.rows())?)?;
        let order = trainer.options.order().epoch(self.rows(), 1);
        let Session {
            executor, store, ..
        } = &mut session;
        executor.write_stored(store, "train.order", &Data::U32(order))?;
        let ready = session.plan(Purpose::Training(self.case.batch))?;
        Ok(Alone {
            session,
            ready,
            batch: self.case.batch,
            rate: trainer.options.optimizer.learning_rate,
            done: 0,
        })
    }

    /// Holds every member after one step against the network of its seed that was trained alone.
    ///
    /// # Errors
    /// If they differ.
    pub fn check(
        &self,
        open: &dyn Fn() -> Result<Box<dyn Executor>, BenchError>,
    ) -> Result<(), BenchError> {
        let mut at_once = self.at_once(open()?)?;
        at_once.run(1)?;
        let models = at_once.0.models()?;
        // Some are enough: what is wrong is wrong for each.
        for (seed, model) in models.iter().enumerate().step_by(1 + self.members / 4) {
            let mut alone = self.alone(open()?, seed as u64)?;
            alone.run(1)?;
            let expected = alone.model()?;
            let both = model.values.iter().zip(&expected.values);
            let both: Vec<_> = both.flat_map(|(a, b)| a.iter().zip(b)).collect();
            let largest = both
                .iter()
                .fold(f32::MIN_POSITIVE, |m, (_, b)| m.max(b.abs()));
            let apart: f64 = both.iter().map(|(a, b)| f64::from((*a - *b).abs())).sum();
            let apart = apart / both.len() as f64 / f64::from(largest);
            if apart.is_nan() || apart > APART {
                return Err(BenchError::Wrong {
                    device: alone.session.executor.device().name.clone(),
                    case: self.to_string(),
                    difference: format!(
                        "after one step the weights of member {seed} are {apart:.1e} of the largest from those of the network \
                         alone, on average"
                    ),
                });
            }
        }
        Ok(())
    }
}

impl std::fmt::Display for Many {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {}", self.members, self.case)
    }
}

impl AtOnce {
    /// Trains all for so many steps, and waits for the last.
    ///
    /// # Errors
    /// If the device failed.
    pub fn run(&mut self, steps: usize) -> Result<(), BenchError> {
        self.0.train(u32::try_from(steps).unwrap_or(u32::MAX))?;
        self.0.wait()?;
        Ok(())
    }

    /// Operations of one step, as the kernels count them.
    pub fn operations(&self) -> u64 {
        self.0.plan().operations()
    }

    /// Bytes that the kernels of one step read and write.
    pub fn traffic(&self) -> u64 {
        self.0.plan().steps.iter().map(|s| traffic(&s.kernel)).sum()
    }

    /// Trains one step, and says of each step of its plan what it is and how long it took, in seconds.
    ///
    /// # Errors
    /// If the device failed.
    pub fn run_timed(&mut self) -> Result<Vec<StepLine>, BenchError> {
        let times = self.0.run_timed()?;
        let steps = self.0.plan().steps.iter().zip(&times.steps);
        Ok(steps
            .map(|(step, time)| (super::kernels::title(&step.kernel), time.seconds))
            .collect())
    }
}

impl Alone {
    /// Trains it for so many steps, and waits for the last.
    ///
    /// # Errors
    /// If the device failed.
    pub fn run(&mut self, steps: usize) -> Result<(), BenchError> {
        let batch = u32::try_from(self.batch).unwrap_or(u32::MAX);
        let mut tick = || {
            self.done += 1;
            Tick {
                step: self.done,
                learning_rate: self.rate,
                start: (self.done - 1) % BATCHES * batch,
                ..Tick::default()
            }
        };
        let ticks: Vec<_> = (0..steps.min(MOST)).map(|_| tick()).collect();
        let Session {
            executor, store, ..
        } = &mut self.session;
        executor.run(self.ready.handle, &ticks)?;
        executor.read_stored(store, "train.log.loss")?;
        Ok(())
    }

    /// Operations of one step, as the kernels count them.
    pub fn operations(&self) -> u64 {
        self.ready.plan.operations()
    }

    /// Bytes that the kernels of one step read and write.
    pub fn traffic(&self) -> u64 {
        let steps = self.ready.plan.steps.iter();
        steps.map(|s| traffic(&s.kernel)).sum()
    }

    fn model(&mut self) -> Result<Model, TrainError> {
        self.session.model(false)
    }
}

//! A hundred training steps in one submission: nothing is made meanwhile, and the bits are those of step by step.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use thalweg::executor::{Data, DeviceInfo, Executor, ExecutorError, PlanHandle};
use thalweg::gpu::{Counters, Gpu};
use thalweg::graph::Store;
use thalweg::kernel::{Limits, Tick};
use thalweg::network::Loss;
use thalweg::plan::{Place, Plan};
use thalweg::train::{Optimizer, Purpose, Session, Trainer};

use super::{bits, classes, network};
use crate::common::{executors, gpu};

const STEPS: u32 = 100;
const ROWS: usize = 16;

/// A GPU that can be asked while a session has it.
#[derive(Clone)]
struct Shared {
    gpu: Arc<Mutex<Gpu>>,
    info: DeviceInfo,
    limits: Limits,
}

impl Shared {
    fn new(gpu: Gpu) -> Self {
        let (info, limits) = (gpu.device().clone(), gpu.limits().clone());
        Self {
            gpu: Arc::new(Mutex::new(gpu)),
            info,
            limits,
        }
    }

    fn gpu(&self) -> MutexGuard<'_, Gpu> {
        self.gpu.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn counters(&self) -> Counters {
        self.gpu().counters()
    }
}

impl Executor for Shared {
    fn device(&self) -> &DeviceInfo {
        &self.info
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn load(&mut self, plan: Arc<Plan>, store: &Store) -> Result<PlanHandle, ExecutorError> {
        self.gpu().load(plan, store)
    }

    fn run(&mut self, plan: PlanHandle, ticks: &[Tick]) -> Result<(), ExecutorError> {
        self.gpu().run(plan, ticks)
    }

    fn run_step(
        &mut self,
        plan: PlanHandle,
        step: usize,
        tick: &Tick,
    ) -> Result<(), ExecutorError> {
        self.gpu().run_step(plan, step, tick)
    }

    fn write(&mut self, plan: PlanHandle, place: Place, data: &Data) -> Result<(), ExecutorError> {
        self.gpu().write(plan, place, data)
    }

    fn read(&mut self, plan: PlanHandle, place: Place) -> Result<Data, ExecutorError> {
        self.gpu().read(plan, place)
    }

    fn write_stored(
        &mut self,
        store: &Store,
        name: &str,
        data: &Data,
    ) -> Result<(), ExecutorError> {
        self.gpu().write_stored(store, name, data)
    }

    fn read_stored(&mut self, store: &Store, name: &str) -> Result<Data, ExecutorError> {
        self.gpu().read_stored(store, name)
    }
}

fn session(executor: Box<dyn Executor>) -> Session {
    let trainer = Trainer::new(network(12, 4), Loss::CrossEntropy)
        .optimizer(Optimizer::adam(0.01))
        .seed(3);
    trainer
        .session(executor, &classes(160, 12, 4))
        .expect("it fits")
}

fn ticks() -> Vec<Tick> {
    (0..STEPS)
        .map(|slot| Tick {
            step: slot + 1,
            start: slot * 16 % 160,
            slot,
            learning_rate: 0.01,
        })
        .collect()
}

/// Everything that lasts, as bits.
fn state(session: &mut Session) -> Vec<Vec<u32>> {
    let names: Vec<String> = session
        .store
        .blocks()
        .iter()
        .map(|b| b.name.clone())
        .collect();
    let read = |name: &String| {
        session
            .executor
            .read_stored(&session.store, name)
            .expect("it is there")
            .to_f32()
    };
    bits(&names.iter().map(read).collect::<Vec<_>>())
}

#[test]
fn nothing_grows_in_a_hundred_steps() {
    let Some(gpu) = gpu() else { return };
    let shared = Shared::new(gpu);
    let mut session = session(Box::new(shared.clone()));
    let ready = session
        .plan(Purpose::Training(ROWS))
        .expect("it can be built");
    session
        .executor
        .run(ready.handle, &ticks()[..1])
        .expect("it runs");
    state(&mut session);
    let before = shared.counters();
    assert!(
        before.bind_groups >= ready.plan.steps.len() && before.buffers > 10 && before.pipelines > 5,
        "wgpu counts: {before:?}"
    );
    for _ in 0..3 {
        session
            .executor
            .run(ready.handle, &ticks())
            .expect("it runs");
        assert_eq!(shared.counters(), before, "while it runs");
        state(&mut session);
        assert_eq!(shared.counters(), before, "behind the reading");
    }
}

/// One submission, a submission a training step, and a submission a step of the plan: a missing barrier shows here.
#[test]
fn one_submission_is_step_by_step() {
    let (first, second, third) = (executors(), executors(), executors());
    for ((first, second), third) in first.into_iter().zip(second).zip(third) {
        let name = first.name;
        let [together, apart, single] = [
            (first.executor, 0),
            (second.executor, 1),
            (third.executor, 2),
        ]
        .map(|(executor, how)| {
            let mut session = session(executor);
            let ready = session
                .plan(Purpose::Training(ROWS))
                .expect("it can be built");
            match how {
                0 => session
                    .executor
                    .run(ready.handle, &ticks())
                    .expect("it runs"),
                1 => {
                    for tick in ticks() {
                        session
                            .executor
                            .run(ready.handle, &[tick])
                            .expect("it runs");
                    }
                }
                _ => {
                    for tick in ticks() {
                        for step in 0..ready.plan.steps.len() {
                            session
                                .executor
                                .run_step(ready.handle, step, &tick)
                                .expect("it runs");
                        }
                    }
                }
            }
            state(&mut session)
        });
        assert!(
            together == apart,
            "{name}: one submission a training step gives other bits"
        );
        assert!(
            together == single,
            "{name}: one submission a step of the plan gives other bits"
        );
        assert!(
            together
                .iter()
                .flatten()
                .all(|&x| f32::from_bits(x).is_finite()),
            "{name}: it trains"
        );
    }
}

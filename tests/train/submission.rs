//! A hundred training steps in one submission: nothing is made meanwhile, and the bits are those of step by step.

use thalweg::executor::Executor;
use thalweg::kernel::Tick;
use thalweg::network::Loss;
use thalweg::train::{Optimizer, Purpose, Session, Trainer};

use super::shared::Shared;
use super::{bits, classes, network};
use crate::common::{executors, gpu};

const STEPS: u32 = 100;
const ROWS: usize = 16;

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
            momentum: None,
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
    let before = shared.lock().counters();
    assert!(
        before.bind_groups >= ready.plan.steps.len() && before.buffers > 10 && before.pipelines > 5,
        "wgpu counts: {before:?}"
    );
    for _ in 0..3 {
        session
            .executor
            .run(ready.handle, &ticks())
            .expect("it runs");
        assert_eq!(shared.lock().counters(), before, "while it runs");
        state(&mut session);
        assert_eq!(shared.lock().counters(), before, "behind the reading");
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

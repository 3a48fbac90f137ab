//! Losses that come back while the next steps are under way.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use thalweg::cpu::Cpu;
use thalweg::executor::{Data, DeviceInfo, Executor, ExecutorError, PlanHandle, Reading};
use thalweg::graph::Store;
use thalweg::kernel::{Limits, Tick};
use thalweg::network::{Loss, Network};
use thalweg::plan::{Place, Plan};
use thalweg::train::{Optimizer, TrainError, Trainer};

use super::{Notes, bits, classes, network, numbers};
use crate::common::{cpu, gpu};

/// What an executor was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    /// To run a plan for so many ticks.
    Run(usize),
    Begin(u64),
    End(u64),
}

/// The CPU executor, whose values are on their way until they are waited for, as those of a device are.
struct Late {
    cpu: Cpu,
    held: HashMap<u64, Data>,
    begun: u64,
    calls: Rc<RefCell<Vec<Call>>>,
}

impl Late {
    fn new() -> (Self, Rc<RefCell<Vec<Call>>>) {
        let calls = Rc::default();
        let late = Self {
            cpu: cpu(2),
            held: HashMap::new(),
            begun: 0,
            calls: Rc::clone(&calls),
        };
        (late, calls)
    }
}

impl Executor for Late {
    fn device(&self) -> &DeviceInfo {
        self.cpu.device()
    }

    fn limits(&self) -> &Limits {
        self.cpu.limits()
    }

    fn allocated(&self) -> u64 {
        self.cpu.allocated()
    }

    fn reserve(&mut self, store: &Store) -> Result<(), ExecutorError> {
        self.cpu.reserve(store)
    }

    fn load(&mut self, plan: Arc<Plan>, store: &Store) -> Result<PlanHandle, ExecutorError> {
        self.cpu.load(plan, store)
    }

    fn run(&mut self, plan: PlanHandle, ticks: &[Tick]) -> Result<(), ExecutorError> {
        self.calls.borrow_mut().push(Call::Run(ticks.len()));
        self.cpu.run(plan, ticks)
    }

    fn run_step(
        &mut self,
        plan: PlanHandle,
        step: usize,
        tick: &Tick,
    ) -> Result<(), ExecutorError> {
        self.cpu.run_step(plan, step, tick)
    }

    fn write(&mut self, plan: PlanHandle, place: Place, data: &Data) -> Result<(), ExecutorError> {
        self.cpu.write(plan, place, data)
    }

    fn read(&mut self, plan: PlanHandle, place: Place) -> Result<Data, ExecutorError> {
        self.cpu.read(plan, place)
    }

    fn begin_read(&mut self, plan: PlanHandle, place: Place) -> Result<Reading, ExecutorError> {
        self.begun += 1;
        let data = self.cpu.read(plan, place)?;
        self.held.insert(self.begun, data);
        self.calls.borrow_mut().push(Call::Begin(self.begun));
        Ok(Reading::Number(self.begun))
    }

    fn end_read(&mut self, reading: Reading) -> Result<Data, ExecutorError> {
        let Reading::Number(number) = reading else {
            panic!("all are on their way")
        };
        self.calls.borrow_mut().push(Call::End(number));
        Ok(self.held.remove(&number).expect("it is ended once"))
    }

    fn write_stored(
        &mut self,
        store: &Store,
        name: &str,
        data: &Data,
    ) -> Result<(), ExecutorError> {
        self.cpu.write_stored(store, name, data)
    }

    fn read_stored(&mut self, store: &Store, name: &str) -> Result<Data, ExecutorError> {
        self.cpu.read_stored(store, name)
    }
}

fn trainer() -> Trainer {
    Trainer::new(network(12, 4), Loss::CrossEntropy)
        .optimizer(Optimizer::adam(0.01))
        .batch_size(8)
        .epochs(4)
}

/// The same run, to the bit, on all rows or on rows that stream; and the device has work while losses come back.
#[test]
fn steps_are_under_way_while_losses_come_back() {
    let data = classes(203, 12, 4);
    for stream in [None, Some(0), Some(6000)] {
        let mut trainer = trainer();
        trainer.options.stream = stream;
        let mut plain = Notes::default();
        let expected = trainer.fit_on(Box::new(cpu(2)), &data, Some(&data), &mut plain);
        let (late, calls) = Late::new();
        let mut notes = Notes::default();
        let found = trainer.fit_on(Box::new(late), &data, Some(&data), &mut notes);
        let (expected, found) = (expected.expect("it trains"), found.expect("it trains"));
        assert_eq!(notes.losses, plain.losses, "{stream:?}");
        assert_eq!(notes.epochs, plain.epochs, "{stream:?}");
        assert_eq!(bits(&found.model.values), bits(&expected.model.values));
        assert_eq!(found.summary.validation, expected.summary.validation);
        assert_eq!(found.summary.samples, 4 * 203);
        let calls = calls.borrow();
        let place = |call| calls.iter().position(|c| *c == call);
        let overlaps = (1_u64..).map_while(|number| {
            let (begun, ended) = (place(Call::Begin(number))?, place(Call::End(number))?);
            Some(
                calls[begun..ended]
                    .iter()
                    .any(|c| matches!(c, Call::Run(_))),
            )
        });
        // Chunks of one batch are checked one by one, so that nothing is left to do meanwhile.
        let any = overlaps.filter(|overlaps| *overlaps).count();
        assert_eq!(any > 0, stream != Some(0), "{stream:?}: {any}, {calls:?}");
        assert!(calls.iter().all(|c| !matches!(c, Call::Run(n) if *n > 100)));
    }
}

/// Somebody who ends a run is told of all steps that were done.
#[test]
fn a_run_that_is_ended_loses_no_step() {
    let data = classes(203, 12, 4);
    let gpu = gpu().map(|gpu| Box::new(gpu) as Box<dyn Executor>);
    for executor in std::iter::once(Box::new(Late::new().0) as Box<dyn Executor>).chain(gpu) {
        let mut notes = Notes {
            stop_after: Some(3),
            ..Notes::default()
        };
        let fit = trainer().fit_on(executor, &data, None, &mut notes);
        let fit = fit.expect("it trains");
        assert!(fit.summary.interrupted);
        assert_eq!(notes.losses.len() as u64, fit.summary.steps);
        let mut shorter = trainer();
        shorter.options.steps = Some(fit.summary.steps);
        let mut again = Notes::default();
        if notes.losses.len() < 26 {
            let expected = shorter.fit_on(Box::new(cpu(2)), &data, None, &mut again);
            let expected = expected.expect("it trains").summary;
            assert_eq!(fit.summary.samples, expected.samples);
        }
    }
}

/// It is noticed when the next steps are under way already, and still it is found where it began.
#[test]
fn a_loss_that_is_not_finite_is_noticed_late() {
    let data = numbers(64, 7, 3);
    let trainer = Trainer::new(Network::new(7).linear(5).linear(3), Loss::SquaredError)
        .optimizer(Optimizer::sgd(1e30))
        .batch_size(16)
        .epochs(50);
    let fails = |executor: Box<dyn Executor>| {
        let error = trainer.fit_on(executor, &data, None, &mut Notes::default());
        let Err(TrainError::NonFinite(found)) = error else {
            panic!("{error:?}")
        };
        let values = bits(&found.last_good.values);
        (
            found.step,
            found.tensor,
            found.index,
            found.plan_step,
            values,
        )
    };
    assert_eq!(fails(Box::new(Late::new().0)), fails(Box::new(cpu(2))));
}

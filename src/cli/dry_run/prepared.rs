//! An executor that finds out what it will choose for a plan before it says what the plan takes.

use std::cell::RefCell;
use std::sync::Arc;

use crate::executor::{Data, DeviceInfo, Executor, ExecutorError, PlanHandle};
use crate::graph::Store;
use crate::kernel::{Limits, Tick};
use crate::plan::{Place, Plan};
use crate::tensor::Element;

/// Asks the executor within, and lets it [prepare](Executor::prepare) for each plan whose size is asked for.
pub(in crate::cli) struct Prepared {
    within: RefCell<Box<dyn Executor>>,
    device: DeviceInfo,
    limits: Limits,
}

impl Prepared {
    pub(in crate::cli) fn new(within: Box<dyn Executor>) -> Self {
        Self {
            device: within.device().clone(),
            limits: within.limits().clone(),
            within: RefCell::new(within),
        }
    }
}

impl Executor for Prepared {
    fn device(&self) -> &DeviceInfo {
        &self.device
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn available_memory(&self) -> Option<u64> {
        self.within.borrow().available_memory()
    }

    fn buffer_bytes(&self, element: Element, len: usize) -> u64 {
        self.within.borrow().buffer_bytes(element, len)
    }

    fn plan_bytes(&self, plan: &Plan) -> u64 {
        let mut within = self.within.borrow_mut();
        if let Err(cause) = within.prepare(plan) {
            log::warn!(
                "what plan {} takes is told without timing: {cause}",
                plan.name
            );
        }
        within.plan_bytes(plan)
    }

    fn allocated(&self) -> u64 {
        self.within.borrow().allocated()
    }

    fn reserve(&mut self, store: &Store) -> Result<(), ExecutorError> {
        self.within.get_mut().reserve(store)
    }

    fn load(&mut self, plan: Arc<Plan>, store: &Store) -> Result<PlanHandle, ExecutorError> {
        self.within.get_mut().load(plan, store)
    }

    fn run(&mut self, plan: PlanHandle, ticks: &[Tick]) -> Result<(), ExecutorError> {
        self.within.get_mut().run(plan, ticks)
    }

    fn run_step(
        &mut self,
        plan: PlanHandle,
        step: usize,
        tick: &Tick,
    ) -> Result<(), ExecutorError> {
        self.within.get_mut().run_step(plan, step, tick)
    }

    fn write(&mut self, plan: PlanHandle, place: Place, data: &Data) -> Result<(), ExecutorError> {
        self.within.get_mut().write(plan, place, data)
    }

    fn read(&mut self, plan: PlanHandle, place: Place) -> Result<Data, ExecutorError> {
        self.within.get_mut().read(plan, place)
    }

    fn write_stored(
        &mut self,
        store: &Store,
        name: &str,
        data: &Data,
    ) -> Result<(), ExecutorError> {
        self.within.get_mut().write_stored(store, name, data)
    }

    fn read_stored(&mut self, store: &Store, name: &str) -> Result<Data, ExecutorError> {
        self.within.get_mut().read_stored(store, name)
    }
}

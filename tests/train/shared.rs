//! An executor of which the test keeps a hold.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use thalweg::executor::{Data, DeviceInfo, Executor, ExecutorError, PlanHandle};
use thalweg::graph::Store;
use thalweg::kernel::{Limits, Tick};
use thalweg::plan::{Place, Plan};
use thalweg::tensor::Element;

/// An executor that can be asked while a session has it.
pub(super) struct Shared<E> {
    executor: Arc<Mutex<E>>,
    info: DeviceInfo,
    limits: Limits,
}

impl<E> Clone for Shared<E> {
    fn clone(&self) -> Self {
        Self {
            executor: Arc::clone(&self.executor),
            info: self.info.clone(),
            limits: self.limits.clone(),
        }
    }
}

impl<E: Executor> Shared<E> {
    pub(super) fn new(executor: E) -> Self {
        let (info, limits) = (executor.device().clone(), executor.limits().clone());
        Self {
            executor: Arc::new(Mutex::new(executor)),
            info,
            limits,
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, E> {
        self.executor.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<E: Executor> Executor for Shared<E> {
    fn device(&self) -> &DeviceInfo {
        &self.info
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn available_memory(&self) -> Option<u64> {
        self.lock().available_memory()
    }

    fn buffer_bytes(&self, element: Element, len: usize) -> u64 {
        self.lock().buffer_bytes(element, len)
    }

    fn plan_bytes(&self, plan: &Plan) -> u64 {
        self.lock().plan_bytes(plan)
    }

    fn allocated(&self) -> u64 {
        self.lock().allocated()
    }

    fn reserve(&mut self, store: &Store) -> Result<(), ExecutorError> {
        self.lock().reserve(store)
    }

    fn load(&mut self, plan: Arc<Plan>, store: &Store) -> Result<PlanHandle, ExecutorError> {
        self.lock().load(plan, store)
    }

    fn run(&mut self, plan: PlanHandle, ticks: &[Tick]) -> Result<(), ExecutorError> {
        self.lock().run(plan, ticks)
    }

    fn run_step(
        &mut self,
        plan: PlanHandle,
        step: usize,
        tick: &Tick,
    ) -> Result<(), ExecutorError> {
        self.lock().run_step(plan, step, tick)
    }

    fn write(&mut self, plan: PlanHandle, place: Place, data: &Data) -> Result<(), ExecutorError> {
        self.lock().write(plan, place, data)
    }

    fn read(&mut self, plan: PlanHandle, place: Place) -> Result<Data, ExecutorError> {
        self.lock().read(plan, place)
    }

    fn write_stored(
        &mut self,
        store: &Store,
        name: &str,
        data: &Data,
    ) -> Result<(), ExecutorError> {
        self.lock().write_stored(store, name, data)
    }

    fn read_stored(&mut self, store: &Store, name: &str) -> Result<Data, ExecutorError> {
        self.lock().read_stored(store, name)
    }
}

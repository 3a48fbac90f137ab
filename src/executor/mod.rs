//! Executors: what runs a plan.
//!
//! An [`Executor`] holds the values of a store and of the plans loaded into it. Three there are: the reference (plain
//! loops, in f32 or f64), the CPU (fast), and the GPU. Whoever trains, evaluates or verifies sees only this trait.

mod clock;
mod data;
mod error;
mod host;
mod memory;
mod view;
mod workspace;

pub(crate) use clock::HostClock;
pub use data::Data;
pub use error::ExecutorError;
pub use host::{Host, HostKernels};
pub(crate) use memory::available;
pub use view::{View, ViewMut};
pub use workspace::{Program, Workspace};

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::graph::Store;
use crate::kernel::{Limits, Tick};
use crate::plan::{Place, Plan};
use crate::tensor::Element;

/// A plan that has been loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PlanHandle(pub(crate) usize);

/// Which device an executor runs on, for people and for the run's records.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct DeviceInfo {
    /// `reference`, `cpu` or `gpu`.
    pub executor: &'static str,
    /// The device's name, such as the adapter's.
    pub name: String,
    /// The interface it is reached by, such as `Vulkan`; `host` for executors on the CPU.
    pub backend: String,
    /// The driver and its version, where there is one.
    pub driver: String,
}

/// When a step of a plan ran, in seconds on the clock that was read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepTime {
    /// When it began, counted from the beginning of the plan's run.
    pub start: f64,
    /// How long it took.
    pub seconds: f64,
}

/// The times of all steps of a plan, and whose clock they are from.
#[derive(Debug, Clone, PartialEq)]
pub struct StepTimes {
    /// One for each step, in order.
    pub steps: Vec<StepTime>,
    /// Whether the device itself told them. If not, they hold what the host needs to submit a step and to wait for it.
    pub by_device: bool,
}

/// Values that are on their way back from a device, or that are there already.
#[derive(Debug)]
pub enum Reading {
    /// They are there.
    Done(Data),
    /// They are on their way, under a number that their executor knows.
    Number(u64),
}

/// What timing the shaders found for one product.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Timed {
    /// The fastest shader.
    pub fastest: String,
    /// Each shader with its time, in microseconds.
    pub microseconds: BTreeMap<String, f64>,
}

/// What timing found, by product.
pub type TuningTable = BTreeMap<String, Timed>;

/// What runs plans over a store.
pub trait Executor {
    /// The device.
    fn device(&self) -> &DeviceInfo;

    /// What the device can bind, which plans must respect.
    fn limits(&self) -> &Limits;

    /// Bytes that can still be allocated, where that is known.
    fn available_memory(&self) -> Option<u64> {
        None
    }

    /// The shader chosen for each product of the plans that are loaded, in words: what results depend on beside the device
    /// and its driver. Empty for executors that have no choice.
    fn choices(&self) -> BTreeMap<String, String> {
        BTreeMap::new()
    }

    /// Takes these shaders for products of plans that are yet to be loaded, as an earlier run was told by
    /// [`Executor::choices`]. One that this device has not is passed over.
    fn choose(&mut self, _products: &BTreeMap<String, String>) {}

    /// What was timed to make these choices, here or by an earlier process. Empty where nothing is timed.
    fn timed_choices(&self) -> TuningTable {
        TuningTable::new()
    }

    /// Finds out what this executor will choose by for a plan, so that what [`Executor::plan_bytes`] says is what loading it
    /// takes. What this itself takes is given back.
    ///
    /// # Errors
    /// If the device failed.
    fn prepare(&mut self, plan: &Plan) -> Result<(), ExecutorError> {
        let _ = plan;
        Ok(())
    }

    /// Bytes that a buffer of so many elements takes.
    fn buffer_bytes(&self, element: Element, len: usize) -> u64 {
        (len as u64)
            .saturating_mul(element.size() as u64)
            .saturating_add(15)
            / 16
            * 16
    }

    /// Bytes that a plan will take when it is loaded.
    fn plan_bytes(&self, plan: &Plan) -> u64 {
        let buffers = plan.buffers.iter();
        buffers.map(|b| self.buffer_bytes(b.element, b.len)).sum()
    }

    /// Bytes made for stores and plans.
    fn allocated(&self) -> u64;

    /// Allocates the blocks of the store that are not there yet. New memory holds zeros.
    ///
    /// # Errors
    /// If the device cannot hold them.
    fn reserve(&mut self, store: &Store) -> Result<(), ExecutorError>;

    /// Allocates what the plan needs, and the blocks of the store that are not there yet. New memory holds zeros, or
    /// the buffer's fill.
    ///
    /// # Errors
    /// If the device cannot hold it.
    fn load(&mut self, plan: Arc<Plan>, store: &Store) -> Result<PlanHandle, ExecutorError>;

    /// Runs a plan once for each tick, in order. A device may still be working when this returns; reading waits.
    ///
    /// # Errors
    /// If the device failed.
    fn run(&mut self, plan: PlanHandle, ticks: &[Tick]) -> Result<(), ExecutorError>;

    /// Runs one step of a plan, for whoever compares executors in lockstep.
    ///
    /// # Errors
    /// If the device failed.
    fn run_step(&mut self, plan: PlanHandle, step: usize, tick: &Tick)
    -> Result<(), ExecutorError>;

    /// Runs a plan once, as [`Executor::run`] does and with the same results, and says how long each step took. `steps`
    /// is the number of the plan's steps. Slower than `run`: for profiles, not for training.
    ///
    /// Unless an executor knows better, this is the host's clock around each step.
    ///
    /// # Errors
    /// If the device failed.
    fn run_timed(
        &mut self,
        plan: PlanHandle,
        steps: usize,
        tick: &Tick,
    ) -> Result<StepTimes, ExecutorError> {
        let mut clock = HostClock::new(steps);
        for step in 0..steps {
            clock.time(|| self.run_step(plan, step, tick))?;
        }
        Ok(clock.times())
    }

    /// The multiply-adds that the device does in registers, in GFLOP/s of 2 operations each, measured now: no kernel can
    /// be faster. `None` where nobody measures it.
    ///
    /// # Errors
    /// If the device failed.
    fn arithmetic_rate(&mut self) -> Result<Option<f64>, ExecutorError> {
        Ok(None)
    }

    /// Bytes of the device's own memory that stores and plans take; `None` where that is the host's.
    fn device_bytes(&self) -> Option<u64> {
        None
    }

    /// Writes to a place: in the store, or in a plan's own buffers.
    ///
    /// # Errors
    /// If the data have another length or type, or the device failed.
    fn write(&mut self, plan: PlanHandle, place: Place, data: &Data) -> Result<(), ExecutorError>;

    /// Reads a place, after all work before.
    ///
    /// # Errors
    /// If the device failed.
    fn read(&mut self, plan: PlanHandle, place: Place) -> Result<Data, ExecutorError>;

    /// Begins to read a place as it is after all work before, and does not wait for it. Work that follows may change the
    /// place. An executor that has no device to wait for reads at once.
    ///
    /// # Errors
    /// If the device failed.
    fn begin_read(&mut self, plan: PlanHandle, place: Place) -> Result<Reading, ExecutorError> {
        self.read(plan, place).map(Reading::Done)
    }

    /// Waits for values that this executor has begun to read.
    ///
    /// # Errors
    /// If the device failed.
    ///
    /// # Panics
    /// If another executor has begun to read them.
    fn end_read(&mut self, reading: Reading) -> Result<Data, ExecutorError> {
        match reading {
            Reading::Done(data) => Ok(data),
            Reading::Number(number) => panic!("reading {number} was begun by another executor"),
        }
    }

    /// Writes a tensor of the store. The store's blocks that are not there yet are allocated.
    ///
    /// # Errors
    /// If the store has no such tensor, the data do not fit it, or the device failed.
    fn write_stored(&mut self, store: &Store, name: &str, data: &Data)
    -> Result<(), ExecutorError>;

    /// Writes a part of a tensor of the store, from element `first` of it on. The store's blocks that are not there yet are
    /// allocated.
    ///
    /// # Errors
    /// As [`Executor::write_stored`].
    fn write_part(
        &mut self,
        store: &Store,
        name: &str,
        first: usize,
        data: &Data,
    ) -> Result<(), ExecutorError> {
        self.reserve(store)?;
        let whole = Place::stored(store, name)?;
        let place = Place {
            offset: whole.offset + first,
            len: data.len(),
            ..whole
        };
        if first.saturating_add(data.len()) > whole.len {
            let (_, _, expected_element) = store.find(name)?;
            return Err(ExecutorError::Mismatch {
                found: data.len(),
                found_element: data.element(),
                expected: whole.len.saturating_sub(first),
                expected_element,
            });
        }
        // The place is the store's, so the plan does not matter.
        self.write(PlanHandle(0), place, data)
    }

    /// Reads a tensor of the store, after all work before.
    ///
    /// # Errors
    /// If the store has no such tensor, or the device failed.
    fn read_stored(&mut self, store: &Store, name: &str) -> Result<Data, ExecutorError>;
}

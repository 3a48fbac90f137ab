//! The memory of plans on the host, for the executors that run there.

use std::sync::Arc;

use half::f16;

use super::{
    Data, DeviceInfo, Executor, ExecutorError, HostClock, PlanHandle, StepTimes, View, ViewMut,
};
use crate::graph::Store;
use crate::kernel::{Kernel, Limits, Tick};
use crate::plan::{Buffer, BufferId, Place, Plan, Step};
use crate::tensor::Element;

/// Most tensors that a kernel reads, and most that it writes.
const OPERANDS: usize = 5;

/// What runs a kernel on the host. `Real` is what reals are held as.
pub trait HostKernels: Send + Sync {
    /// f32 or f64.
    type Real: Copy + From<f32> + Into<f64> + Send + Sync;

    /// Runs a whole plan's work where kernels start fastest.
    fn enter<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        work()
    }

    /// A real from a number in double precision.
    fn real(value: f64) -> Self::Real;

    /// Reals on their way out.
    fn data(values: &[Self::Real]) -> Data;

    /// The multiply-adds of all threads together, in GFLOP/s of 2 operations each, where that is measured.
    fn arithmetic_rate(&self) -> Option<f64> {
        None
    }

    /// Runs a kernel. `outputs` of in-place kernels hold the values before.
    fn run(
        &self,
        kernel: &Kernel,
        inputs: &[View<'_, Self::Real>],
        outputs: &mut [ViewMut<'_, Self::Real>],
    );
}

/// One buffer.
#[derive(Debug, Clone)]
enum Memory<T> {
    Real(Vec<T>),
    /// Reals that whoever wrote them has rounded to half precision.
    Half(Vec<T>),
    U32(Vec<u32>),
    U8(Vec<u8>),
}

impl<T: Copy> Memory<T> {
    fn new(element: Element, len: usize, fill: T, what: &str) -> Result<Self, ExecutorError> {
        fn filled<V: Copy>(value: V, len: usize, what: &str) -> Result<Vec<V>, ExecutorError> {
            let mut values = Vec::new();
            values
                .try_reserve_exact(len)
                .map_err(|cause| ExecutorError::OutOfMemory {
                    device: "the host".to_owned(),
                    bytes: (len as u64).saturating_mul(size_of::<V>() as u64),
                    what: what.to_owned(),
                    cause: cause.to_string(),
                })?;
            values.resize(len, value);
            Ok(values)
        }
        Ok(match element {
            Element::F32 => Self::Real(filled(fill, len, what)?),
            Element::F16 => Self::Half(filled(fill, len, what)?),
            Element::U32 => Self::U32(filled(0, len, what)?),
            Element::U8 => Self::U8(filled(0, len, what)?),
        })
    }

    /// Bytes it takes.
    fn bytes(&self) -> u64 {
        let bytes = match self {
            Self::Real(values) | Self::Half(values) => values.capacity() * size_of::<T>(),
            Self::U32(values) => values.capacity() * size_of::<u32>(),
            Self::U8(values) => values.capacity(),
        };
        bytes as u64
    }

    const fn element(&self) -> Element {
        match self {
            Self::Real(_) => Element::F32,
            Self::Half(_) => Element::F16,
            Self::U32(_) => Element::U32,
            Self::U8(_) => Element::U8,
        }
    }

    fn view(&self, place: Place) -> View<'_, T> {
        let range = place.offset..place.offset + place.len;
        match self {
            Self::Real(values) | Self::Half(values) => View::Real(&values[range]),
            Self::U32(values) => View::U32(&values[range]),
            Self::U8(values) => View::U8(&values[range]),
        }
    }

    fn view_mut(&mut self, place: Place) -> ViewMut<'_, T> {
        let range = place.offset..place.offset + place.len;
        match self {
            Self::Real(values) | Self::Half(values) => ViewMut::Real(&mut values[range]),
            Self::U32(values) => ViewMut::U32(&mut values[range]),
            Self::U8(values) => ViewMut::U8(&mut values[range]),
        }
    }

    /// Two parts of it that do not overlap.
    fn two_views_mut(&mut self, a: Place, b: Place) -> [ViewMut<'_, T>; 2] {
        fn split<V>(values: &mut [V], a: Place, b: Place) -> [&mut [V]; 2] {
            let range = |place: Place| place.offset..place.offset + place.len;
            values
                .get_disjoint_mut([range(a), range(b)])
                .expect("a plan's tensors lie in their buffer, and those that a step writes apart")
        }
        match self {
            Self::Real(values) | Self::Half(values) => split(values, a, b).map(ViewMut::Real),
            Self::U32(values) => split(values, a, b).map(ViewMut::U32),
            Self::U8(values) => split(values, a, b).map(ViewMut::U8),
        }
    }
}

impl<T> Default for Memory<T> {
    fn default() -> Self {
        Self::Real(Vec::new())
    }
}

struct Loaded<T> {
    plan: Arc<Plan>,
    buffers: Vec<Memory<T>>,
}

/// An executor on the host: memory for stores and plans, and the kernels of `K`.
pub struct Host<K: HostKernels> {
    kernels: Arc<K>,
    device: DeviceInfo,
    limits: Limits,
    store: Vec<Memory<K::Real>>,
    plans: Vec<Loaded<K::Real>>,
}

impl<K: HostKernels> Host<K> {
    /// An executor with empty memory.
    pub fn new(kernels: K, executor: &'static str, name: String) -> Self {
        let device = DeviceInfo {
            executor,
            name,
            backend: "host".to_owned(),
            driver: String::new(),
        };
        let limits = Limits {
            binding: u64::MAX,
            buffer: u64::MAX,
            half: true,
            fill: 1,
            ..Limits::SMALLEST
        };
        Self {
            kernels: Arc::new(kernels),
            device,
            limits,
            store: Vec::new(),
            plans: Vec::new(),
        }
    }

    /// For tests: lets plans be made as for a device with these limits.
    #[doc(hidden)]
    pub fn choose_as(&mut self, limits: Limits) {
        self.limits = limits;
    }

    fn allocate_store(&mut self, store: &Store) -> Result<(), ExecutorError> {
        for block in &store.blocks()[self.store.len().min(store.blocks().len())..] {
            self.store.push(Memory::new(
                block.element,
                block.len,
                K::real(0.0),
                &block.name,
            )?);
        }
        Ok(())
    }

    fn memory(&mut self, plan: PlanHandle, buffer: BufferId) -> &mut Memory<K::Real> {
        match buffer {
            BufferId::Store(index) => &mut self.store[index],
            BufferId::Plan(index) => &mut self.plans[plan.0].buffers[index],
        }
    }

    fn step(&mut self, plan: PlanHandle, index: usize, tick: &Tick) {
        let loaded = &mut self.plans[plan.0];
        let Step {
            kernel,
            inputs,
            outputs,
            ..
        } = &loaded.plan.steps[index];
        let kernel = kernel.at(tick);
        let place = |tensor: usize| loaded.plan.tensors[tensor].place;

        // No buffer is both read and written by a step, so those written can be taken out meanwhile. Two outputs may be
        // parts of one: then the first of them holds it, and the second nothing.
        let mut written: [Memory<K::Real>; OPERANDS] = Default::default();
        for (slot, &tensor) in written.iter_mut().zip(outputs) {
            *slot = std::mem::take(match place(tensor).buffer {
                BufferId::Store(b) => &mut self.store[b],
                BufferId::Plan(b) => &mut loaded.buffers[b],
            });
        }
        let mut reads = [View::U8(&[]); OPERANDS];
        for (view, &tensor) in reads.iter_mut().zip(inputs) {
            let place = place(tensor);
            *view = match place.buffer {
                BufferId::Store(b) => self.store[b].view(place),
                BufferId::Plan(b) => loaded.buffers[b].view(place),
            };
        }
        let mut writes: [ViewMut<'_, K::Real>; OPERANDS] =
            std::array::from_fn(|_| ViewMut::U8(&mut []));
        match outputs[..] {
            [a, b] if place(a).buffer == place(b).buffer => {
                let [first, second, ..] = &mut writes;
                [*first, *second] = written[0].two_views_mut(place(a), place(b));
            }
            _ => {
                for ((view, memory), &tensor) in writes.iter_mut().zip(&mut written).zip(outputs) {
                    *view = memory.view_mut(place(tensor));
                }
            }
        }
        self.kernels.run(
            &kernel,
            &reads[..inputs.len()],
            &mut writes[..outputs.len()],
        );
        // Backwards, so that what the first of two outputs holds is put back last.
        for (slot, &tensor) in written.iter_mut().zip(outputs).rev() {
            *match place(tensor).buffer {
                BufferId::Store(b) => &mut self.store[b],
                BufferId::Plan(b) => &mut loaded.buffers[b],
            } = std::mem::take(slot);
        }
    }

    fn put(&mut self, plan: PlanHandle, place: Place, data: &Data) -> Result<(), ExecutorError> {
        let memory = self.memory(plan, place.buffer);
        let (element, expected) = (memory.element(), place.len);
        let mismatch = || ExecutorError::Mismatch {
            found: data.len(),
            found_element: data.element(),
            expected,
            expected_element: element,
        };
        if data.len() != place.len || data.element() != element {
            return Err(mismatch());
        }
        match (memory.view_mut(place), data) {
            (ViewMut::Real(to), Data::F32(from)) => {
                to.iter_mut()
                    .zip(from)
                    .for_each(|(to, &from)| *to = from.into());
            }
            (ViewMut::Real(to), Data::F64(from)) => {
                to.iter_mut()
                    .zip(from)
                    .for_each(|(to, &from)| *to = K::real(from));
            }
            (ViewMut::Real(to), Data::F16(from)) => {
                to.iter_mut()
                    .zip(from)
                    .for_each(|(to, &from)| *to = f32::from(from).into());
            }
            (ViewMut::U32(to), Data::U32(from)) => to.copy_from_slice(from),
            (ViewMut::U8(to), Data::U8(from)) => to.copy_from_slice(from),
            _ => return Err(mismatch()),
        }
        Ok(())
    }

    fn get(&mut self, plan: PlanHandle, place: Place) -> Data {
        let memory = self.memory(plan, place.buffer);
        let half = memory.element() == Element::F16;
        match memory.view(place) {
            View::Real(values) if half => {
                // Exact, as they are rounded already.
                let rounded = |&value: &K::Real| f16::from_f64(value.into());
                Data::F16(values.iter().map(rounded).collect())
            }
            View::Real(values) => K::data(values),
            View::U32(values) => Data::U32(values.to_vec()),
            View::U8(values) => Data::U8(values.to_vec()),
        }
    }
}

impl<K: HostKernels> Executor for Host<K> {
    fn device(&self) -> &DeviceInfo {
        &self.device
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn available_memory(&self) -> Option<u64> {
        super::available()
    }

    fn buffer_bytes(&self, element: Element, len: usize) -> u64 {
        let size = match element {
            // Halves are held as reals that are rounded already.
            Element::F32 | Element::F16 => size_of::<K::Real>(),
            Element::U32 | Element::U8 => element.size(),
        };
        (len as u64).saturating_mul(size as u64)
    }

    fn allocated(&self) -> u64 {
        let plans = self.plans.iter().flat_map(|p| &p.buffers);
        self.store.iter().chain(plans).map(Memory::bytes).sum()
    }

    fn reserve(&mut self, store: &Store) -> Result<(), ExecutorError> {
        self.allocate_store(store)
    }

    fn load(&mut self, plan: Arc<Plan>, store: &Store) -> Result<PlanHandle, ExecutorError> {
        self.allocate_store(store)?;
        let new = |b: &Buffer| Memory::new(b.element, b.len, K::real(b.fill), &plan.name);
        let buffers = plan.buffers.iter().map(new).collect::<Result<_, _>>()?;
        self.plans.push(Loaded { plan, buffers });
        Ok(PlanHandle(self.plans.len() - 1))
    }

    fn run(&mut self, plan: PlanHandle, ticks: &[Tick]) -> Result<(), ExecutorError> {
        let steps = self.plans[plan.0].plan.steps.len();
        Arc::clone(&self.kernels).enter(|| {
            for tick in ticks {
                (0..steps).for_each(|index| self.step(plan, index, tick));
            }
        });
        Ok(())
    }

    fn run_step(
        &mut self,
        plan: PlanHandle,
        step: usize,
        tick: &Tick,
    ) -> Result<(), ExecutorError> {
        self.step(plan, step, tick);
        Ok(())
    }

    /// The device is the host, so its clock is the device's.
    fn run_timed(
        &mut self,
        plan: PlanHandle,
        steps: usize,
        tick: &Tick,
    ) -> Result<StepTimes, ExecutorError> {
        Ok(Arc::clone(&self.kernels).enter(|| {
            let mut clock = HostClock::new(steps);
            (0..steps).for_each(|index| clock.time(|| self.step(plan, index, tick)));
            StepTimes {
                by_device: true,
                ..clock.times()
            }
        }))
    }

    fn arithmetic_rate(&mut self) -> Result<Option<f64>, ExecutorError> {
        Ok(self.kernels.arithmetic_rate())
    }

    fn write(&mut self, plan: PlanHandle, place: Place, data: &Data) -> Result<(), ExecutorError> {
        self.put(plan, place, data)
    }

    fn read(&mut self, plan: PlanHandle, place: Place) -> Result<Data, ExecutorError> {
        Ok(self.get(plan, place))
    }

    fn write_stored(
        &mut self,
        store: &Store,
        name: &str,
        data: &Data,
    ) -> Result<(), ExecutorError> {
        self.allocate_store(store)?;
        self.put(PlanHandle(0), Place::stored(store, name)?, data)
    }

    fn read_stored(&mut self, store: &Store, name: &str) -> Result<Data, ExecutorError> {
        self.allocate_store(store)?;
        Ok(self.get(PlanHandle(0), Place::stored(store, name)?))
    }
}

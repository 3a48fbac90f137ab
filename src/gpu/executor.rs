//! The executor: plans loaded onto the device, and their runs.

use std::sync::Arc;

use half::f16;
use half::slice::HalfFloatSliceExt;

use super::Gpu;
use super::memory::Memory;
use super::pipeline::bind;
use crate::executor::{Data, DeviceInfo, Executor, ExecutorError, PlanHandle};
use crate::graph::Store;
use crate::kernel::{Grid, Kernel, Limits, Tick};
use crate::plan::{BufferId, Place, Plan};
use crate::tensor::Element;

/// A step, ready to be recorded.
#[derive(Debug)]
struct LoadedStep {
    kernel: Kernel,
    pipeline: usize,
    bindings: wgpu::BindGroup,
    grid: Grid,
}

/// A plan with its buffers and steps.
#[derive(Debug)]
pub(super) struct Loaded {
    buffers: Vec<Memory>,
    steps: Vec<LoadedStep>,
}

impl Gpu {
    /// Forgets the plans that were loaded behind the first `count`.
    pub(super) fn unload_behind(&mut self, count: usize) {
        self.plans.truncate(count);
    }
}

impl Loaded {
    pub(super) fn buffers(&self) -> &[Memory] {
        &self.buffers
    }
}

impl Gpu {
    fn allocate_store(&mut self, store: &Store) -> Result<(), ExecutorError> {
        self.device.check()?;
        for block in &store.blocks()[self.store.len().min(store.blocks().len())..] {
            let memory = self.allocate(block.element, block.len, &block.name)?;
            self.store.push(memory);
        }
        Ok(())
    }

    fn allocate(&self, element: Element, len: usize, what: &str) -> Result<Memory, ExecutorError> {
        Memory::new(&self.device, element, len, self.limits.buffer, what)
    }

    fn memory(&self, plan: PlanHandle, buffer: BufferId) -> &Memory {
        match buffer {
            BufferId::Store(index) => &self.store[index],
            BufferId::Plan(index) => &self.plans[plan.0].buffers[index],
        }
    }

    fn load_step(
        &mut self,
        plan: &Plan,
        buffers: &[Memory],
        index: usize,
    ) -> Result<LoadedStep, ExecutorError> {
        let step = &plan.steps[index];
        let shader = step.kernel.spec().shader(&self.limits);
        let pipeline = self.pipelines.of(&self.device, &step.kernel, &shader)?;
        let operands = step.inputs.iter().chain(&step.outputs);
        let ranges: Vec<_> = operands
            .map(|&tensor| {
                let place = plan.tensors[tensor].place;
                let memory = match place.buffer {
                    BufferId::Store(index) => &self.store[index],
                    BufferId::Plan(index) => &buffers[index],
                };
                let [start, bytes] =
                    [place.offset, place.len].map(|n| (n * memory.element.size()) as u64);
                (&memory.buffer, start, bytes.next_multiple_of(4))
            })
            .collect();
        let bindings = bind(&self.device, self.pipelines.get(pipeline), &ranges)?;
        Ok(LoadedStep {
            kernel: step.kernel,
            pipeline,
            bindings,
            grid: shader.grid,
        })
    }

    /// Records the chosen steps once for each tick, in one pass, and submits them.
    fn submit(
        &mut self,
        plan: PlanHandle,
        steps: std::ops::Range<usize>,
        ticks: &[Tick],
    ) -> Result<(), ExecutorError> {
        self.device.check()?;
        let mut encoder = self
            .device
            .wgpu
            .create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        let mut pipeline = None;
        for tick in ticks {
            for step in &self.plans[plan.0].steps[steps.clone()] {
                if pipeline.replace(step.pipeline) != Some(step.pipeline) {
                    pass.set_pipeline(&self.pipelines.get(step.pipeline).pipeline);
                }
                pass.set_bind_group(0, &step.bindings, &[]);
                let parameters = step.kernel.at(tick).spec().parameters();
                pass.set_immediates(0, bytemuck::cast_slice(parameters.words()));
                let [x, y, z] = step.grid;
                pass.dispatch_workgroups(x, y, z);
            }
        }
        drop(pass);
        self.device.submit(Some(encoder.finish()))?;
        self.transfer.submitted();
        Ok(())
    }

    fn put(&mut self, plan: PlanHandle, place: Place, data: &Data) -> Result<(), ExecutorError> {
        self.device.check()?;
        let memory = self.memory(plan, place.buffer).clone();
        hold(&memory, place);
        let singles;
        let bytes: &[u8] = match (memory.element, data) {
            (Element::F32, Data::F32(values)) => bytemuck::cast_slice(values),
            (Element::F32, Data::F64(_)) => {
                singles = data.to_f32();
                bytemuck::cast_slice(&singles)
            }
            (Element::F16, Data::F16(values)) => bytemuck::cast_slice(values.reinterpret_cast()),
            (Element::U32, Data::U32(values)) => bytemuck::cast_slice(values),
            (Element::U8, Data::U8(values)) => values,
            _ => &[],
        };
        if data.len() != place.len || data.element() != memory.element {
            return Err(ExecutorError::Mismatch {
                found: data.len(),
                found_element: data.element(),
                expected: place.len,
                expected_element: memory.element,
            });
        }
        let start = (place.offset * memory.element.size()) as u64;
        self.transfer
            .write(&mut self.device, &memory.buffer, start, bytes)?;
        self.device.look()
    }

    fn get(&mut self, plan: PlanHandle, place: Place) -> Result<Data, ExecutorError> {
        self.device.check()?;
        let memory = self.memory(plan, place.buffer).clone();
        hold(&memory, place);
        let start = (place.offset * memory.element.size()) as u64;
        let mut read = |bytes: &mut [u8]| {
            self.transfer
                .read(&mut self.device, &memory.buffer, start, bytes)
        };
        Ok(match memory.element {
            Element::F32 => {
                let mut values = vec![0.0_f32; place.len];
                read(bytemuck::cast_slice_mut(&mut values))?;
                Data::F32(values)
            }
            Element::F16 => {
                let mut values = vec![f16::ZERO; place.len];
                read(bytemuck::cast_slice_mut(values.reinterpret_cast_mut()))?;
                Data::F16(values)
            }
            Element::U32 => {
                let mut values = vec![0_u32; place.len];
                read(bytemuck::cast_slice_mut(&mut values))?;
                Data::U32(values)
            }
            Element::U8 => {
                let mut values = vec![0_u8; place.len];
                read(&mut values)?;
                Data::U8(values)
            }
        })
    }
}

/// # Panics
/// If a place is not inside its buffer: it belongs to another store or plan.
fn hold(memory: &Memory, place: Place) {
    assert!(
        place.offset + place.len <= memory.len,
        "{place:?} is not in a buffer of {} elements: it is of another store or plan",
        memory.len
    );
}

impl Executor for Gpu {
    fn device(&self) -> &DeviceInfo {
        &self.info
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }

    /// A software adapter lives in the host's memory; of a GPU's, wgpu does not tell.
    fn available_memory(&self) -> Option<u64> {
        self.adapter
            .is_software()
            .then(crate::executor::available)
            .flatten()
    }

    fn load(&mut self, plan: Arc<Plan>, store: &Store) -> Result<PlanHandle, ExecutorError> {
        self.test_before(&plan);
        self.allocate_store(store)?;
        let mut buffers = Vec::with_capacity(plan.buffers.len());
        for buffer in &plan.buffers {
            let memory = self.allocate(buffer.element, buffer.len, &plan.name)?;
            if buffer.fill != 0.0 && buffer.element == Element::F32 {
                #[expect(clippy::cast_possible_truncation, reason = "devices hold f32")]
                let value = buffer.fill as f32;
                self.transfer.fill(&mut self.device, &memory, value)?;
            }
            buffers.push(memory);
        }
        let steps = (0..plan.steps.len())
            .map(|index| self.load_step(&plan, &buffers, index))
            .collect::<Result<_, _>>()?;
        self.device.look()?;
        self.plans.push(Loaded { buffers, steps });
        Ok(PlanHandle(self.plans.len() - 1))
    }

    fn run(&mut self, plan: PlanHandle, ticks: &[Tick]) -> Result<(), ExecutorError> {
        let steps = 0..self.plans[plan.0].steps.len();
        self.submit(plan, steps, ticks)
    }

    fn run_step(
        &mut self,
        plan: PlanHandle,
        step: usize,
        tick: &Tick,
    ) -> Result<(), ExecutorError> {
        self.submit(plan, step..step + 1, std::slice::from_ref(tick))
    }

    fn write(&mut self, plan: PlanHandle, place: Place, data: &Data) -> Result<(), ExecutorError> {
        self.put(plan, place, data)
    }

    fn read(&mut self, plan: PlanHandle, place: Place) -> Result<Data, ExecutorError> {
        self.get(plan, place)
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
        self.get(PlanHandle(0), Place::stored(store, name)?)
    }
}

//! The executor: plans loaded onto the device, and their runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use half::slice::HalfFloatSliceExt;

use super::Gpu;
use super::copies::{Copies, Images, wanted};
use super::memory::{Memory, values};
use super::pipeline::{Bound, Pipelines, bind};
use crate::executor::{
    self, Data, DeviceInfo, Executor, ExecutorError, PlanHandle, StepTimes, TuningTable,
};
use crate::graph::Store;
use crate::kernel::{self, Grid, Kernel, Limits, Shader, Tick};
use crate::plan::{BufferId, Place, Plan, Step};
use crate::tensor::Element;

/// A step, ready to be recorded.
#[derive(Debug)]
pub(super) struct LoadedStep {
    kernel: Kernel,
    pipeline: usize,
    bindings: wgpu::BindGroup,
    grid: Grid,
    /// What comes into images before it.
    pub(super) copies: Copies,
}

impl LoadedStep {
    /// Records the step. The pipeline is set first if `pipelines` are given: it is another one than the last step's.
    pub(super) fn record(
        &self,
        pass: &mut wgpu::ComputePass<'_>,
        pipelines: Option<&Pipelines>,
        tick: &Tick,
    ) {
        if let Some(pipelines) = pipelines {
            pass.set_pipeline(&pipelines.get(self.pipeline).pipeline);
        }
        pass.set_bind_group(0, &self.bindings, &[]);
        let parameters = self.kernel.at(tick).spec().parameters();
        pass.set_immediates(0, bytemuck::cast_slice(parameters.words()));
        let [x, y, z] = self.grid;
        pass.dispatch_workgroups(x, y, z);
    }
}

/// A plan with its buffers and steps.
#[derive(Debug)]
pub(super) struct Loaded {
    buffers: Vec<Memory>,
    images: Images,
    steps: Vec<LoadedStep>,
}

impl Loaded {
    pub(super) fn bytes(&self) -> u64 {
        let buffers = self.buffers.iter().map(Memory::bytes).sum::<u64>();
        buffers
            + self
                .images
                .iter()
                .map(|(_, image)| image.bytes)
                .sum::<u64>()
    }

    pub(super) const fn images(&self) -> &Images {
        &self.images
    }

    pub(super) fn steps(&self) -> &[LoadedStep] {
        &self.steps
    }
}

impl Gpu {
    /// Forgets the plans that were loaded behind the first `count`.
    pub(super) fn unload_behind(&mut self, count: usize) {
        self.plans.truncate(count);
    }

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
        &self,
        plan: &Plan,
        buffers: &[Memory],
        images: &mut Images,
        (at, pipeline): (usize, usize),
        chosen: &[(Kernel, Shader)],
    ) -> Result<LoadedStep, ExecutorError> {
        let (step, shader) = (&plan.steps[at], &chosen[at].1);
        let operands = step.inputs.iter().chain(&step.outputs);
        let ranges = operands.map(|&tensor| {
            let place = plan.tensors[tensor].place;
            let memory = match place.buffer {
                BufferId::Store(index) => &self.store[index],
                BufferId::Plan(index) => &buffers[index],
            };
            let [start, bytes] =
                [place.offset, place.len].map(|n| (n * memory.element.size()) as u64);
            Bound::Range(&memory.buffer, start, bytes.next_multiple_of(4))
        });
        let mut bound: Vec<_> = ranges.collect();
        let (device, filler) = (&self.device, self.pipelines.filler());
        let copies = Copies::new(device, filler, (plan, chosen, at), &bound, images)?;
        for (image, view) in shader.images.iter().zip(copies.views(images)) {
            bound[image.binding] = Bound::Image(view);
        }
        let bindings = bind(&self.device, self.pipelines.get(pipeline), &bound)?;
        Ok(LoadedStep {
            kernel: step.kernel,
            pipeline,
            bindings,
            grid: shader.grid,
            copies,
        })
    }

    /// Records the chosen steps once for each tick, and submits them. All are in one pass, but that copies stand between
    /// passes.
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
        let Loaded {
            steps: all, images, ..
        } = &self.plans[plan.0];
        let alone = steps.len() < all.len();
        let mut pass: Option<wgpu::ComputePass<'static>> = None;
        let mut pipeline = None;
        for tick in ticks {
            for step in &all[steps.clone()] {
                if step.copies.any(images, alone) {
                    pass = None;
                    pipeline = None;
                    step.copies.record(images, alone, &mut encoder);
                }
                // No copy is recorded while a pass is open, which wgpu would refuse.
                let pass = pass.get_or_insert_with(|| {
                    let descriptor = wgpu::ComputePassDescriptor::default();
                    encoder.begin_compute_pass(&descriptor).forget_lifetime()
                });
                if step.copies.fill(images, alone, pass) {
                    pipeline = None;
                }
                let changed = pipeline.replace(step.pipeline) != Some(step.pipeline);
                step.record(pass, changed.then_some(&self.pipelines), tick);
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
        memory.hold(place);
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
        memory.hold(place);
        let start = (place.offset * memory.element.size()) as u64;
        let (device, transfer) = (&mut self.device, &mut self.transfer);
        values(memory.element, place.len, |bytes| {
            transfer.read(device, &memory.buffer, start, bytes)
        })
    }
}

impl Executor for Gpu {
    fn device(&self) -> &DeviceInfo {
        &self.info
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn choices(&self) -> BTreeMap<String, String> {
        self.choices.taken.clone()
    }

    fn choose(&mut self, products: &BTreeMap<String, String>) {
        self.choices.prefer(products);
    }

    fn timed_choices(&self) -> TuningTable {
        self.choices.timed()
    }

    fn prepare(&mut self, plan: &Plan) -> Result<(), ExecutorError> {
        self.test_before(plan);
        if self.choices.is_open() {
            self.tune(plan)?;
        }
        Ok(())
    }

    /// A software adapter lives in the host's memory; of a GPU's, wgpu does not tell.
    fn available_memory(&self) -> Option<u64> {
        self.adapter
            .is_software()
            .then(executor::available)
            .flatten()
    }

    /// The buffers, and an image for each matrix that the chosen shaders read from one.
    fn plan_bytes(&self, plan: &Plan) -> u64 {
        let mut images = Vec::new();
        for step in &plan.steps {
            let shader = self.choices.shader(&step.kernel, &self.limits);
            for (image, of) in shader.images.iter().zip(wanted(plan, step, &shader)) {
                if !images.iter().any(|(other, _)| *other == of) {
                    images.push((of, image.bytes(of.place.len)));
                }
            }
        }
        plan.bytes() + images.iter().map(|(_, bytes)| bytes).sum::<u64>()
    }

    fn allocated(&self) -> u64 {
        self.allocated()
    }

    fn reserve(&mut self, store: &Store) -> Result<(), ExecutorError> {
        self.allocate_store(store)
    }

    fn load(&mut self, plan: Arc<Plan>, store: &Store) -> Result<PlanHandle, ExecutorError> {
        self.prepare(&plan)?;
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
        let mut chosen = Vec::with_capacity(plan.steps.len());
        for Step { kernel, .. } in &plan.steps {
            chosen.push((*kernel, self.choices.of(kernel, &self.limits)));
        }
        let pipelines = self.pipelines.of(&self.device, &chosen)?;
        let mut wanted = chosen.iter().flat_map(|(_, shader)| &shader.images);
        if wanted.any(kernel::Image::is_padded) {
            self.pipelines.make_filler(&self.device)?;
        }
        let mut images = Images::new();
        let steps = (pipelines.into_iter().enumerate())
            .map(|step| self.load_step(&plan, &buffers, &mut images, step, &chosen))
            .collect::<Result<_, _>>()?;
        self.device.look()?;
        self.plans.push(Loaded {
            buffers,
            images,
            steps,
        });
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

    fn run_timed(
        &mut self,
        plan: PlanHandle,
        _steps: usize,
        tick: &Tick,
    ) -> Result<StepTimes, ExecutorError> {
        self.timed(plan, tick)
    }

    fn arithmetic_rate(&mut self) -> Result<Option<f64>, ExecutorError> {
        self.multiply_add_rate().map(Some)
    }

    fn device_bytes(&self) -> Option<u64> {
        Some(self.allocated())
    }

    fn write(&mut self, plan: PlanHandle, place: Place, data: &Data) -> Result<(), ExecutorError> {
        self.put(plan, place, data)
    }

    fn read(&mut self, plan: PlanHandle, place: Place) -> Result<Data, ExecutorError> {
        self.get(plan, place)
    }

    fn begin_read(
        &mut self,
        plan: PlanHandle,
        place: Place,
    ) -> Result<executor::Reading, ExecutorError> {
        self.device.check()?;
        let memory = self.memory(plan, place.buffer).clone();
        memory.hold(place);
        let size = memory.element.size();
        let start = (place.offset * size) as u64;
        let reading =
            self.transfer
                .begin(&mut self.device, &memory.buffer, start, place.len * size)?;
        self.begun += 1;
        let read = (memory.element, place.len, reading);
        self.readings.insert(self.begun, read);
        Ok(executor::Reading::Number(self.begun))
    }

    fn end_read(&mut self, reading: executor::Reading) -> Result<Data, ExecutorError> {
        let number = match reading {
            executor::Reading::Done(data) => return Ok(data),
            executor::Reading::Number(number) => number,
        };
        let begun = self.readings.remove(&number);
        let (element, len, reading) = begun.expect("a reading is ended once, where it was begun");
        let (device, transfer) = (&self.device, &mut self.transfer);
        values(element, len, |bytes| transfer.end(device, reading, bytes))
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

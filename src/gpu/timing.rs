//! How long each step of a plan takes, by the device's own clock.
//!
//! A pass writes a timestamp when it begins and when it ends, on every device that has timestamps at all; inside a pass
//! it takes a feature more. So while a plan is timed, each step has a pass of its own, in one submission. What a step
//! computes does not depend on the pass it is in: the same bits come out.

use super::Gpu;
use super::memory::Memory;
use crate::executor::{Executor, ExecutorError, HostClock, PlanHandle, StepTime, StepTimes};
use crate::kernel::Tick;
use crate::tensor::Element;

/// Steps that one set of queries times, at two queries each.
const STEPS: usize = (wgpu::QUERY_SET_MAX_QUERIES / 2) as usize;

impl Gpu {
    /// Runs a plan once, and says how long each step took.
    pub(super) fn timed(
        &mut self,
        plan: PlanHandle,
        tick: &Tick,
    ) -> Result<StepTimes, ExecutorError> {
        let steps = self.plans[plan.0].steps().len();
        if !self.adapter.features.timestamps {
            return self.timed_by_host(plan, steps, tick);
        }
        let mut stamps = Vec::with_capacity(2 * steps);
        for first in (0..steps).step_by(STEPS) {
            let end = steps.min(first + STEPS);
            stamps.extend(self.stamps(plan, first..end, tick)?);
        }
        // A driver's clock counts in ticks of so many nanoseconds.
        let seconds = f64::from(self.device.queue.get_timestamp_period()) * 1e-9;
        let origin = stamps.first().copied().unwrap_or(0);
        let since = |from: u64, to: u64| to.saturating_sub(from) as f64 * seconds;
        let steps = stamps.chunks_exact(2).map(|stamp| StepTime {
            start: since(origin, stamp[0]),
            seconds: since(stamp[0], stamp[1]),
        });
        Ok(StepTimes {
            steps: steps.collect(),
            by_device: true,
        })
    }

    /// The stamps at the beginning and the end of each step of a range, which is run in one submission.
    fn stamps(
        &mut self,
        plan: PlanHandle,
        steps: std::ops::Range<usize>,
        tick: &Tick,
    ) -> Result<Vec<u64>, ExecutorError> {
        self.device.check()?;
        let wgpu = &self.device.wgpu;
        let count = u32::try_from(2 * steps.len()).unwrap_or(wgpu::QUERY_SET_MAX_QUERIES);
        let queries = wgpu.create_query_set(&wgpu::QuerySetDescriptor {
            label: Some("steps"),
            ty: wgpu::QueryType::Timestamp,
            count,
        });
        let resolved = wgpu.create_buffer(&wgpu::BufferDescriptor {
            label: Some("stamps"),
            size: u64::from(count) * 8,
            usage: wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC,
            mapped_at_creation: false,
        });
        self.device
            .check_memory(u64::from(count) * 8, "timestamps")?;
        let mut encoder = self
            .device
            .wgpu
            .create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let stamped = |begin: Option<u32>, end: Option<u32>| wgpu::ComputePassDescriptor {
            label: None,
            timestamp_writes: Some(wgpu::ComputePassTimestampWrites {
                query_set: &queries,
                beginning_of_pass_write_index: begin,
                end_of_pass_write_index: end,
            }),
        };
        let loaded = &self.plans[plan.0];
        let images = loaded.images();
        for (query, step) in (0..).step_by(2).zip(&loaded.steps()[steps]) {
            // Copies stand outside of passes: an empty one before them takes the first stamp.
            let mut begin = Some(query);
            if step.copies.any(images, false) {
                drop(encoder.begin_compute_pass(&stamped(begin.take(), None)));
                step.copies.record(images, false, &mut encoder);
            }
            let mut pass = encoder.begin_compute_pass(&stamped(begin, Some(query + 1)));
            step.copies.fill(images, false, &mut pass);
            step.record(&mut pass, Some(&self.pipelines), tick);
        }
        encoder.resolve_query_set(&queries, 0..count, &resolved, 0);
        self.device.submit(Some(encoder.finish()))?;
        self.transfer.submitted();
        let mut stamps = vec![0_u64; count as usize];
        let bytes = bytemuck::cast_slice_mut(&mut stamps);
        self.transfer.read(&mut self.device, &resolved, 0, bytes)?;
        Ok(stamps)
    }

    /// Where the device has no timestamps: the host's clock around the submission of each step and a wait for it.
    fn timed_by_host(
        &mut self,
        plan: PlanHandle,
        steps: usize,
        tick: &Tick,
    ) -> Result<StepTimes, ExecutorError> {
        let bytes = Memory::new(&self.device, Element::U32, 4, self.limits.buffer, "a wait")?;
        let mut word = [0; 4];
        let mut clock = HostClock::new(steps);
        for step in 0..steps {
            clock.time(|| {
                self.run_step(plan, step, tick)?;
                self.transfer
                    .read(&mut self.device, &bytes.buffer, 0, &mut word)
            })?;
        }
        Ok(clock.times())
    }

    /// For tests: does as if the adapter had no timestamps.
    #[doc(hidden)]
    pub const fn forget_timestamps(&mut self) {
        self.adapter.features.timestamps = false;
    }
}

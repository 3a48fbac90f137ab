//! How fast the device multiplies and adds, as the yardstick of every speed figure.

use std::time::{Duration, Instant};

use super::Gpu;
use super::memory::Memory;
use super::pipeline::{Bound, Slot, bind, make};
use crate::executor::ExecutorError;
use crate::tensor::Element;

const TEXT: &str = include_str!("../../shaders/multiply_add.wgsl");

/// Invocations in a workgroup, reals each of them computes, and multiply-adds of each of these in a round: as in the
/// shader.
const WORKGROUP: u32 = 64;
const REALS: u32 = 12;
const ROUND: u32 = 16;

/// Workgroups of the dispatch: enough for every GPU.
const GROUPS: u32 = 8192;
/// How long one measurement takes at least.
const LONG: Duration = Duration::from_millis(50);
/// Measurements, of which the median counts.
const REPEATS: usize = 5;

impl Gpu {
    /// The multiply-adds that this device does in registers, in GFLOP/s: 2 operations each. It takes some tenths of a
    /// second. No kernel can be faster, so it is what matmul is measured against.
    ///
    /// # Errors
    /// If the device failed.
    pub fn multiply_add_rate(&mut self) -> Result<f64, ExecutorError> {
        let name = "multiply_add";
        let len = (GROUPS * WORKGROUP) as usize;
        let memory = Memory::new(&self.device, Element::F32, len, self.limits.buffer, name)?;
        let pipeline = make(
            &self.device,
            name,
            TEXT.to_owned(),
            &[Slot::Write],
            12,
            (self.checked, None),
        )?;
        let bindings = bind(
            &self.device,
            &pipeline,
            &[Bound::Range(&memory.buffer, 0, memory.bytes())],
        )?;
        let mut time = |rounds: u32| -> Result<Duration, ExecutorError> {
            let mut encoder = self
                .device
                .wgpu
                .create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            pass.set_pipeline(&pipeline.pipeline);
            pass.set_bind_group(0, &bindings, &[]);
            let parameters = [rounds, 0.999_f32.to_bits(), 0.001_f32.to_bits()];
            pass.set_immediates(0, bytemuck::cast_slice(&parameters));
            pass.dispatch_workgroups(GROUPS, 1, 1);
            drop(pass);
            let commands = encoder.finish();
            let started = Instant::now();
            let submission = self.device.submit(Some(commands))?;
            self.device.wait(submission)?;
            Ok(started.elapsed())
        };
        time(1)?;
        let mut rounds = 8;
        while time(rounds)? < LONG && rounds < 1 << 24 {
            rounds *= 2;
        }
        let mut times = [Duration::ZERO; REPEATS];
        for slot in &mut times {
            *slot = time(rounds)?;
        }
        times.sort_unstable();
        let invocations = f64::from(GROUPS) * f64::from(WORKGROUP);
        let operations = 2.0 * invocations * f64::from(REALS * ROUND) * f64::from(rounds);
        Ok(operations / times[REPEATS / 2].as_secs_f64() / 1e9)
    }
}

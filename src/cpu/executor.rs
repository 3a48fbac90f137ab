//! The kernels as an executor.

use super::Kernels;
use crate::executor::{Data, ExecutorError, Host, HostKernels, View, ViewMut};
use crate::kernel::Kernel;

/// The fast executor on the CPU, in f32.
pub type Cpu = Host<Kernels>;

impl Cpu {
    /// Starts the threads: so many, or one for each core.
    ///
    /// # Errors
    /// If `threads` is 0, or the system starts no more threads.
    pub fn with_threads(threads: Option<usize>) -> Result<Self, ExecutorError> {
        let kernels = Kernels::new(threads).map_err(|e| ExecutorError::Device {
            device: "cpu".to_owned(),
            cause: e.to_string(),
        })?;
        let name = match kernels.threads() {
            1 => "1 thread".to_owned(),
            threads => format!("{threads} threads"),
        };
        Ok(Self::new(kernels, "cpu", name))
    }
}

impl HostKernels for Kernels {
    type Real = f32;

    fn enter<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.enter(work)
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "rounding to single precision is what is asked for"
    )]
    fn real(value: f64) -> f32 {
        value as f32
    }

    fn data(values: &[f32]) -> Data {
        Data::F32(values.to_vec())
    }

    fn arithmetic_rate(&self) -> Option<f64> {
        Some(self.multiply_add_rate())
    }

    fn run(&self, kernel: &Kernel, inputs: &[View<'_, f32>], outputs: &mut [ViewMut<'_, f32>]) {
        self.run(kernel, inputs, outputs);
    }
}

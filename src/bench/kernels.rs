//! The kernels of a training step, each timed where it stands in the step.

use std::time::Instant;

use super::training::traffic;
use super::{BenchError, Bounds, Statistics, Timing, Training};
use crate::kernel::{Access, Finish, Kernel, Matmul};

/// A kernel of a training step, and how long it takes.
#[derive(Debug, Clone)]
pub struct KernelTimes {
    /// The kernel.
    pub kernel: Kernel,
    /// How often the step has it, with the same shapes.
    pub count: usize,
    /// The time of one, over all of them.
    pub timing: Timing,
    /// Whether the device itself told the times; if not, submitting and waiting is in them.
    pub by_device: bool,
}

impl KernelTimes {
    /// Name and shape.
    pub fn name(&self) -> String {
        title(&self.kernel)
    }

    /// Operations of one.
    pub fn operations(&self) -> u64 {
        self.kernel.spec().operations()
    }

    /// Bytes that one reads and writes.
    pub fn traffic(&self) -> u64 {
        traffic(&self.kernel)
    }
}

/// Times the steps of the plan one by one, in whole training steps, so that each finds its inputs where the step before
/// left them. In the order in which they first come.
///
/// # Errors
/// If the device failed.
pub fn kernels(training: &mut Training, bounds: Bounds) -> Result<Vec<KernelTimes>, BenchError> {
    training.run_timed()?;
    let kernels: Vec<Kernel> = training.plan().steps.iter().map(|s| s.kernel).collect();
    let mut found: Vec<(Kernel, Vec<f64>)> = Vec::new();
    let place: Vec<usize> = kernels
        .iter()
        .map(|kernel| match found.iter().position(|(k, _)| k == kernel) {
            Some(place) => place,
            None => {
                found.push((*kernel, Vec::new()));
                found.len() - 1
            }
        })
        .collect();
    let (begun, mut runs, mut by_device) = (Instant::now(), 0, true);
    while runs == 0 || (runs < bounds.samples && begun.elapsed().as_secs_f64() < bounds.seconds) {
        let times = training.run_timed()?;
        by_device &= times.by_device;
        for (place, time) in place.iter().zip(&times.steps) {
            found[*place].1.push(time.seconds);
        }
        runs += 1;
    }
    let times = found.into_iter().map(|(kernel, samples)| KernelTimes {
        kernel,
        count: samples.len() / runs,
        timing: Timing {
            statistics: Statistics::of(&samples).expect("every step was timed"),
            steps: 1,
        },
        by_device,
    });
    Ok(times.collect())
}

/// A kernel's name and shape.
pub(super) fn title(kernel: &Kernel) -> String {
    format!("{} {}", kernel.name(), shape(kernel))
}

/// What a kernel works on, in short: a product's `m`, `n` and `k`, which side is transposed, and what is fused into it
/// (bias and activation, the gradient of an activation, or an update); else the elements written.
fn shape(kernel: &Kernel) -> String {
    match kernel {
        Kernel::Matmul(Matmul {
            groups,
            m,
            n,
            k,
            transpose_a,
            transpose_b,
            finish,
            ..
        }) => {
            let side = |transposed: bool| if transposed { 'T' } else { 'N' };
            let (a, b) = (side(*transpose_a), side(*transpose_b));
            let fused = match finish {
                Finish::None => "",
                Finish::Bias(_) => " +b",
                Finish::Gradient(_) => " +f'",
                Finish::Sgd { .. } => " +sgd",
            };
            let groups = match groups {
                1 => String::new(),
                groups => format!("{groups}x "),
            };
            format!("{a}{b} {groups}{m}x{n}x{k}{fused}")
        }
        _ => {
            let bindings = kernel.bindings();
            let written = bindings.iter().find(|b| b.access != Access::Read);
            written.map_or_else(String::new, |b| b.len.to_string())
        }
    }
}

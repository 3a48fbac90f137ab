//! The yardsticks: how fast a device multiplies and adds, and how fast it copies.

use super::product::Alone;
use super::{BenchError, Bounds, measure};
use crate::executor::Executor;
use crate::kernel::Copy;

/// What a device was measured to reach.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Rates {
    /// In a kernel of nothing but multiply-adds, in GFLOP/s of 2 operations each.
    pub multiply_add: Option<f64>,
    /// In a copy between buffers larger than its caches, in GB/s read and written together.
    pub copy: Option<f64>,
}

/// The largest buffer that is copied: larger than the last cache of most machines, several times so of a GPU's.
const LARGEST: u64 = 256 << 20;

/// Measures both. It takes about a second.
///
/// # Errors
/// If the device failed.
pub fn rates(mut executor: Box<dyn Executor>) -> Result<Rates, BenchError> {
    let multiply_add = executor.arithmetic_rate()?;
    let limits = executor.limits();
    let free = executor.available_memory().unwrap_or(u64::MAX);
    let bytes = LARGEST.min(limits.binding).min(limits.buffer).min(free / 4);
    let count = u32::try_from(bytes / 16 * 4).unwrap_or(u32::MAX / 4 * 4);
    let mut alone = Alone::new(executor, Copy { count }.into())?;
    let bounds = Bounds {
        seconds: 0.3,
        samples: 15,
    };
    let timing = measure(bounds, |times| alone.run(times, 1))?;
    let copied = 2.0 * 4.0 * f64::from(count);
    Ok(Rates {
        multiply_add,
        copy: Some(copied / timing.statistics.median / 1e9),
    })
}

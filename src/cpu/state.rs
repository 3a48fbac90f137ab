//! Kernels that keep watch over a run: copies, logs, and the search for numbers that are not finite.

use std::sync::atomic::{AtomicU32, Ordering};

use super::math::narrow;
use super::threads::{LIGHT, Threads, bodies};
use crate::kernel::{LerpUpdate, Nonfinite, Record};

/// [`crate::kernel::Copy`]: `y = x`.
pub(super) fn copy(threads: &Threads, x: &[f32], y: &mut [f32]) {
    threads.rows(y.len(), (y.len(), LIGHT), (x, y), (), copy_loop);
}

bodies! {
    fn copy_loop(_first, (x, y): (&[f32], &mut [f32]), (): ()) {
        y.copy_from_slice(x);
    }
}

/// [`LerpUpdate`]: `y += t (x - y)`.
pub(super) fn lerp_update(threads: &Threads, kernel: &LerpUpdate, x: &[f32], y: &mut [f32]) {
    threads.rows(
        y.len(),
        (y.len(), LIGHT),
        (x, y),
        narrow(kernel.t),
        lerp_loop,
    );
}

bodies! {
    fn lerp_loop(_first, (x, y): (&[f32], &mut [f32]), t: f32) {
        for (y, x) in y.iter_mut().zip(x) {
            *y += t * (x - *y);
        }
    }
}

/// [`Record`]: `log[slot, ·] = x[·]`; a slot outside the log is not written.
pub(super) fn record(kernel: &Record, x: &[f32], log: &mut [f32]) {
    let columns = kernel.columns as usize;
    if let Some(row) = log.chunks_exact_mut(columns).nth(kernel.slot as usize) {
        row.copy_from_slice(x);
    }
}

/// [`Nonfinite`]: the number of the first element that is NaN or infinite, or `u32::MAX`.
pub(super) fn nonfinite(threads: &Threads, kernel: &Nonfinite, x: &[f32], first: &mut [u32]) {
    let found = AtomicU32::new(u32::MAX);
    threads.rows(x.len(), (x.len(), LIGHT), x, &found, nonfinite_loop);
    let found = match found.into_inner() {
        u32::MAX => u32::MAX,
        i => kernel.offset + i,
    };
    first[0] = if kernel.offset == 0 {
        found
    } else {
        found.min(first[0])
    };
}

bodies! {
    /// Looks at a block as a whole, and only where something is wrong at its elements.
    fn nonfinite_loop(first, x: &[f32], found: &AtomicU32) {
        const BLOCK: usize = 256;
        for (i, block) in x.chunks(BLOCK).enumerate() {
            let mut wrong = false;
            for x in block {
                wrong |= !x.is_finite();
            }
            if wrong {
                let at = block.iter().position(|x| !x.is_finite()).unwrap_or(0);
                let at = u32::try_from(first + i * BLOCK + at).unwrap_or(u32::MAX);
                found.fetch_min(at, Ordering::Relaxed);
                return;
            }
        }
    }
}

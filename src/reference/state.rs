//! Kernels that keep watch over a run.

use super::{Real, fill};
use crate::kernel::{Copy, LerpUpdate, Nonfinite, Record};

/// `y[i] = x[i]`; see [`struct@Copy`].
pub fn copy<T: Real>(p: &Copy, x: &[T], y: &mut [T]) {
    fill(y, p.count, |i| x[i]);
}

/// `y[i] += t (x[i] - y[i])`; see [`LerpUpdate`].
pub fn lerp_update<T: Real>(p: &LerpUpdate, x: &[T], y: &mut [T]) {
    let t = T::parameter(p.t);
    for (y, &x) in y.iter_mut().zip(x) {
        *y = *y + t * (x - *y);
    }
}

/// `log[slot, ·] = x[·]`; see [`Record`].
pub fn record<T: Real>(p: &Record, x: &[T], log: &mut [T]) {
    let (columns, slot) = (p.columns as usize, p.slot as usize);
    if p.slot < p.slots {
        log[slot * columns..][..columns].copy_from_slice(x);
    }
}

/// `first[0]` is the smallest `i` for which `x[i]` is not finite, or `u32::MAX`; see [`Nonfinite`].
pub fn nonfinite<T: Real>(p: &Nonfinite, x: &[T], first: &mut [u32]) {
    let found = (0..p.count).find(|&i| !x[i as usize].is_finite());
    let found = found.map_or(u32::MAX, |i| p.offset + i);
    first[0] = if p.offset == 0 {
        found
    } else {
        found.min(first[0])
    };
}

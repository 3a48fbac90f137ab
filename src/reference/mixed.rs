//! Kernels of mixed precision.

use super::Real;
use super::optimizer::{adam, sgd_update};
use crate::kernel::{AdamUpdate, Narrow, Scaler, SgdUpdate};

/// `y[g, i, j] = x[g, i, j]` rounded to half precision, 0 in the padding; see [`Narrow`].
pub fn narrow<T: Real>(p: &Narrow, x: &[T], y: &mut [T]) {
    let [groups, rows, columns] = [p.groups, p.rows, p.columns].map(|extent| extent as usize);
    let [padded_rows, padded_columns] = p.padded().map(|extent| extent as usize);
    assert_eq!(
        y.len(),
        groups * padded_rows * padded_columns,
        "length of the copy"
    );
    for g in 0..groups {
        for i in 0..padded_rows {
            for j in 0..padded_columns {
                let inside = i < rows && j < columns;
                y[(g * padded_rows + i) * padded_columns + j] = if inside {
                    x[(g * rows + i) * columns + j].half()
                } else {
                    T::ZERO
                };
            }
        }
    }
}

/// The loss scale and the update's number, and what the update is to do; see [`Scaler`].
pub fn scaler<T: Real>(
    p: &Scaler,
    (first, loss): (&[u32], &[T]),
    scale: &mut [T],
    counts: &mut [T],
    verdict: &mut [T],
) {
    let used = scale[0];
    let good = first[0] == u32::MAX && loss[0].is_finite();
    if good {
        counts[0] = counts[0] + T::ONE;
        counts[1] = counts[1] + T::ONE;
        if counts[0].to_f64() >= f64::from(p.interval) {
            counts[0] = T::ZERO;
            let grown = used * T::parameter(p.growth);
            let largest = T::parameter(Scaler::LARGEST);
            scale[0] = if grown < largest { grown } else { largest };
        }
    } else {
        counts[0] = T::ZERO;
        counts[2] = counts[2] + T::ONE;
        scale[0] = used * T::parameter(p.backoff);
    }
    verdict[0] = if good { T::ONE } else { T::ZERO };
    verdict[1] = T::ONE / used;
    // Before the first update there is nothing to correct.
    let updates = if counts[1] < T::ONE {
        T::ONE
    } else {
        counts[1]
    };
    let left = |beta: f64| -(updates * T::parameter(Scaler::log(beta))).expm1();
    verdict[2] = T::ONE / left(p.beta1);
    verdict[3] = left(p.beta2).sqrt();
}

/// The gradient without its scale, or nothing if the step is skipped.
fn unscaled<T: Real>(gradient: &[T], verdict: &[T]) -> Option<Vec<T>> {
    let skipped = verdict[0] == T::ZERO;
    (!skipped).then(|| gradient.iter().map(|&g| verdict[1] * g).collect())
}

/// [`sgd_update`] by a scaled gradient; does nothing if the verdict says so.
pub fn scaled_sgd_update<T: Real>(
    p: &SgdUpdate,
    (gradient, verdict): (&[T], &[T]),
    w: &mut [T],
    velocity: Option<&mut [T]>,
) {
    if let Some(gradient) = unscaled(gradient, verdict) {
        sgd_update(p, &gradient, w, velocity);
    }
}

/// [`super::adam_update`] by a scaled gradient, with the verdict's corrections; does nothing if the verdict says so.
pub fn scaled_adam_update<T: Real>(
    p: &AdamUpdate,
    (gradient, verdict): (&[T], &[T]),
    w: &mut [T],
    mean: &mut [T],
    square: &mut [T],
) {
    if let Some(gradient) = unscaled(gradient, verdict) {
        let step_size = T::parameter(p.learning_rate) * verdict[2];
        adam(p, [step_size, verdict[3]], &gradient, w, (mean, square));
    }
}

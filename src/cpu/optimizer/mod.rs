//! Updates of the parameters, in place.

pub(super) mod rules;

use super::math::narrow;
use super::threads::{LIGHT, Threads, bodies};
use crate::kernel::{AdamUpdate, SgdUpdate};

/// A gradient, and what a [`Scaler`](crate::kernel::Scaler) says of it: all 1 if there is none.
pub(super) type Gradient<'a> = (&'a [f32], [f32; 4]);

/// [`SgdUpdate`]; `velocity` is bound if there is momentum.
pub(super) fn sgd_update(
    threads: &Threads,
    kernel: &SgdUpdate,
    (gradient, [good, unscale, ..]): Gradient<'_>,
    w: &mut [f32],
    velocity: Option<&mut [f32]>,
) {
    if good == 0.0 {
        return;
    }
    let size = (w.len(), LIGHT);
    let rate = narrow(kernel.learning_rate);
    let decay = narrow(kernel.weight_decay);
    let momentum = narrow(kernel.momentum);
    let parameters = (rate, momentum, decay, unscale);
    match velocity {
        None => threads.rows(
            w.len(),
            size,
            (gradient, w),
            (rate, decay, unscale),
            sgd_plain,
        ),
        Some(v) if kernel.nesterov => {
            threads.rows(w.len(), size, (gradient, w, v), parameters, sgd_nesterov);
        }
        Some(v) => threads.rows(w.len(), size, (gradient, w, v), parameters, sgd_momentum),
    }
}

bodies! {
    fn sgd_plain(_first, (g, w): (&[f32], &mut [f32]), (rate, decay, unscale): (f32, f32, f32)) {
        for (w, g) in w.iter_mut().zip(g) {
            *w -= rate * (unscale * g + decay * *w);
        }
    }
}

type SgdState<'a> = (&'a [f32], &'a mut [f32], &'a mut [f32]);

bodies! {
    fn sgd_momentum(
        _first,
        (g, w, velocity): SgdState<'_>,
        (rate, momentum, decay, unscale): (f32, f32, f32, f32)
    ) {
        for ((w, g), v) in w.iter_mut().zip(g).zip(velocity) {
            *v = momentum * *v + (unscale * g + decay * *w);
            *w -= rate * *v;
        }
    }
}

bodies! {
    fn sgd_nesterov(
        _first,
        (g, w, velocity): SgdState<'_>,
        (rate, momentum, decay, unscale): (f32, f32, f32, f32)
    ) {
        for ((w, g), v) in w.iter_mut().zip(g).zip(velocity) {
            let g = unscale * g + decay * *w;
            *v = momentum * *v + g;
            *w -= rate * (g + momentum * *v);
        }
    }
}

/// The constants of an update of Adam.
#[derive(Clone, Copy)]
struct Adam {
    unscale: f32,
    step_size: f32,
    one_minus_beta1: f32,
    beta2: f32,
    one_minus_beta2: f32,
    epsilon: f32,
    l2: f32,
    keep: f32,
}

/// [`AdamUpdate`]. Step size and epsilon are both multiplied by the square's correction, which saves a division.
pub(super) fn adam_update(
    threads: &Threads,
    kernel: &AdamUpdate,
    (gradient, [good, unscale, step, square_root]): Gradient<'_>,
    w: &mut [f32],
    (mean, square): (&mut [f32], &mut [f32]),
) {
    if good == 0.0 {
        return;
    }
    let correction = kernel.square_correction() * f64::from(square_root);
    let adam = Adam {
        unscale,
        step_size: narrow(kernel.step_size() * f64::from(step) * correction),
        one_minus_beta1: narrow(1.0 - kernel.beta1),
        beta2: narrow(kernel.beta2),
        one_minus_beta2: narrow(1.0 - kernel.beta2),
        epsilon: narrow(kernel.epsilon * correction),
        l2: narrow(kernel.l2()),
        keep: narrow(kernel.keep()),
    };
    let pieces = (gradient, w, mean, square);
    // Six streams of memory and a square root: fewer elements are worth a thread.
    threads.rows(
        gradient.len(),
        (gradient.len(), LIGHT / 2),
        pieces,
        adam,
        adam_loop,
    );
}

type AdamState<'a> = (&'a [f32], &'a mut [f32], &'a mut [f32], &'a mut [f32]);

bodies! {
    fn adam_loop(_first, (g, w, mean, square): AdamState<'_>, adam: Adam) {
        let state = w.iter_mut().zip(mean.iter_mut().zip(square));
        for ((w, (mean, square)), g) in state.zip(g) {
            let g = adam.unscale * g + adam.l2 * *w;
            *mean += adam.one_minus_beta1 * (g - *mean);
            *square = adam.beta2 * *square + adam.one_minus_beta2 * g * g;
            *w = adam.keep * *w - adam.step_size * *mean / (square.sqrt() + adam.epsilon);
        }
    }
}

//! Updates of the parameters, in place.

pub(super) mod rules;

use super::Real;
use crate::kernel::{AdamUpdate, SgdUpdate};

/// Stochastic gradient descent; see [`SgdUpdate`]. `velocity` is there if there is momentum.
pub fn sgd_update<T: Real>(
    p: &SgdUpdate,
    gradient: &[T],
    w: &mut [T],
    mut velocity: Option<&mut [T]>,
) {
    let [learning_rate, momentum, weight_decay] =
        [p.learning_rate, p.momentum, p.weight_decay].map(T::parameter);
    for i in 0..p.count as usize {
        let g = gradient[i] + weight_decay * w[i];
        let step = match &mut velocity {
            None => g,
            Some(velocity) => {
                velocity[i] = momentum * velocity[i] + g;
                if p.nesterov {
                    g + momentum * velocity[i]
                } else {
                    velocity[i]
                }
            }
        };
        w[i] = w[i] - learning_rate * step;
    }
}

/// Adam, or its decoupled form; see [`AdamUpdate`].
pub fn adam_update<T: Real>(
    p: &AdamUpdate,
    gradient: &[T],
    w: &mut [T],
    mean: &mut [T],
    square: &mut [T],
) {
    let corrected = [p.step_size(), p.square_correction()].map(T::parameter);
    adam(p, corrected, gradient, w, (mean, square));
}

/// The same with the step size and the square's correction given.
pub(super) fn adam<T: Real>(
    p: &AdamUpdate,
    [step_size, square_correction]: [T; 2],
    gradient: &[T],
    w: &mut [T],
    (mean, square): (&mut [T], &mut [T]),
) {
    let epsilon = T::parameter(p.epsilon);
    let [one_minus_beta1, beta2, one_minus_beta2] =
        [1.0 - p.beta1, p.beta2, 1.0 - p.beta2].map(T::parameter);
    let [l2, keep] = [p.l2(), p.keep()].map(T::parameter);
    for i in 0..p.count as usize {
        let g = gradient[i] + l2 * w[i];
        w[i] = keep * w[i];
        mean[i] = mean[i] + one_minus_beta1 * (g - mean[i]);
        square[i] = beta2 * square[i] + one_minus_beta2 * (g * g);
        w[i] = w[i] - step_size * mean[i] / (square[i].sqrt() / square_correction + epsilon);
    }
}

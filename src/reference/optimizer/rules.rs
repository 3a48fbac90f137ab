//! Update rules beside SGD and Adam. A gradient is as it is here: [`run`] has taken its scale out.

use crate::executor::{View, ViewMut};
use crate::kernel::{
    AdadeltaUpdate, AdagradUpdate, AdamaxUpdate, Betas, Kernel, LionUpdate, NadamUpdate,
    RadamUpdate, RmspropUpdate,
};
use crate::reference::Real;

/// Runs the update that a kernel is, by its gradient and, if that is scaled, by the verdict on it.
pub(in crate::reference) fn run<T: Real>(
    kernel: &Kernel,
    inputs: &[View<'_, T>],
    w: &mut [T],
    state: &mut [ViewMut<'_, T>],
) {
    let mut gradient = inputs[0].real().to_vec();
    let mut correction = T::ONE;
    if let Some(verdict) = inputs.get(1) {
        let verdict = verdict.real();
        if verdict[0] == T::ZERO {
            return;
        }
        gradient.iter_mut().for_each(|g| *g = verdict[1] * *g);
        correction = verdict[2];
    }
    let mut states = state.iter_mut().map(ViewMut::real);
    let mut next = || {
        states
            .next()
            .expect("a plan binds every state of an update")
    };
    let g = gradient.as_slice();
    match kernel {
        Kernel::RmspropUpdate(p) => {
            let square = next();
            let average = p.rule.centered.then(&mut next);
            let velocity = (p.rule.momentum != 0.0).then(next);
            rmsprop_update(p, g, w, square, (average, velocity));
        }
        Kernel::AdagradUpdate(p) => adagrad_update(p, g, w, next()),
        Kernel::AdadeltaUpdate(p) => adadelta_update(p, g, w, [next(), next()]),
        Kernel::AdamaxUpdate(p) => adamax_update(p, (g, correction), w, [next(), next()]),
        Kernel::NadamUpdate(p) => nadam_update(p, g, w, [next(), next()]),
        Kernel::RadamUpdate(p) => radam_update(p, g, w, [next(), next()]),
        Kernel::LionUpdate(p) => lion_update(p, g, w, next()),
        other => panic!("{} is no update by a rule", other.name()),
    }
}

/// See [`RmspropUpdate`]. `average` is there if it is centered, `velocity` if there is momentum.
pub fn rmsprop_update<T: Real>(
    p: &RmspropUpdate,
    gradient: &[T],
    w: &mut [T],
    square: &mut [T],
    (mut average, mut velocity): (Option<&mut [T]>, Option<&mut [T]>),
) {
    let [learning_rate, alpha, one_minus_alpha] =
        [p.learning_rate, p.rule.alpha, 1.0 - p.rule.alpha].map(T::parameter);
    let [epsilon, momentum, weight_decay] =
        [p.rule.epsilon, p.rule.momentum, p.rule.weight_decay].map(T::parameter);
    for i in 0..p.count as usize {
        let g = gradient[i] + weight_decay * w[i];
        square[i] = alpha * square[i] + one_minus_alpha * (g * g);
        let mut spread = square[i];
        if let Some(average) = &mut average {
            average[i] = average[i] + one_minus_alpha * (g - average[i]);
            spread = spread - average[i] * average[i];
            spread = spread.if_negative(T::ZERO, spread);
        }
        let mut step = g / (spread.sqrt() + epsilon);
        if let Some(velocity) = &mut velocity {
            velocity[i] = momentum * velocity[i] + step;
            step = velocity[i];
        }
        w[i] = w[i] - learning_rate * step;
    }
}

/// See [`AdagradUpdate`].
pub fn adagrad_update<T: Real>(p: &AdagradUpdate, gradient: &[T], w: &mut [T], total: &mut [T]) {
    let [rate, epsilon, weight_decay] =
        [p.rate(), p.rule.epsilon, p.rule.weight_decay].map(T::parameter);
    for i in 0..p.count as usize {
        let g = gradient[i] + weight_decay * w[i];
        total[i] = total[i] + g * g;
        w[i] = w[i] - rate * g / (total[i].sqrt() + epsilon);
    }
}

/// See [`AdadeltaUpdate`].
pub fn adadelta_update<T: Real>(
    p: &AdadeltaUpdate,
    gradient: &[T],
    w: &mut [T],
    [square, delta]: [&mut [T]; 2],
) {
    let [learning_rate, epsilon, weight_decay] =
        [p.learning_rate, p.rule.epsilon, p.rule.weight_decay].map(T::parameter);
    let [rho, one_minus_rho] = [p.rule.rho, 1.0 - p.rule.rho].map(T::parameter);
    for i in 0..p.count as usize {
        let g = gradient[i] + weight_decay * w[i];
        square[i] = rho * square[i] + one_minus_rho * (g * g);
        let step = (delta[i] + epsilon).sqrt() / (square[i] + epsilon).sqrt() * g;
        delta[i] = rho * delta[i] + one_minus_rho * (step * step);
        w[i] = w[i] - learning_rate * step;
    }
}

/// See [`AdamaxUpdate`]. `correction` is what the verdict of mixed precision corrects the step by, else 1.
pub fn adamax_update<T: Real>(
    p: &AdamaxUpdate,
    (gradient, correction): (&[T], T),
    w: &mut [T],
    [mean, norm]: [&mut [T]; 2],
) {
    let step_size = T::parameter(p.step_size()) * correction;
    let [one_minus_beta1, beta2] =
        [1.0 - p.rule.moments.beta1, p.rule.moments.beta2].map(T::parameter);
    let [epsilon, weight_decay] =
        [p.rule.moments.epsilon, p.rule.moments.weight_decay].map(T::parameter);
    for i in 0..p.count as usize {
        let g = gradient[i] + weight_decay * w[i];
        mean[i] = mean[i] + one_minus_beta1 * (g - mean[i]);
        let (kept, new) = (beta2 * norm[i], g.if_negative(-g, g) + epsilon);
        norm[i] = (new - kept).if_negative(kept, new);
        w[i] = w[i] - step_size * mean[i] / norm[i];
    }
}

/// `g = gradient + weight_decay w`, and the moments' new values.
fn follow<T: Real>(p: &Betas, gradient: T, w: T, mean: &mut T, square: &mut T) -> T {
    let [one_minus_beta1, beta2, one_minus_beta2, weight_decay] =
        [1.0 - p.beta1, p.beta2, 1.0 - p.beta2, p.weight_decay].map(T::parameter);
    let g = gradient + weight_decay * w;
    *mean = *mean + one_minus_beta1 * (g - *mean);
    *square = beta2 * *square + one_minus_beta2 * (g * g);
    g
}

/// See [`NadamUpdate`].
pub fn nadam_update<T: Real>(
    p: &NadamUpdate,
    gradient: &[T],
    w: &mut [T],
    [mean, square]: [&mut [T]; 2],
) {
    let [gradient_step, mean_step] = p.step_sizes().map(T::parameter);
    let [square_correction, epsilon] =
        [p.square_correction(), p.rule.moments.epsilon].map(T::parameter);
    for i in 0..p.count as usize {
        let g = follow(
            &p.rule.moments,
            gradient[i],
            w[i],
            &mut mean[i],
            &mut square[i],
        );
        let divisor = square[i].sqrt() / square_correction + epsilon;
        w[i] = w[i] - (gradient_step * g + mean_step * mean[i]) / divisor;
    }
}

/// See [`RadamUpdate`].
pub fn radam_update<T: Real>(
    p: &RadamUpdate,
    gradient: &[T],
    w: &mut [T],
    [mean, square]: [&mut [T]; 2],
) {
    let (step_size, rectified) = p.step_size();
    let [step_size, epsilon] = [step_size, p.rule.moments.epsilon].map(T::parameter);
    for i in 0..p.count as usize {
        follow(
            &p.rule.moments,
            gradient[i],
            w[i],
            &mut mean[i],
            &mut square[i],
        );
        let divisor = if rectified {
            square[i].sqrt() + epsilon
        } else {
            T::ONE
        };
        w[i] = w[i] - step_size * mean[i] / divisor;
    }
}

/// See [`LionUpdate`].
pub fn lion_update<T: Real>(p: &LionUpdate, gradient: &[T], w: &mut [T], mean: &mut [T]) {
    let [learning_rate, keep] = [p.learning_rate, p.keep()].map(T::parameter);
    let [beta1, one_minus_beta1] = [p.rule.beta1, 1.0 - p.rule.beta1].map(T::parameter);
    let [beta2, one_minus_beta2] = [p.rule.beta2, 1.0 - p.rule.beta2].map(T::parameter);
    for i in 0..p.count as usize {
        let g = gradient[i];
        let direction = beta1 * mean[i] + one_minus_beta1 * g;
        w[i] = keep * w[i] - learning_rate * sign(direction);
        mean[i] = beta2 * mean[i] + one_minus_beta2 * g;
    }
}

/// -1, 0 or 1.
pub(in crate::reference) fn sign<T: Real>(x: T) -> T {
    let not_negative = (-x).if_negative(T::ONE, T::ZERO);
    x.if_negative(-T::ONE, not_negative)
}

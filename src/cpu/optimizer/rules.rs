//! Update rules beside SGD and Adam: what each does to one element, and one loop for all of them.

use super::Gradient;
use crate::cpu::math::narrow;
use crate::cpu::threads::{Body, Cut, LIGHT, Threads};
use crate::executor::ViewMut;
use crate::kernel::{
    AdadeltaUpdate, AdagradUpdate, AdamaxUpdate, Kernel, LionUpdate, NadamUpdate, RadamUpdate,
    RmspropUpdate,
};

/// What a rule with `N` states does to an element.
trait Element<const N: usize>: Copy + Send + Sync {
    /// The new weight, from a gradient that has its weight decay and not its scale; the states change.
    fn step(self, g: f32, w: f32, state: [&mut f32; N]) -> f32;
}

/// Runs the update that a kernel is.
pub(in crate::cpu) fn run(
    threads: &Threads,
    kernel: &Kernel,
    gradient: Gradient<'_>,
    w: &mut [f32],
    state: &mut [ViewMut<'_, f32>],
) {
    let [good, _, correction, _] = gradient.1;
    if good == 0.0 {
        return;
    }
    let all = (threads, gradient);
    match kernel {
        Kernel::RmspropUpdate(k) => {
            let decay = k.rule.weight_decay;
            match (k.rule.centered, k.rule.momentum == 0.0) {
                (false, true) => update(all, decay, w, state, Rmsprop::<false, false>::new(k)),
                (false, false) => update(all, decay, w, state, Rmsprop::<false, true>::new(k)),
                (true, true) => update(all, decay, w, state, Rmsprop::<true, false>::new(k)),
                (true, false) => update(all, decay, w, state, Rmsprop::<true, true>::new(k)),
            }
        }
        Kernel::AdagradUpdate(k) => update(all, k.rule.weight_decay, w, state, Adagrad::new(k)),
        Kernel::AdadeltaUpdate(k) => update(all, k.rule.weight_decay, w, state, Adadelta::new(k)),
        Kernel::AdamaxUpdate(k) => {
            let rule = Adamax::new(k, correction);
            update(all, k.rule.moments.weight_decay, w, state, rule);
        }
        Kernel::NadamUpdate(k) => {
            update(all, k.rule.moments.weight_decay, w, state, Nadam::new(k));
        }
        Kernel::RadamUpdate(k) => {
            update(all, k.rule.moments.weight_decay, w, state, Radam::new(k));
        }
        // Its decay does not pass through the gradient.
        Kernel::LionUpdate(k) => update(all, 0.0, w, state, Lion::new(k)),
        other => panic!("{} is no update by a rule", other.name()),
    }
}

fn update<E: Element<N>, const N: usize>(
    (threads, (gradient, [_, unscale, ..])): (&Threads, Gradient<'_>),
    decay: f64,
    w: &mut [f32],
    state: &mut [ViewMut<'_, f32>],
    rule: E,
) {
    let mut state = state.iter_mut();
    let state: [&mut [f32]; N] = std::array::from_fn(|_| {
        let next = state.next();
        next.expect("a plan binds every state of an update").real()
    });
    let size = (w.len(), LIGHT / 2);
    let parameters = (rule, unscale, narrow(decay));
    threads.rows(w.len(), size, (gradient, w, state), parameters, Loop);
}

impl<T: Send, const N: usize> Cut for [&mut [T]; N] {
    #[inline]
    fn cut(self, rows: usize) -> (Self, Self) {
        let mut right: Self = std::array::from_fn(|_| Default::default());
        let mut rights = right.iter_mut();
        let left = self.map(|slice| {
            let (a, b) = slice.split_at_mut(rows);
            if let Some(right) = rights.next() {
                *right = b;
            }
            a
        });
        (left, right)
    }
}

/// The loop over the elements.
#[derive(Clone, Copy)]
struct Loop;

type Pieces<'a, const N: usize> = (&'a [f32], &'a mut [f32], [&'a mut [f32]; N]);

impl<E: Element<N>, const N: usize> Body<Pieces<'_, N>, (E, f32, f32)> for Loop {
    #[inline(always)]
    fn run(self, _: usize, (g, w, state): Pieces<'_, N>, (rule, unscale, decay): (E, f32, f32)) {
        let count = g.len();
        let w = &mut w[..count];
        let mut state = state.map(|s| &mut s[..count]);
        for i in 0..count {
            let state = state.each_mut().map(|s| &mut s[i]);
            w[i] = rule.step(unscale * g[i] + decay * w[i], w[i], state);
        }
    }
}

/// [`RmspropUpdate`]. The states stand in the order square, average, velocity.
#[derive(Clone, Copy)]
struct Rmsprop<const CENTERED: bool, const MOMENTUM: bool> {
    rate: f32,
    alpha: f32,
    one_minus_alpha: f32,
    epsilon: f32,
    momentum: f32,
}

impl<const CENTERED: bool, const MOMENTUM: bool> Rmsprop<CENTERED, MOMENTUM> {
    const fn new(k: &RmspropUpdate) -> Self {
        Self {
            rate: narrow(k.learning_rate),
            alpha: narrow(k.rule.alpha),
            one_minus_alpha: narrow(1.0 - k.rule.alpha),
            epsilon: narrow(k.rule.epsilon),
            momentum: narrow(k.rule.momentum),
        }
    }

    #[inline(always)]
    fn square(self, g: f32, square: &mut f32) -> f32 {
        *square = self.alpha * *square + self.one_minus_alpha * g * g;
        *square
    }

    /// What rounding makes of the variance is at least 0.
    #[inline(always)]
    fn variance(self, g: f32, square: &mut f32, average: &mut f32) -> f32 {
        let square = self.square(g, square);
        *average += self.one_minus_alpha * (g - *average);
        let spread = square - *average * *average;
        if spread < 0.0 { 0.0 } else { spread }
    }

    #[inline(always)]
    fn quicken(self, step: f32, velocity: &mut f32) -> f32 {
        *velocity = self.momentum * *velocity + step;
        *velocity
    }
}

impl Element<1> for Rmsprop<false, false> {
    #[inline(always)]
    fn step(self, g: f32, w: f32, [square]: [&mut f32; 1]) -> f32 {
        w - self.rate * (g / (self.square(g, square).sqrt() + self.epsilon))
    }
}

impl Element<2> for Rmsprop<false, true> {
    #[inline(always)]
    fn step(self, g: f32, w: f32, [square, velocity]: [&mut f32; 2]) -> f32 {
        let step = g / (self.square(g, square).sqrt() + self.epsilon);
        w - self.rate * self.quicken(step, velocity)
    }
}

impl Element<2> for Rmsprop<true, false> {
    #[inline(always)]
    fn step(self, g: f32, w: f32, [square, average]: [&mut f32; 2]) -> f32 {
        w - self.rate * (g / (self.variance(g, square, average).sqrt() + self.epsilon))
    }
}

impl Element<3> for Rmsprop<true, true> {
    #[inline(always)]
    fn step(self, g: f32, w: f32, [square, average, velocity]: [&mut f32; 3]) -> f32 {
        let step = g / (self.variance(g, square, average).sqrt() + self.epsilon);
        w - self.rate * self.quicken(step, velocity)
    }
}

/// [`AdagradUpdate`]
#[derive(Clone, Copy)]
struct Adagrad {
    rate: f32,
    epsilon: f32,
}

impl Adagrad {
    fn new(k: &AdagradUpdate) -> Self {
        Self {
            rate: narrow(k.rate()),
            epsilon: narrow(k.rule.epsilon),
        }
    }
}

impl Element<1> for Adagrad {
    #[inline(always)]
    fn step(self, g: f32, w: f32, [total]: [&mut f32; 1]) -> f32 {
        *total += g * g;
        w - self.rate * (g / (total.sqrt() + self.epsilon))
    }
}

/// [`AdadeltaUpdate`]
#[derive(Clone, Copy)]
struct Adadelta {
    rate: f32,
    rho: f32,
    one_minus_rho: f32,
    epsilon: f32,
}

impl Adadelta {
    const fn new(k: &AdadeltaUpdate) -> Self {
        Self {
            rate: narrow(k.learning_rate),
            rho: narrow(k.rule.rho),
            one_minus_rho: narrow(1.0 - k.rule.rho),
            epsilon: narrow(k.rule.epsilon),
        }
    }
}

impl Element<2> for Adadelta {
    #[inline(always)]
    fn step(self, g: f32, w: f32, [square, delta]: [&mut f32; 2]) -> f32 {
        *square = self.rho * *square + self.one_minus_rho * g * g;
        let step = (*delta + self.epsilon).sqrt() / (*square + self.epsilon).sqrt() * g;
        *delta = self.rho * *delta + self.one_minus_rho * step * step;
        w - self.rate * step
    }
}

/// [`AdamaxUpdate`]
#[derive(Clone, Copy)]
struct Adamax {
    step_size: f32,
    one_minus_beta1: f32,
    beta2: f32,
    epsilon: f32,
}

impl Adamax {
    fn new(k: &AdamaxUpdate, correction: f32) -> Self {
        Self {
            step_size: narrow(k.step_size() * f64::from(correction)),
            one_minus_beta1: narrow(1.0 - k.rule.moments.beta1),
            beta2: narrow(k.rule.moments.beta2),
            epsilon: narrow(k.rule.moments.epsilon),
        }
    }
}

impl Element<2> for Adamax {
    #[inline(always)]
    fn step(self, g: f32, w: f32, [mean, norm]: [&mut f32; 2]) -> f32 {
        *mean += self.one_minus_beta1 * (g - *mean);
        let (kept, new) = (self.beta2 * *norm, g.abs() + self.epsilon);
        *norm = if kept > new { kept } else { new };
        w - self.step_size * (*mean / *norm)
    }
}

/// [`NadamUpdate`]
#[derive(Clone, Copy)]
struct Nadam {
    gradient_step: f32,
    mean_step: f32,
    one_minus_beta1: f32,
    beta2: f32,
    one_minus_beta2: f32,
    epsilon: f32,
}

impl Nadam {
    /// Steps and epsilon are all multiplied by the square's correction, which saves a division.
    fn new(k: &NadamUpdate) -> Self {
        let correction = k.square_correction();
        let [gradient_step, mean_step] = k.step_sizes().map(|step| narrow(step * correction));
        let moments = k.rule.moments;
        Self {
            gradient_step,
            mean_step,
            one_minus_beta1: narrow(1.0 - moments.beta1),
            beta2: narrow(moments.beta2),
            one_minus_beta2: narrow(1.0 - moments.beta2),
            epsilon: narrow(moments.epsilon * correction),
        }
    }
}

impl Element<2> for Nadam {
    #[inline(always)]
    fn step(self, g: f32, w: f32, [mean, square]: [&mut f32; 2]) -> f32 {
        *mean += self.one_minus_beta1 * (g - *mean);
        *square = self.beta2 * *square + self.one_minus_beta2 * g * g;
        let step = self.gradient_step * g + self.mean_step * *mean;
        w - step / (square.sqrt() + self.epsilon)
    }
}

/// [`RadamUpdate`]
#[derive(Clone, Copy)]
struct Radam {
    step_size: f32,
    rectified: bool,
    one_minus_beta1: f32,
    beta2: f32,
    one_minus_beta2: f32,
    epsilon: f32,
}

impl Radam {
    fn new(k: &RadamUpdate) -> Self {
        let (step_size, rectified) = k.step_size();
        let moments = k.rule.moments;
        Self {
            step_size: narrow(step_size),
            rectified,
            one_minus_beta1: narrow(1.0 - moments.beta1),
            beta2: narrow(moments.beta2),
            one_minus_beta2: narrow(1.0 - moments.beta2),
            epsilon: narrow(moments.epsilon),
        }
    }
}

impl Element<2> for Radam {
    #[inline(always)]
    fn step(self, g: f32, w: f32, [mean, square]: [&mut f32; 2]) -> f32 {
        *mean += self.one_minus_beta1 * (g - *mean);
        *square = self.beta2 * *square + self.one_minus_beta2 * g * g;
        let root = square.sqrt() + self.epsilon;
        let divisor = if self.rectified { root } else { 1.0 };
        w - self.step_size * (*mean / divisor)
    }
}

/// [`LionUpdate`]
#[derive(Clone, Copy)]
struct Lion {
    rate: f32,
    keep: f32,
    beta1: f32,
    one_minus_beta1: f32,
    beta2: f32,
    one_minus_beta2: f32,
}

impl Lion {
    fn new(k: &LionUpdate) -> Self {
        Self {
            rate: narrow(k.learning_rate),
            keep: narrow(k.keep()),
            beta1: narrow(k.rule.beta1),
            one_minus_beta1: narrow(1.0 - k.rule.beta1),
            beta2: narrow(k.rule.beta2),
            one_minus_beta2: narrow(1.0 - k.rule.beta2),
        }
    }
}

impl Element<1> for Lion {
    #[inline(always)]
    fn step(self, g: f32, w: f32, [mean]: [&mut f32; 1]) -> f32 {
        let direction = self.beta1 * *mean + self.one_minus_beta1 * g;
        *mean = self.beta2 * *mean + self.one_minus_beta2 * g;
        self.keep * w - self.rate * sign(direction)
    }
}

/// -1, 0 or 1.
#[inline(always)]
pub(in crate::cpu) fn sign(x: f32) -> f32 {
    let positive = if x > 0.0 { 1.0 } else { 0.0 };
    if x < 0.0 { -1.0 } else { positive }
}

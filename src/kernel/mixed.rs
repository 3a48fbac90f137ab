//! Kernels of mixed precision: half-precision copies, and the loss scale that keeps gradients within their range.

use super::{Access, Binding, Limits, Parameters, Shader, Spec, Tick};
use crate::tensor::{Element, PADDING};

/// `y[g, i, j] = x[g, i, j]` rounded to half precision, and 0 where `i` or `j` lies in the padding of `y`.
///
/// `x` is `[groups, rows, columns]`; rows and columns of `y` are padded to multiples of [`PADDING`]. Rounded to nearest,
/// ties to even, subnormal numbers kept. Whether a number leaves the range is judged in f32: from 65520 on it becomes
/// infinite. The shader works on the bits, so every device finds the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Narrow {
    /// Matrices.
    pub groups: u32,
    /// Rows of each.
    pub rows: u32,
    /// Columns of each.
    pub columns: u32,
}

impl Narrow {
    /// Rows and columns of a matrix of `y`.
    pub const fn padded(&self) -> [u32; 2] {
        [
            self.rows.next_multiple_of(PADDING),
            self.columns.next_multiple_of(PADDING),
        ]
    }

    const fn elements(&self) -> usize {
        let [rows, columns] = self.padded();
        self.groups as usize * rows as usize * columns as usize
    }
}

impl Spec for Narrow {
    fn name(&self) -> &'static str {
        "narrow"
    }

    fn bindings(&self) -> Vec<Binding> {
        let read = self.groups as usize * self.rows as usize * self.columns as usize;
        vec![
            Binding::read("x", read),
            Binding::new("y", Element::F16, Access::Write, self.elements()),
        ]
    }

    fn parameters(&self) -> Parameters {
        Parameters::new()
            .u32("groups", self.groups)
            .u32("rows", self.rows)
            .u32("columns", self.columns)
    }

    /// Four neighbours to an invocation.
    fn shader(&self, limits: &Limits) -> Shader {
        Shader::strided("narrow", self.elements() / 4, limits)
    }
}

/// The loss scale, as PyTorch's `torch.amp.GradScaler` has it, and the optimiser's own count of its updates.
///
/// A step is good if `first[0]`, which [`super::Nonfinite`] found in the gradients, says that there is nothing to find, and
/// the loss is finite. Then `counts[0]`, the good steps in a row, goes up; after `interval` of them the scale is
/// multiplied by `growth` and the count begins anew. `counts[1]`, the updates `t`, goes up too. A step that is not good is
/// skipped: the scale is multiplied by `backoff`, and `counts[2]`, the steps skipped, goes up.
///
/// `verdict` tells the update what to do: 1 or, if the step is skipped, 0; `1 / scale`, with the scale that this step's
/// gradients have; `1 / (1 - beta1^t)`; and `sqrt(1 - beta2^t)`. With `1 - beta^t = -expm1(t ln beta)` nothing cancels.
///
/// The scale is a power of two, so that scaling rounds nothing; it does not grow beyond 2¹²⁶, whose inverse is the
/// smallest normal number. Counts are held in f32 and stop at 2²⁴; unless a beta is nearer to 1 than 1e-6, the
/// corrections are 1 by then.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scaler {
    /// What the scale is multiplied by when it grows.
    pub growth: f64,
    /// What it is multiplied by after a step that is skipped.
    pub backoff: f64,
    /// Good steps in a row until it grows.
    pub interval: u32,
    /// Adam's decay of the mean; 0 for an optimiser without.
    pub beta1: f64,
    /// Adam's decay of the mean square; 0 for an optimiser without.
    pub beta2: f64,
}

impl Scaler {
    /// The numbers of a verdict.
    pub const VERDICT: usize = 4;
    /// The numbers that are counted.
    pub const COUNTS: usize = 3;
    /// A schedule may change Adam's `beta1`.
    pub(super) const fn at(&mut self, tick: &Tick) {
        if let (Some(momentum), true) = (tick.momentum, self.beta1 != 0.0) {
            self.beta1 = momentum;
        }
    }

    /// The largest scale.
    pub const LARGEST: f64 = (1_u128 << 126) as f64;

    /// `ln beta`. Of 0 it is a number whose power is 0 all the same.
    pub fn log(beta: f64) -> f64 {
        beta.ln().max(-1000.0)
    }
}

impl Spec for Scaler {
    fn name(&self) -> &'static str {
        "scaler"
    }

    fn bindings(&self) -> Vec<Binding> {
        vec![
            Binding::new("first", Element::U32, Access::Read, 1),
            Binding::read("loss", 1),
            Binding::in_place("scale", 1),
            Binding::in_place("counts", Self::COUNTS),
            Binding::write("verdict", Self::VERDICT),
        ]
    }

    fn parameters(&self) -> Parameters {
        Parameters::new()
            .f32("growth", self.growth)
            .f32("backoff", self.backoff)
            .u32("interval", self.interval)
            .f32("log_beta1", Self::log(self.beta1))
            .f32("log_beta2", Self::log(self.beta2))
    }

    fn shader(&self, _limits: &Limits) -> Shader {
        Shader::new("scaler", [1, 1, 1])
    }
}

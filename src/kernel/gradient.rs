//! What is done to gradients before an update, and to weights behind it. A gradient that is scaled stays so, as the update
//! expects it: its scale goes into the limits and the penalty, which is exact, since it is a power of two.

use super::optimizer::{gradient, verdict};
use super::{Binding, Limits, Parameters, Shader, Spec};

/// `y[r] = Σ_c x[r, c]²`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SquareSum {
    /// Sums.
    pub rows: u32,
    /// Terms of each.
    pub columns: u32,
}

impl Spec for SquareSum {
    fn name(&self) -> &'static str {
        "square_sum"
    }

    fn bindings(&self) -> Vec<Binding> {
        let count = self.rows as usize * self.columns as usize;
        vec![
            Binding::read("x", count),
            Binding::write("y", self.rows as usize),
        ]
    }

    fn parameters(&self) -> Parameters {
        Parameters::new()
            .u32("rows", self.rows)
            .u32("columns", self.columns)
    }

    fn turns(&self, _limits: &Limits) -> u64 {
        u64::from(self.columns)
    }

    fn operations(&self) -> u64 {
        2 * u64::from(self.rows) * u64::from(self.columns)
    }

    fn shader(&self, limits: &Limits) -> Shader {
        Shader::strided("square_sum", self.rows as usize, limits)
    }
}

/// `y = gradient + l1 sign(w)`, times the gradient's scale: the gradient of the penalty `l1 Σ |w|`. The sign of 0 is 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct L1Gradient {
    /// Elements.
    pub count: u32,
    /// The penalty.
    pub l1: f64,
    /// Whether the gradient is scaled, and a verdict is bound that says by how much.
    pub scaled: bool,
}

impl Spec for L1Gradient {
    fn name(&self) -> &'static str {
        "l1_gradient"
    }

    fn bindings(&self) -> Vec<Binding> {
        let count = self.count as usize;
        let mut bindings = gradient(count, self.scaled);
        bindings.extend([Binding::read("w", count), Binding::write("y", count)]);
        bindings
    }

    fn parameters(&self) -> Parameters {
        Parameters::new()
            .u32("count", self.count)
            .f32("l1", self.l1)
    }

    fn shader(&self, limits: &Limits) -> Shader {
        let count = self.count as usize;
        Shader::strided_wide("l1_gradient", count, self.count, "f32", limits)
            .join(verdict(self.scaled))
    }
}

/// `y = gradient min(1, limit / (norm + 1e-6))` with `norm = sqrt(total)`, as `torch.nn.utils.clip_grad_norm_`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClipNorm {
    /// Elements.
    pub count: u32,
    /// The largest norm, without the gradient's scale.
    pub limit: f64,
    /// Whether the gradient is scaled, and a verdict is bound that says by how much.
    pub scaled: bool,
}

impl ClipNorm {
    /// What PyTorch adds to the norm.
    pub const EPSILON: f64 = 1e-6;
}

impl Spec for ClipNorm {
    fn name(&self) -> &'static str {
        "clip_norm"
    }

    fn bindings(&self) -> Vec<Binding> {
        let count = self.count as usize;
        let mut bindings = gradient(count, self.scaled);
        bindings.extend([Binding::read("total", 1), Binding::write("y", count)]);
        bindings
    }

    fn parameters(&self) -> Parameters {
        Parameters::new()
            .u32("count", self.count)
            .f32("limit", self.limit)
            .f32("epsilon", Self::EPSILON)
    }

    fn shader(&self, limits: &Limits) -> Shader {
        let count = self.count as usize;
        Shader::strided_wide("clip_norm", count, self.count, "f32", limits)
            .join(verdict(self.scaled))
    }
}

/// `y = gradient`, between `-limit` and `limit` times its scale, as `torch.nn.utils.clip_grad_value_`. NaN stays.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClipValue {
    /// Elements.
    pub count: u32,
    /// The largest magnitude, without the gradient's scale.
    pub limit: f64,
    /// Whether the gradient is scaled, and a verdict is bound that says by how much.
    pub scaled: bool,
}

impl Spec for ClipValue {
    fn name(&self) -> &'static str {
        "clip_value"
    }

    fn bindings(&self) -> Vec<Binding> {
        let count = self.count as usize;
        let mut bindings = gradient(count, self.scaled);
        bindings.push(Binding::write("y", count));
        bindings
    }

    fn parameters(&self) -> Parameters {
        Parameters::new()
            .u32("count", self.count)
            .f32("limit", self.limit)
    }

    fn shader(&self, limits: &Limits) -> Shader {
        Shader::strided("clip_value", self.count as usize, limits).join(verdict(self.scaled))
    }
}

/// `w[r, ·] *= limit / sqrt(squares[r])` where `squares[r]`, the sum of the row's squares, is more than `limit²`. In place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MaxNormUpdate {
    /// Rows.
    pub rows: u32,
    /// Length of a row.
    pub columns: u32,
    /// The largest norm of a row.
    pub limit: f64,
}

impl Spec for MaxNormUpdate {
    fn name(&self) -> &'static str {
        "max_norm_update"
    }

    fn bindings(&self) -> Vec<Binding> {
        let count = self.rows as usize * self.columns as usize;
        vec![
            Binding::read("squares", self.rows as usize),
            Binding::in_place("w", count),
        ]
    }

    fn parameters(&self) -> Parameters {
        Parameters::new()
            .u32("rows", self.rows)
            .u32("columns", self.columns)
            .f32("limit", self.limit)
            .f32("limit_square", self.limit * self.limit)
    }

    fn shader(&self, limits: &Limits) -> Shader {
        let count = self.rows as usize * self.columns as usize;
        Shader::strided("max_norm_update", count, limits)
    }
}

/// `y += factor x`, in place: what gathers the gradients of several batches.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Accumulate {
    /// Elements.
    pub count: u32,
    /// How much `x` weighs.
    pub factor: f64,
}

impl Spec for Accumulate {
    fn name(&self) -> &'static str {
        "accumulate"
    }

    fn bindings(&self) -> Vec<Binding> {
        let count = self.count as usize;
        vec![Binding::read("x", count), Binding::in_place("y", count)]
    }

    fn parameters(&self) -> Parameters {
        Parameters::new()
            .u32("count", self.count)
            .f32("factor", self.factor)
    }

    fn shader(&self, limits: &Limits) -> Shader {
        let count = self.count as usize;
        Shader::strided_wide("accumulate", count, self.count, "f32", limits)
    }
}

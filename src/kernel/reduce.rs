//! Sums along an axis, and their gradient.

use super::{Binding, Limits, Parameters, Shader, Spec};

/// `y[o, i] = factor Σ_a x[o, a, i]`: `x` is `[outer, axis, inner]`, `y` is `[outer, inner]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sum {
    /// Extents before the axis.
    pub outer: u32,
    /// Terms of each sum.
    pub axis: u32,
    /// Extents behind the axis.
    pub inner: u32,
    /// 1 for a sum, `1 / axis` for a mean.
    pub factor: f64,
}

impl Sum {
    fn results(&self) -> usize {
        self.outer as usize * self.inner as usize
    }
}

impl Spec for Sum {
    fn name(&self) -> &'static str {
        "sum"
    }

    fn bindings(&self) -> Vec<Binding> {
        vec![
            Binding::read("x", self.results() * self.axis as usize),
            Binding::write("y", self.results()),
        ]
    }

    fn parameters(&self) -> Parameters {
        Parameters::new()
            .u32("outer", self.outer)
            .u32("axis", self.axis)
            .u32("inner", self.inner)
            .f32("factor", self.factor)
    }

    /// Few long sums get a workgroup each, as do very long ones: Mesa's software driver ends an invocation's loops after
    /// 65,535 turns. Many, or short ones, get an invocation each.
    fn shader(&self, limits: &Limits) -> Shader {
        if (self.axis >= 512 && self.results() <= 64) || self.axis >= 1 << 15 {
            let grid = u32::try_from(self.results())
                .unwrap_or(u32::MAX)
                .min(limits.workgroups);
            Shader::new("sum_long", [grid, 1, 1])
        } else {
            Shader::strided("sum", self.results(), limits)
        }
    }

    fn operations(&self) -> u64 {
        self.results() as u64 * u64::from(self.axis)
    }
}

/// `y[o, a, i] = factor x[o, i]`: `x` is `[outer, inner]`, `y` is `[outer, axis, inner]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Broadcast {
    /// Extents before the axis.
    pub outer: u32,
    /// How often each element is repeated.
    pub axis: u32,
    /// Extents behind the axis.
    pub inner: u32,
    /// The factor.
    pub factor: f64,
}

impl Spec for Broadcast {
    fn name(&self) -> &'static str {
        "broadcast"
    }

    fn bindings(&self) -> Vec<Binding> {
        let x = self.outer as usize * self.inner as usize;
        vec![
            Binding::read("x", x),
            Binding::write("y", x * self.axis as usize),
        ]
    }

    fn parameters(&self) -> Parameters {
        Parameters::new()
            .u32("outer", self.outer)
            .u32("axis", self.axis)
            .u32("inner", self.inner)
            .f32("factor", self.factor)
    }

    fn shader(&self, limits: &Limits) -> Shader {
        Shader::strided(
            "broadcast",
            self.outer as usize * self.axis as usize * self.inner as usize,
            limits,
        )
    }
}

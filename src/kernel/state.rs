//! Kernels that keep watch over a run: copies, logs, and the search for numbers that are not finite.

use super::{Access, Binding, Limits, Parameters, Shader, Spec};
use crate::tensor::Element;

/// `y[i] = x[i]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copy {
    /// Elements.
    pub count: u32,
}

impl Spec for Copy {
    fn name(&self) -> &'static str {
        "copy"
    }

    fn bindings(&self) -> Vec<Binding> {
        vec![
            Binding::read("x", self.count as usize),
            Binding::write("y", self.count as usize),
        ]
    }

    fn parameters(&self) -> Parameters {
        Parameters::new().u32("count", self.count)
    }

    fn shader(&self, limits: &Limits) -> Shader {
        Shader::strided_wide("copy", self.count as usize, self.count, "f32", limits)
    }
}

/// `y[i] += t (x[i] - y[i])`, in place: what averages over the steps of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LerpUpdate {
    /// Elements.
    pub count: u32,
    /// How far to go: 0 stays, 1 arrives at `x`.
    pub t: f64,
}

impl Spec for LerpUpdate {
    fn name(&self) -> &'static str {
        "lerp_update"
    }

    fn bindings(&self) -> Vec<Binding> {
        vec![
            Binding::read("x", self.count as usize),
            Binding::in_place("y", self.count as usize),
        ]
    }

    fn parameters(&self) -> Parameters {
        Parameters::new().u32("count", self.count).f32("t", self.t)
    }

    fn shader(&self, limits: &Limits) -> Shader {
        let count = self.count as usize;
        Shader::strided_wide("lerp_update", count, self.count, "f32", limits)
    }
}

/// `log[slot, ·] = x[·]`; the other rows of the log stay. A slot outside the log is not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Record {
    /// Rows of the log.
    pub slots: u32,
    /// Length of a row.
    pub columns: u32,
    /// The row written: decided by the [`super::Tick`].
    pub slot: u32,
    /// The number of the first row: not 0 in a piece of a larger log.
    pub first_slot: u32,
}

impl Spec for Record {
    fn name(&self) -> &'static str {
        "record"
    }

    fn bindings(&self) -> Vec<Binding> {
        let columns = self.columns as usize;
        vec![
            Binding::read("x", columns),
            Binding::in_place("log", self.slots as usize * columns),
        ]
    }

    fn parameters(&self) -> Parameters {
        Parameters::new()
            .u32("slots", self.slots)
            .u32("columns", self.columns)
            .u32("slot", self.slot)
    }

    fn shader(&self, limits: &Limits) -> Shader {
        Shader::strided("record", self.columns as usize, limits)
    }
}

/// `first[0]` is `offset` and the smallest `i` for which `x[i]` is NaN or infinite, or `u32::MAX` if there is none.
///
/// A tensor that a device cannot bind at once is searched piece by piece, each the elements from `offset` on. The pieces
/// behind the first leave what was found before as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Nonfinite {
    /// Elements.
    pub count: u32,
    /// The number of the first of them: not 0 in a piece of a larger tensor.
    pub offset: u32,
}

impl Spec for Nonfinite {
    fn name(&self) -> &'static str {
        "nonfinite"
    }

    fn bindings(&self) -> Vec<Binding> {
        let access = if self.offset == 0 {
            Access::Write
        } else {
            Access::ReadWrite
        };
        vec![
            Binding::read("x", self.count as usize),
            Binding::new("first", Element::U32, access, 1),
        ]
    }

    fn parameters(&self) -> Parameters {
        Parameters::new()
            .u32("count", self.count)
            .u32("offset", self.offset)
    }

    /// One workgroup looks at everything, so that the smallest index is found without atomics.
    fn shader(&self, _limits: &Limits) -> Shader {
        Shader::new("nonfinite", [1, 1, 1])
    }
}

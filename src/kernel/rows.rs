//! Kernels that move rows and ranges about.

use super::{Access, Binding, Limits, Parameters, Shader, Spec};
use crate::tensor::Element;

/// `y[i, ·] = table[index[start + i], ·]` for `i < rows`.
///
/// A table of bytes gives reals, times `factor`; a table of reals or integers is copied. A row number outside the
/// table gives zeros.
///
/// A table that a device cannot bind at once is gathered from piece by piece, each the rows from `first_row` on. The
/// pieces behind the first leave what they do not have as it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gather {
    /// The table's element type.
    pub element: Element,
    /// The number of the table's first row: not 0 in a piece of a larger table.
    pub first_row: u32,
    /// Rows of the table.
    pub table_rows: u32,
    /// Rows gathered.
    pub rows: u32,
    /// Length of a row.
    pub columns: u32,
    /// Length of the index.
    pub indices: u32,
    /// First index used; decided by the [`super::Tick`] if `batch`.
    pub start: u32,
    /// Whether the tick decides `start`.
    pub batch: bool,
    /// What is added to the tick's `start`: not 0 in a piece of a larger batch.
    pub skip: u32,
    /// The factor for bytes, such as 1/255.
    pub factor: f64,
}

impl Spec for Gather {
    fn name(&self) -> &'static str {
        "gather"
    }

    fn bindings(&self) -> Vec<Binding> {
        let columns = self.columns as usize;
        let result = if self.element == Element::U32 {
            Element::U32
        } else {
            Element::F32
        };
        let access = if self.first_row == 0 {
            Access::Write
        } else {
            Access::ReadWrite
        };
        vec![
            Binding::new(
                "table",
                self.element,
                Access::Read,
                self.table_rows as usize * columns,
            ),
            Binding::new("index", Element::U32, Access::Read, self.indices as usize),
            Binding::new("y", result, access, self.rows as usize * columns),
        ]
    }

    fn parameters(&self) -> Parameters {
        Parameters::new()
            .u32("first_row", self.first_row)
            .u32("table_rows", self.table_rows)
            .u32("rows", self.rows)
            .u32("columns", self.columns)
            .u32("start", self.start)
            .f32("factor", self.factor)
    }

    fn shader(&self, limits: &Limits) -> Shader {
        let count = self.rows as usize * self.columns as usize;
        let shader = match self.element {
            Element::U8 if self.columns.is_multiple_of(4) => {
                Shader::strided("gather_words", count / 4, limits)
            }
            Element::U8 => Shader::strided("gather_bytes", count, limits),
            Element::F16 => unreachable!("the op refuses tables of f16"),
            Element::F32 => Shader::strided_wide("gather", count, self.columns, "f32", limits),
            Element::U32 => Shader::strided_wide("gather", count, self.columns, "u32", limits),
        };
        shader.with_bool("KEEP", self.first_row > 0)
    }
}

/// `dtable[r, ·] = Σ dy[i, ·]` over the `i` with `index[i] = first_row + r`, in the order of `i`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GatherGrad {
    /// The number of the table's first row: not 0 in a piece of a larger table.
    pub first_row: u32,
    /// Rows of the table.
    pub table_rows: u32,
    /// Rows that were gathered.
    pub rows: u32,
    /// Length of a row.
    pub columns: u32,
}

impl Spec for GatherGrad {
    fn name(&self) -> &'static str {
        "gather_grad"
    }

    fn bindings(&self) -> Vec<Binding> {
        let columns = self.columns as usize;
        vec![
            Binding::read("dy", self.rows as usize * columns),
            Binding::new("index", Element::U32, Access::Read, self.rows as usize),
            Binding::write("dtable", self.table_rows as usize * columns),
        ]
    }

    fn parameters(&self) -> Parameters {
        Parameters::new()
            .u32("first_row", self.first_row)
            .u32("table_rows", self.table_rows)
            .u32("rows", self.rows)
            .u32("columns", self.columns)
    }

    fn turns(&self, _limits: &Limits) -> u64 {
        u64::from(self.rows)
    }

    fn shader(&self, limits: &Limits) -> Shader {
        Shader::strided(
            "gather_grad",
            self.table_rows as usize * self.columns as usize,
            limits,
        )
    }
}

/// `y[o, a, i] = x[o, start + a, i]` for `a < len`: `x` is `[outer, axis, inner]`, `y` is `[outer, len, inner]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice {
    /// Extents before the axis.
    pub outer: u32,
    /// Extent of `x` along the axis.
    pub axis: u32,
    /// Extents behind the axis.
    pub inner: u32,
    /// First position kept.
    pub start: u32,
    /// Positions kept.
    pub len: u32,
}

impl Spec for Slice {
    fn name(&self) -> &'static str {
        "slice"
    }

    fn bindings(&self) -> Vec<Binding> {
        let rest = self.outer as usize * self.inner as usize;
        vec![
            Binding::read("x", rest * self.axis as usize),
            Binding::write("y", rest * self.len as usize),
        ]
    }

    fn parameters(&self) -> Parameters {
        Parameters::new()
            .u32("outer", self.outer)
            .u32("axis", self.axis)
            .u32("inner", self.inner)
            .u32("start", self.start)
            .u32("len", self.len)
    }

    fn shader(&self, limits: &Limits) -> Shader {
        Shader::strided(
            "slice",
            self.outer as usize * self.len as usize * self.inner as usize,
            limits,
        )
    }
}

/// `dx[o, a, i] = dy[o, a - start, i]` where `start <= a < start + len`, else 0: the gradient of [`Slice`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pad {
    /// Extents before the axis.
    pub outer: u32,
    /// Extent of `dx` along the axis.
    pub axis: u32,
    /// Extents behind the axis.
    pub inner: u32,
    /// First position filled.
    pub start: u32,
    /// Positions filled.
    pub len: u32,
}

impl Spec for Pad {
    fn name(&self) -> &'static str {
        "pad"
    }

    fn bindings(&self) -> Vec<Binding> {
        let rest = self.outer as usize * self.inner as usize;
        vec![
            Binding::read("dy", rest * self.len as usize),
            Binding::write("dx", rest * self.axis as usize),
        ]
    }

    fn parameters(&self) -> Parameters {
        Parameters::new()
            .u32("outer", self.outer)
            .u32("axis", self.axis)
            .u32("inner", self.inner)
            .u32("start", self.start)
            .u32("len", self.len)
    }

    fn shader(&self, limits: &Limits) -> Shader {
        Shader::strided(
            "pad",
            self.outer as usize * self.axis as usize * self.inner as usize,
            limits,
        )
    }
}

/// `y = [a, b]` along an axis: `a` is `[outer, axis_a, inner]`, `b` is `[outer, axis_b, inner]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Concat {
    /// Extents before the axis.
    pub outer: u32,
    /// Extent of `a` along the axis.
    pub axis_a: u32,
    /// Extent of `b` along the axis.
    pub axis_b: u32,
    /// Extents behind the axis.
    pub inner: u32,
}

impl Spec for Concat {
    fn name(&self) -> &'static str {
        "concat"
    }

    fn bindings(&self) -> Vec<Binding> {
        let rest = self.outer as usize * self.inner as usize;
        let (a, b) = (rest * self.axis_a as usize, rest * self.axis_b as usize);
        vec![
            Binding::read("a", a),
            Binding::read("b", b),
            Binding::write("y", a + b),
        ]
    }

    fn parameters(&self) -> Parameters {
        Parameters::new()
            .u32("outer", self.outer)
            .u32("axis_a", self.axis_a)
            .u32("axis_b", self.axis_b)
            .u32("inner", self.inner)
    }

    fn shader(&self, limits: &Limits) -> Shader {
        let count =
            self.outer as usize * (self.axis_a + self.axis_b) as usize * self.inner as usize;
        Shader::strided("concat", count, limits)
    }
}

//! Shapes and element types: what a tensor is before anyone says where it lives.

use std::fmt;

/// The type of a tensor's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Element {
    /// A real number: f32 on devices; the reference can also hold it in f64.
    #[default]
    F32,
    /// A real number of half precision, an operand of a product; see [`Shape::stored_len`] for how such a tensor lies. The
    /// executors on the host hold it as a real that is rounded already.
    F16,
    /// An unsigned 32-bit integer: class numbers, row numbers.
    U32,
    /// A byte: pixels. A device reads four at a time, so its buffers are padded to 4 bytes.
    U8,
}

impl Element {
    /// Bytes an element takes on a device.
    pub const fn size(self) -> usize {
        match self {
            Self::F32 | Self::U32 => 4,
            Self::F16 => 2,
            Self::U8 => 1,
        }
    }

    /// Whether it is a real number, of whatever precision.
    pub const fn is_real(self) -> bool {
        matches!(self, Self::F32 | Self::F16)
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::U32 => "u32",
            Self::U8 => "u8",
        })
    }
}

/// Rows and columns of f16 tensors are padded to multiples of this.
pub const PADDING: u32 = 16;

/// The extents of a row-major tensor; no extents is a scalar, which has one element.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Shape(Vec<usize>);

impl Shape {
    /// A scalar's shape.
    pub const fn scalar() -> Self {
        Self(Vec::new())
    }

    /// The extents, slowest first.
    pub fn dims(&self) -> &[usize] {
        &self.0
    }

    /// How many axes.
    pub fn rank(&self) -> usize {
        self.0.len()
    }

    /// How many elements.
    pub fn len(&self) -> usize {
        self.0.iter().product()
    }

    /// How many elements; `None` if they are more than this machine can address.
    pub fn checked_len(&self) -> Option<usize> {
        self.0.iter().try_fold(1_usize, |n, d| n.checked_mul(*d))
    }

    /// How many elements a tensor of this shape takes where it lies. Rows and columns of f16 are padded with zeros to
    /// multiples of [`PADDING`], the size of a cooperative matrix; all else is as long as its shape says.
    pub fn stored_len(&self, element: Element) -> usize {
        match (element, self.0.as_slice()) {
            (Element::F16, [groups @ .., rows, columns]) => {
                let padded = [rows, columns].map(|n| n.next_multiple_of(PADDING as usize));
                groups.iter().chain(&padded).product()
            }
            _ => self.len(),
        }
    }

    /// Whether there is no element, which no graph accepts.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The tensor seen as `[outer, axis, inner]`: the extents before an axis, of it, and behind it.
    ///
    /// # Panics
    /// If there is no such axis; ops check it first.
    pub fn around(&self, axis: usize) -> [usize; 3] {
        assert!(
            axis < self.rank(),
            "axis {axis} of a tensor of shape {self}"
        );
        [
            self.0[..axis].iter().product(),
            self.0[axis],
            self.0[axis + 1..].iter().product(),
        ]
    }

    /// The same shape with another extent along one axis.
    #[must_use]
    pub fn with_axis(&self, axis: usize, extent: usize) -> Self {
        let mut dims = self.0.clone();
        dims[axis] = extent;
        Self(dims)
    }

    /// The same shape without one axis.
    #[must_use]
    pub fn without_axis(&self, axis: usize) -> Self {
        let mut dims = self.0.clone();
        dims.remove(axis);
        Self(dims)
    }

    /// All axes but the last as rows, and the last as columns; a scalar is one row of one column.
    pub fn rows_columns(&self) -> [usize; 2] {
        match self.0.split_last() {
            Some((columns, rows)) => [rows.iter().product(), *columns],
            None => [1, 1],
        }
    }
}

impl<const N: usize> From<[usize; N]> for Shape {
    fn from(dims: [usize; N]) -> Self {
        Self(dims.to_vec())
    }
}

impl From<&[usize]> for Shape {
    fn from(dims: &[usize]) -> Self {
        Self(dims.to_vec())
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (i, dim) in self.0.iter().enumerate() {
            write!(f, "{}{dim}", if i == 0 { "" } else { ", " })?;
        }
        f.write_str("]")
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

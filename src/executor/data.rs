//! The values of a tensor, on their way to a device or back.

use half::f16;

use crate::tensor::Element;

/// The values of a tensor. Reals may be f32 or f64, whatever the executor holds; see [`Data::to_f32`].
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// Reals.
    F32(Vec<f32>),
    /// Reals in double precision, which only the reference holds.
    F64(Vec<f64>),
    /// Reals of half precision.
    F16(Vec<f16>),
    /// Integers.
    U32(Vec<u32>),
    /// Bytes.
    U8(Vec<u8>),
}

impl Data {
    /// How many values.
    pub const fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::F64(values) => values.len(),
            Self::F16(values) => values.len(),
            Self::U32(values) => values.len(),
            Self::U8(values) => values.len(),
        }
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The element type of a tensor that holds them.
    pub const fn element(&self) -> Element {
        match self {
            Self::F32(_) | Self::F64(_) => Element::F32,
            Self::F16(_) => Element::F16,
            Self::U32(_) => Element::U32,
            Self::U8(_) => Element::U8,
        }
    }

    /// The reals in single precision; empty for integers.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "rounding to single precision is what is asked for"
    )]
    pub fn to_f32(&self) -> Vec<f32> {
        match self {
            Self::F32(values) => values.clone(),
            Self::F64(values) => values.iter().map(|&v| v as f32).collect(),
            Self::F16(values) => values.iter().map(|&v| v.into()).collect(),
            Self::U32(_) | Self::U8(_) => Vec::new(),
        }
    }

    /// As [`Data::to_f32`], without a copy where there is nothing to round.
    pub fn into_f32(self) -> Vec<f32> {
        match self {
            Self::F32(values) => values,
            other => other.to_f32(),
        }
    }

    /// The reals in double precision; empty for integers.
    pub fn to_f64(&self) -> Vec<f64> {
        match self {
            Self::F32(values) => values.iter().map(|&v| f64::from(v)).collect(),
            Self::F64(values) => values.clone(),
            Self::F16(values) => values.iter().map(|&v| v.into()).collect(),
            Self::U32(_) | Self::U8(_) => Vec::new(),
        }
    }

    /// The integers; empty for all else.
    pub fn as_u32(&self) -> &[u32] {
        match self {
            Self::U32(values) => values,
            Self::F32(_) | Self::F64(_) | Self::F16(_) | Self::U8(_) => &[],
        }
    }
}

impl From<Vec<f32>> for Data {
    fn from(values: Vec<f32>) -> Self {
        Self::F32(values)
    }
}

impl From<Vec<f64>> for Data {
    fn from(values: Vec<f64>) -> Self {
        Self::F64(values)
    }
}

impl From<Vec<u32>> for Data {
    fn from(values: Vec<u32>) -> Self {
        Self::U32(values)
    }
}

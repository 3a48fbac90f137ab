use crate::data::rows;
use crate::data::stored::Stored;

/// A data set's inputs, row-major `[rows, features]`, in the type in which they stay on the device.
#[derive(Debug, Clone, PartialEq)]
pub enum Inputs {
    /// Single precision, all finite.
    F32(Vec<f32>),
    /// Bytes that are multiplied by `scale` when a batch is gathered.
    U8 {
        /// The bytes.
        pixels: Vec<u8>,
        /// What a byte is multiplied by, such as 1/255.
        scale: f32,
    },
    /// As `F32`, read when they are wanted.
    StoredF32(Stored<f32>),
    /// As `U8`, read when they are wanted.
    StoredU8 {
        /// The bytes.
        rows: Stored<u8>,
        /// What a byte is multiplied by, such as 1/255.
        scale: f32,
    },
}

impl Inputs {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::U8 { pixels, .. } => pixels.len(),
            Self::StoredF32(rows) => rows.rows() * rows.features(),
            Self::StoredU8 { rows, .. } => rows.rows() * rows.features(),
        }
    }

    /// What a byte is multiplied by, if they are bytes.
    pub(crate) const fn byte_scale(&self) -> Option<f32> {
        match self {
            Self::U8 { scale, .. } | Self::StoredU8 { scale, .. } => Some(*scale),
            Self::F32(_) | Self::StoredF32(_) => None,
        }
    }

    /// Values of a row, if it is read only when it is wanted.
    pub(super) fn stored_features(&self) -> Option<usize> {
        match self {
            Self::F32(_) | Self::U8 { .. } => None,
            Self::StoredF32(rows) => Some(rows.features()),
            Self::StoredU8 { rows, .. } => Some(rows.features()),
        }
    }

    pub(super) fn select(&self, features: usize, rows: &[u32]) -> Self {
        match self {
            Self::F32(values) => Self::F32(gather(values, features, rows)),
            Self::U8 { pixels, scale } => Self::U8 {
                pixels: gather(pixels, features, rows),
                scale: *scale,
            },
            Self::StoredF32(stored) => Self::StoredF32(stored.select(rows)),
            Self::StoredU8 {
                rows: stored,
                scale,
            } => Self::StoredU8 {
                rows: stored.select(rows),
                scale: *scale,
            },
        }
    }
}

pub(super) fn gather<T: Copy>(values: &[T], width: usize, wanted: &[u32]) -> Vec<T> {
    let mut out = Vec::with_capacity(wanted.len() * width);
    rows::gather(values, width, wanted, &mut out);
    out
}

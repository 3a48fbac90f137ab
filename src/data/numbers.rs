//! Numbers of a table, before they are scaled: in f32 where that loses nothing, else in f64.

/// Finite numbers within the range of f32.
///
/// A large offset, as that of a time in seconds, leaves f32 no digits for what differs between rows. So numbers keep
/// their digits until the offset is taken off. Files with numbers that are all exact in f32 are read into half the memory.
#[derive(Debug, Clone, PartialEq)]
pub enum Numbers {
    /// Single precision.
    F32(Vec<f32>),
    /// Double precision.
    F64(Vec<f64>),
}

/// Does the same with the values of either type.
macro_rules! with_values {
    ($numbers:expr, $values:ident => $what:expr) => {
        match $numbers {
            $crate::data::Numbers::F32($values) => $what,
            $crate::data::Numbers::F64($values) => $what,
        }
    };
}
pub(super) use with_values;

impl Numbers {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        with_values!(self, values => values.len())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number at a place.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn get(&self, at: usize) -> f64 {
        match self {
            Self::F32(values) => values[at].into(),
            Self::F64(values) => values[at],
        }
    }

    /// All numbers, in order.
    pub fn iter(&self) -> impl Iterator<Item = f64> + '_ {
        (0..self.len()).map(|at| self.get(at))
    }

    pub(super) fn with_capacity(wide: bool, capacity: usize) -> Self {
        if wide {
            Self::F64(Vec::with_capacity(capacity))
        } else {
            Self::F32(Vec::with_capacity(capacity))
        }
    }

    /// Adds a number, which in f32 is rounded.
    pub(super) fn push(&mut self, value: f64) {
        match self {
            Self::F32(values) => values.push(rounded(value)),
            Self::F64(values) => values.push(value),
        }
    }

    /// Keeps the first `len`.
    pub(super) fn truncate(&mut self, len: usize) {
        with_values!(self, values => values.truncate(len));
    }

    /// The place of the first that is not finite or beyond the range of f32.
    pub(super) fn first_bad(&self) -> Option<usize> {
        self.iter().position(|value| !rounded(value).is_finite())
    }
}

impl From<Vec<f32>> for Numbers {
    fn from(values: Vec<f32>) -> Self {
        Self::F32(values)
    }
}

impl From<Vec<f64>> for Numbers {
    fn from(values: Vec<f64>) -> Self {
        Self::F64(values)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "rounding to f32 is what is wanted; what is too large becomes infinite"
)]
pub(super) fn rounded(value: f64) -> f32 {
    value as f32
}

/// Whether f32 holds the number to its last digit. What is no number loses nothing.
pub(super) fn is_exact(value: f64) -> bool {
    f64::from(rounded(value)) == value || value.is_nan()
}

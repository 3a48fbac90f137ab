//! What a kernel function on the host works on.

/// A tensor that a kernel reads, its reals held as `T`.
#[derive(Debug, Clone, Copy)]
pub enum View<'a, T> {
    /// Reals.
    Real(&'a [T]),
    /// Integers.
    U32(&'a [u32]),
    /// Bytes.
    U8(&'a [u8]),
}

/// A tensor that a kernel writes.
#[derive(Debug)]
pub enum ViewMut<'a, T> {
    /// Reals.
    Real(&'a mut [T]),
    /// Integers.
    U32(&'a mut [u32]),
    /// Bytes.
    U8(&'a mut [u8]),
}

impl<'a, T> View<'a, T> {
    /// The reals.
    ///
    /// # Panics
    /// If the tensor has another element type. A plan holds every operand against its kernel's bindings when it is
    /// made, so this is a broken invariant of ours.
    pub fn real(self) -> &'a [T] {
        match self {
            Self::Real(values) => values,
            Self::U32(_) | Self::U8(_) => {
                panic!("the plan bound integers where the kernel reads reals")
            }
        }
    }

    /// The integers.
    ///
    /// # Panics
    /// As [`View::real`].
    pub fn u32(self) -> &'a [u32] {
        match self {
            Self::U32(values) => values,
            Self::Real(_) | Self::U8(_) => {
                panic!("the plan bound another type where the kernel reads integers")
            }
        }
    }

    /// The bytes.
    ///
    /// # Panics
    /// As [`View::real`].
    pub fn u8(self) -> &'a [u8] {
        match self {
            Self::U8(values) => values,
            Self::Real(_) | Self::U32(_) => {
                panic!("the plan bound another type where the kernel reads bytes")
            }
        }
    }
}

impl<T> ViewMut<'_, T> {
    /// The reals.
    ///
    /// # Panics
    /// As [`View::real`].
    pub fn real(&mut self) -> &mut [T] {
        match self {
            Self::Real(values) => values,
            Self::U32(_) | Self::U8(_) => {
                panic!("the plan bound integers where the kernel writes reals")
            }
        }
    }

    /// The integers.
    ///
    /// # Panics
    /// As [`View::real`].
    pub fn u32(&mut self) -> &mut [u32] {
        match self {
            Self::U32(values) => values,
            Self::Real(_) | Self::U8(_) => {
                panic!("the plan bound another type where the kernel writes integers")
            }
        }
    }
}

//! The reference as an executor.

use std::marker::PhantomData;

use super::run;
use crate::executor::{Data, Host, HostKernels, View, ViewMut};
use crate::kernel::Kernel;

/// The reference's kernels in the number type `T`: f32 or f64.
#[derive(Debug, Default)]
pub struct ReferenceKernels<T>(PhantomData<fn() -> T>);

/// The executor that says what is right.
pub type Reference<T> = Host<ReferenceKernels<T>>;

impl Reference<f64> {
    /// Plain loops in double precision.
    pub fn f64() -> Self {
        Self::new(
            ReferenceKernels::default(),
            "reference",
            "plain loops in f64".to_owned(),
        )
    }
}

impl Reference<f32> {
    /// Plain loops in single precision.
    pub fn f32() -> Self {
        Self::new(
            ReferenceKernels::default(),
            "reference",
            "plain loops in f32".to_owned(),
        )
    }
}

impl HostKernels for ReferenceKernels<f64> {
    type Real = f64;

    fn real(value: f64) -> f64 {
        value
    }

    fn data(values: &[f64]) -> Data {
        Data::F64(values.to_vec())
    }

    fn run(&self, kernel: &Kernel, inputs: &[View<'_, f64>], outputs: &mut [ViewMut<'_, f64>]) {
        run(kernel, inputs, outputs);
    }
}

impl HostKernels for ReferenceKernels<f32> {
    type Real = f32;

    #[expect(
        clippy::cast_possible_truncation,
        reason = "rounding to single precision is what is asked for"
    )]
    fn real(value: f64) -> f32 {
        value as f32
    }

    fn data(values: &[f32]) -> Data {
        Data::F32(values.to_vec())
    }

    fn run(&self, kernel: &Kernel, inputs: &[View<'_, f32>], outputs: &mut [ViewMut<'_, f32>]) {
        run(kernel, inputs, outputs);
    }
}

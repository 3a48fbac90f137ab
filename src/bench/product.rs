//! Single kernels as plans: matrix products and copies.

use std::sync::Arc;

use super::BenchError;
use crate::executor::{Data, Executor, PlanHandle};
use crate::graph::Store;
use crate::kernel::{Kernel, Matmul, Tick};
use crate::plan::{Place, Plan};
use crate::random::{Random, stream};
use crate::reference::{self, Bounded};

/// A kernel alone on a device, each of its tensors in a buffer of its own.
pub(super) struct Alone {
    pub(super) executor: Box<dyn Executor>,
    handle: PlanHandle,
}

impl Alone {
    pub(super) fn new(mut executor: Box<dyn Executor>, kernel: Kernel) -> Result<Self, BenchError> {
        let plan = Plan::alone(kernel, executor.limits())?;
        let handle = executor.load(Arc::new(plan), &Store::new())?;
        Ok(Self { executor, handle })
    }

    fn write(&mut self, binding: usize, values: Vec<f32>) -> Result<(), BenchError> {
        let place = Place::whole(binding, values.len());
        Ok(self
            .executor
            .write(self.handle, place, &Data::F32(values))?)
    }

    /// The first `count` numbers of a binding from `from` on, after all work before.
    fn read(&mut self, binding: usize, from: usize, count: usize) -> Result<Vec<f32>, BenchError> {
        let place = Place {
            offset: from,
            ..Place::whole(binding, count)
        };
        Ok(self.executor.read(self.handle, place)?.to_f32())
    }

    /// Runs the kernel so often, in one submission, and waits by reading one number of `output`.
    pub(super) fn run(&mut self, times: usize, output: usize) -> Result<(), BenchError> {
        self.executor
            .run(self.handle, &vec![Tick::default(); times])?;
        self.read(output, 0, 1).map(drop)
    }
}

/// A product of two square matrices on a device, both stored row after row.
pub struct Product {
    alone: Alone,
    kernel: Matmul,
    a: Vec<f32>,
    b: Vec<f32>,
}

impl Product {
    /// Matrices `[n, n]` of numbers in -1 to 1.
    ///
    /// # Errors
    /// If the device cannot hold them.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the matrices are rounded to f32 as all data are"
    )]
    pub fn new(executor: Box<dyn Executor>, n: u32) -> Result<Self, BenchError> {
        let kernel = Matmul {
            groups: 1,
            m: n,
            n,
            k: n,
            transpose_a: false,
            transpose_b: false,
            ..Matmul::default()
        };
        let draw = |step| -> Vec<f32> {
            let random = Random::new(1, stream::TEST, step);
            let count = u64::from(n) * u64::from(n);
            (0..count)
                .map(|i| (2.0 * random.uniform(i) - 1.0) as f32)
                .collect()
        };
        let (a, b) = (draw(0), draw(1));
        let mut alone = Alone::new(executor, kernel.into())?;
        alone.write(0, a.clone())?;
        alone.write(1, b.clone())?;
        Ok(Self {
            alone,
            kernel,
            a,
            b,
        })
    }

    /// The kernel.
    pub fn kernel(&self) -> Kernel {
        self.kernel.into()
    }

    /// What it runs on.
    pub fn executor(&mut self) -> &mut dyn Executor {
        self.alone.executor.as_mut()
    }

    /// Runs it once and holds the first, a middle and the last row of the result against the reference.
    ///
    /// # Errors
    /// If an element is off by more than the reference says it may be.
    pub fn check(&mut self) -> Result<(), BenchError> {
        self.run(1)?;
        let n = self.kernel.n as usize;
        let row = Matmul {
            m: 1,
            ..self.kernel
        };
        let b: Vec<Bounded> = self.b.iter().map(|&x| exact(x)).collect();
        for i in [0, n / 2, n - 1] {
            let a: Vec<Bounded> = self.a[i * n..][..n].iter().map(|&x| exact(x)).collect();
            let mut expected = vec![exact(0.0); n];
            reference::matmul(&row, (&a, &b), None, &mut expected, None);
            let found = self.alone.read(2, i * n, n)?;
            let compared = reference::compare(&format!("row {i}"), &found, &expected);
            compared.map_err(|difference| BenchError::Wrong {
                device: self.alone.executor.device().name.clone(),
                case: format!("a product of {n}x{n}"),
                difference: difference.to_string(),
            })?;
        }
        Ok(())
    }

    /// Multiplies so often, in one submission, and waits.
    ///
    /// # Errors
    /// If the device failed.
    pub fn run(&mut self, times: usize) -> Result<(), BenchError> {
        self.alone.run(times, 2)
    }
}

fn exact(value: f32) -> Bounded {
    Bounded {
        value: value.into(),
        error: 0.0,
    }
}

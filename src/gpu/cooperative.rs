//! The self-test of cooperative matrices: they are chosen on an adapter only after products by them were right on it, in this
//! process.
//!
//! What naga makes of them uses the Vulkan memory model without the availability operations that it asks for (wgpu #8805), and
//! drivers differ in what they let pass. So nothing is assumed: products of small whole numbers, which any order of summing
//! gets exactly right, are held against the host's, in all ways of storing operands and finishing sums, several times each.

use std::sync::Arc;

use half::f16;

use super::Gpu;
use crate::executor::{Data, Executor, ExecutorError};
use crate::graph::Store;
use crate::kernel::{ActivationKind, Finish, Function, Kernel, Matmul, Tick};
use crate::plan::{Place, Plan};
use crate::tensor::Element;

/// How often each product is computed: a race need not show at once.
const TIMES: usize = 4;
/// Sizes of the result and terms, around the tile of 32 and the padding of 16; the last has many workgroups.
const SHAPES: [[u32; 3]; 5] = [
    [1, 1, 1],
    [16, 16, 16],
    [31, 40, 50],
    [65, 33, 17],
    [300, 257, 70],
];

impl Gpu {
    /// Puts cooperative matrices to the test before the first plan that has use for them.
    pub(super) fn test_before(&mut self, plan: &Plan) {
        let wanted = plan.tensors.iter().any(|t| t.element == Element::F16);
        if self.tested || !wanted || !self.adapter.has_cooperative_products() {
            return;
        }
        self.tested = true;
        self.limits.cooperative = true;
        self.limits.cooperative = match self.passes_self_test() {
            Ok(()) => true,
            Err(cause) => {
                log::warn!(
                    "{}: cooperative matrices have failed their self-test and are not used: {cause}",
                    self.info.name
                );
                false
            }
        };
    }

    /// For tests: computes products of operands in half precision, by the kernel that would be chosen now, and holds them
    /// against the host's.
    ///
    /// # Errors
    /// What went wrong first: a product that is off, or a shader that the device refuses.
    #[doc(hidden)]
    pub fn passes_self_test(&mut self) -> Result<(), String> {
        let plans = self.plans.len();
        // The first candidate is what is tested, whatever was timed before.
        let choices = std::mem::take(&mut self.choices);
        let found = cases().try_for_each(|kernel| self.try_product(&kernel));
        self.choices = choices;
        self.unload_behind(plans);
        found
    }

    fn try_product(&mut self, kernel: &Matmul) -> Result<(), String> {
        let operands = operands(kernel);
        let expected = expected(kernel, &operands);
        let refused = |e: ExecutorError| e.to_string();
        let reads = operands.len();
        let plan = Plan::alone((*kernel).into(), &self.limits).map_err(|e| e.to_string())?;
        let places: Vec<Place> = plan.tensors.iter().map(|t| t.place).collect();
        let handle = self.load(Arc::new(plan), &Store::new()).map_err(refused)?;
        for (place, values) in places.iter().zip(&operands) {
            self.write(handle, *place, values).map_err(refused)?;
        }
        for _ in 0..TIMES {
            for place in &places[reads..] {
                let nothing = Data::F32(vec![f32::NAN; place.len]);
                self.write(handle, *place, &nothing).map_err(refused)?;
            }
            self.run(handle, &[Tick::default()]).map_err(refused)?;
            for (place, expected) in places[reads..].iter().zip(&expected) {
                let found = self.read(handle, *place).map_err(refused)?.to_f32();
                let wrong = found.iter().zip(expected).position(|(a, e)| a != e);
                if let Some(at) = wrong {
                    let (found, expected) = (found[at], expected[at]);
                    return Err(format!(
                        "{kernel:?}: element {at} is {found}, not {expected}"
                    ));
                }
            }
        }
        Ok(())
    }
}

/// All ways of storing the operands, with every finish.
fn cases() -> impl Iterator<Item = Matmul> {
    let relu = Function {
        kind: ActivationKind::Relu,
        alpha: 0.0,
    };
    let finishes = [
        (Finish::None, true),
        (Finish::Bias(relu), false),
        (Finish::Gradient(relu), false),
    ];
    let stored = [(false, false), (false, true), (true, false), (true, true)];
    (0..).zip(SHAPES).flat_map(move |(i, [m, n, k])| {
        (0..)
            .zip(stored)
            .map(move |(j, (transpose_a, transpose_b))| {
                let (finish, row_sums) = finishes[(i + j) % finishes.len()];
                Matmul {
                    groups: 2,
                    m,
                    n,
                    k,
                    transpose_a,
                    transpose_b,
                    finish,
                    row_sums,
                    operands: Element::F16,
                }
            })
    })
}

/// A whole number from -4 to 4 that looks random.
fn whole(salt: u32, at: usize) -> f32 {
    let at = u32::try_from(at).unwrap_or(u32::MAX);
    let mixed = (at ^ salt.rotate_left(16))
        .wrapping_mul(0x9e37_79b1)
        .rotate_left(13)
        .wrapping_mul(0x85eb_ca77);
    (mixed >> 16) as f32 % 9.0 - 4.0
}

/// Rows and columns of an operand as it is stored.
const fn extents(kernel: &Matmul, is_a: bool) -> [u32; 2] {
    let &Matmul { m, n, k, .. } = kernel;
    match (is_a, kernel.transpose_a, kernel.transpose_b) {
        (true, false, _) => [m, k],
        (true, true, _) => [k, m],
        (false, _, false) => [k, n],
        (false, _, true) => [n, k],
    }
}

/// What the product reads: both operands with their padding, and what is fused into it.
fn operands(kernel: &Matmul) -> Vec<Data> {
    let operand = |is_a: bool| {
        let [rows, columns] = extents(kernel, is_a);
        let [padded_rows, padded_columns] = [rows, columns].map(|n| kernel.padded(n) as usize);
        let len = kernel.groups as usize * padded_rows * padded_columns;
        let value = |at: usize| {
            let (row, column) = (at / padded_columns % padded_rows, at % padded_columns);
            let inside = row < rows as usize && column < columns as usize;
            let value = if inside {
                whole(u32::from(is_a), at)
            } else {
                0.0
            };
            f16::from_f32(value)
        };
        Data::F16((0..len).map(value).collect())
    };
    let mut all = vec![operand(true), operand(false)];
    let bindings = Kernel::from(*kernel).bindings();
    if kernel.finish != Finish::None {
        all.push(Data::F32(
            (0..bindings[2].len).map(|at| whole(2, at)).collect(),
        ));
    }
    all
}

/// What the product writes, computed here.
fn expected(kernel: &Matmul, operands: &[Data]) -> Vec<Vec<f32>> {
    let inputs: Vec<Vec<f32>> = operands.iter().map(Data::to_f32).collect();
    let fused = inputs.get(2).map(Vec::as_slice);
    let &Matmul { groups, m, n, .. } = kernel;
    let mut y = vec![0.0; (groups * m * n) as usize];
    let mut sums = vec![0.0; (groups * m) as usize];
    let wanted = kernel.row_sums.then_some(sums.as_mut_slice());
    crate::reference::matmul(kernel, (&inputs[0], &inputs[1]), fused, &mut y, wanted);
    if kernel.row_sums {
        vec![y, sums]
    } else {
        vec![y]
    }
}

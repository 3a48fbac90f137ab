//! The product of matrices, in groups, and what is fused into it.

use super::Real;
use super::elementwise::{activate, activate_grad};
use crate::kernel::{Finish, Matmul};

/// `y[g, i, j] = finish(Σ_l op(a[g])[i, l] op(b[g])[l, j])`, and `sums[g, i] = Σ_l op(a[g])[i, l]`; see [`Matmul`].
/// `fused` is the bias or what the activation saved, if the product finishes with one.
///
/// # Panics
/// If an operand is missing or has another length than the kernel binds.
pub fn matmul<T: Real>(
    p: &Matmul,
    (a, b): (&[T], &[T]),
    fused: Option<&[T]>,
    y: &mut [T],
    mut sums: Option<&mut [T]>,
) {
    let [groups, m, n, k] = [p.groups, p.m, p.n, p.k].map(|extent| extent as usize);
    assert_eq!(y.len(), groups * m * n, "length of the product");
    let fused = |at: usize| fused.expect("the plan bound what is fused")[at];
    let finish = |s: T, at: usize, column: usize| match p.finish {
        Finish::None => s,
        Finish::Bias(f) => activate(f.kind, T::parameter(f.alpha), s + fused(column)),
        Finish::Gradient(f) => activate_grad(f.kind, T::parameter(f.alpha), fused(at), s),
    };
    // Rows and columns of the operands, as they lie in memory.
    let [rows, columns, terms] = [p.m, p.n, p.k].map(|extent| p.padded(extent) as usize);
    for g in 0..groups {
        let a = &a[g * rows * terms..][..rows * terms];
        let b = &b[g * terms * columns..][..terms * columns];
        let a = |i: usize, l: usize| {
            a[if p.transpose_a {
                l * rows + i
            } else {
                i * terms + l
            }]
        };
        let b = |l: usize, j: usize| {
            b[if p.transpose_b {
                j * terms + l
            } else {
                l * columns + j
            }]
        };
        for i in 0..m {
            for j in 0..n {
                let at = (g * m + i) * n + j;
                let sum = T::sum((0..k).map(|l| a(i, l) * b(l, j)));
                y[at] = finish(sum, at, g * n + j);
            }
            if let Some(sums) = &mut sums {
                sums[g * m + i] = T::sum((0..k).map(|l| a(i, l)));
            }
        }
    }
}

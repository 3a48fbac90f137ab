//! The product of matrices, in groups, and what is fused into it.

use super::Real;
use super::elementwise::{activate, activate_grad};
use crate::kernel::{Finish, Matmul};

/// `y[g, i, j] = finish(Σ_l op(a[g])[i, l] op(b[g])[l, j])`, and `sums[g, i] = Σ_l op(a[g])[i, l]`; see [`Matmul`].
/// `fused` is the bias or what the activation saved, if the product finishes with one. With [`Finish::Sgd`], `y` and
/// `sums` hold the parameters that are updated.
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
    // What a result becomes that was `w` before.
    let finish = |s: T, w: T, at: usize, column: usize| match p.finish {
        Finish::None => s,
        Finish::Sgd { .. } => descended(p.finish, s, w),
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
                y[at] = finish(sum, y[at], at, g * n + j);
            }
            if let Some(sums) = &mut sums {
                let (sum, w) = (T::sum((0..k).map(|l| a(i, l))), sums[g * m + i]);
                sums[g * m + i] = descended(p.finish, sum, w);
            }
        }
    }
}

/// A parameter `w` after a step by its gradient `s`; `s` itself if the product does not end so.
fn descended<T: Real>(finish: Finish, s: T, w: T) -> T {
    let Finish::Sgd {
        learning_rate,
        weight_decay,
    } = finish
    else {
        return s;
    };
    w - T::parameter(learning_rate) * (s + T::parameter(weight_decay) * w)
}

//! The product of matrices, in groups.

use super::Real;
use crate::kernel::Matmul;

/// `y[g, i, j] = Σ_l op(a[g])[i, l] op(b[g])[l, j]`; see [`Matmul`].
pub fn matmul<T: Real>(p: &Matmul, a: &[T], b: &[T], y: &mut [T]) {
    let [groups, m, n, k] = [p.groups, p.m, p.n, p.k].map(|extent| extent as usize);
    assert_eq!(y.len(), groups * m * n, "length of the product");
    for g in 0..groups {
        let a = &a[g * m * k..][..m * k];
        let b = &b[g * k * n..][..k * n];
        let a = |i: usize, l: usize| a[if p.transpose_a { l * m + i } else { i * k + l }];
        let b = |l: usize, j: usize| b[if p.transpose_b { j * k + l } else { l * n + j }];
        for i in 0..m {
            for j in 0..n {
                y[(g * m + i) * n + j] = T::sum((0..k).map(|l| a(i, l) * b(l, j)));
            }
        }
    }
}

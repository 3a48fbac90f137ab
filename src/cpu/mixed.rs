//! Kernels of mixed precision. Numbers of half precision are held here as f32 that are rounded already, so a product of
//! them is a product like any other, but for the zeros that their rows and columns are padded with.

use std::cell::RefCell;

use super::math::{self, narrow as single};
use super::matmul::matmul;
use super::threads::{LIGHT, Rows, Threads, bodies};
use crate::kernel::{Matmul, Narrow, Scaler};
use crate::tensor::Element;

thread_local! {
    /// Operands without their padding.
    static OPERANDS: RefCell<[Vec<f32>; 2]> = const { RefCell::new([Vec::new(), Vec::new()]) };
}

/// [`struct@Narrow`]: `y = x` rounded to half precision, 0 in the padding.
pub(super) fn narrow(threads: &Threads, kernel: &Narrow, x: &[f32], y: &mut [f32]) {
    let [rows, columns] = kernel.padded().map(|extent| extent as usize);
    let size = (y.len(), LIGHT);
    let pieces = Rows::new(y, columns);
    let all = kernel.groups as usize * rows;
    threads.rows(all, size, pieces, (x, *kernel, rows), narrow_loop);
}

bodies! {
    fn narrow_loop(
        first,
        y: Rows<&mut [f32]>,
        (x, kernel, padded): (&[f32], Narrow, usize)
    ) {
        let (rows, columns) = (kernel.rows as usize, kernel.columns as usize);
        for (i, y) in y.values.chunks_exact_mut(y.columns).enumerate() {
            let (group, row) = ((first + i) / padded, (first + i) % padded);
            if row >= rows {
                y.fill(0.0);
                continue;
            }
            let x = &x[(group * rows + row) * columns..][..columns];
            let (inside, padding) = y.split_at_mut(columns);
            for (y, &x) in inside.iter_mut().zip(x) {
                *y = half(x);
            }
            padding.fill(0.0);
        }
    }
}

/// The number rounded to half precision: to nearest, ties to even, infinite from 65520 on. On the bits, without a branch.
#[inline(always)]
pub(super) fn half(x: f32) -> f32 {
    const SMALLEST: f32 = 1.0 / 16384.0;
    let bits = x.to_bits();
    let sign = bits & 0x8000_0000;
    let magnitude = bits & 0x7fff_ffff;
    let a = f32::from_bits(magnitude);
    let rounded = f32::from_bits((magnitude + 0xfff + ((magnitude >> 13) & 1)) & !0x1fff);
    // One unit in the last place of 0.5 is a unit of half precision's subnormal numbers.
    let small = (a + 0.5) - 0.5;
    let finite = if a < SMALLEST { small } else { rounded };
    let large = if a < 65520.0 { finite } else { f32::INFINITY };
    let y = if magnitude > 0x7f80_0000 { a } else { large };
    f32::from_bits(y.to_bits() | sign)
}

/// [`Matmul`] of operands in half precision.
pub(super) fn half_matmul(
    threads: &Threads,
    kernel: &Matmul,
    [a, b, fused]: [&[f32]; 3],
    y: &mut [f32],
    sums: Option<&mut [f32]>,
) {
    let (m, n, k) = (kernel.m, kernel.n, kernel.k);
    let of_a = if kernel.transpose_a { [k, m] } else { [m, k] };
    let of_b = if kernel.transpose_b { [n, k] } else { [k, n] };
    let single = Matmul {
        operands: Element::F32,
        ..*kernel
    };
    // Taken out while in use, since a thread that waits for others may begin another product.
    let [mut for_a, mut for_b] = OPERANDS.take();
    let a = unpadded(kernel, of_a, a, &mut for_a);
    let b = unpadded(kernel, of_b, b, &mut for_b);
    matmul(threads, &single, [a, b, fused], y, sums);
    OPERANDS.set([for_a, for_b]);
}

/// An operand without its padding: itself, if it has none.
fn unpadded<'a>(
    kernel: &Matmul,
    extents: [u32; 2],
    x: &'a [f32],
    copy: &'a mut Vec<f32>,
) -> &'a [f32] {
    let [rows, columns] = extents.map(|extent| extent as usize);
    let [padded_rows, padded_columns] = extents.map(|extent| kernel.padded(extent) as usize);
    if [rows, columns] == [padded_rows, padded_columns] {
        return x;
    }
    copy.clear();
    for group in x.chunks_exact(padded_rows * padded_columns) {
        for row in group.chunks_exact(padded_columns).take(rows) {
            copy.extend_from_slice(&row[..columns]);
        }
    }
    copy
}

/// [`Scaler`]: the loss scale and the count of updates, and what the update is to do.
pub(super) fn scaler(
    kernel: &Scaler,
    (first, loss): (&[u32], &[f32]),
    scale: &mut [f32],
    counts: &mut [f32],
    verdict: &mut [f32],
) {
    let used = scale[0];
    let good = first[0] == u32::MAX && loss[0].is_finite();
    if good {
        counts[0] += 1.0;
        counts[1] += 1.0;
        if f64::from(counts[0]) >= f64::from(kernel.interval) {
            counts[0] = 0.0;
            scale[0] = (used * single(kernel.growth)).min(single(Scaler::LARGEST));
        }
    } else {
        counts[0] = 0.0;
        counts[2] += 1.0;
        scale[0] = used * single(kernel.backoff);
    }
    // Before the first update there is nothing to correct.
    let updates = counts[1].max(1.0);
    let left = |beta: f64| -math::expm1(updates * single(Scaler::log(beta)));
    verdict[0] = if good { 1.0 } else { 0.0 };
    verdict[1] = 1.0 / used;
    verdict[2] = 1.0 / left(kernel.beta1);
    verdict[3] = left(kernel.beta2).sqrt();
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against the crate `half`, on every exponent and around every tie.
    #[test]
    fn rounds_as_it_should() {
        let all = (0..=u32::MAX / 4099).map(|i| i * 4099);
        let ties = (0..1_u32 << 16).flat_map(|i| [0x0fff, 0x1000, 0x1001].map(|low| i << 16 | low));
        for bits in all.chain(ties) {
            let x = f32::from_bits(bits);
            let expected = ::half::f16::from_f32(x).to_f32();
            let found = half(x);
            assert!(
                found.to_bits() == expected.to_bits() || (found.is_nan() && expected.is_nan()),
                "{x:e} ({bits:#x}) becomes {found:e}, not {expected:e}"
            );
        }
    }
}

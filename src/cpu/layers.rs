//! Kernels of single layers: the largest of several pieces, and noise.

use super::math::{log1p, narrow};
use super::philox;
use super::threads::{HEAVY, LIGHT, Rows, Threads, bodies};
use crate::kernel::{MaxPieces, MaxPiecesGrad, Noise};

/// The first of the largest numbers, and that; NaN is larger than all.
#[inline(always)]
const fn first_largest(x: &[f32]) -> (usize, f32) {
    let (mut at, mut largest) = (0, x[0]);
    let mut k = 1;
    while k < x.len() {
        if !largest.is_nan() && (x[k] > largest || x[k].is_nan()) {
            (at, largest) = (k, x[k]);
        }
        k += 1;
    }
    (at, largest)
}

/// [`MaxPieces`]: `y[i] = max x[i, ·]`.
pub(super) fn max_pieces(threads: &Threads, kernel: &MaxPieces, x: &[f32], y: &mut [f32]) {
    let size = (x.len(), LIGHT);
    let pieces = (Rows::new(x, kernel.pieces as usize), y);
    threads.rows(kernel.count as usize, size, pieces, (), max_pieces_loop);
}

bodies! {
    fn max_pieces_loop(_first, (x, y): (Rows<&[f32]>, &mut [f32]), (): ()) {
        for (y, x) in y.iter_mut().zip(x.values.chunks_exact(x.columns)) {
            *y = first_largest(x).1;
        }
    }
}

/// [`MaxPiecesGrad`]: `dx[i, k] = dy[i]` at the first of the largest, else 0.
pub(super) fn max_pieces_grad(
    threads: &Threads,
    kernel: &MaxPiecesGrad,
    x: &[f32],
    dy: &[f32],
    dx: &mut [f32],
) {
    let columns = kernel.pieces as usize;
    let size = (x.len(), LIGHT);
    let pieces = (Rows::new(x, columns), dy, Rows::new(dx, columns));
    threads.rows(
        kernel.count as usize,
        size,
        pieces,
        (),
        max_pieces_grad_loop,
    );
}

bodies! {
    fn max_pieces_grad_loop(
        _first,
        (x, dy, dx): (Rows<&[f32]>, &[f32], Rows<&mut [f32]>),
        (): ()
    ) {
        let rows = dx.values.chunks_exact_mut(dx.columns);
        for ((dx, x), &dy) in rows.zip(x.values.chunks_exact(x.columns)).zip(dy) {
            dx.fill(0.0);
            dx[first_largest(x).0] = dy;
        }
    }
}

/// Elements that a block of random numbers serves: each takes two.
const BLOCK: usize = philox::BLOCK / 2;

/// [`Noise`]: `y[i] = x[i] + deviation n[i]`.
pub(super) fn noise(threads: &Threads, kernel: &Noise, x: &[f32], y: &mut [f32]) {
    let size = (y.len(), HEAVY);
    // A block of random numbers serves several elements, so pieces are whole blocks, and a tensor is cut between them.
    let whole = (kernel.offset as usize).is_multiple_of(BLOCK);
    assert!(whole, "a piece of noise begins at {}", kernel.offset);
    let rows = y.len().div_ceil(BLOCK);
    let pieces = (Rows::new(x, BLOCK), Rows::new(y, BLOCK));
    threads.rows(rows, size, pieces, *kernel, noise_loop);
}

bodies! {
    fn noise_loop(first, (x, y): (Rows<&[f32]>, Rows<&mut [f32]>), kernel: Noise) {
        let deviation = narrow(kernel.deviation);
        let key = (kernel.seed, kernel.stream, kernel.step);
        let blocks = (y.values.chunks_mut(BLOCK)).zip(x.values.chunks(BLOCK));
        for (i, (y, x)) in blocks.enumerate() {
            let bits = philox::block(key, kernel.offset as usize / BLOCK + first + i);
            let mut normals = [0.0; BLOCK];
            for (normal, bits) in normals.iter_mut().zip(bits.chunks_exact(2)) {
                *normal = normal_of(bits[0], bits[1]);
            }
            for ((y, x), normal) in y.iter_mut().zip(x).zip(normals) {
                *y = x + deviation * normal;
            }
        }
    }
}

/// The normal number of two words (Box and Muller 1958), to a few ulp. `-ln((b + 1) / 2^32)` is
/// `ln(1 + (2^32 - 1 - b) / (b + 1))`, which loses nothing near 1.
#[expect(
    clippy::cast_precision_loss,
    reason = "a relative error of half an ulp is meant"
)]
#[inline(always)]
fn normal_of(radius: u32, angle: u32) -> f32 {
    let odds = !radius as f32 / (radius as f32 + 1.0);
    (2.0 * log1p(odds)).sqrt() * cos_of_turn(angle)
}

/// `cos(2 π a / 2^32)`: the angle is brought to an eighth of a turn in whole numbers.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_wrap,
    reason = "rounded once; the rest of a quarter turn is a signed number"
)]
#[inline(always)]
fn cos_of_turn(a: u32) -> f32 {
    const TURN: f32 = 1.462_918_1e-9;
    let quarter = a.wrapping_add(1 << 29) >> 30;
    let r = TURN * a.wrapping_sub(quarter << 30) as i32 as f32;
    let z = r * r;
    // (sin(r) / r - 1) / z and (cos(r) - 1 + z / 2) / z², |r| <= π / 4 (Cephes)
    let p = -1.951_529_6e-4 * z + 8.332_161e-3;
    let sine = (p * z - 1.666_665_5e-1) * (r * z) + r;
    let q = 2.443_315_7e-5 * z - 1.388_731_6e-3;
    let cosine = (q * z + 4.166_664_6e-2) * (z * z) + (1.0 - 0.5 * z);
    let value = if quarter & 1 == 1 { sine } else { cosine };
    if quarter == 1 || quarter == 2 {
        -value
    } else {
        value
    }
}

//! Kernels of single layers: the largest of several pieces, and noise.

use super::{Real, fill};
use crate::kernel::{MaxPieces, MaxPiecesGrad, Noise};
use crate::random::Random;

/// The first of the largest numbers; NaN is larger than all.
fn first_largest<T: Real>(x: &[T]) -> usize {
    let is_nan = |x: T| x.partial_cmp(&x).is_none();
    let mut at = 0;
    for (k, &next) in x.iter().enumerate().skip(1) {
        if !is_nan(x[at]) && (next > x[at] || is_nan(next)) {
            at = k;
        }
    }
    at
}

/// `y[i] = max x[i, ·]`; see [`MaxPieces`].
pub fn max_pieces<T: Real>(p: &MaxPieces, x: &[T], y: &mut [T]) {
    let pieces = p.pieces as usize;
    fill(y, p.count, |i| {
        let x = &x[i * pieces..][..pieces];
        x[first_largest(x)]
    });
}

/// `dx[i, k] = dy[i]` at the first of the largest, else 0; see [`MaxPiecesGrad`].
pub fn max_pieces_grad<T: Real>(p: &MaxPiecesGrad, x: &[T], dy: &[T], dx: &mut [T]) {
    let pieces = p.pieces as usize;
    fill(dx, p.count * p.pieces, |at| {
        let i = at / pieces;
        if first_largest(&x[i * pieces..][..pieces]) == at % pieces {
            dy[i]
        } else {
            T::ZERO
        }
    });
}

/// `y[i] = x[i] + deviation n[i]`; see [`Noise`].
pub fn noise<T: Real>(p: &Noise, x: &[T], y: &mut [T]) {
    let random = Random::new(p.seed, p.stream, p.step);
    let deviation = T::parameter(p.deviation);
    fill(y, p.count, |i| {
        let normal = random.normal(u64::from(p.offset) + i as u64);
        x[i] + deviation * T::drawn(normal)
    });
}

//! Tiles of 6 rows and 16 columns: 12 sums, two vectors of `b` and one number of `a` in 16 registers.

use std::arch::x86_64::*;

use super::job::{Cell, Isa, Job, Lines, Tile};
use super::meanwhile::STEP;
use super::{Finish, Store};

/// 8 lanes, 16 registers.
pub(super) struct Avx2;

/// Whether this machine has all that [`work`] is compiled for.
pub(super) fn is_there() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
}

/// [`Job::work`], compiled for these vectors.
///
/// # Safety
/// As for [`Job::work`].
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn work(job: &Job<'_>, from: Cell, to: Cell, finish: impl Finish) {
    // SAFETY: as promised by the caller.
    unsafe { job.work::<Avx2, _>(from, to, finish) }
}

const LANES: usize = 8;

macro_rules! by_rows {
    ($rows:expr, $tile:ident, $v:literal, $apart:literal, $of:expr) => {
        match $rows {
            1 => $tile::<1, $v, $apart, false>($of),
            2 => $tile::<2, $v, $apart, false>($of),
            3 => $tile::<3, $v, $apart, false>($of),
            4 => $tile::<4, $v, $apart, false>($of),
            5 => $tile::<5, $v, $apart, false>($of),
            _ => $tile::<6, $v, $apart, false>($of),
        }
    };
}

impl Isa for Avx2 {
    const LANES: usize = LANES;
    const VECTORS: usize = 2;
    const ROWS: usize = 6;

    #[inline(always)]
    unsafe fn tile(rows: usize, vectors: usize, of: &Tile) {
        // SAFETY: as promised by the caller.
        unsafe {
            if of.meanwhile.is_some() {
                return tile::<{ Self::ROWS }, { Self::VECTORS }, false, true>(of);
            }
            match (vectors, of.rows_apart) {
                (2, false) => by_rows!(rows, tile, 2, false, of),
                (2, true) => by_rows!(rows, tile, 2, true, of),
                (_, false) => by_rows!(rows, tile, 1, false, of),
                (_, true) => by_rows!(rows, tile, 1, true, of),
            }
        }
    }

    #[inline(always)]
    unsafe fn transpose(from: Lines, to: *mut f32, width: usize) {
        // SAFETY: as promised by the caller.
        unsafe { transpose(from, to, width) }
    }

    #[inline(always)]
    unsafe fn copy(from: Lines, to: *mut f32, width: usize) {
        // SAFETY: as promised by the caller.
        unsafe { copy(from, to, width) }
    }
}

/// The first `lanes` lanes; all from 8 on.
#[inline]
#[target_feature(enable = "avx2")]
fn mask(lanes: usize) -> __m256i {
    const ONES: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];
    let from = &ONES[LANES - lanes.min(LANES)..][..LANES];
    // SAFETY: the slice has 8 numbers.
    unsafe { _mm256_loadu_si256(from.as_ptr().cast()) }
}

#[target_feature(enable = "avx2,fma")]
#[inline(never)]
unsafe fn tile<const R: usize, const V: usize, const APART: bool, const BUSY: bool>(of: &Tile) {
    let last = mask(of.lanes);
    let whole = of.lanes == LANES;
    let mut sums = [[_mm256_setzero_ps(); V]; R];
    let (mut a, mut b) = (of.a, of.b);
    let (row, term) = if APART { (of.a_row, 1) } else { (1, of.a_term) };
    let mut meanwhile = of.meanwhile;
    // SAFETY: the caller's pointers reach `R` rows of `a` and `V` vectors of `b` for each of `k` terms, of which the
    // last is masked; pointers go one term further, unread. What is copied meanwhile goes elsewhere, as it promised.
    unsafe {
        // `y` is needed last, and is on its way meanwhile.
        if !BUSY {
            of.fetch_results(R, V * LANES, (V - 1) * LANES + of.lanes);
        }
        let terms = if BUSY { STEP } else { of.k.max(1) };
        for first in (0..of.k).step_by(terms) {
            if BUSY && let Some(meanwhile) = &mut meanwhile {
                meanwhile.step();
            }
            for _ in first..of.k.min(first + terms) {
                let mut x = [_mm256_setzero_ps(); V];
                for (v, x) in x.iter_mut().enumerate() {
                    *x = if v + 1 == V && !whole {
                        _mm256_maskload_ps(b.add(v * LANES), last)
                    } else {
                        _mm256_loadu_ps(b.add(v * LANES))
                    };
                }
                for (r, sums) in sums.iter_mut().enumerate() {
                    let s = _mm256_set1_ps(*a.add(r * row));
                    for (sum, &x) in sums.iter_mut().zip(&x) {
                        *sum = _mm256_fmadd_ps(s, x, *sum);
                    }
                }
                a = a.wrapping_add(term);
                b = b.wrapping_add(of.b_term);
            }
        }
        for (r, sums) in sums.into_iter().enumerate() {
            for (v, mut sum) in sums.into_iter().enumerate() {
                let y = of.y.add(r * of.y_row + v * LANES);
                let part = v + 1 == V && !whole;
                if of.store != Store::Set {
                    let before = if part {
                        _mm256_maskload_ps(y, last)
                    } else {
                        _mm256_loadu_ps(y)
                    };
                    sum = match of.store {
                        Store::Descend { rate, decay } => {
                            let g = _mm256_fmadd_ps(_mm256_set1_ps(decay), before, sum);
                            _mm256_fnmadd_ps(_mm256_set1_ps(rate), g, before)
                        }
                        Store::Set | Store::Add => _mm256_add_ps(before, sum),
                    };
                }
                if part {
                    _mm256_maskstore_ps(y, last, sum);
                } else {
                    _mm256_storeu_ps(y, sum);
                }
            }
        }
    }
}

#[target_feature(enable = "avx2")]
unsafe fn copy(from: Lines, to: *mut f32, width: usize) {
    for i in 0..from.lines {
        for column in (0..from.count).step_by(LANES) {
            // SAFETY: only the lanes that the caller's lines have are read; what a store writes past the width, the
            // next line's overwrites, and the caller lets the last one.
            unsafe {
                let x = from.start.add(i * from.distance + column);
                let to = to.add(i * width + column);
                _mm256_storeu_ps(to, _mm256_maskload_ps(x, mask(from.count - column)));
            }
        }
    }
}

#[target_feature(enable = "avx2")]
unsafe fn transpose(from: Lines, to: *mut f32, width: usize) {
    for first in (0..from.lines).step_by(LANES) {
        let lines = LANES.min(from.lines - first);
        for i in (0..from.count).step_by(LANES) {
            let count = LANES.min(from.count - i);
            let lanes = mask(count);
            // SAFETY: as promised by the caller; a store writes at most 8 numbers past the place of its line.
            unsafe {
                let mut x = [_mm256_setzero_ps(); LANES];
                let start = from.start.add(first * from.distance + i);
                for (l, x) in x.iter_mut().enumerate() {
                    if l < lines {
                        *x = _mm256_maskload_ps(start.add(l * from.distance), lanes);
                    }
                }
                let to = to.add(i * width + first);
                for (c, x) in transposed(x).into_iter().enumerate() {
                    if c < count {
                        _mm256_storeu_ps(to.add(c * width), x);
                    }
                }
            }
        }
    }
}

/// Element `j` of vector `i` becomes element `i` of vector `j`.
#[inline]
#[target_feature(enable = "avx2")]
fn transposed(x: [__m256; LANES]) -> [__m256; LANES] {
    let zero = _mm256_setzero_ps();
    let mut pairs = [zero; LANES];
    for i in (0..LANES).step_by(2) {
        pairs[i] = _mm256_unpacklo_ps(x[i], x[i + 1]);
        pairs[i + 1] = _mm256_unpackhi_ps(x[i], x[i + 1]);
    }
    // In each half of vector `4 i + j`: element `4 h + j` of vectors `4 i` to `4 i + 3`, where `h` is the half.
    let mut fours = [zero; LANES];
    for i in [0, 4] {
        fours[i] = _mm256_shuffle_ps::<0x44>(pairs[i], pairs[i + 2]);
        fours[i + 1] = _mm256_shuffle_ps::<0xee>(pairs[i], pairs[i + 2]);
        fours[i + 2] = _mm256_shuffle_ps::<0x44>(pairs[i + 1], pairs[i + 3]);
        fours[i + 3] = _mm256_shuffle_ps::<0xee>(pairs[i + 1], pairs[i + 3]);
    }
    let mut y = [zero; LANES];
    for j in 0..4 {
        y[j] = _mm256_permute2f128_ps::<0x20>(fours[j], fours[4 + j]);
        y[4 + j] = _mm256_permute2f128_ps::<0x31>(fours[j], fours[4 + j]);
    }
    y
}

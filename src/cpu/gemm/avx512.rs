//! Tiles of 8 rows and 48 columns: 24 sums, three vectors of `b` and one number of `a` in 32 registers.

use std::arch::x86_64::*;

use super::job::{Cell, Isa, Job, Lines, Tile};
use super::meanwhile::STEP;
use super::{Finish, Store};

/// 16 lanes, 32 registers.
pub(super) struct Avx512;

/// Whether this machine has all that [`work`] is compiled for: Xeon Phi has `avx512f` alone.
pub(super) fn is_there() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
        && super::avx2::is_there()
}

/// [`Job::work`], compiled for these vectors.
///
/// # Safety
/// As for [`Job::work`].
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
pub(super) unsafe fn work(job: &Job<'_>, from: Cell, to: Cell, finish: impl Finish) {
    // SAFETY: as promised by the caller.
    unsafe { job.work::<Avx512, _>(from, to, finish) }
}

const LANES: usize = 16;

macro_rules! by_rows {
    ($rows:expr, $tile:ident, $v:literal, $apart:literal, $of:expr) => {
        match $rows {
            1 => $tile::<1, $v, $apart, false>($of),
            2 => $tile::<2, $v, $apart, false>($of),
            3 => $tile::<3, $v, $apart, false>($of),
            4 => $tile::<4, $v, $apart, false>($of),
            5 => $tile::<5, $v, $apart, false>($of),
            6 => $tile::<6, $v, $apart, false>($of),
            7 => $tile::<7, $v, $apart, false>($of),
            _ => $tile::<8, $v, $apart, false>($of),
        }
    };
}

impl Isa for Avx512 {
    const LANES: usize = LANES;
    const VECTORS: usize = 3;
    const ROWS: usize = 8;

    #[inline(always)]
    unsafe fn tile(rows: usize, vectors: usize, of: &Tile) {
        // SAFETY: as promised by the caller.
        unsafe {
            if of.meanwhile.is_some() {
                return tile::<{ Self::ROWS }, { Self::VECTORS }, false, true>(of);
            }
            match (vectors, of.rows_apart) {
                (3, false) => by_rows!(rows, tile, 3, false, of),
                (3, true) => by_rows!(rows, tile, 3, true, of),
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

/// The first `lanes` lanes; all from 16 on.
const fn mask(lanes: usize) -> __mmask16 {
    if lanes < LANES { (1 << lanes) - 1 } else { !0 }
}

#[target_feature(enable = "avx512f,fma")]
#[inline(never)]
unsafe fn tile<const R: usize, const V: usize, const APART: bool, const BUSY: bool>(of: &Tile) {
    let last = mask(of.lanes);
    let mut sums = [[_mm512_setzero_ps(); V]; R];
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
                let mut x = [_mm512_setzero_ps(); V];
                for (v, x) in x.iter_mut().enumerate() {
                    *x = if v + 1 == V {
                        _mm512_maskz_loadu_ps(last, b.add(v * LANES))
                    } else {
                        _mm512_loadu_ps(b.add(v * LANES))
                    };
                }
                for (r, sums) in sums.iter_mut().enumerate() {
                    let s = _mm512_set1_ps(*a.add(r * row));
                    for (sum, &x) in sums.iter_mut().zip(&x) {
                        *sum = _mm512_fmadd_ps(s, x, *sum);
                    }
                }
                a = a.wrapping_add(term);
                b = b.wrapping_add(of.b_term);
            }
        }
        for (r, sums) in sums.into_iter().enumerate() {
            for (v, mut sum) in sums.into_iter().enumerate() {
                let y = of.y.add(r * of.y_row + v * LANES);
                let mask = if v + 1 == V { last } else { !0 };
                match of.store {
                    Store::Set => {}
                    Store::Add => sum = _mm512_add_ps(_mm512_maskz_loadu_ps(mask, y), sum),
                    Store::Descend { rate, decay } => {
                        let w = _mm512_maskz_loadu_ps(mask, y);
                        let g = _mm512_fmadd_ps(_mm512_set1_ps(decay), w, sum);
                        sum = _mm512_fnmadd_ps(_mm512_set1_ps(rate), g, w);
                    }
                }
                _mm512_mask_storeu_ps(y, mask, sum);
            }
        }
    }
}

#[target_feature(enable = "avx512f")]
unsafe fn copy(from: Lines, to: *mut f32, width: usize) {
    for i in 0..from.lines {
        for column in (0..from.count).step_by(LANES) {
            // SAFETY: only the lanes that the caller's lines have are read; what a store writes past the width, the
            // next line's overwrites, and the caller lets the last one.
            unsafe {
                let x = from.start.add(i * from.distance + column);
                let to = to.add(i * width + column);
                _mm512_storeu_ps(to, _mm512_maskz_loadu_ps(mask(from.count - column), x));
            }
        }
    }
}

#[target_feature(enable = "avx512f")]
unsafe fn transpose(from: Lines, to: *mut f32, width: usize) {
    for first in (0..from.lines).step_by(LANES) {
        let lines = LANES.min(from.lines - first);
        for i in (0..from.count).step_by(LANES) {
            let count = LANES.min(from.count - i);
            let lanes = mask(count);
            // SAFETY: as promised by the caller; a store writes at most 16 numbers past the place of its line.
            unsafe {
                let mut x = [_mm512_setzero_ps(); LANES];
                let start = from.start.add(first * from.distance + i);
                if lines == LANES && count == LANES {
                    for (l, x) in x.iter_mut().enumerate() {
                        *x = _mm512_loadu_ps(start.add(l * from.distance));
                    }
                } else {
                    for (l, x) in x.iter_mut().enumerate() {
                        if l < lines {
                            *x = _mm512_maskz_loadu_ps(lanes, start.add(l * from.distance));
                        }
                    }
                }
                let x = transposed(x);
                let to = to.add(i * width + first);
                if count == LANES {
                    for (c, x) in x.into_iter().enumerate() {
                        _mm512_storeu_ps(to.add(c * width), x);
                    }
                } else {
                    for (c, x) in x.into_iter().enumerate() {
                        if c < count {
                            _mm512_storeu_ps(to.add(c * width), x);
                        }
                    }
                }
            }
        }
    }
}

/// Element `j` of vector `i` becomes element `i` of vector `j`.
#[inline]
#[target_feature(enable = "avx512f")]
fn transposed(x: [__m512; LANES]) -> [__m512; LANES] {
    let zero = _mm512_setzero_ps();
    let mut pairs = [zero; LANES];
    for i in (0..LANES).step_by(2) {
        pairs[i] = _mm512_unpacklo_ps(x[i], x[i + 1]);
        pairs[i + 1] = _mm512_unpackhi_ps(x[i], x[i + 1]);
    }
    // In each quarter of vector `4 i + j`: element `4 q + j` of vectors `4 i` to `4 i + 3`, where `q` is the quarter.
    let mut fours = [zero; LANES];
    for i in (0..LANES).step_by(4) {
        let pd = |i: usize| _mm512_castps_pd(pairs[i]);
        fours[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(pd(i), pd(i + 2)));
        fours[i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(pd(i), pd(i + 2)));
        fours[i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(pd(i + 1), pd(i + 3)));
        fours[i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(pd(i + 1), pd(i + 3)));
    }
    let mut y = [zero; LANES];
    for j in 0..4 {
        let low = _mm512_shuffle_f32x4::<0x88>(fours[j], fours[4 + j]);
        let high = _mm512_shuffle_f32x4::<0x88>(fours[8 + j], fours[12 + j]);
        y[j] = _mm512_shuffle_f32x4::<0x88>(low, high);
        y[8 + j] = _mm512_shuffle_f32x4::<0xdd>(low, high);
        let low = _mm512_shuffle_f32x4::<0xdd>(fours[j], fours[4 + j]);
        let high = _mm512_shuffle_f32x4::<0xdd>(fours[8 + j], fours[12 + j]);
        y[4 + j] = _mm512_shuffle_f32x4::<0x88>(low, high);
        y[12 + j] = _mm512_shuffle_f32x4::<0xdd>(low, high);
    }
    y
}

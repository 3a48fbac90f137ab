//! What a product is, how it is cut into cells for threads, and what a kind of vectors does for it.

use std::arch::x86_64::{_MM_HINT_ET0, _mm_prefetch};
use std::marker::PhantomData;

use super::meanwhile::Meanwhile;
use super::{Matrix, Store};

/// Terms of a sum that are taken together, and rows of `a` that are copied together: half of a second cache of 2 MiB, and
/// on two Zen 4 cores, which have 1 MiB, no worse than less. Fewer terms add to `y` more often, fewer rows copy `b` more often.
pub(super) const TERMS: usize = 512;
const ROWS: usize = 512;

/// What differs between vectors.
pub(super) trait Isa {
    /// Lanes of a vector.
    const LANES: usize;
    /// Vectors of the widest tile.
    const VECTORS: usize;
    /// Rows of the tallest tile.
    const ROWS: usize;

    /// Computes a tile of `rows <= ROWS` rows and `1 <= vectors <= VECTORS` vectors.
    ///
    /// # Safety
    /// The machine has the vectors, the tile's pointers reach what it says, and what it copies meanwhile is nothing that it
    /// reads.
    unsafe fn tile(rows: usize, vectors: usize, tile: &Tile);

    /// `to[i * width + line] = from[line * distance + i]` for `i < count` and `line < lines`. Other elements of `to` up to
    /// [`Isa::LANES`] past the end may be overwritten.
    ///
    /// # Safety
    /// The machine has the vectors, `from` can be read and `to` written there.
    unsafe fn transpose(from: Lines, to: *mut f32, width: usize);

    /// `to[i * width + j] = from[i * distance + j]` for `i < lines` and `j < count`, in the same manner.
    ///
    /// # Safety
    /// As for [`Isa::transpose`].
    unsafe fn copy(from: Lines, to: *mut f32, width: usize);
}

/// Pieces of the lines of a matrix.
#[derive(Clone, Copy)]
pub(super) struct Lines {
    pub(super) start: *const f32,
    /// From a line to the next.
    pub(super) distance: usize,
    pub(super) lines: usize,
    /// Elements taken of each line.
    pub(super) count: usize,
}

impl Lines {
    pub(super) const NONE: Self = Self {
        start: std::ptr::null(),
        distance: 0,
        lines: 0,
        count: 0,
    };
}

/// What a tile is computed from: `y[r, c] = sum over i < k of a[r, i] b[i, c]`.
pub(super) struct Tile {
    pub(super) k: usize,
    /// Element `[r, i]` lies at `r * a_row + i * a_term`; one of the two is 1 (`rows_apart`: the second).
    pub(super) a: *const f32,
    pub(super) a_row: usize,
    pub(super) a_term: usize,
    pub(super) rows_apart: bool,
    /// Row `i` lies at `i * b_term`.
    pub(super) b: *const f32,
    pub(super) b_term: usize,
    pub(super) y: *mut f32,
    pub(super) y_row: usize,
    /// Lanes of the last vector that are columns of `y`.
    pub(super) lanes: usize,
    /// What becomes of `y`, which holds the terms before.
    pub(super) store: Store,
    /// Only for a tile of [`Isa::ROWS`] and [`Isa::VECTORS`] with `a` copied.
    pub(super) meanwhile: Option<Meanwhile>,
}

impl Tile {
    /// Brings the results near, `columns` of so many rows, in vectors that reach to `width`.
    #[inline(always)]
    pub(super) fn fetch_results(&self, rows: usize, width: usize, columns: usize) {
        for row in 0..rows {
            let y = self.y.wrapping_add(row * self.y_row);
            // SAFETY: every x86-64 processor has this; it reads nothing and may name any place.
            let fetch = |at| unsafe { _mm_prefetch::<_MM_HINT_ET0>(y.wrapping_add(at).cast()) };
            for column in (0..width).step_by(16) {
                fetch(column);
            }
            fetch(columns - 1);
        }
    }
}

/// A place in the order of the work: a block of rows, in it a panel of columns, in it a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cell {
    pub(super) block: usize,
    pub(super) panel: usize,
    pub(super) tile: usize,
}

/// A product to compute.
pub(super) struct Job<'a> {
    pub(super) a: (*const f32, usize, usize),
    pub(super) b: (*const f32, usize, usize),
    pub(super) y: *mut f32,
    pub(super) store: Store,
    pub(super) m: usize,
    pub(super) n: usize,
    pub(super) k: usize,
    /// Rows of a tile, vectors of a panel, and its columns.
    pub(super) tile: usize,
    pub(super) vectors: usize,
    pub(super) panel: usize,
    pub(super) blocks: usize,
    pub(super) pack_a: bool,
    pub(super) pack_b: bool,
    pub(super) borrowed: PhantomData<&'a mut [f32]>,
}

// SAFETY: `a` and `b` are only read; of `y`, threads write disjoint cells, each of which is one thread's.
unsafe impl Sync for Job<'_> {}

/// Equal parts of `0..len`.
#[derive(Clone, Copy)]
pub(super) struct Parts {
    size: usize,
    /// How many are one longer.
    longer: usize,
}

impl Parts {
    pub(super) const fn new(parts: usize, len: usize) -> Self {
        Self {
            size: len / parts,
            longer: len % parts,
        }
    }

    /// Where part `i` begins, and where it ends.
    #[inline(always)]
    pub(super) fn part(self, i: usize) -> (usize, usize) {
        let start = i * self.size + i.min(self.longer);
        (start, start + self.size + usize::from(i < self.longer))
    }
}

impl<'a> Job<'a> {
    pub(super) fn new<I: Isa>(
        a: &Matrix<'a>,
        b: &Matrix<'a>,
        (y, store): (&'a mut [f32], Store),
    ) -> Self {
        let (m, n, k) = (a.rows, b.columns, a.columns);
        let strides = |x: &Matrix<'_>| {
            let (row, column) = x.strides();
            (x.values.as_ptr(), row, column)
        };
        let panel = I::VECTORS * I::LANES;
        // Lines so many apart fall into the same few places of a cache, and drive each other out.
        let colliding = |distance: usize| distance.is_multiple_of(512);
        let read_often = n > 4 * panel;
        let distance = if a.transposed { m } else { k };
        Self {
            a: strides(a),
            b: strides(b),
            y: y.as_mut_ptr(),
            store,
            m,
            n,
            k,
            tile: I::ROWS,
            vectors: I::VECTORS,
            panel,
            blocks: m.div_ceil(ROWS),
            pack_a: read_often || colliding(distance),
            pack_b: b.transposed || (m > 2 * I::ROWS && k * n > 1 << 12),
            borrowed: PhantomData,
        }
    }

    pub(super) const fn panels(&self) -> usize {
        self.n.div_ceil(self.panel)
    }

    /// First row of a block, rows, and tiles.
    pub(super) fn block(&self, block: usize) -> (usize, usize, usize) {
        let (first, end) = Parts::new(self.blocks, self.m).part(block);
        (first, end - first, (end - first).div_ceil(self.tile))
    }

    /// From a packed panel of `a` to the next: one cache line more than needed, so that few fall into the same place.
    pub(super) const fn stride(&self, k: usize) -> usize {
        (self.tile * k).next_multiple_of(16) + 32
    }

    /// Where part `part` of `parts` begins: after so much of the work, up to a tile.
    pub(super) fn cut(&self, part: usize, parts: usize) -> Cell {
        let widest = self.vectors;
        let vectors = self.n.div_ceil(self.panel / widest);
        let mut rest = self.m * vectors * part / parts;
        for block in 0..self.blocks {
            let (_, rows, tiles) = self.block(block);
            if rest < rows * vectors {
                let panel = rest / (widest * rows);
                let wide = widest.min(vectors - widest * panel);
                let within = rest - widest * rows * panel;
                let tile = (within * tiles + rows * wide / 2) / (rows * wide);
                return Cell { block, panel, tile };
            }
            rest -= rows * vectors;
        }
        Cell {
            block: self.blocks,
            panel: 0,
            tile: 0,
        }
    }
}

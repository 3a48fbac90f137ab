//! How a product is cut into cells, and the loops over them.

use std::cell::RefCell;
use std::marker::PhantomData;

use super::{Finish, Matrix};

/// Terms of a sum that are taken together, and rows of `a` that are copied together: half of a second cache of 2 MiB, and
/// on two Zen 4 cores, which have 1 MiB, no worse than less. Fewer terms add to `y` more often, fewer rows copy `b` more often.
const TERMS: usize = 512;
const ROWS: usize = 512;

/// What differs between vectors.
pub(super) trait Isa {
    /// Lanes of a vector; a tile is two vectors wide.
    const LANES: usize;
    /// Rows of the tallest tile.
    const ROWS: usize;

    /// Computes a tile of `rows <= ROWS` rows and one or two vectors.
    ///
    /// # Safety
    /// The machine has the vectors, and the tile's pointers reach what it says.
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

/// What a tile is computed from: `y[r, c] (+)= sum over i < k of a[r, i] b[i, c]`.
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
    /// Whether `y` holds the terms before.
    pub(super) add: bool,
    pub(super) ahead: Ahead,
}

/// What is brought nearer while a tile is computed: two places, and how far they go on with each term.
#[derive(Clone, Copy)]
pub(super) struct Ahead {
    pub(super) places: [*const f32; 2],
    pub(super) term: usize,
}

/// A place in the order of the work: a block of rows, in it a panel of columns, in it a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cell {
    block: usize,
    panel: usize,
    tile: usize,
}

/// A product to compute.
pub(super) struct Job<'a> {
    a: (*const f32, usize, usize),
    b: (*const f32, usize, usize),
    y: *mut f32,
    m: usize,
    n: usize,
    k: usize,
    /// Rows of a tile, and columns of a panel.
    tile: usize,
    panel: usize,
    blocks: usize,
    pack_a: bool,
    pack_b: bool,
    borrowed: PhantomData<&'a mut [f32]>,
}

// SAFETY: `a` and `b` are only read; of `y`, threads write disjoint cells, each of which is one thread's.
unsafe impl Sync for Job<'_> {}

thread_local! {
    /// Panels of `a`, and a panel of `b`.
    static PANELS: RefCell<[Vec<Line>; 2]> = const { RefCell::new([const { Vec::new() }; 2]) };
}

/// A cache line, for its alignment.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line(#[expect(dead_code, reason = "reached through a pointer")] [f32; 16]);

/// Part `i` of `parts` equal ones of `0..len`: where it begins, and where it ends.
fn part(i: usize, parts: usize, len: usize) -> (usize, usize) {
    let (size, longer) = (len / parts, len % parts);
    let start = i * size + i.min(longer);
    (start, start + size + usize::from(i < longer))
}

impl<'a> Job<'a> {
    pub(super) fn new<I: Isa>(a: &Matrix<'a>, b: &Matrix<'a>, y: &'a mut [f32]) -> Self {
        let (m, n, k) = (a.rows, b.columns, a.columns);
        let strides = |x: &Matrix<'_>| {
            let (row, column) = x.strides();
            (x.values.as_ptr(), row, column)
        };
        let panel = 2 * I::LANES;
        // Lines so many apart fall into the same few places of a cache, and drive each other out.
        let colliding = |distance: usize| distance.is_multiple_of(512);
        let read_often = n > 4 * panel;
        let distance = if a.transposed { m } else { k };
        Self {
            a: strides(a),
            b: strides(b),
            y: y.as_mut_ptr(),
            m,
            n,
            k,
            tile: I::ROWS,
            panel,
            blocks: m.div_ceil(ROWS),
            pack_a: read_often || colliding(distance),
            pack_b: b.transposed || (m > 2 * I::ROWS && k * n > 1 << 12),
            borrowed: PhantomData,
        }
    }

    const fn panels(&self) -> usize {
        self.n.div_ceil(self.panel)
    }

    /// First row of a block, rows, and tiles.
    fn block(&self, block: usize) -> (usize, usize, usize) {
        let (first, end) = part(block, self.blocks, self.m);
        (first, end - first, (end - first).div_ceil(self.tile))
    }

    /// From a packed panel of `a` to the next: one cache line more than needed, so that few fall into the same place.
    const fn stride(&self, k: usize) -> usize {
        (self.tile * k).next_multiple_of(16) + 32
    }

    /// Where part `part` of `parts` begins: after so much of the work, up to a tile.
    pub(super) fn cut(&self, part: usize, parts: usize) -> Cell {
        let vectors = self.n.div_ceil(self.panel / 2);
        let mut rest = self.m * vectors * part / parts;
        for block in 0..self.blocks {
            let (_, rows, tiles) = self.block(block);
            if rest < rows * vectors {
                let panel = rest / (2 * rows);
                let wide = 2.min(vectors - 2 * panel);
                let within = rest - 2 * rows * panel;
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

    /// Computes the cells from `from` on, and before `to`.
    ///
    /// # Safety
    /// The machine has the vectors of `I`, and no other thread computes any of the cells.
    #[inline(always)]
    pub(super) unsafe fn work<I: Isa, F: Finish>(&self, from: Cell, to: Cell, finish: F) {
        PANELS.with_borrow_mut(|[a, b]| {
            let depth = TERMS.min(self.k);
            if self.pack_a {
                grow(a, self.block(0).2 * self.stride(depth) + 64);
            }
            if self.pack_b {
                grow(b, self.panel * depth + 64);
            }
            let packed = (a.as_mut_ptr().cast::<f32>(), b.as_mut_ptr().cast::<f32>());
            let parts = self.k.div_ceil(TERMS).max(1);
            for i in 0..parts {
                let terms = part(i, parts, self.k);
                for block in from.block..(to.block + 1).min(self.blocks) {
                    let start = Cell {
                        block,
                        panel: 0,
                        tile: 0,
                    }
                    .max(from);
                    let end = Cell {
                        block,
                        panel: self.panels(),
                        tile: 0,
                    }
                    .min(to);
                    // SAFETY: as promised by the caller; the panels are long enough for a block and these terms.
                    unsafe { self.block_of_cells::<I, F>(terms, (start, end), packed, finish) };
                }
            }
        });
    }

    /// # Safety
    /// As for [`Job::work`]; `packed` can hold the panels of a block of `a` and a panel of `b`.
    #[inline(always)]
    unsafe fn block_of_cells<I: Isa, F: Finish>(
        &self,
        terms: (usize, usize),
        (start, end): (Cell, Cell),
        packed: (*mut f32, *mut f32),
        finish: F,
    ) {
        if start >= end {
            return;
        }
        let tiles = self.block(start.block).2;
        if self.pack_a {
            let needed = if start.panel == end.panel {
                start.tile..end.tile
            } else {
                0..tiles
            };
            for tile in needed {
                // SAFETY: as promised by the caller.
                unsafe { self.pack_a::<I>((start.block, tile), terms, packed.0) };
            }
        }
        for panel in start.panel..(end.panel + 1).min(self.panels()) {
            let from = if panel == start.panel { start.tile } else { 0 };
            let to = if panel == end.panel { end.tile } else { tiles };
            if from == to {
                continue;
            }
            let after = panel + 1;
            let next = if (after, 0) < (end.panel, end.tile) {
                (terms.0, after)
            } else {
                (terms.1, start.panel)
            };
            // SAFETY: as promised by the caller.
            unsafe {
                let b = self.panel_of_b::<I>(panel, terms, packed.1);
                for tile in from..to {
                    let ahead = self.ahead(next, tile - from);
                    let cell = Cell {
                        block: start.block,
                        panel,
                        tile,
                    };
                    self.cell::<I, F>(cell, terms, (packed.0, b), ahead, finish);
                }
            }
        }
    }

    /// First row and number of rows of a tile.
    #[inline(always)]
    fn rows(&self, block: usize, tile: usize) -> (usize, usize) {
        let (first, rows, tiles) = self.block(block);
        let (start, end) = part(tile, tiles, rows);
        (first + start, end - start)
    }

    /// First column and number of columns of a panel.
    #[inline(always)]
    fn columns(&self, panel: usize) -> (usize, usize) {
        let column = panel * self.panel;
        (column, self.panel.min(self.n - column))
    }

    /// Copies the rows of a tile: for each term, one number of each.
    ///
    /// # Safety
    /// The machine has the vectors of `I`; `to` can hold the panels of a block.
    #[inline(always)]
    unsafe fn pack_a<I: Isa>(
        &self,
        (block, tile): (usize, usize),
        (term, last): (usize, usize),
        to: *mut f32,
    ) {
        let (row, rows) = self.rows(block, tile);
        let k = last - term;
        let (a, a_row, a_term) = self.a;
        // SAFETY: rows and terms are those of the matrix; the place of the tile is as the caller promised.
        unsafe {
            let start = a.add(row * a_row + term * a_term);
            let to = to.add(tile * self.stride(k));
            if a_term == 1 {
                I::transpose(
                    Lines {
                        start,
                        distance: a_row,
                        lines: rows,
                        count: k,
                    },
                    to,
                    rows,
                );
            } else {
                I::copy(
                    Lines {
                        start,
                        distance: a_term,
                        lines: k,
                        count: rows,
                    },
                    to,
                    rows,
                );
            }
        }
    }

    /// Where the terms of a panel's columns lie, and how far apart; copied to `to` if that is better.
    ///
    /// # Safety
    /// The machine has the vectors of `I`; `to` can hold a panel.
    #[inline(always)]
    unsafe fn panel_of_b<I: Isa>(
        &self,
        panel: usize,
        (term, last): (usize, usize),
        to: *mut f32,
    ) -> (*const f32, usize) {
        let (column, columns) = self.columns(panel);
        let k = last - term;
        let (b, b_term, b_column) = self.b;
        // With no terms at all there is nothing to point at, and nothing is read.
        let start = b.wrapping_add(term * b_term + column * b_column);
        if !self.pack_b {
            return (start, b_term);
        }
        // SAFETY: columns and terms are those of the matrix; `to` is as the caller promised.
        unsafe {
            if b_column == 1 {
                let lines = Lines {
                    start,
                    distance: b_term,
                    lines: k,
                    count: columns,
                };
                I::copy(lines, to, self.panel);
            } else {
                let lines = Lines {
                    start,
                    distance: b_column,
                    lines: columns,
                    count: k,
                };
                I::transpose(lines, to, self.panel);
            }
        }
        (to, self.panel)
    }

    /// What tile `tile` of a panel fetches of the panel that comes next: columns `panel`, from `term` on.
    #[inline(always)]
    fn ahead(&self, (term, panel): (usize, usize), tile: usize) -> Ahead {
        let (b, b_term, b_column) = self.b;
        let nothing = Ahead {
            places: [b; 2],
            term: 0,
        };
        if !self.pack_b || term >= self.k {
            return nothing;
        }
        let (column, columns) = self.columns(panel);
        let start = b.wrapping_add(term * b_term + column * b_column);
        if b_column == 1 {
            // As many lines as terms, as long as the panel is wide: one end of each with one tile, the other with the next.
            let place = match tile {
                0 => start,
                1 => start.wrapping_add(columns - 1),
                _ => return nothing,
            };
            Ahead {
                places: [place; 2],
                term: b_term,
            }
        } else {
            // As many lines as columns, as long as there are terms: two with each tile.
            let line = |i: usize| start.wrapping_add((2 * tile + i).min(columns - 1) * b_column);
            Ahead {
                places: [line(0), line(1)],
                term: 1,
            }
        }
    }

    /// # Safety
    /// As for [`Job::work`]; `a` and `b` hold what [`Job::pack_a`] and [`Job::panel_of_b`] left there.
    #[inline(always)]
    unsafe fn cell<I: Isa, F: Finish>(
        &self,
        Cell { block, panel, tile }: Cell,
        (term, last): (usize, usize),
        (packed, (b, b_term)): (*mut f32, (*const f32, usize)),
        ahead: Ahead,
        finish: F,
    ) {
        let (row, rows) = self.rows(block, tile);
        let (column, columns) = self.columns(panel);
        let vectors = columns.div_ceil(I::LANES);
        let k = last - term;
        let (a, a_row, a_term) = if self.pack_a {
            (
                packed.cast_const().wrapping_add(tile * self.stride(k)),
                1,
                rows,
            )
        } else {
            let (a, a_row, a_term) = self.a;
            (a.wrapping_add(row * a_row + term * a_term), a_row, a_term)
        };
        let y = self.y.wrapping_add(row * self.n + column);
        let tile = Tile {
            k,
            a,
            a_row,
            a_term,
            rows_apart: a_row != 1,
            b,
            b_term,
            y,
            y_row: self.n,
            lanes: columns - (vectors - 1) * I::LANES,
            add: term > 0,
            ahead,
        };
        // SAFETY: the tile lies within `y`, its rows within `a` or their copy, its columns within `b` or theirs.
        unsafe { I::tile(rows, vectors, &tile) };
        if F::NEEDED && last == self.k {
            for r in 0..rows {
                // SAFETY: the row's piece lies within `y`, and is this thread's alone.
                let y = unsafe { std::slice::from_raw_parts_mut(y.add(r * self.n), columns) };
                finish.finish(row + r, column, y);
            }
        }
    }
}

/// Makes room for `count` numbers.
fn grow(panels: &mut Vec<Line>, count: usize) {
    let lines = count.div_ceil(16);
    if panels.len() < lines {
        panels.resize(lines, Line([0.0; 16]));
    }
}

//! The loops over the cells of a product.

use std::cell::RefCell;
use std::ops::Range;

use super::Finish;
use super::job::{Ahead, Carry, Cell, Isa, Job, Lines, TERMS, Tile, part};

thread_local! {
    /// Panels of `a`, and a panel of `b`.
    static PANELS: RefCell<[Vec<Line>; 2]> = const { RefCell::new([const { Vec::new() }; 2]) };
}

/// Terms of `a` that are copied for one tile before the next has its turn.
const NEAR: usize = 16;

/// A cache line, for its alignment.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line(#[expect(dead_code, reason = "reached through a pointer")] [f32; 16]);

impl Job<'_> {
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
                grow(b, 2 * self.panel_room(depth));
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
            // SAFETY: as promised by the caller.
            unsafe { self.pack_a::<I>((start.block, needed), terms, packed.0) };
        }
        // One place for the panel that is in use, and one for the next.
        let places = [
            packed.1,
            packed.1.wrapping_add(self.panel_room(terms.1 - terms.0)),
        ];
        let mut carried = None;
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
            let [place, other] = [places[panel % 2], places[after % 2]];
            // SAFETY: as promised by the caller.
            unsafe {
                let b = if carried == Some(panel) {
                    (place.cast_const(), self.panel)
                } else {
                    self.panel_of_b::<I>(panel, terms, place)
                };
                for tile in from..to {
                    let cell = Cell {
                        block: start.block,
                        panel,
                        tile,
                    };
                    let mut carry = None;
                    if next.1 == after && carried != Some(after) {
                        carry = self.carry::<I>(cell, terms.0, other);
                        carried = carry.map(|_| after).or(carried);
                    }
                    let meanwhile = (self.ahead(next, tile - from), carry);
                    self.cell::<I, F>(cell, terms, (packed.0, b), meanwhile, finish);
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

    /// Copies the rows of tiles: for each term, one number of each row of a tile.
    ///
    /// # Safety
    /// The machine has the vectors of `I`; `to` can hold the panels of a block.
    #[inline(always)]
    unsafe fn pack_a<I: Isa>(
        &self,
        (block, tiles): (usize, Range<usize>),
        (term, last): (usize, usize),
        to: *mut f32,
    ) {
        let (a, a_row, a_term) = self.a;
        let stride = self.stride(last - term);
        // A line that holds a term of many rows is read while it is near, for all tiles.
        let chunk = if a_term == 1 { last - term } else { NEAR };
        for term_of_chunk in (term..last).step_by(chunk.max(1)) {
            let k = chunk.min(last - term_of_chunk);
            for tile in tiles.clone() {
                let (row, rows) = self.rows(block, tile);
                // SAFETY: rows and terms are those of the matrix; the place of the tile is as the caller promised.
                unsafe {
                    let start = a.add(row * a_row + term_of_chunk * a_term);
                    let to = to.add(tile * stride + (term_of_chunk - term) * rows);
                    let lines = |distance, lines, count| Lines {
                        start,
                        distance,
                        lines,
                        count,
                    };
                    if a_term == 1 {
                        I::transpose(lines(a_row, rows, k), to, rows);
                    } else {
                        I::copy(lines(a_term, k, rows), to, rows);
                    }
                }
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

    /// How the panel behind that of `cell` is copied to `to` while `cell` is computed, if it can be.
    #[inline(always)]
    fn carry<I: Isa>(&self, cell: Cell, term: usize, to: *mut f32) -> Option<Carry> {
        let (b, b_term, b_column) = self.b;
        let largest = self.rows(cell.block, cell.tile).1 == I::ROWS
            && self.columns(cell.panel).1 > (I::VECTORS - 1) * I::LANES;
        (largest && self.pack_a && self.pack_b && b_column == 1).then(|| {
            let (column, count) = self.columns(cell.panel + 1);
            Carry {
                from: b.wrapping_add(term * b_term + column),
                distance: b_term,
                count,
                to,
            }
        })
    }

    /// Room for a copied panel of `b`. Half a page more than whole pages: a processor takes a load for one of what was
    /// stored just before if they are whole pages apart, and waits; so the panel that is read and the one that is written
    /// at the same pace must not be.
    const fn panel_room(&self, terms: usize) -> usize {
        (self.panel * terms + 16).next_multiple_of(1024) + 512
    }

    /// What tile `tile` of a panel fetches of the panel that comes next: columns `panel`, from `term` on.
    #[inline(always)]
    fn ahead(&self, (term, panel): (usize, usize), tile: usize) -> Ahead {
        let (b, b_term, b_column) = self.b;
        let nothing = Ahead {
            places: [b; 2],
            term: 0,
        };
        if !self.pack_b || term >= self.k || b_column == 1 {
            return nothing;
        }
        let (column, columns) = self.columns(panel);
        let start = b.wrapping_add(term * b_term + column * b_column);
        // As many lines as columns, as long as there are terms: two with each tile.
        let line = |i: usize| start.wrapping_add((2 * tile + i).min(columns - 1) * b_column);
        Ahead {
            places: [line(0), line(1)],
            term: 1,
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
        (ahead, carry): (Ahead, Option<Carry>),
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
            store: if term > 0 {
                self.store.next()
            } else {
                self.store
            },
            ahead,
            carry,
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

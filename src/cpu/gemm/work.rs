//! The loops over the cells of a product.

use std::cell::RefCell;
use std::ops::Range;

use super::Finish;
use super::job::{Cell, Isa, Job, Lines, Parts, TERMS, Tile};
use super::meanwhile::Meanwhile;

thread_local! {
    /// Panels of `a`, and a panel of `b`.
    static PANELS: RefCell<[Vec<Line>; 2]> = const { RefCell::new([const { Vec::new() }; 2]) };
}

/// Terms of `a` that are copied for one tile before the next has its turn: lines a power of two apart share one place in
/// the nearest cache, which holds 8.
const NEAR: usize = 8;

/// Terms from which on a tile does something else meanwhile.
const BUSY: usize = 64;

/// Terms of a panel that are copied together.
const SHARE: usize = 16;

/// A cache line, for its alignment.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line(#[expect(dead_code, reason = "reached through a pointer")] [f32; 16]);

/// Tiles that are computed one after the other: they have the panel of `b` in common.
struct Piece {
    terms: (usize, usize),
    block: usize,
    /// The first row of the block, and the rows of its tiles.
    row: usize,
    rows: Parts,
    panel: usize,
    tiles: Range<usize>,
    /// The tiles of the block that are computed with some panel.
    of_block: Range<usize>,
}

impl Piece {
    const fn k(&self) -> usize {
        self.terms.1 - self.terms.0
    }

    /// The terms of some shares of the panel.
    #[inline(always)]
    fn share(&self, (start, end): (usize, usize)) -> (usize, usize) {
        let term = |share: usize| (self.terms.0 + share * SHARE).min(self.terms.1);
        (term(start), term(end))
    }

    /// First row and number of rows of a tile.
    #[inline(always)]
    fn rows(&self, tile: usize) -> (usize, usize) {
        let (start, end) = self.rows.part(tile);
        (self.row + start, end - start)
    }
}

/// The pieces from a cell on and before another, in the order of the work: all terms of a part before the next.
struct Pieces<'a> {
    job: &'a Job<'a>,
    edges: (Cell, Cell),
    parts: usize,
    part: usize,
    block: usize,
    panel: usize,
}

impl<'a> Pieces<'a> {
    fn new(job: &'a Job<'a>, from: Cell, to: Cell) -> Self {
        Self {
            job,
            edges: (from, to),
            parts: job.k.div_ceil(TERMS).max(1),
            part: 0,
            block: from.block,
            panel: from.panel,
        }
    }
}

impl Iterator for Pieces<'_> {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        let (job, (from, to)) = (self.job, self.edges);
        while self.part < self.parts {
            let (part, block, panel) = (self.part, self.block, self.panel);
            let (row, rows, tiles) = job.block(block.min(job.blocks - 1));
            let before = |cell: Cell| if cell.block == block { cell.panel } else { 0 };
            let last = if to.block == block {
                to.panel
            } else {
                job.panels()
            };
            self.panel += 1;
            if self.panel > last || self.panel > job.panels() {
                self.block += 1;
                self.panel = 0;
            }
            if self.block > to.block || self.block >= job.blocks {
                self.part += 1;
                self.block = from.block;
                self.panel = from.panel;
            }
            let at = |edge: Cell, tile| {
                if (block, panel) == (edge.block, edge.panel) {
                    edge.tile
                } else {
                    tile
                }
            };
            let own = at(from, 0)..at(to, tiles);
            if block >= job.blocks || panel >= job.panels() || own.is_empty() {
                continue;
            }
            return Some(Piece {
                terms: Parts::new(self.parts, job.k).part(part),
                block,
                row,
                rows: Parts::new(tiles, rows),
                panel,
                of_block: if before(from) == last {
                    own.clone()
                } else {
                    0..tiles
                },
                tiles: own,
            });
        }
        None
    }
}

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
            let a = a.as_mut_ptr().cast::<f32>();
            let b = b.as_mut_ptr().cast::<f32>();
            // One place for the panel that is in use, and one for the next.
            let mut places = [b, b.wrapping_add(self.panel_room(depth))];
            let mut pieces = Pieces::new(self, from, to);
            let mut coming = [pieces.next(), pieces.next()];
            let mut packed = None;
            let mut copied = false;
            while let [Some(piece), next] = coming {
                let later = pieces.next();
                // SAFETY: as promised by the caller; the panels are long enough for a block and these terms.
                unsafe {
                    if self.pack_a && packed != Some((piece.terms, piece.block)) {
                        self.pack_a::<I>(&piece, a);
                        packed = Some((piece.terms, piece.block));
                    }
                    if self.pack_b && !copied {
                        self.copy_b::<I>(piece.panel, piece.terms, places[0]);
                    }
                    let after = [next.as_ref(), later.as_ref()];
                    copied = self.piece::<I, F>(&piece, after, (a, places), finish);
                }
                if copied {
                    places.reverse();
                }
                coming = [next, later];
            }
        });
    }

    /// Computes the tiles of a piece and meanwhile copies the panel of the next one, if there is one: whether it did so.
    ///
    /// # Safety
    /// As for [`Job::work`]; `packed` holds the rows of the piece, the first of `places` its panel.
    #[inline(always)]
    unsafe fn piece<I: Isa, F: Finish>(
        &self,
        piece: &Piece,
        [next, later]: [Option<&Piece>; 2],
        (packed, [b, to]): (*mut f32, [*mut f32; 2]),
        finish: F,
    ) -> bool {
        // Where there are few terms, the bookkeeping takes longer than it saves.
        let next =
            next.filter(|next| self.pack_b && self.pack_a && piece.k().min(next.k()) >= BUSY);
        let full = self.columns(piece.panel).1 > (I::VECTORS - 1) * I::LANES;
        let tiles = piece.tiles.len();
        let shares = next.map(|next| Parts::new(tiles, next.k().div_ceil(SHARE)));
        for (i, tile) in piece.tiles.clone().enumerate() {
            let mut errands = None;
            let mut place = to;
            if let (Some(next), Some(shares)) = (next, shares) {
                let terms = next.share(shares.part(i));
                place = to.wrapping_add((terms.0 - next.terms.0) * self.panel);
                let mut copied = self.lines_of_b(next.panel, terms);
                let busy = full && piece.rows(tile).1 == I::ROWS;
                if !(busy && Meanwhile::can_copy(&copied, self.b.2 != 1)) {
                    // SAFETY: as promised by the caller.
                    unsafe { self.copy_b::<I>(next.panel, terms, place) };
                    copied = Lines::NONE;
                }
                // What is copied with the next tile.
                let fetched = if i + 1 < tiles {
                    self.lines_of_b(next.panel, next.share(shares.part(i + 1)))
                } else {
                    later.map_or(Lines::NONE, |later| {
                        self.lines_of_b(later.panel, later.share((0, 1)))
                    })
                };
                errands = busy.then_some([fetched, copied]);
            }
            // SAFETY: as promised by the caller.
            unsafe { self.tile::<I, F>((piece, tile), (packed, b), (errands, place), finish) };
        }
        next.is_some()
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
    unsafe fn pack_a<I: Isa>(&self, piece: &Piece, to: *mut f32) {
        let (a, a_row, a_term) = self.a;
        let (term, last) = piece.terms;
        let stride = self.stride(last - term);
        // A line that holds a term of many rows is read while it is near, for all tiles.
        let chunk = if a_term == 1 { last - term } else { NEAR };
        for term_of_chunk in (term..last).step_by(chunk.max(1)) {
            let k = chunk.min(last - term_of_chunk);
            for tile in piece.of_block.clone() {
                let (row, rows) = piece.rows(tile);
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

    /// Some terms of a panel's columns, as they lie in memory.
    #[inline(always)]
    fn lines_of_b(&self, panel: usize, (term, last): (usize, usize)) -> Lines {
        let (column, columns) = self.columns(panel);
        let (b, b_term, b_column) = self.b;
        let (distance, lines, count) = if b_column == 1 {
            (b_term, last - term, columns)
        } else {
            (b_column, columns, last - term)
        };
        Lines {
            // With no terms at all there is nothing to point at, and nothing is read.
            start: b.wrapping_add(term * b_term + column * b_column),
            distance,
            lines,
            count,
        }
    }

    /// Copies some terms of a panel's columns, one after the other.
    ///
    /// # Safety
    /// The machine has the vectors of `I`; `to` can hold them.
    #[inline(always)]
    unsafe fn copy_b<I: Isa>(&self, panel: usize, terms: (usize, usize), to: *mut f32) {
        let lines = self.lines_of_b(panel, terms);
        // SAFETY: columns and terms are those of the matrix; `to` is as the caller promised.
        unsafe {
            if self.b.2 == 1 {
                I::copy(lines, to, self.panel);
            } else {
                I::transpose(lines, to, self.panel);
            }
        }
    }

    /// Room for a copied panel of `b`. Half a page more than whole pages: a processor takes a load for one of what was
    /// stored just before if they are whole pages apart, and waits; so the panel that is read and the one that is written
    /// at the same pace must not be.
    const fn panel_room(&self, terms: usize) -> usize {
        (self.panel * terms + 16).next_multiple_of(1024) + 512
    }

    /// # Safety
    /// As for [`Job::work`]; `packed` and `copied` hold what [`Job::pack_a`] and [`Job::copy_b`] left there.
    #[inline(always)]
    unsafe fn tile<I: Isa, F: Finish>(
        &self,
        (piece, tile): (&Piece, usize),
        (packed, copied): (*mut f32, *mut f32),
        (errands, to): (Option<[Lines; 2]>, *mut f32),
        finish: F,
    ) {
        let (row, rows) = piece.rows(tile);
        let (column, columns) = self.columns(piece.panel);
        let vectors = columns.div_ceil(I::LANES);
        let (k, first) = (piece.k(), piece.terms.0);
        let (a, a_row, a_term) = if self.pack_a {
            (
                packed.cast_const().wrapping_add(tile * self.stride(k)),
                1,
                rows,
            )
        } else {
            let (a, a_row, a_term) = self.a;
            (a.wrapping_add(row * a_row + first * a_term), a_row, a_term)
        };
        let (b, b_term) = if self.pack_b {
            (copied.cast_const(), self.panel)
        } else {
            (self.lines_of_b(piece.panel, piece.terms).start, self.b.1)
        };
        let y = self.y.wrapping_add(row * self.n + column);
        let results = Lines {
            start: y,
            distance: self.n,
            lines: rows,
            count: columns,
        };
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
            store: if first > 0 {
                self.store.next()
            } else {
                self.store
            },
            meanwhile: errands.map(|[fetched, copied]| {
                let meanwhile = Meanwhile::new(k, results, fetched);
                meanwhile.copying(k, copied, (to, self.panel), self.b.2 != 1)
            }),
        };
        // SAFETY: the tile lies within `y`, its rows within `a` or their copy, its columns within `b` or theirs.
        unsafe { I::tile(rows, vectors, &tile) };
        if F::NEEDED && piece.terms.1 == self.k {
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

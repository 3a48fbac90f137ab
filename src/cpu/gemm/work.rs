//! The loops over the cells of a product.

use std::cell::RefCell;

use super::Finish;
use super::job::{Cell, Isa, Job, Lines, TERMS, Tile};
use super::meanwhile::{Copies, Meanwhile};
use super::pieces::{Piece, Pieces};

thread_local! {
    /// Panels of `a`, and two of `b`: the one in use and the next.
    static PANELS: RefCell<[Vec<Line>; 2]> = const { RefCell::new([const { Vec::new() }; 2]) };
}

/// Terms of `a` that are copied for one tile before the next has its turn: lines a power of two apart share one place in
/// the nearest cache, which holds 8.
const NEAR: usize = 8;

/// Terms from which on a tile does something else meanwhile.
const BUSY: usize = 64;

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
    /// As for [`Job::work`]; `packed` holds the rows of the piece, the first of `places` its panel, and the second has room
    /// for another.
    #[inline(always)]
    unsafe fn piece<I: Isa, F: Finish>(
        &self,
        piece: &Piece,
        [next, later]: [Option<&Piece>; 2],
        (packed, [b, to]): (*mut f32, [*mut f32; 2]),
        finish: F,
    ) -> bool {
        // Where there are few terms, the bookkeeping takes longer than it saves.
        let worth = |next: &&Piece| self.pack_a && self.pack_b && piece.k().min(next.k()) >= BUSY;
        let next = next.filter(worth);
        let tiles = piece.tiles.len();
        let shares = next.map(|next| next.shares(tiles));
        for (i, tile) in piece.tiles.clone().enumerate() {
            let mut errands = None;
            if let (Some(next), Some(shares)) = (next, shares) {
                let terms = next.terms_of(shares.part(i));
                let to = to.wrapping_add((terms.0 - next.terms.0) * self.panel);
                let mut copies = Copies {
                    lines: self.lines_of_b(next.panel, terms),
                    to,
                    width: self.panel,
                    turned: self.b.2 != 1,
                };
                let busy = self.is_largest::<I>(piece, tile);
                if !(busy && copies.are_simple()) {
                    // SAFETY: as promised by the caller.
                    unsafe { self.copy_b::<I>(next.panel, terms, to) };
                    copies.lines = Lines::NONE;
                }
                // What is copied with the next tile.
                let fetched = if i + 1 < tiles {
                    self.lines_of_b(next.panel, next.terms_of(shares.part(i + 1)))
                } else {
                    let first = |next: &Piece| self.lines_of_b(next.panel, next.terms_of((0, 1)));
                    later.map_or(Lines::NONE, first)
                };
                errands = busy.then_some((fetched, copies));
            }
            // SAFETY: as promised by the caller.
            unsafe { self.tile::<I, F>((piece, tile), (packed, b), errands, finish) };
        }
        next.is_some()
    }

    /// Whether a tile has [`Isa::ROWS`] and [`Isa::VECTORS`].
    #[inline(always)]
    fn is_largest<I: Isa>(&self, piece: &Piece, tile: usize) -> bool {
        piece.rows(tile).1 == I::ROWS && self.columns(piece.panel).1 > (I::VECTORS - 1) * I::LANES
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
    /// As for [`Job::work`]; `packed` and `copied` hold what [`Job::pack_a`] and [`Job::copy_b`] left there. What the errands
    /// copy can be read, and goes neither to those nor to `y`.
    #[inline(always)]
    unsafe fn tile<I: Isa, F: Finish>(
        &self,
        (piece, tile): (&Piece, usize),
        (packed, copied): (*mut f32, *mut f32),
        errands: Option<(Lines, Copies)>,
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
            meanwhile: errands
                .map(|(fetched, copies)| Meanwhile::new(k, [results, fetched], copies)),
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

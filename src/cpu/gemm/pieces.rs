//! The order of the work: the cells of a thread, in pieces that have a panel in common.

use std::ops::Range;

use super::job::{Cell, Job, Parts, TERMS};

/// Terms of a panel that are copied together: as many as a cache line holds.
const SHARE: usize = 16;

/// Tiles that are computed one after the other, with the same terms and the same panel of `b`.
pub(super) struct Piece {
    /// The first of the terms, and the first that is not.
    pub(super) terms: (usize, usize),
    pub(super) block: usize,
    /// The first row of the block, and the rows of its tiles.
    row: usize,
    rows: Parts,
    pub(super) panel: usize,
    pub(super) tiles: Range<usize>,
    /// The tiles of the block that are computed with this panel or another.
    pub(super) of_block: Range<usize>,
}

impl Piece {
    pub(super) const fn k(&self) -> usize {
        self.terms.1 - self.terms.0
    }

    /// First row and number of rows of a tile.
    #[inline(always)]
    pub(super) fn rows(&self, tile: usize) -> (usize, usize) {
        let (start, end) = self.rows.part(tile);
        (self.row + start, end - start)
    }

    /// How the panel is shared out among so many tiles that copy it.
    pub(super) const fn shares(&self, tiles: usize) -> Parts {
        Parts::new(tiles, self.k().div_ceil(SHARE))
    }

    /// The terms of some shares.
    #[inline(always)]
    pub(super) fn terms_of(&self, (start, end): (usize, usize)) -> (usize, usize) {
        let term = |share: usize| (self.terms.0 + share * SHARE).min(self.terms.1);
        (term(start), term(end))
    }
}

/// The pieces from one cell on and before another: all cells with some terms before they get the next.
pub(super) struct Pieces<'a> {
    job: &'a Job<'a>,
    from: Cell,
    to: Cell,
    parts: usize,
    /// Where the next piece is: which terms, block and panel.
    part: usize,
    block: usize,
    panel: usize,
}

impl<'a> Pieces<'a> {
    pub(super) fn new(job: &'a Job<'a>, from: Cell, to: Cell) -> Self {
        Self {
            job,
            from,
            to,
            parts: job.k.div_ceil(TERMS).max(1),
            part: 0,
            block: from.block,
            panel: from.panel,
        }
    }

    /// The piece with these terms, of this block and panel; there may be nothing in it.
    fn piece(&self, part: usize, block: usize, panel: usize) -> Piece {
        let (row, rows, tiles) = self.job.block(block);
        let here = Cell {
            block,
            panel,
            tile: 0,
        };
        let after = Cell {
            panel: panel + 1,
            ..here
        };
        let start = if self.from > here { self.from.tile } else { 0 };
        let end = if self.to < after { self.to.tile } else { tiles };
        let alone = self.from >= here && self.to <= after;
        Piece {
            terms: Parts::new(self.parts, self.job.k).part(part),
            block,
            row,
            rows: Parts::new(tiles, rows),
            panel,
            tiles: start..end,
            of_block: if alone { start..end } else { 0..tiles },
        }
    }
}

impl Iterator for Pieces<'_> {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        loop {
            let here = Cell {
                block: self.block,
                panel: self.panel,
                tile: 0,
            };
            if here >= self.to || self.block == self.job.blocks {
                self.part += 1;
                (self.block, self.panel) = (self.from.block, self.from.panel);
            }
            if self.part == self.parts || self.from >= self.to {
                return None;
            }
            let piece = self.piece(self.part, self.block, self.panel);
            self.panel += 1;
            if self.panel == self.job.panels() {
                (self.block, self.panel) = (self.block + 1, 0);
            }
            if !piece.tiles.is_empty() {
                return Some(piece);
            }
        }
    }
}

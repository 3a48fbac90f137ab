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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::super::{Matrix, Store, avx2::Avx2, avx512::Avx512, job::Isa};
    use super::*;

    /// Holds the pieces of all threads against what a product consists of: each row of each panel, with all terms, in order.
    fn check<I: Isa>([m, n, k, threads]: [usize; 4]) {
        let matrix = |rows, columns| Matrix {
            values: &[],
            rows,
            columns,
            transposed: false,
        };
        let job = Job::new::<I>(&matrix(m, k), &matrix(k, n), (&mut [], Store::Set));
        let mut done = vec![Vec::new(); job.panels() * m];
        for thread in 0..threads {
            let mut rows_copied = BTreeMap::new();
            let cells = [thread, thread + 1].map(|part| job.cut(part, threads));
            for piece in Pieces::new(&job, cells[0], cells[1]) {
                assert!(piece.k() <= TERMS, "more terms than a panel has room for");
                for tile in piece.tiles.clone() {
                    let (row, rows) = piece.rows(tile);
                    assert!((1..=I::ROWS).contains(&rows), "{rows} rows in a tile");
                    for row in row..row + rows {
                        done[piece.panel * m + row].push(piece.terms);
                    }
                }
                let (first, last) = (piece.of_block.start, piece.of_block.end);
                assert!(first <= piece.tiles.start && piece.tiles.end <= last);
                assert!(last <= job.block(0).2, "more tiles than there is room for");
                // They are copied once, for the first piece.
                let copied = rows_copied.entry((piece.terms, piece.block));
                assert_eq!(copied.or_insert(piece.of_block.clone()), &piece.of_block);
                check_shares(&piece);
            }
        }
        for done in done {
            let ends = |terms: &[(usize, usize)]| [terms[0].0, terms[terms.len() - 1].1];
            assert!(!done.is_empty() && ends(&done) == [0, k], "{done:?}");
            assert!(done.windows(2).all(|two| two[0].1 == two[1].0), "{done:?}");
        }
    }

    /// However many tiles share out the copying of a panel, all its terms are copied once.
    fn check_shares(piece: &Piece) {
        for tiles in 1..40 {
            let shares = piece.shares(tiles);
            let mut next = piece.terms.0;
            for tile in 0..tiles {
                let (first, last) = piece.terms_of(shares.part(tile));
                assert_eq!(first, next, "{tile} of {tiles}");
                next = last;
            }
            assert_eq!(next, piece.terms.1, "the last of {tiles}");
        }
    }

    proptest! {
        #[test]
        fn each_row_of_a_panel_is_computed_once_with_each_term(
            m in 1_usize..1200,
            n in 1_usize..300,
            k in 0_usize..1700,
            threads in 1_usize..9,
        ) {
            for m in [m, m % 20 + 1] {
                check::<Avx512>([m, n, k, threads]);
                check::<Avx2>([m, n, k, threads]);
            }
        }
    }
}

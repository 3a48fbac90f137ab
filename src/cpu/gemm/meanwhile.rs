//! What is done while a tile is computed, for those that come after it.
//!
//! The units that load, store and turn have little to do in a tile. What they do there is as good as free, while a panel
//! that is copied by itself waits for memory: its lines may lie a large power of two apart, and drive each other out of
//! the caches before they can be fetched ahead.

use std::arch::x86_64::*;

use super::job::Lines;

/// Terms of a tile from one step to the next.
pub(super) const STEP: usize = 16;

/// Numbers that are copied together.
const FOUR: usize = 4;

/// What there is to do, a little with each step.
#[derive(Clone, Copy)]
pub(super) struct Meanwhile {
    results: Errand,
    fetched: Errand,
    copied: Errand,
    copies: Copies,
}

/// Lines to copy, as [`Isa::copy`](super::job::Isa::copy) does or, if they are `turned`,
/// [`Isa::transpose`](super::job::Isa::transpose).
#[derive(Clone, Copy)]
pub(super) struct Copies {
    pub(super) lines: Lines,
    pub(super) to: *mut f32,
    /// From a line of the copies to the next.
    pub(super) width: usize,
    pub(super) turned: bool,
}

impl Copies {
    /// Whether they consist of nothing but fours, so that they can be made meanwhile.
    pub(super) const fn are_simple(&self) -> bool {
        let Lines { lines, count, .. } = self.lines;
        count.is_multiple_of(FOUR) && (!self.turned || lines.is_multiple_of(FOUR))
    }
}

/// Lines that are left, and how many are taken with each step.
#[derive(Clone, Copy)]
struct Errand {
    lines: Lines,
    a_step: usize,
}

impl Errand {
    const fn new(lines: Lines, steps: usize) -> Self {
        // A division takes as long as a dozen products, and is rarely needed.
        let a_step = if lines.lines <= steps {
            1
        } else {
            lines.lines.div_ceil(steps)
        };
        Self { lines, a_step }
    }

    /// Where the next line begins.
    #[inline(always)]
    fn next(&mut self) -> Option<*const f32> {
        self.lines.lines = self.lines.lines.checked_sub(1)?;
        let line = self.lines.start;
        self.lines.start = line.wrapping_add(self.lines.distance);
        Some(line)
    }

    /// Brings the lines of a step nearer, which reads nothing and may name any place.
    #[inline(always)]
    fn fetch<const HINT: i32>(&mut self) {
        for _ in 0..self.a_step {
            let Some(line) = self.next() else { return };
            for i in (0..self.lines.count).step_by(16) {
                // SAFETY: every x86-64 processor has this, and it reads nothing.
                unsafe { _mm_prefetch::<HINT>(line.wrapping_add(i).cast()) };
            }
            let last = line.wrapping_add(self.lines.count).wrapping_sub(1);
            // SAFETY: as above.
            unsafe { _mm_prefetch::<HINT>(last.cast()) };
        }
    }
}

impl Meanwhile {
    /// For a tile of `k` terms: its `results` are brought near, what is to be `fetched` nearer than it is, and copies made,
    /// which have to be [simple](Copies::are_simple).
    pub(super) const fn new(k: usize, [results, fetched]: [Lines; 2], copies: Copies) -> Self {
        let steps = if k > STEP { k.div_ceil(STEP) } else { 1 };
        let lines = copies.lines;
        let by_fours = Lines {
            lines: lines.lines / FOUR,
            distance: lines.distance * FOUR,
            ..lines
        };
        Self {
            results: Errand::new(results, steps),
            fetched: Errand::new(fetched, steps),
            copied: Errand::new(if copies.turned { by_fours } else { lines }, steps),
            copies,
        }
    }

    /// Does what is due.
    ///
    /// # Safety
    /// The lines that are copied can be read, and their copy can be written.
    #[inline(always)]
    pub(super) unsafe fn step(&mut self) {
        self.results.fetch::<_MM_HINT_ET0>();
        self.fetched.fetch::<_MM_HINT_T1>();
        for _ in 0..self.copied.a_step {
            let Some(line) = self.copied.next() else {
                return;
            };
            // SAFETY: as promised by the caller.
            unsafe {
                if self.copies.turned {
                    self.turn(line);
                } else {
                    self.copy(line);
                }
            }
        }
    }

    /// # Safety
    /// As for [`Meanwhile::step`].
    #[inline(always)]
    unsafe fn copy(&mut self, line: *const f32) {
        let Copies {
            lines, to, width, ..
        } = self.copies;
        for i in (0..lines.count).step_by(FOUR) {
            // SAFETY: as promised by the caller.
            unsafe { _mm_storeu_ps(to.add(i), _mm_loadu_ps(line.add(i))) };
        }
        self.copies.to = to.wrapping_add(width);
    }

    /// Four lines, by blocks of 4 x 4.
    ///
    /// # Safety
    /// As for [`Meanwhile::step`].
    #[inline(always)]
    unsafe fn turn(&mut self, line: *const f32) {
        let Copies {
            lines, to, width, ..
        } = self.copies;
        for i in (0..lines.count).step_by(FOUR) {
            // SAFETY: as promised by the caller.
            unsafe {
                let x = [0, 1, 2, 3].map(|l| _mm_loadu_ps(line.add(l * lines.distance + i)));
                let low = [_mm_unpacklo_ps(x[0], x[2]), _mm_unpacklo_ps(x[1], x[3])];
                let high = [_mm_unpackhi_ps(x[0], x[2]), _mm_unpackhi_ps(x[1], x[3])];
                let to = to.add(i * width);
                _mm_storeu_ps(to, _mm_unpacklo_ps(low[0], low[1]));
                _mm_storeu_ps(to.add(width), _mm_unpackhi_ps(low[0], low[1]));
                _mm_storeu_ps(to.add(2 * width), _mm_unpacklo_ps(high[0], high[1]));
                _mm_storeu_ps(to.add(3 * width), _mm_unpackhi_ps(high[0], high[1]));
            }
        }
        self.copies.to = to.wrapping_add(FOUR);
    }
}

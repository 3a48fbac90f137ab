//! The lines of a text file on which its rows start.

/// The line of each row of a text file, kept as the places where the two stop running in step.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Lines {
    /// `(row, line)`: from `row` on, lines count up from `line`.
    breaks: Vec<(usize, u64)>,
    rows: usize,
}

impl Lines {
    /// Adds the next row, which starts at `line`.
    pub(crate) fn push(&mut self, line: u64) {
        if self.rows == 0 || self.line(self.rows) != line {
            self.breaks.push((self.rows, line));
        }
        self.rows += 1;
    }

    /// How many rows there are.
    pub(crate) const fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn line(&self, row: usize) -> u64 {
        let after = self.breaks.partition_point(|&(start, _)| start <= row);
        match after.checked_sub(1).map(|at| self.breaks[at]) {
            Some((start, line)) => line + (row - start) as u64,
            None => row as u64 + 1,
        }
    }
}

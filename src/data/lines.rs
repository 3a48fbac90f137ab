//! Where the rows of a table are in its file: the lines of a text file, or the numbers of rows.

/// The line of each row of a text file, kept as the places where the two stop running in step. In a file that has no lines,
/// it is the number of the row, from 1.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Lines {
    /// `(row, line)`: from `row` on, lines count up from `line`.
    breaks: Vec<(usize, u64)>,
    rows: usize,
    of_rows: bool,
}

/// A place in a file for a message: a line, or the number of a row where there are no lines.
pub(crate) fn place(file: &str, line: u64, of_rows: bool) -> String {
    if of_rows {
        format!("{file}, row {line}")
    } else {
        format!("{file}:{line}")
    }
}

impl Lines {
    /// Those of a file that has no lines, if `of_rows`.
    pub(crate) fn new(of_rows: bool) -> Self {
        Self {
            of_rows,
            ..Self::default()
        }
    }

    /// The place of a line in a file, for a message.
    pub(crate) fn place(&self, file: &str, line: u64) -> String {
        place(file, line, self.of_rows)
    }

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

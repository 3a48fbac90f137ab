//! The area under the ROC curve, by ranks.

/// Rows in the order of their scores.
#[derive(Debug, Clone)]
pub(super) struct Ranking {
    order: Vec<u32>,
    /// Of each row in that order: whether it is meant, and whether it is the last one of its score.
    marks: Vec<u8>,
}

/// The row is one that should score high.
const MEANT: u8 = 1;
/// The next row has another score.
const LAST: u8 = 2;

impl Ranking {
    /// Ranks rows by a score each.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a data set has fewer than 2^32 rows"
    )]
    pub(super) fn new(
        rows: usize,
        score: impl Fn(usize) -> f32,
        is_meant: impl Fn(usize) -> bool,
    ) -> Self {
        let mut order: Vec<u32> = (0..rows as u32).collect();
        let score = |row: u32| score(row as usize);
        order.sort_unstable_by(|&a, &b| score(a).total_cmp(&score(b)));
        let mark = |i: usize| {
            let last = i + 1 == rows || score(order[i]) != score(order[i + 1]);
            let meant = is_meant(order[i] as usize);
            u8::from(meant) * MEANT + u8::from(last) * LAST
        };
        let marks = (0..rows).map(mark).collect();
        Self { order, marks }
    }

    /// The chance that a row that is meant scores above one that is not, where equal scores count half (Mann and Whitney);
    /// NaN if all rows are meant or none is. Row `i` counts `counts[i]` times, and all less than 2^32 times.
    #[expect(clippy::cast_precision_loss, reason = "a part in 2^53 does not matter")]
    pub(super) fn area(&self, counts: &[u32]) -> f64 {
        // Those with lesser scores, and those of the score that is under way. Twice the pairs are less than 2^64.
        let (mut below, mut meant, mut twice) = (0_u64, 0_u64, 0_u64);
        let (mut here, mut others) = (0_u64, 0_u64);
        for (&row, &mark) in self.order.iter().zip(&self.marks) {
            let count = u64::from(counts[row as usize]);
            let counted = count * u64::from(mark & MEANT);
            here += counted;
            others += count - counted;
            if mark & LAST != 0 {
                twice += here * (2 * below + others);
                below += others;
                meant += here;
                (here, others) = (0, 0);
            }
        }
        // Nothing over nothing is NaN.
        twice as f64 / (2.0 * meant as f64 * below as f64)
    }
}

/// The area under the ROC curve of a score that is large for the rows that are meant. None if all are, or none is.
///
/// # Panics
/// If there are not as many scores as rows.
pub fn roc_auc(scores: &[f32], is_meant: &[bool]) -> Option<f64> {
    assert_eq!(scores.len(), is_meant.len(), "a score a row");
    let ranking = Ranking::new(scores.len(), |row| scores[row], |row| is_meant[row]);
    super::told(ranking.area(&vec![1; scores.len()]))
}

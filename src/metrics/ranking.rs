//! The area under the ROC curve, by ranks.

/// Rows in the order of their scores, with where equal scores end.
#[derive(Debug, Clone)]
pub(super) struct Ranking {
    order: Vec<u32>,
    /// Behind the last row of each group of equal scores.
    ends: Vec<u32>,
}

impl Ranking {
    /// Ranks rows by a score each.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a data set has fewer than 2^32 rows"
    )]
    pub(super) fn new(rows: usize, score: impl Fn(usize) -> f32) -> Self {
        let mut order: Vec<u32> = (0..rows as u32).collect();
        let score = |row: u32| score(row as usize);
        order.sort_unstable_by(|&a, &b| score(a).total_cmp(&score(b)));
        let differs = |i: usize| i + 1 == rows || score(order[i]) != score(order[i + 1]);
        let ends = (0..rows)
            .filter(|&i| differs(i))
            .map(|i| i as u32 + 1)
            .collect();
        Self { order, ends }
    }

    /// The chance that a row that is meant scores above one that is not, where equal scores count half (Mann and Whitney);
    /// NaN if all rows are meant or none is. Row `i` counts `counts[i]` times.
    pub(super) fn area(&self, counts: &[u32], is_meant: impl Fn(usize) -> bool) -> f64 {
        let (mut below, mut meant, mut twice, mut start) = (0.0, 0.0, 0.0, 0);
        for &end in &self.ends {
            let (mut here, mut others) = (0_u64, 0_u64);
            for &row in &self.order[start as usize..end as usize] {
                let count = u64::from(counts[row as usize]);
                if is_meant(row as usize) {
                    here += count;
                } else {
                    others += count;
                }
            }
            #[expect(
                clippy::cast_precision_loss,
                reason = "there are far fewer than 2^53 rows"
            )]
            let (here, others) = (here as f64, others as f64);
            twice += here * (2.0 * below + others);
            below += others;
            meant += here;
            start = end;
        }
        // Nothing over nothing is NaN.
        twice / (2.0 * meant * below)
    }
}

/// The area under the ROC curve of a score that is large for the rows that are meant. None if all are, or none is.
///
/// # Panics
/// If there are not as many scores as rows.
pub fn roc_auc(scores: &[f32], is_meant: &[bool]) -> Option<f64> {
    assert_eq!(scores.len(), is_meant.len(), "a score a row");
    let ranking = Ranking::new(scores.len(), |row| scores[row]);
    super::told(ranking.area(&vec![1; scores.len()], |row| is_meant[row]))
}

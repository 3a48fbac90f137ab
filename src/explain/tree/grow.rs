//! How a tree grows: from its root on, at each node by the question that leaves the least impurity.

use rayon::prelude::*;

use super::{Answer, Goal, Split, TreeNode};
use crate::explain::ExplainError;
use crate::explain::units::largest;

impl Goal<'_> {
    pub(super) const fn rows(&self) -> usize {
        match self {
            Self::Classes { labels, .. } => labels.len(),
            Self::Numbers(values) => values.len(),
        }
    }

    fn tally(&self) -> Tally {
        Tally {
            counts: match self {
                Self::Classes { classes, .. } => vec![0; *classes],
                Self::Numbers(_) => Vec::new(),
            },
            ..Tally::default()
        }
    }
}

/// What is known of some rows.
#[derive(Debug, Clone, Default)]
struct Tally {
    rows: usize,
    counts: Vec<usize>,
    sum: f64,
    squares: f64,
}

impl Tally {
    fn change(&mut self, goal: &Goal<'_>, row: usize, add: bool) {
        let sign = if add { 1.0 } else { -1.0 };
        let step = |count: &mut usize| *count = if add { *count + 1 } else { *count - 1 };
        step(&mut self.rows);
        match goal {
            Goal::Classes { labels, .. } => step(&mut self.counts[labels[row]]),
            Goal::Numbers(values) => {
                self.sum += sign * values[row];
                self.squares += sign * values[row] * values[row];
            }
        }
    }

    /// Rows times their impurity.
    fn weight(&self) -> f64 {
        let rows = self.rows as f64;
        if self.rows == 0 {
            return 0.0;
        }
        if self.counts.is_empty() {
            return (self.squares - self.sum * self.sum / rows).max(0.0);
        }
        let squares: f64 = self.counts.iter().map(|&c| c as f64 * c as f64).sum();
        rows - squares / rows
    }

    fn answer(&self) -> Answer {
        if self.counts.is_empty() {
            return Answer::Number(self.sum / self.rows.max(1) as f64);
        }
        Answer::Class(largest(&self.counts), self.counts.clone())
    }
}

/// A tree on its way.
pub(super) struct Growing<'a> {
    x: &'a [f32],
    features: usize,
    goal: Goal<'a>,
    least: usize,
    /// What is left of the impurity of all rows by rounding.
    nothing: f64,
    nodes: Vec<TreeNode>,
}

/// The best question about an input: what it leaves of the impurity, and its threshold.
type Best = Option<(f64, usize, f32)>;

/// Mean and standard deviation, which is 0 where nothing varies.
pub(super) fn moments(numbers: &[f64]) -> Result<[f64; 2], ExplainError> {
    let count = numbers.len() as f64;
    let mean = numbers.iter().map(|n| n / count).sum::<f64>();
    let most = numbers
        .iter()
        .fold(0.0_f64, |most, n| most.max((n - mean).abs()));
    if !most.is_finite() || numbers.iter().any(|n| !n.is_finite()) {
        let found = "a number that is not finite, or numbers that are too far apart";
        return Err(ExplainError::value(
            "a tree's data",
            found,
            "finite numbers",
        ));
    }
    // As shares of the largest, squares neither overflow nor vanish. What rounding leaves of equal numbers is nothing.
    if most <= 1e-14 * mean.abs() || most < f64::MIN_POSITIVE {
        return Ok([mean, 0.0]);
    }
    let share = |n: &f64| ((n - mean) / most).powi(2);
    let deviation = most * (numbers.iter().map(share).sum::<f64>() / count).sqrt();
    Ok([mean, deviation])
}

impl<'a> Growing<'a> {
    pub(super) fn nodes(
        x: &'a [f32],
        features: usize,
        goal: Goal<'a>,
        depth: usize,
        least: usize,
    ) -> Vec<TreeNode> {
        let rows: Vec<usize> = (0..goal.rows()).collect();
        let mut all = goal.tally();
        rows.iter().for_each(|&row| all.change(&goal, row, true));
        let mut growing = Self {
            x,
            features,
            goal,
            least: least.max(1),
            nothing: 1e-12 * all.weight(),
            nodes: Vec::new(),
        };
        growing.node(rows, depth);
        growing.nodes
    }

    fn node(&mut self, rows: Vec<usize>, depth: usize) -> usize {
        let mut tally = self.goal.tally();
        rows.iter()
            .for_each(|&row| tally.change(&self.goal, row, true));
        let (place, weight) = (self.nodes.len(), tally.weight());
        self.nodes.push(TreeNode {
            rows: rows.len(),
            impurity: weight / rows.len() as f64,
            answer: tally.answer(),
            split: None,
        });
        let best = if depth == 0 || weight <= self.nothing {
            None
        } else {
            self.best(&rows, &tally)
        };
        let Some((_, feature, threshold)) = best.filter(|best| best.0 < weight * (1.0 - 1e-12))
        else {
            return place;
        };
        let goes_below = |row: &usize| self.x[row * self.features + feature] <= threshold;
        let (below, above): (Vec<_>, Vec<_>) = rows.into_iter().partition(goes_below);
        let below = self.node(below, depth - 1);
        let above = self.node(above, depth - 1);
        if let (Some(said), Some(other)) = (self.class(below), self.class(above))
            && said == other
        {
            // Whatever is answered, the same is said: the question is not worth reading.
            self.nodes.truncate(place + 1);
            return place;
        }
        self.nodes[place].split = Some(Split {
            feature,
            threshold,
            below,
            above,
        });
        place
    }

    /// The class that a leaf says.
    fn class(&self, node: usize) -> Option<usize> {
        match &self.nodes[node] {
            TreeNode {
                split: None,
                answer: Answer::Class(class, _),
                ..
            } => Some(*class),
            _ => None,
        }
    }

    /// The question that leaves the least impurity.
    fn best(&self, rows: &[usize], all: &Tally) -> Best {
        let features = (0..self.features).into_par_iter();
        let found: Vec<Best> = features
            .map(|feature| self.best_of(feature, rows, all))
            .collect();
        let better = |best: Best, next: Best| match (best, next) {
            (Some(best), Some(next)) if next.0 < best.0 => Some(next),
            (None, next) => next,
            (best, _) => best,
        };
        found.into_iter().fold(None, better)
    }

    fn best_of(&self, feature: usize, rows: &[usize], all: &Tally) -> Best {
        let value = |row: usize| self.x[row * self.features + feature];
        let mut sorted: Vec<(f32, usize)> = rows.iter().map(|&row| (value(row), row)).collect();
        sorted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        if sorted[0].0 == sorted[sorted.len() - 1].0 {
            return None;
        }
        let (mut below, mut above) = (self.goal.tally(), all.clone());
        let mut best: Best = None;
        for at in 0..sorted.len() - 1 {
            let (value, row) = sorted[at];
            below.change(&self.goal, row, true);
            above.change(&self.goal, row, false);
            let next = sorted[at + 1].0;
            if value == next || below.rows < self.least || above.rows < self.least {
                continue;
            }
            let left = below.weight() + above.weight();
            if best.is_none_or(|(least, ..)| left < least) {
                best = Some((left, feature, between(value, next)));
            }
        }
        best
    }
}

/// A number from `a` on and below `b`: their middle, if f32 has one.
fn between(a: f32, b: f32) -> f32 {
    let middle = a + (b - a) / 2.0;
    if middle < b { middle } else { a }
}

//! A decision tree that mimics a network: CART (Breiman et al. 1984).

mod draw;

pub use draw::Words;

use rayon::prelude::*;

use super::ExplainError;

/// What a tree shall say of each row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Goal<'a> {
    /// A class; splits make the Gini impurity small.
    Classes {
        /// One a row.
        labels: &'a [usize],
        /// How many there are.
        classes: usize,
    },
    /// A number; splits make the variance small.
    Numbers(&'a [f64]),
}

/// What a node says.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The class that most of its rows have, and how many rows each class has.
    Class(usize, Vec<usize>),
    /// The mean of its rows.
    Number(f64),
}

/// The question of a node.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Split {
    /// The input that is looked at.
    pub feature: usize,
    /// Rows whose input is at most this go to `below`, the others to `above`.
    pub threshold: f32,
    /// A node's number.
    pub below: usize,
    /// A node's number.
    pub above: usize,
}

/// A node of a tree.
#[derive(Debug, Clone, PartialEq)]
pub struct TreeNode {
    /// Rows that it was learnt from.
    pub rows: usize,
    /// Their Gini impurity, or variance.
    pub impurity: f64,
    /// What it says, if it asks nothing further.
    pub answer: Answer,
    /// What it asks.
    pub split: Option<Split>,
}

/// A tree of questions about single inputs.
#[derive(Debug, Clone, PartialEq)]
pub struct Tree {
    /// The nodes; the first is the root.
    pub nodes: Vec<TreeNode>,
}

impl Goal<'_> {
    const fn rows(&self) -> usize {
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
        let more = |best: usize, class: usize| {
            if self.counts[class] > self.counts[best] {
                class
            } else {
                best
            }
        };
        Answer::Class((0..self.counts.len()).fold(0, more), self.counts.clone())
    }
}

/// A tree on its way.
struct Growing<'a> {
    x: &'a [f32],
    features: usize,
    goal: Goal<'a>,
    least: usize,
    nodes: Vec<TreeNode>,
}

/// The best question about an input: what it leaves of the impurity, and its threshold.
type Best = Option<(f64, usize, f32)>;

impl Tree {
    /// Grows a tree on rows `x` `[rows, features]`: at each node the question that leaves the least impurity, the first of
    /// equal ones, down to `depth` questions, and none that leaves fewer than `least` rows on a side. A question whose answers
    /// both lead to the same class is dropped: no row is told anything else.
    ///
    /// # Errors
    /// If lengths disagree, there are no rows, or a label is not below the number of classes.
    pub fn grow(
        x: &[f32],
        features: usize,
        goal: Goal<'_>,
        depth: usize,
        least: usize,
    ) -> Result<Self, ExplainError> {
        let rows = goal.rows();
        if rows == 0 || x.len() != rows * features {
            let found = format!("{} inputs for {rows} rows", x.len());
            return Err(ExplainError::value(
                "a tree's data",
                found,
                format!("{features} inputs a row, at least one row"),
            ));
        }
        if let Goal::Classes { labels, classes } = goal {
            super::check_below("class", labels, classes)?;
        }
        let mut growing = Growing {
            x,
            features,
            goal,
            least: least.max(1),
            nodes: Vec::new(),
        };
        growing.node((0..rows).collect(), depth);
        Ok(Self {
            nodes: growing.nodes,
        })
    }

    /// The leaf that a row comes to.
    pub fn leaf(&self, row: &[f32]) -> &TreeNode {
        let mut node = &self.nodes[0];
        while let Some(split) = node.split {
            let below = row[split.feature] <= split.threshold;
            node = &self.nodes[if below { split.below } else { split.above }];
        }
        node
    }

    /// The classes, or numbers, that it says of rows `[rows, features]`.
    pub fn answers(&self, x: &[f32], features: usize) -> Vec<f64> {
        let say = |row: &[f32]| match &self.leaf(row).answer {
            Answer::Class(class, _) => *class as f64,
            Answer::Number(number) => *number,
        };
        x.chunks(features).map(say).collect()
    }

    /// Nodes that ask nothing.
    pub fn leaves(&self) -> usize {
        self.nodes.iter().filter(|n| n.split.is_none()).count()
    }
}

impl Growing<'_> {
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
        // What is left of nothing by rounding is nothing.
        let pure = weight <= 1e-12 * tally.squares.max(1.0);
        let best = if depth == 0 || pure {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What is left of the impurity by each question, the slow way.
    fn slow(x: &[f32], features: usize, labels: &[usize], classes: usize) -> f64 {
        let gini = |rows: &[usize]| {
            let n = rows.len() as f64;
            let share = |class| rows.iter().filter(|r| labels[**r] == class).count() as f64 / n;
            let squares: f64 = (0..classes).map(|class| share(class) * share(class)).sum();
            n * (1.0 - squares)
        };
        let mut least = f64::INFINITY;
        for feature in 0..features {
            for row in 0..labels.len() {
                let threshold = x[row * features + feature];
                let (below, above): (Vec<_>, Vec<_>) =
                    (0..labels.len()).partition(|r| x[r * features + feature] <= threshold);
                if !below.is_empty() && !above.is_empty() {
                    least = least.min(gini(&below) + gini(&above));
                }
            }
        }
        least
    }

    #[test]
    fn the_first_question_is_the_best_there_is() {
        for seed in 0..5_u32 {
            let random =
                |i: u32| (i.wrapping_mul(2_654_435_761).wrapping_add(seed * 977) >> 20) % 13;
            let (features, rows) = (3, 40);
            let x: Vec<f32> = (0..rows * features).map(|i| random(i) as f32).collect();
            let labels: Vec<usize> = (0..rows).map(|i| (random(i + 500) % 3) as usize).collect();
            let goal = Goal::Classes {
                labels: &labels,
                classes: 3,
            };
            let tree = Tree::grow(&x, 3, goal, 1, 1).unwrap();
            let split = tree.nodes[0].split.expect("labels differ");
            let left: f64 = [split.below, split.above]
                .map(|node| tree.nodes[node].impurity * tree.nodes[node].rows as f64)
                .iter()
                .sum();
            let expected = slow(&x, 3, &labels, 3);
            assert!((left - expected).abs() < 1e-9, "{left} for {expected}");
        }
    }

    #[test]
    fn numbers_are_split_where_they_jump() {
        let x: Vec<f32> = (0..20).map(|i| i as f32).collect();
        let y: Vec<f64> = (0..20).map(|i| if i < 7 { 1.0 } else { 5.0 }).collect();
        let tree = Tree::grow(&x, 1, Goal::Numbers(&y), 4, 1).unwrap();
        let split = tree.nodes[0].split.expect("it jumps");
        assert_eq!(
            (split.threshold, tree.leaves()),
            (6.5, 2),
            "pure nodes ask nothing"
        );
        assert_eq!(tree.answers(&[6.0, 7.0], 1), [1.0, 5.0]);
        let few = Tree::grow(&x, 1, Goal::Numbers(&y), 4, 8).unwrap();
        assert!(few.nodes.iter().all(|n| n.rows >= 8), "{few:?}");
    }
}

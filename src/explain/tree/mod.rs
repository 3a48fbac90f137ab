//! A decision tree that mimics a network: CART (Breiman et al. 1984).

mod draw;
mod grow;

pub use draw::Words;

use self::grow::{Growing, moments};
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

/// Questions one after the other, at most.
const DEEPEST: usize = 64;

impl Tree {
    /// Grows a tree on rows `x` `[rows, features]`: at each node the question that leaves the least impurity, the first of
    /// equal ones, down to `depth` questions, and none that leaves fewer than `least` rows on a side. A question whose answers
    /// both lead to the same class is dropped: no row is told anything else. Numbers may have any offset and scale.
    ///
    /// # Errors
    /// If lengths disagree, there are no rows, a label is not below the number of classes, a number is not finite, or the
    /// depth is above 64.
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
        if depth > DEEPEST {
            let expected = format!("a number of questions from 0 to {DEEPEST}");
            return Err(ExplainError::value(
                "the depth of the tree",
                depth,
                expected,
            ));
        }
        let Goal::Numbers(numbers) = goal else {
            let nodes = Growing::nodes(x, features, goal, depth, least);
            return Ok(Self { nodes });
        };
        let [mean, deviation] = moments(numbers)?;
        let standard = |n: &f64| {
            if deviation > 0.0 {
                (n - mean) / deviation
            } else {
                0.0
            }
        };
        let standard: Vec<f64> = numbers.iter().map(standard).collect();
        let mut nodes = Growing::nodes(x, features, Goal::Numbers(&standard), depth, least);
        for node in &mut nodes {
            node.impurity *= deviation * deviation;
            if let Answer::Number(number) = &mut node.answer {
                *number = *number * deviation + mean;
            }
        }
        Ok(Self { nodes })
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

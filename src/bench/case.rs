//! What is measured, as people write it.

use std::fmt;
use std::str::FromStr;

use super::BenchError;
use crate::data::{Dataset, Inputs, Targets};
use crate::network::{Activation, Loss, Network};
use crate::random::{Random, stream};
use crate::train::{Optimizer, Trainer};

/// A network of linear layers with ReLU between them, and its batch size: `784-256-128-10:128`. A width that repeats may
/// be written once: `1024-1000x7-10:256`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkCase {
    /// Inputs, hidden units, classes.
    pub widths: Vec<usize>,
    /// Rows of a batch.
    pub batch: usize,
}

impl NetworkCase {
    /// A trainer by plain SGD on the softmax cross-entropy.
    pub fn trainer(&self) -> Trainer {
        let [inputs, hidden @ .., classes] = self.widths.as_slice() else {
            unreachable!("a case has at least two widths");
        };
        let network = Network::mlp(*inputs, hidden, *classes, Activation::Relu);
        Trainer::new(network, Loss::CrossEntropy)
            .optimizer(Optimizer::sgd(0.01))
            .batch_size(self.batch)
    }

    /// Rows of inputs in 0 to 1, and classes in turn.
    ///
    /// # Errors
    /// If a data set cannot be that large.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the inputs are rounded to f32 as all data are"
    )]
    pub fn data(&self, rows: usize) -> Result<Dataset, BenchError> {
        let random = Random::new(1, stream::TEST, 0);
        let (inputs, classes) = (self.widths[0], self.widths[self.widths.len() - 1]);
        let x: Vec<f32> = (0..(rows * inputs) as u64)
            .map(|i| random.uniform(i) as f32)
            .collect();
        let labels = (0..u32::try_from(classes).unwrap_or(u32::MAX)).cycle();
        let targets = Targets::Classes {
            labels: labels.take(rows).collect(),
            classes,
        };
        Ok(Dataset::new(Inputs::F32(x), &[inputs], targets)?)
    }

    /// Weights, without biases.
    pub fn weights(&self) -> u64 {
        self.widths.windows(2).map(|w| (w[0] * w[1]) as u64).sum()
    }

    /// Operations of the matrix products in a training step; the first layer has no gradient at its inputs.
    pub fn products(&self) -> u64 {
        let first = (self.widths[0] * self.widths[1]) as u64;
        2 * self.batch as u64 * (3 * self.weights() - first)
    }

    /// The widths alone, with repetitions written once.
    pub fn network(&self) -> String {
        let runs = self.widths.chunk_by(|a, b| a == b);
        let parts = runs.map(|run| match run.len() {
            1 => run[0].to_string(),
            times => format!("{}x{times}", run[0]),
        });
        parts.collect::<Vec<_>>().join("-")
    }
}

impl fmt::Display for NetworkCase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} batch {}", self.network(), self.batch)
    }
}

impl FromStr for NetworkCase {
    type Err = BenchError;

    fn from_str(text: &str) -> Result<Self, BenchError> {
        let read = || {
            let (widths, batch) = text.trim().split_once(':')?;
            let mut found = Vec::new();
            for part in widths.split('-') {
                let (width, times) = part.split_once('x').unwrap_or((part, "1"));
                let (width, times): (usize, usize) = (width.parse().ok()?, times.parse().ok()?);
                let fits = (1..=1 << 20).contains(&width) && (1..=1000).contains(&times);
                fits.then(|| found.extend(std::iter::repeat_n(width, times)))?;
            }
            let batch = batch.parse().ok().filter(|b| (1..=1 << 24).contains(b))?;
            (found.len() >= 2).then_some(Self {
                widths: found,
                batch,
            })
        };
        read().ok_or_else(|| BenchError::Case {
            text: text.to_owned(),
            what: "network",
            expected: "widths and a batch size, as in 784-256-128-10:128 or 1024-1000x7-10:256",
        })
    }
}

/// One thing that is measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Case {
    /// A training step: `train:784-256-128-10:128`.
    Train(NetworkCase),
    /// A product of two square matrices: `matmul:1024`.
    Matmul(u32),
}

impl Case {
    /// As a flag takes it.
    pub fn flag(&self) -> String {
        match self {
            Self::Train(case) => format!("train:{}:{}", case.network(), case.batch),
            Self::Matmul(n) => format!("matmul:{n}"),
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Train(case) => write!(f, "train {case}"),
            Self::Matmul(n) => write!(f, "matmul {n}x{n}x{n}"),
        }
    }
}

impl FromStr for Case {
    type Err = BenchError;

    fn from_str(text: &str) -> Result<Self, BenchError> {
        let expected = "train:WIDTHS:BATCH or matmul:N";
        let unknown = || BenchError::Case {
            text: text.to_owned(),
            what: "case",
            expected,
        };
        match text.split_once(':').ok_or_else(unknown)? {
            ("train", network) => network.parse().map(Self::Train),
            ("matmul", size) => size
                .parse()
                .ok()
                .filter(|n| (1..=1 << 15).contains(n))
                .map(Self::Matmul)
                .ok_or_else(unknown),
            _ => Err(unknown()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_and_written() {
        let case: NetworkCase = "1024-1000x7-10:256".parse().expect("it is well formed");
        assert_eq!((case.widths.len(), case.batch), (9, 256));
        assert_eq!(case.to_string(), "1024-1000x7-10 batch 256");
        let long: NetworkCase = "4-3-3-2:5".parse().expect("it is well formed");
        assert_eq!(long.network(), "4-3x2-2", "one way to write it");
        assert_eq!(
            Case::Train(long.clone()).flag().parse::<Case>().ok(),
            Some(Case::Train(long))
        );
        assert_eq!("matmul:64".parse::<Case>().ok(), Some(Case::Matmul(64)));
    }

    #[test]
    fn nonsense_is_refused_with_an_example() {
        for text in [
            "", "784", "784:", "784-10", "784-0:5", "784-10:0", "7x-1:2", "a-b:c", "5x0-1:2",
        ] {
            let error = text.parse::<NetworkCase>().expect_err(text).to_string();
            assert!(error.contains("784-256-128-10:128"), "{text}: {error}");
        }
        for text in ["matmul", "matmul:0", "matmul:x", "fly:3"] {
            assert!(text.parse::<Case>().is_err(), "{text}");
        }
    }

    #[test]
    fn operations_by_hand() {
        let case: NetworkCase = "3-4-2:5".parse().expect("it is well formed");
        // Forward 12 + 8, weights' gradients 12 + 8, the hidden units' gradient 8; twice, for 5 rows.
        assert_eq!(case.products(), 2 * 5 * (20 + 20 + 8));
    }
}

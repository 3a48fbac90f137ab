//! Recurrent cells.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a recurrent layer does in each time step, from the input `x` of the step and the result `h` of the step before:
/// PyTorch's formulas. `W x` and `V h` stand for products with bias; `h` is 0 before the first step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cell {
    /// `tanh(W x + V h)` (Elman 1990).
    Rnn,
    /// `relu(W x + V h)`.
    RnnRelu,
    /// Long short-term memory (Hochreiter and Schmidhuber 1997; with the forget gate of Gers et al. 2000): gates
    /// `i f g o` of `W x + V h`, `c' = f c + i g`, `h' = o tanh(c')`, where `g` is a tanh and the others are sigmoids.
    Lstm,
    /// Gated recurrent unit (Cho et al. 2014): gates `r z n`, sigmoids of `W x + V h`, but
    /// `n = tanh(W x + r (V h))`, and `h' = (1 - z) n + z h`.
    Gru,
}

impl Cell {
    /// Rows of the weights for each unit.
    pub const fn gates(self) -> usize {
        match self {
            Self::Rnn | Self::RnnRelu => 1,
            Self::Lstm => 4,
            Self::Gru => 3,
        }
    }

    /// Whether one bias behind the sum of both products would do as well as one behind each.
    pub(super) const fn adds_biases(self) -> bool {
        !matches!(self, Self::Gru)
    }

    /// Numbers a unit that one time step writes behind the input's product, and functions or sums that it computes behind
    /// both products and their biases.
    pub(super) const fn work(self) -> [u64; 2] {
        match self {
            // The product, the sum, the function.
            Self::Rnn | Self::RnnRelu => [3, 2],
            // The product, the sum and the sigmoids of all gates; the gates; two tanh and four products or sums.
            Self::Lstm => [22, 14],
            // The product with its bias; four parts; sum and sigmoids of two gates and their parts; six more.
            Self::Gru => [24, 10],
        }
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rnn => "rnn",
            Self::RnnRelu => "rnn of relu",
            Self::Lstm => "lstm",
            Self::Gru => "gru",
        })
    }
}

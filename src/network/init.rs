//! The first values of parameters.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{First, Network, NetworkError, Parameter};
use crate::random::{Random, stream};

/// How weights are drawn. Biases are drawn as PyTorch's `Linear` does under [`Init::Default`], and are 0 otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Init {
    /// PyTorch's default for `Linear`: uniform within `±1 / sqrt(fan_in)`, the biases too.
    #[default]
    Default,
    /// Uniform within `±sqrt(6 / (fan_in + fan_out))` (Glorot and Bengio, 2010).
    XavierUniform,
    /// Normal, with variance `2 / (fan_in + fan_out)`.
    XavierNormal,
    /// Uniform within `±sqrt(6 / fan_in)` (He et al., 2015).
    HeUniform,
    /// Normal, with variance `2 / fan_in`.
    HeNormal,
}

impl Init {
    /// The words for it.
    pub const WORDS: [&'static str; 5] = [
        "default",
        "xavier_uniform",
        "xavier_normal",
        "he_uniform",
        "he_normal",
    ];
}

impl FromStr for Init {
    type Err = NetworkError;

    fn from_str(word: &str) -> Result<Self, NetworkError> {
        Ok(match word {
            "default" => Self::Default,
            "xavier_uniform" => Self::XavierUniform,
            "xavier_normal" => Self::XavierNormal,
            "he_uniform" => Self::HeUniform,
            "he_normal" => Self::HeNormal,
            _ => return Err(NetworkError::unknown("initialisation", word, &Self::WORDS)),
        })
    }
}

impl Network {
    /// The first values of all parameters and then of all statistics, in their order. Element `i` of parameter `p` depends on the seed, `p` and
    /// `i` alone, and is the same on every machine.
    pub fn initial(&self, init: Init, seed: u64) -> Vec<Vec<f32>> {
        self.each_initial(init, seed)
            .map(|(_, values)| values)
            .collect()
    }

    /// The names and first values of all parameters and statistics, each drawn when it is asked for.
    pub(crate) fn each_initial(
        &self,
        init: Init,
        seed: u64,
    ) -> impl Iterator<Item = (String, Vec<f32>)> {
        (0_u32..).zip(self.lasting()).map(move |(index, p)| {
            let values = p.initial(init, Random::new(seed, stream::WEIGHTS | index, 0));
            (p.name, values)
        })
    }
}

impl Parameter {
    #[expect(clippy::cast_precision_loss, reason = "a fan is far below 2^53")]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "rounding to single precision is what is meant"
    )]
    fn initial(&self, init: Init, random: Random) -> Vec<f32> {
        match self.first {
            First::Drawn => {}
            First::Zeros => return vec![0.0; self.shape.len()],
            First::Ones => return vec![1.0; self.shape.len()],
        }
        let (fan_in, fan_out) = (self.fan_in as f64, self.fan_out as f64);
        let is_bias = self.shape.rank() == 1;
        let uniform = |bound: f64, i| bound * (2.0 * random.uniform(i) - 1.0);
        let draw = |i: u64| match init {
            Init::Default => uniform(1.0 / fan_in.sqrt(), i),
            _ if is_bias => 0.0,
            Init::XavierUniform => uniform((6.0 / (fan_in + fan_out)).sqrt(), i),
            Init::XavierNormal => (2.0 / (fan_in + fan_out)).sqrt() * random.normal(i),
            Init::HeUniform => uniform((6.0 / fan_in).sqrt(), i),
            Init::HeNormal => (2.0 / fan_in).sqrt() * random.normal(i),
        };
        (0..self.shape.len() as u64)
            .map(|i| draw(i) as f32)
            .collect()
    }
}

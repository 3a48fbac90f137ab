//! Kernels of single layers: the largest of several pieces, and noise.

use super::{Binding, Limits, Parameters, Shader, Spec};

/// `y[i] = max x[i, ·]`: `x` is `[count, pieces]`, `y` is `[count]`. NaN is larger than all, as in `torch.max`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxPieces {
    /// Results.
    pub count: u32,
    /// Numbers of which each result is the largest.
    pub pieces: u32,
}

impl Spec for MaxPieces {
    fn name(&self) -> &'static str {
        "max_pieces"
    }

    fn bindings(&self) -> Vec<Binding> {
        let count = self.count as usize;
        vec![
            Binding::read("x", count * self.pieces as usize),
            Binding::write("y", count),
        ]
    }

    fn parameters(&self) -> Parameters {
        Parameters::new()
            .u32("count", self.count)
            .u32("pieces", self.pieces)
    }

    fn turns(&self, _limits: &Limits) -> u64 {
        u64::from(self.pieces)
    }

    fn shader(&self, limits: &Limits) -> Shader {
        Shader::strided("max_pieces", self.count as usize, limits)
    }

    fn operations(&self) -> u64 {
        u64::from(self.count) * u64::from(self.pieces)
    }
}

/// `dx[i, k] = dy[i]` where `k` is the first of the largest of `x[i, ·]`, else 0: the gradient of [`MaxPieces`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxPiecesGrad {
    /// Results.
    pub count: u32,
    /// Numbers of which each result is the largest.
    pub pieces: u32,
}

impl Spec for MaxPiecesGrad {
    fn name(&self) -> &'static str {
        "max_pieces_grad"
    }

    fn bindings(&self) -> Vec<Binding> {
        let count = self.count as usize;
        vec![
            Binding::read("x", count * self.pieces as usize),
            Binding::read("dy", count),
            Binding::write("dx", count * self.pieces as usize),
        ]
    }

    fn parameters(&self) -> Parameters {
        Parameters::new()
            .u32("count", self.count)
            .u32("pieces", self.pieces)
    }

    fn turns(&self, _limits: &Limits) -> u64 {
        2 * u64::from(self.pieces)
    }

    fn shader(&self, limits: &Limits) -> Shader {
        Shader::strided("max_pieces_grad", self.count as usize, limits)
    }
}

/// `y[i] = x[i] + deviation n[i]`, with `n[i]` the normal number [`crate::random::Random::normal`] of element `i`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Noise {
    /// Elements.
    pub count: u32,
    /// The number of the first of them: not 0 in a piece of a larger tensor.
    pub offset: u32,
    /// The standard deviation of the noise.
    pub deviation: f64,
    /// The run's seed.
    pub seed: u64,
    /// The stream of this layer.
    pub stream: u32,
    /// The training step: decided by the [`super::Tick`].
    pub step: u32,
}

impl Spec for Noise {
    fn name(&self) -> &'static str {
        "noise"
    }

    fn bindings(&self) -> Vec<Binding> {
        vec![
            Binding::read("x", self.count as usize),
            Binding::write("y", self.count as usize),
        ]
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "the seed is sent in two halves"
    )]
    fn parameters(&self) -> Parameters {
        Parameters::new()
            .u32("count", self.count)
            .u32("offset", self.offset)
            .f32("deviation", self.deviation)
            .u32("seed_low", self.seed as u32)
            .u32("seed_high", (self.seed >> 32) as u32)
            .u32("stream", self.stream)
            .u32("step", self.step)
    }

    fn shader(&self, limits: &Limits) -> Shader {
        Shader::strided("noise", self.count as usize, limits)
    }
}

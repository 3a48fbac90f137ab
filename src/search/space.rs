//! From what candidates are drawn.

use std::collections::HashSet;
use std::ops::RangeInclusive;

use crate::network::{Activation, Network};
use crate::random::{Random, stream};
use crate::train::TrainError;

/// Networks and how they are trained.
#[derive(Debug, Clone, PartialEq)]
pub struct Space {
    /// Hidden layers: 1 to 3.
    pub depths: RangeInclusive<usize>,
    /// Units of each, the same in all of a network: 8 to 128, as likely from 8 to 16 as from 64 to 128.
    pub widths: RangeInclusive<usize>,
    /// Activations behind hidden layers: ReLU and tanh.
    pub activations: Vec<Activation>,
    /// Learning rates of Adam: 1e-4 to 0.1, each power of 10 as likely.
    pub rates: RangeInclusive<f64>,
    /// Weight decays: 1e-6 to 0.01, each power of 10 as likely; 0 to 0 for none.
    pub decays: RangeInclusive<f64>,
}

impl Default for Space {
    fn default() -> Self {
        Self {
            depths: 1..=3,
            widths: 8..=128,
            activations: vec![Activation::Relu, Activation::Tanh],
            rates: 1e-4..=0.1,
            decays: 1e-6..=0.01,
        }
    }
}

/// A network and how it is trained.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Hidden layers.
    pub depth: usize,
    /// Units of each.
    pub width: usize,
    /// Behind each hidden layer.
    pub activation: Activation,
    /// Adam's.
    pub learning_rate: f64,
    /// In the gradient.
    pub weight_decay: f64,
}

impl Candidate {
    /// The units of the hidden layers.
    pub fn hidden(&self) -> Vec<usize> {
        vec![self.width; self.depth]
    }

    /// Its network.
    pub fn network(&self, inputs: usize, outputs: usize) -> Network {
        Network::mlp(inputs, &self.hidden(), outputs, self.activation)
    }
}

impl Space {
    /// The candidate of a number.
    pub fn draw(&self, number: usize, seed: u64) -> Candidate {
        let step = u32::try_from(number).unwrap_or(u32::MAX);
        let random = Random::new(seed, stream::SEARCH, step);
        let among = |place: u64, count: usize| {
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            random.below(place, count.max(1)) as usize
        };
        let depths = self.depths.end() - self.depths.start() + 1;
        // The logarithm of the width is uniform; 1 more at the end, as it is rounded down.
        let (low, high) = (*self.widths.start() as f64, *self.widths.end() as f64 + 1.0);
        let width = within(low, high, random.uniform(1));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "within the range of the widths"
        )]
        let width = (width as usize).clamp(*self.widths.start(), *self.widths.end());
        Candidate {
            depth: self.depths.start() + among(0, depths),
            width,
            activation: self.activations[among(2, self.activations.len())],
            learning_rate: short(&self.rates, random.uniform(3)),
            weight_decay: short(&self.decays, random.uniform(4)),
        }
    }

    /// The first candidates, without those that are the same as one before.
    pub(super) fn candidates(&self, count: usize, seed: u64) -> Vec<Candidate> {
        let mut known = HashSet::new();
        let draw = |number| self.draw(number, seed);
        let is_new = |c: &Candidate| {
            let numbers = [c.learning_rate, c.weight_decay].map(f64::to_bits);
            known.insert((c.hidden(), c.activation.to_string(), numbers))
        };
        (0..count).map(draw).filter(is_new).collect()
    }

    /// Refuses a space that is empty or makes no sense.
    pub(super) fn check(&self) -> Result<(), TrainError> {
        let refused = |name, found: String, expected| {
            Err(TrainError::Option {
                name,
                found,
                expected,
            })
        };
        let Self {
            depths,
            widths,
            activations,
            rates,
            decays,
        } = self;
        if depths.is_empty() || *depths.end() > 100 {
            let found = format!("{} to {}", depths.start(), depths.end());
            return refused("depths", found, "a range within 0 to 100");
        }
        if widths.is_empty() || *widths.start() == 0 || *widths.end() > 65_536 {
            let found = format!("{} to {}", widths.start(), widths.end());
            return refused("widths", found, "a range within 1 to 65536");
        }
        if activations.is_empty() {
            return refused("activations", "none".to_owned(), "at least one");
        }
        let ends =
            |range: &RangeInclusive<f64>| format!("{:e} to {:e}", range.start(), range.end());
        let positive = |range: &RangeInclusive<f64>| {
            *range.start() > 0.0 && range.start() <= range.end() && range.end().is_finite()
        };
        if !positive(rates) {
            return refused("rates", ends(rates), "a range of finite numbers above 0");
        }
        let none = *decays.start() == 0.0 && *decays.end() == 0.0;
        if !none && !positive(decays) {
            let expected = "a range of finite numbers above 0, or 0 to 0";
            return refused("decays", ends(decays), expected);
        }
        Ok(())
    }
}

/// Between two numbers, by a share of the way between their logarithms.
fn within(low: f64, high: f64, share: f64) -> f64 {
    low * libm::exp(share * libm::log(high / low))
}

/// The same of a range, in three digits, which is what a person copies.
fn short(range: &RangeInclusive<f64>, share: f64) -> f64 {
    let (low, high) = (*range.start(), *range.end());
    if low == high {
        return low;
    }
    let value = within(low, high, share);
    format!("{value:.2e}")
        .parse()
        .unwrap_or(value)
        .clamp(low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_fill_the_space_and_stay_within() {
        let space = Space {
            depths: 0..=2,
            widths: 3..=48,
            ..Space::default()
        };
        let drawn: Vec<_> = (0..2000).map(|number| space.draw(number, 5)).collect();
        for depth in 0..=2 {
            let share = drawn.iter().filter(|c| c.depth == depth).count();
            assert!((550..800).contains(&share), "{share} of depth {depth}");
        }
        // From 3 to 12 as many as from 12 to 48.
        let narrow = drawn.iter().filter(|c| c.width < 12).count();
        assert!((900..1100).contains(&narrow), "{narrow} narrow ones");
        assert!(drawn.iter().any(|c| c.width == 3) && drawn.iter().any(|c| c.width == 48));
        assert!(drawn.iter().all(|c| space.widths.contains(&c.width)));
        let slow = drawn.iter().filter(|c| c.learning_rate < 1e-3).count();
        assert!(
            (570..770).contains(&slow),
            "{slow} of 2000 within one of three decades"
        );
        assert!(drawn.iter().all(|c| space.decays.contains(&c.weight_decay)));
        assert_eq!(drawn[7], space.draw(7, 5), "by seed and number alone");
        assert_ne!(drawn[7], space.draw(7, 6));
    }

    #[test]
    fn empty_spaces_are_refused() {
        let refused = |change: fn(&mut Space)| {
            let mut space = Space::default();
            change(&mut space);
            space.check().expect_err("it is empty").to_string()
        };
        #[expect(clippy::reversed_empty_ranges, reason = "that is what is refused")]
        let empty = |s: &mut Space| s.depths = 3..=1;
        assert!(refused(empty).contains("depths is 3 to 1"));
        assert!(refused(|s| s.widths = 0..=3).contains("1 to 65536"));
        assert!(refused(|s| s.activations.clear()).contains("at least one"));
        assert!(refused(|s| s.rates = 0.0..=1.0).contains("above 0"));
        assert!(refused(|s| s.decays = 0.0..=1.0).contains("or 0 to 0"));
        let none = Space {
            decays: 0.0..=0.0,
            ..Space::default()
        };
        assert!(none.check().is_ok() && none.draw(3, 1).weight_decay == 0.0);
    }
}

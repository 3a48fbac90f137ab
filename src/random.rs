//! Random numbers that depend on nothing but their place: Philox4x32-10, counter-based.
//!
//! Element `i` of a stream is word `i & 3` of the block at counter `i >> 2`; seed, stream and step are the rest of
//! counter and key. So any element can be had in any order, on any device, and no fusing, tiling or chunking of work
//! changes a draw. The generator is that of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as
//! 1, 2, 3" (SC 2011).

/// What a stream is for. The high byte of a stream names the purpose, the low 24 bits an index within it, so that two
/// uses never draw the same numbers: `stream::WEIGHTS | layer`.
pub mod stream {
    /// Initial weights; the index is the parameter's.
    pub const WEIGHTS: u32 = 1 << 24;
    /// The order of the rows; the step is the epoch.
    pub const SHUFFLE: u32 = 2 << 24;
    /// The split into training and validation rows.
    pub const SPLIT: u32 = 3 << 24;
    /// Dropout masks; the index is the layer's, the step the training step.
    pub const DROPOUT: u32 = 4 << 24;
    /// Noise that layers add; the index is the layer's, the step the training step.
    pub const NOISE: u32 = 7 << 24;
    /// Rows that are resampled to tell how sure a figure is; the step is the resample.
    pub const BOOTSTRAP: u32 = 8 << 24;
    /// What generators of adversarial games make rows of; the index tells the players' draws apart, the step is the player's.
    pub const LATENT: u32 = 10 << 24;
    /// Candidates of a search; the step is the candidate.
    pub const SEARCH: u32 = 12 << 24;
    /// Generated data sets; the index tells a generator's draws apart.
    pub const GENERATOR: u32 = 5 << 24;
    /// Rows around a row that is explained; the step is the row's number.
    pub const AROUND: u32 = 11 << 24;
    /// Tests and benchmarks.
    pub const TEST: u32 = 6 << 24;
}

const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
const ROUNDS: u32 = 10;
const TWO_POW_32: f64 = 4_294_967_296.0;

/// The block of four random words that belongs to `counter` under `key`: Philox4x32 with ten rounds.
#[must_use]
pub const fn philox4x32_10(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let mut c = counter;
    let mut k = key;
    let mut round = 0;
    while round < ROUNDS {
        let p0 = c[0] as u64 * MULTIPLIERS[0] as u64;
        let p1 = c[2] as u64 * MULTIPLIERS[1] as u64;
        c = [
            high(p1) ^ c[1] ^ k[0],
            low(p1),
            high(p0) ^ c[3] ^ k[1],
            low(p0),
        ];
        k = [k[0].wrapping_add(WEYL[0]), k[1].wrapping_add(WEYL[1])];
        round += 1;
    }
    c
}

const fn low(x: u64) -> u32 {
    (x & 0xffff_ffff) as u32
}

const fn high(x: u64) -> u32 {
    (x >> 32) as u32
}

/// One stream of random numbers, addressed by element. It has no state: the same element is always the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Random {
    seed: u64,
    stream: u32,
    step: u32,
}

impl Random {
    /// The numbers of `stream` (see [`stream`]) at `step`, under the run's `seed`.
    #[must_use]
    pub const fn new(seed: u64, stream: u32, step: u32) -> Self {
        Self { seed, stream, step }
    }

    /// Elements `4 * index` to `4 * index + 3`.
    #[must_use]
    pub const fn block(&self, index: u64) -> [u32; 4] {
        philox4x32_10(
            [low(index), high(index), self.step, self.stream],
            [low(self.seed), high(self.seed)],
        )
    }

    /// Element `i` as 32 random bits.
    #[must_use]
    pub const fn bits(&self, i: u64) -> u32 {
        self.block(i >> 2)[(i & 3) as usize]
    }

    /// Element `i` as a number in `[0, 1)`, a multiple of 2^-32.
    #[must_use]
    pub fn uniform(&self, i: u64) -> f64 {
        f64::from(self.bits(i)) / TWO_POW_32
    }

    /// A number from the standard normal distribution, made of elements `2 i` and `2 i + 1` (Box and Muller 1958).
    ///
    /// The first is shifted by one to `(0, 1]`, so that its logarithm is finite; the largest magnitude is 6.66.
    #[must_use]
    pub fn normal(&self, i: u64) -> f64 {
        let block = self.block(i >> 1);
        let at = 2 * (i & 1) as usize;
        let radius = (f64::from(block[at]) + 1.0) / TWO_POW_32;
        let angle = f64::from(block[at + 1]) / TWO_POW_32;
        libm::sqrt(-2.0 * libm::log(radius)) * libm::cos(std::f64::consts::TAU * angle)
    }

    /// Element `i` as an integer in `0..n`, by multiplying and keeping the high word.
    ///
    /// The chances of two values differ by at most `n / 2^32` of themselves; nothing is drawn again, so that an
    /// element stays one draw. `n` must not be 0.
    #[must_use]
    pub fn below(&self, i: u64, n: u32) -> u32 {
        assert!(n > 0, "there is no integer below 0 to draw");
        high(u64::from(self.bits(i)) * u64::from(n))
    }

    /// The integers `0..n` in random order: Fisher and Yates, from the back, position `i` swapped with
    /// [`below`](Self::below)`(i, i + 1)`.
    ///
    /// `n` must be at most 2^32 - 1, since rows are counted in `u32` on the devices too.
    #[must_use]
    pub fn permutation(&self, n: usize) -> Vec<u32> {
        let n = u32::try_from(n).expect("callers count rows in u32");
        let mut order: Vec<u32> = (0..n).collect();
        for i in (1..n).rev() {
            let j = self.below(u64::from(i), i + 1);
            order.swap(i as usize, j as usize);
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `kat_vectors` of Random123 1.14: `philox4x32 10`.
    #[test]
    fn known_answers() {
        assert_eq!(
            philox4x32_10([0; 4], [0; 2]),
            [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]
        );
        assert_eq!(
            philox4x32_10([u32::MAX; 4], [u32::MAX; 2]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
        assert_eq!(
            philox4x32_10(
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0]
            ),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn elements_are_words_of_blocks() {
        let random = Random::new(0xa409_3822_299f_31d0, stream::TEST | 7, 5);
        for i in [0_u64, 1, 2, 3, 4, 9, 1 << 34, (1 << 40) + 3] {
            let block = philox4x32_10(
                [low(i >> 2), high(i >> 2), 5, (6 << 24) | 7],
                [0x299f_31d0, 0xa409_3822],
            );
            assert_eq!(random.bits(i), block[(i & 3) as usize]);
        }
    }

    #[test]
    fn seed_stream_step_and_element_all_matter() {
        let base = Random::new(1, stream::TEST, 0);
        let others = [
            Random::new(2, stream::TEST, 0),
            Random::new(1 | 1 << 40, stream::TEST, 0),
            Random::new(1, stream::TEST | 1, 0),
            Random::new(1, stream::TEST, 1),
        ];
        for other in others {
            assert_ne!(base.block(0), other.block(0));
        }
        assert_ne!(base.block(0), base.block(1 << 32));
    }

    /// Bounds are six standard errors of each estimate.
    #[test]
    fn uniform_and_normal_have_their_moments() {
        let random = Random::new(3, stream::TEST, 0);
        let n = 100_000;
        let moments = |draw: &dyn Fn(u64) -> f64| {
            let mut sums = [0.0; 4];
            for i in 0..n {
                let x = draw(i);
                for (power, sum) in (1..).zip(&mut sums) {
                    *sum += x.powi(power);
                }
            }
            sums.map(|sum| sum / n as f64)
        };
        let root = (n as f64).sqrt();
        let uniform = moments(&|i| random.uniform(i));
        assert!(
            (uniform[0] - 0.5).abs() < 6.0 * 0.2887 / root,
            "{uniform:?}"
        );
        assert!(
            (uniform[1] - 1.0 / 3.0).abs() < 6.0 * 0.2981 / root,
            "{uniform:?}"
        );
        let normal = moments(&|i| random.normal(i));
        assert!(normal[0].abs() < 6.0 / root, "{normal:?}");
        assert!((normal[1] - 1.0).abs() < 6.0 * 1.415 / root, "{normal:?}");
        assert!(normal[2].abs() < 6.0 * 3.873 / root, "{normal:?}");
        assert!((normal[3] - 3.0).abs() < 6.0 * 9.8 / root, "{normal:?}");
    }

    #[test]
    fn a_permutation_holds_every_integer_once() {
        for n in [0, 1, 2, 3, 4, 5, 1000] {
            let mut order = Random::new(9, stream::SHUFFLE, 0).permutation(n);
            if n == 1000 {
                assert!(order.iter().enumerate().any(|(i, &x)| i != x as usize));
            }
            order.sort_unstable();
            assert!(order.iter().enumerate().all(|(i, &x)| i == x as usize));
            assert_eq!(order.len(), n);
        }
    }

    /// All 24 orders of four come about equally often: chi-squared with 23 degrees of freedom stays under 70.
    #[test]
    fn permutations_are_even() {
        let mut counts = std::collections::HashMap::new();
        let n = 24_000_u32;
        for step in 0..n {
            let order = Random::new(4, stream::SHUFFLE, step).permutation(4);
            *counts.entry(order).or_insert(0_u32) += 1;
        }
        assert_eq!(counts.len(), 24);
        let expected = f64::from(n) / 24.0;
        let chi: f64 = counts
            .values()
            .map(|&c| (f64::from(c) - expected).powi(2) / expected)
            .sum();
        assert!(chi < 70.0, "chi-squared {chi}");
    }

    #[test]
    fn below_stays_below() {
        let random = Random::new(5, stream::TEST, 0);
        let mut seen = [false; 7];
        for i in 0..1000 {
            seen[random.below(i, 7) as usize] = true;
        }
        assert_eq!(seen, [true; 7]);
        assert_eq!(random.below(0, 1), 0);
    }
}

//! How fast this machine multiplies and adds, as the yardstick of every speed figure.

use std::hint::black_box;
use std::time::{Duration, Instant};

use pulp::{Arch, Simd, WithSimd};

use super::Kernels;

/// Chains of multiply-adds that do not depend on each other: enough to hide the latency (4 cycles, and two units on many
/// machines), and few enough for 16 registers.
const CHAINS: usize = 12;
/// Links of each chain in a round.
const ROUND: usize = 1 << 14;
/// How long one measurement takes at least.
const LONG: Duration = Duration::from_millis(50);
/// Measurements, of which the median counts.
const REPEATS: usize = 5;

impl Kernels {
    /// The fused multiply-adds that all threads together do in registers, with the widest vectors of this machine, in
    /// GFLOP/s of 2 operations each. It takes some tenths of a second.
    pub fn multiply_add_rate(&self) -> f64 {
        let time = |rounds: usize| {
            self.enter(|| {
                let start = Instant::now();
                let work = || Arch::new().dispatch(Chains { rounds });
                // Each thread does the same, so the slowest decides, as it does in a kernel.
                let lanes = if self.threads() > 1 {
                    rayon::broadcast(|_| work()).into_iter().sum()
                } else {
                    work()
                };
                (start.elapsed(), lanes)
            })
        };
        time(1);
        let mut rounds = 8;
        while time(rounds).0 < LONG && rounds < 1 << 24 {
            rounds *= 2;
        }
        let mut rates: Vec<f64> = (0..REPEATS)
            .map(|_| {
                let (elapsed, lanes) = time(rounds);
                let operations = 2.0 * (lanes * CHAINS) as f64 * (ROUND * rounds) as f64;
                operations / elapsed.as_secs_f64() / 1e9
            })
            .collect();
        rates.sort_by(f64::total_cmp);
        rates[REPEATS / 2]
    }
}

/// `x = a x + b`, in as many vectors as there are chains. Gives the lanes of a vector.
struct Chains {
    rounds: usize,
}

impl WithSimd for Chains {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> usize {
        let a = simd.splat_f32s(black_box(0.999));
        let b = simd.splat_f32s(black_box(0.001));
        let mut x: [S::f32s; CHAINS] = std::array::from_fn(|i| simd.splat_f32s(i as f32));
        for _ in 0..self.rounds {
            for _ in 0..ROUND {
                for x in &mut x {
                    *x = simd.mul_add_e_f32s(*x, a, b);
                }
            }
        }
        black_box(x);
        S::F32_LANES
    }
}

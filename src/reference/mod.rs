//! What is right: one plain function a kernel, in the order of its equation.
//!
//! A function has the kernel's name, takes the kernel's parameters and then its bindings in their order, and is generic
//! over a [`Real`] number. In `f64` the functions are the executor called `reference`; in `f32` they show what plain
//! single precision gives; and in [`Bounded`] they compute, beside each result, how far a correct executor may be
//! from it. Every tolerance in the tests and in `verify` comes from there, through [`compare`](compare()).
//!
//! # What is demanded of an executor
//!
//! An executor computes in f32. `u` is 2⁻²⁴, and an ulp is counted as `2u` of the magnitude of the result.
//!
//! | operation | error at most | from |
//! |---|---|---|
//! | `a + b`, `a - b`, `a b` | `u`, fused or not | WGSL, Vulkan: correctly rounded |
//! | `a / b` | 2.5 ulp, for `b` within 2^±126 | WGSL, Vulkan |
//! | `sqrt(x)` | 4.5 ulp | Vulkan: `1 / inverseSqrt(x)`, with 2 ulp and a division |
//! | `exp(x)`, `exp(x - max)` | 3 + 2 abs(x) ulp | WGSL, Vulkan |
//! | `ln(x)` | 3 ulp; absolute 2⁻²¹ for `x` in [0.5, 2] | WGSL, Vulkan |
//! | rounding to half precision | an ulp of half precision; none of an infinity or NaN | ours: on the bits |
//! | a sum of `k` terms, in any order | `(k - 1) u Σ abs(term)` | Rump 2012; Jeannerod and Rump 2013 |
//! | `sigmoid(x)` | 11 + 2 max(-x, 0) ulp | ours |
//! | `tanh(x)` | 10 ulp | ours |
//! | `softplus(x)` | 11 + 2 max(-x, 0) ulp | ours |
//! | `expm1(x)` | 16 + 2 max(x, 0) ulp | ours |
//! | `normal_cdf(x)`, Φ | 24 + 2 min(x, 0)² ulp | ours |
//! | `normal_density(x)`, φ | 8 + 2 x² ulp | ours |
//! | a normal number of [`random`](crate::random) | 24 ulp | ours |
//! | `normal_cdf_tanh(x)` | 16 + 4 max(-q, 0) ulp, `q = sqrt(8/π) (x + 0.044715 x³)` | ours |
//!
//! Sources: "Accuracy of Concrete Floating Point Expressions" in the WGSL specification; "Precision and Operation of
//! SPIR-V Instructions" in the Vulkan specification's appendix A; S. M. Rump, "Error estimation of floating-point
//! summation and dot product", BIT 52 (2012); C.-P. Jeannerod and S. M. Rump, "Improved error bounds for inner
//! products in floating-point arithmetic", SIAM J. Matrix Anal. Appl. 34 (2013): their bounds hold for every order of
//! summation and every length, so for tiles and trees too.
//!
//! Further:
//!
//! - Both specifications leave the rounding mode open. `u` is that of rounding to nearest, which every device we know
//!   does; one that does not shall fail, and be looked at.
//! - Subnormal numbers may be flushed to 0 before and after each operation: every result may be off by
//!   [`f32::MIN_POSITIVE`] more. A function's value below 2⁻¹⁶⁰, far below the smallest subnormal, must come out as 0.
//! - The functions marked *ours* are relative, in the left tails too: WGSL's `tanh` and `log(1 + exp(x))` do not reach
//!   it, but series and a rational function over WGSL's `exp` do, even with an `exp` as bad as allowed (the tests have
//!   such formulas). They let NaN through, and no intermediate overflows for any finite `x`.
//! - `1 - sigmoid(x)` stands as `sigmoid(-x)`, and `0.5 (1 + tanh(z))` as `sigmoid(2z)`, which keep their relative
//!   precision; an executor that computes the difference has the wrong gradient in the tail.
//! - Parameters are rounded to f32 on their way to a device; the difference is part of the bound.
//! - Products of f16 operands are products of the f32 numbers that those are: `a b` is exact then, and only the sum rounds.
//!   What is too large for f16 is judged in f32, before the conversion: from 65520 on it is infinite, and must be so on both
//!   sides; see [`compare_half`].
//! - Under mixed precision the bias corrections `1 - beta^t` come from the device's own count, as `-expm1(t ln beta)`, so
//!   they are right to 16 ulp whatever `t`; with the division or root behind them a step size is right to about 20 ulp.
//! - Where a result or an intermediate may leave the range of f32 within its bound, the bound is infinite, and
//!   [`compare`](compare()) refuses whatever the executor found. What should come out of an overflow, or of NaN, is
//!   tested on the bits, not compared.

mod bounded;
mod classes;
mod compare;
mod elementwise;
mod executor;
mod gradient;
mod layers;
mod loss;
mod matmul;
mod mixed;
mod normalize;
mod optimizer;
mod real;
mod reduce;
mod rows;
mod state;

pub use bounded::Bounded;
pub use classes::{
    class_loss, class_loss_grad, log_softmax, log_softmax_grad, share, smoothed_cross_entropy,
    smoothed_cross_entropy_grad,
};
pub use compare::{Closeness, Difference, compare, compare_half};
pub use elementwise::{
    activation, activation_grad, bias_add, binary, dropout, scale, softmax, softmax_grad,
};
pub use executor::{Reference, ReferenceKernels};
pub use gradient::{accumulate, clip_norm, clip_value, l1_gradient, max_norm_update, square_sum};
pub use layers::{max_pieces, max_pieces_grad, noise};
pub use loss::{
    correct, pointwise_loss, pointwise_loss_grad, softmax_cross_entropy, softmax_cross_entropy_grad,
};
pub use matmul::matmul;
pub use mixed::{narrow, scaled_adam_update, scaled_sgd_update, scaler};
pub use normalize::{
    batch_norm_grad, layer_norm_grad, moments, normalize, normalize_sums, running_moments,
};
pub use optimizer::rules::{
    adadelta_update, adagrad_update, adamax_update, lion_update, nadam_update, radam_update,
    rmsprop_update,
};
pub use optimizer::{adam_update, sgd_update};
pub use real::Real;
pub use reduce::{broadcast, sum};
pub use rows::{concat, gather, gather_grad, pad, slice};
pub use state::{copy, lerp_update, nonfinite, record};

use crate::executor::{View, ViewMut};
use crate::kernel::Kernel;

/// Runs a kernel: `inputs` are the bindings it reads, in order, and `outputs` those it writes, in order. What a kernel
/// works on in place holds its old values before.
///
/// # Panics
/// If a binding is missing, or has another type or length than the kernel says. A plan holds every step against its
/// kernel's bindings when it is made, so this is a broken invariant of ours.
#[expect(clippy::too_many_lines, reason = "a table, with an entry a kernel")]
pub fn run<T: Real>(kernel: &Kernel, inputs: &[View<'_, T>], outputs: &mut [ViewMut<'_, T>]) {
    let real = |i: usize| inputs[i].real();
    let integers = |i: usize| inputs[i].u32();
    let [y, state @ ..] = outputs else {
        panic!("the plan bound nothing for {} to write", kernel.name())
    };
    match kernel {
        Kernel::Matmul(p) => {
            let fused = p.finish.function().map(|_| real(2));
            let sums = state.first_mut().map(ViewMut::real);
            matmul(p, (real(0), real(1)), fused, y.real(), sums);
        }
        Kernel::BiasAdd(p) => bias_add(p, real(0), real(1), y.real()),
        Kernel::Binary(p) => binary(p, real(0), real(1), y.real()),
        Kernel::Scale(p) => scale(p, real(0), y.real()),
        Kernel::Activation(p) => activation(p, real(0), y.real()),
        Kernel::ActivationGrad(p) => activation_grad(p, real(0), real(1), y.real()),
        Kernel::Softmax(p) => softmax(p, real(0), y.real()),
        Kernel::SoftmaxGrad(p) => softmax_grad(p, real(0), real(1), y.real()),
        Kernel::Dropout(p) => dropout(p, real(0), y.real()),
        Kernel::SoftmaxCrossEntropy(p) => {
            softmax_cross_entropy(p, real(0), integers(1), y.real());
        }
        Kernel::SoftmaxCrossEntropyGrad(p) => {
            softmax_cross_entropy_grad(p, real(0), integers(1), real(2), y.real());
        }
        Kernel::PointwiseLoss(p) => pointwise_loss(p, real(0), real(1), y.real()),
        Kernel::PointwiseLossGrad(p) => {
            pointwise_loss_grad(p, real(0), real(1), real(2), y.real());
        }
        Kernel::ClassLoss(p) => class_loss(p, real(0), integers(1), y.real()),
        Kernel::ClassLossGrad(p) => {
            class_loss_grad(p, real(0), integers(1), real(2), y.real());
        }
        Kernel::SmoothedCrossEntropy(p) => {
            smoothed_cross_entropy(p, real(0), integers(1), real(2), y.real());
        }
        Kernel::SmoothedCrossEntropyGrad(p) => {
            let read = (real(0), integers(1), real(2));
            smoothed_cross_entropy_grad(p, read, real(3), y.real());
        }
        Kernel::LogSoftmax(p) => log_softmax(p, real(0), y.real()),
        Kernel::LogSoftmaxGrad(p) => log_softmax_grad(p, real(0), real(1), y.real()),
        Kernel::Share(p) => share(p, real(0), real(1), y.real()),
        Kernel::Correct(p) => correct(p, real(0), integers(1), y.real()),
        Kernel::Sum(p) => sum(p, real(0), y.real()),
        Kernel::Broadcast(p) => broadcast(p, real(0), y.real()),
        Kernel::Gather(p) => gather(p, inputs[0], integers(1), y),
        Kernel::GatherGrad(p) => gather_grad(p, real(0), integers(1), y.real()),
        Kernel::Slice(p) => slice(p, real(0), y.real()),
        Kernel::Pad(p) => pad(p, real(0), y.real()),
        Kernel::Concat(p) => concat(p, real(0), real(1), y.real()),
        Kernel::SgdUpdate(p) => {
            let velocity = state.first_mut().map(ViewMut::real);
            if p.scaled {
                scaled_sgd_update(p, (real(0), real(1)), y.real(), velocity);
            } else {
                sgd_update(p, real(0), y.real(), velocity);
            }
        }
        Kernel::AdamUpdate(p) => {
            let [mean, square] = state else {
                panic!("the plan bound {} states for Adam, not 2", state.len())
            };
            let (w, mean, square) = (y.real(), mean.real(), square.real());
            if p.scaled {
                scaled_adam_update(p, (real(0), real(1)), w, mean, square);
            } else {
                adam_update(p, real(0), w, mean, square);
            }
        }
        Kernel::RmspropUpdate(_)
        | Kernel::AdagradUpdate(_)
        | Kernel::AdadeltaUpdate(_)
        | Kernel::AdamaxUpdate(_)
        | Kernel::NadamUpdate(_)
        | Kernel::RadamUpdate(_)
        | Kernel::LionUpdate(_) => optimizer::rules::run(kernel, inputs, y.real(), state),
        Kernel::Accumulate(_)
        | Kernel::SquareSum(_)
        | Kernel::L1Gradient(_)
        | Kernel::ClipNorm(_)
        | Kernel::ClipValue(_)
        | Kernel::MaxNormUpdate(_) => gradient::run(kernel, inputs, y.real()),
        Kernel::Copy(p) => copy(p, real(0), y.real()),
        Kernel::LerpUpdate(p) => lerp_update(p, real(0), y.real()),
        Kernel::Record(p) => record(p, real(0), y.real()),
        Kernel::Nonfinite(p) => nonfinite(p, real(0), y.u32()),
        Kernel::Narrow(p) => narrow(p, real(0), y.real()),
        Kernel::Moments(p) => moments(p, real(0), y.real()),
        Kernel::Normalize(p) => normalize(p, (real(0), real(1)), real(2), real(3), y.real()),
        Kernel::NormalizeSums(p) => normalize_sums(p, (real(0), real(1)), real(2), y.real()),
        Kernel::BatchNormGrad(p) => {
            let (x, dy) = ((real(0), real(1)), (real(3), real(4)));
            batch_norm_grad(p, x, real(2), dy, y.real());
        }
        Kernel::LayerNormGrad(p) => {
            layer_norm_grad(p, (real(0), real(1)), real(2), real(3), y.real());
        }
        Kernel::RunningMoments(p) => {
            let [variance] = state else {
                panic!(
                    "the plan bound {} tensors behind the mean, not 1",
                    state.len()
                )
            };
            running_moments(p, real(0), y.real(), variance.real());
        }
        Kernel::MaxPieces(p) => max_pieces(p, real(0), y.real()),
        Kernel::MaxPiecesGrad(p) => max_pieces_grad(p, real(0), real(1), y.real()),
        Kernel::Noise(p) => noise(p, real(0), y.real()),
        Kernel::Scaler(p) => {
            let [counts, verdict] = state else {
                panic!(
                    "the plan bound {} tensors behind the scale, not 2",
                    state.len()
                )
            };
            let first = inputs[0].u32();
            scaler(p, (first, real(1)), y.real(), counts.real(), verdict.real());
        }
    }
}

/// `y[i] = f(i)` for `i < count`.
fn fill<T>(y: &mut [T], count: u32, f: impl Fn(usize) -> T) {
    let count = count as usize;
    assert_eq!(y.len(), count, "length of what the kernel writes");
    for (i, y) in y.iter_mut().enumerate() {
        *y = f(i);
    }
}

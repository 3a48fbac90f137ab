//! The fast CPU executor's kernels, in f32.
//!
//! One function a kernel, named as the kernel, in files of the same families as [`crate::kernel`]. The product of
//! matrices has kernels of its own for AVX-512 and AVX2, and elsewhere is the crate `gemm`'s; the loops are plain Rust,
//! compiled several times for vectors of several widths, of which the widest that the machine has is taken.
//!
//! Every result is the same, bit for bit, whatever the number of threads: threads share rows and elements, and never
//! the terms of a sum except in parts that the sum's length alone decides.

mod activation;
mod classes;
mod elementwise;
mod executor;
mod finish;
mod gemm;
mod gradient;
mod layers;
mod loss;
mod math;
mod matmul;
mod mixed;
mod moments;
mod normalize;
mod optimizer;
mod philox;
mod rate;
mod reduce;
mod rows;
mod state;
#[cfg(test)]
mod tests;
mod threads;

pub use executor::Cpu;

use crate::executor::{View, ViewMut};
use crate::kernel::Kernel;
use crate::tensor::Element;
use threads::Threads;

/// Why the CPU executor cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No thread was asked for.
    #[error(
        "0 threads were asked for; ask for at least 1, or for none in particular to use all cores"
    )]
    NoThreads,
    /// The system refused to start threads.
    #[error("cannot start {count} threads; ask for fewer")]
    Threads {
        /// How many were asked for.
        count: usize,
        /// What the system said.
        source: rayon::ThreadPoolBuildError,
    },
}

/// Runs kernels on the CPU.
#[derive(Debug)]
pub struct Kernels {
    threads: Threads,
}

impl Kernels {
    /// Starts the threads: so many, or one for each core.
    ///
    /// # Errors
    /// If `threads` is 0, or the system starts no more threads.
    pub fn new(threads: Option<usize>) -> Result<Self, Error> {
        Threads::new(threads).map(|threads| Self { threads })
    }

    /// How many threads kernels may use.
    pub const fn threads(&self) -> usize {
        self.threads.count()
    }

    /// Runs `work` where [`Kernels::run`] hands work to the other threads fastest: on one of them. Worth its while
    /// for whole plans; a kernel run elsewhere goes there by itself when it uses threads, at the price of waking one.
    pub fn enter<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.threads.attended(work)
    }

    /// Runs a kernel. `inputs` are its [`Read`](crate::kernel::Access::Read) bindings and `outputs` the others, each
    /// in order; what a kernel works on in place holds the values from before.
    ///
    /// # Panics
    /// If the number of tensors or an element type is not what the kernel binds; lengths are only looked at in debug
    /// builds. A plan holds every operand against its kernel's bindings when it is made.
    pub fn run(&self, kernel: &Kernel, inputs: &[View<'_, f32>], outputs: &mut [ViewMut<'_, f32>]) {
        debug_assert!(
            fit(kernel, inputs, outputs),
            "tensors of other lengths than it binds: {kernel:?}"
        );
        match outputs {
            [y] => self.run_to_one(kernel, inputs, y),
            [w, state @ ..] => self.run_to_several(kernel, inputs, w.real(), state),
            [] => panic!("{}: nothing to write to", kernel.name()),
        }
    }

    /// Kernels that write one tensor.
    fn run_to_one(&self, kernel: &Kernel, inputs: &[View<'_, f32>], y: &mut ViewMut<'_, f32>) {
        let t = &self.threads;
        // The inputs as reals, and the second as integers.
        let x = |i: usize| inputs[i].real();
        let index = || inputs[1].u32();
        match kernel {
            Kernel::Matmul(k) if k.operands == Element::F16 => {
                mixed::half_matmul(t, k, factors(inputs), y.real(), None);
            }
            Kernel::Matmul(k) => matmul::matmul(t, k, factors(inputs), y.real(), None),
            Kernel::BiasAdd(k) => elementwise::bias_add(t, k, x(0), x(1), y.real()),
            Kernel::Binary(k) => elementwise::binary(t, k, x(0), x(1), y.real()),
            Kernel::Scale(k) => elementwise::scale(t, k, x(0), y.real()),
            Kernel::Activation(k) => elementwise::activation(t, k, x(0), y.real()),
            Kernel::ActivationGrad(k) => {
                elementwise::activation_grad(t, k, x(0), x(1), y.real());
            }
            Kernel::Softmax(k) => elementwise::softmax(t, k, x(0), y.real()),
            Kernel::SoftmaxGrad(k) => elementwise::softmax_grad(t, k, x(0), x(1), y.real()),
            Kernel::Dropout(k) => elementwise::dropout(t, k, x(0), y.real()),
            Kernel::SoftmaxCrossEntropy(k) => {
                loss::softmax_cross_entropy(t, k, x(0), index(), y.real());
            }
            Kernel::SoftmaxCrossEntropyGrad(k) => {
                loss::softmax_cross_entropy_grad(t, k, (x(0), index(), x(2)), y.real());
            }
            Kernel::PointwiseLoss(k) => loss::pointwise_loss(t, k, x(0), x(1), y.real()),
            Kernel::PointwiseLossGrad(k) => {
                loss::pointwise_loss_grad(t, k, (x(0), x(1), x(2)), y.real());
            }
            Kernel::ClassLoss(k) => classes::class_loss(t, k, x(0), index(), y.real()),
            Kernel::ClassLossGrad(k) => {
                classes::class_loss_grad(t, k, (x(0), index(), x(2)), y.real());
            }
            Kernel::SmoothedCrossEntropy(k) => {
                classes::smoothed_cross_entropy(t, k, (x(0), index(), x(2)), y.real());
            }
            Kernel::SmoothedCrossEntropyGrad(k) => {
                let read = (x(0), index(), x(2), x(3));
                classes::smoothed_cross_entropy_grad(t, k, read, y.real());
            }
            Kernel::LogSoftmax(k) => classes::log_softmax(t, k, x(0), y.real()),
            Kernel::LogSoftmaxGrad(k) => {
                classes::log_softmax_grad(t, k, x(0), x(1), y.real());
            }
            Kernel::Share(k) => classes::share(t, k, x(0), x(1)[0], y.real()),
            Kernel::Correct(k) => loss::correct(t, k, x(0), index(), y.real()),
            Kernel::Sum(k) => reduce::sum(t, k, x(0), y.real()),
            Kernel::Broadcast(k) => reduce::broadcast(t, k, x(0), y.real()),
            Kernel::Gather(k) => match k.element {
                Element::F16 => panic!("the op refuses tables of f16"),
                Element::F32 => rows::gather(t, k, (x(0), index()), y.real()),
                Element::U32 => rows::gather(t, k, (inputs[0].u32(), index()), y.u32()),
                Element::U8 => rows::gather_bytes(t, k, (inputs[0].u8(), index()), y.real()),
            },
            Kernel::GatherGrad(k) => rows::gather_grad(t, k, (x(0), index()), y.real()),
            Kernel::Slice(k) => rows::slice(t, k, x(0), y.real()),
            Kernel::Pad(k) => rows::pad(t, k, x(0), y.real()),
            Kernel::Concat(k) => rows::concat(t, k, x(0), x(1), y.real()),
            Kernel::SgdUpdate(k) => {
                let gradient = (x(0), verdict(k.scaled, inputs));
                optimizer::sgd_update(t, k, gradient, y.real(), None);
            }
            Kernel::AdamUpdate(_) => panic!("adam_update needs its mean and square"),
            Kernel::RmspropUpdate(_)
            | Kernel::AdagradUpdate(_)
            | Kernel::AdadeltaUpdate(_)
            | Kernel::AdamaxUpdate(_)
            | Kernel::NadamUpdate(_)
            | Kernel::RadamUpdate(_)
            | Kernel::LionUpdate(_) => panic!("{} needs its states", kernel.name()),
            Kernel::Accumulate(_)
            | Kernel::SquareSum(_)
            | Kernel::L1Gradient(_)
            | Kernel::ClipNorm(_)
            | Kernel::ClipValue(_)
            | Kernel::MaxNormUpdate(_) => gradient::run(t, kernel, inputs, y.real()),
            Kernel::Copy(_) => state::copy(t, x(0), y.real()),
            Kernel::LerpUpdate(k) => state::lerp_update(t, k, x(0), y.real()),
            Kernel::Record(k) => state::record(k, x(0), y.real()),
            Kernel::Nonfinite(k) => state::nonfinite(t, k, x(0), y.u32()),
            Kernel::Narrow(k) => mixed::narrow(t, k, x(0), y.real()),
            Kernel::Scaler(_) => panic!("scaler needs its counts and a place for its verdict"),
            Kernel::Moments(k) => moments::moments(t, k, x(0), y.real()),
            Kernel::Normalize(k) => {
                normalize::normalize(t, k, x(0), (x(1), x(2), x(3)), y.real());
            }
            Kernel::NormalizeSums(k) => {
                normalize::normalize_sums(t, k, (x(0), x(1), x(2)), y.real());
            }
            Kernel::BatchNormGrad(k) => {
                normalize::batch_norm_grad(t, k, (x(0), x(3)), (x(1), x(2), x(4)), y.real());
            }
            Kernel::LayerNormGrad(k) => {
                normalize::layer_norm_grad(t, k, (x(0), x(3)), (x(1), x(2)), y.real());
            }
            Kernel::RunningMoments(_) => panic!("running_moments needs its variance"),
            Kernel::MaxPieces(k) => layers::max_pieces(t, k, x(0), y.real()),
            Kernel::MaxPiecesGrad(k) => layers::max_pieces_grad(t, k, x(0), x(1), y.real()),
            Kernel::Noise(k) => layers::noise(t, k, x(0), y.real()),
        }
    }

    /// Kernels that write several tensors: updates of parameters `w` with the state beside them, and products with the
    /// sums of rows.
    fn run_to_several(
        &self,
        kernel: &Kernel,
        inputs: &[View<'_, f32>],
        w: &mut [f32],
        state: &mut [ViewMut<'_, f32>],
    ) {
        let t = &self.threads;
        if let (Kernel::Scaler(k), [counts, verdict]) = (kernel, &mut *state) {
            let read = (inputs[0].u32(), inputs[1].real());
            return mixed::scaler(k, read, w, counts.real(), verdict.real());
        }
        let scaled = |scaled: bool| (inputs[0].real(), verdict(scaled, inputs));
        match (kernel, state) {
            (Kernel::Matmul(k), [sums]) if k.operands == Element::F16 => {
                mixed::half_matmul(t, k, factors(inputs), w, Some(sums.real()));
            }
            (Kernel::Matmul(k), [sums]) => {
                matmul::matmul(t, k, factors(inputs), w, Some(sums.real()));
            }
            (Kernel::SgdUpdate(k), [velocity]) => {
                optimizer::sgd_update(t, k, scaled(k.scaled), w, Some(velocity.real()));
            }
            (Kernel::AdamUpdate(k), [mean, square]) => {
                let states = (mean.real(), square.real());
                optimizer::adam_update(t, k, scaled(k.scaled), w, states);
            }
            (
                Kernel::RmspropUpdate(_)
                | Kernel::AdagradUpdate(_)
                | Kernel::AdadeltaUpdate(_)
                | Kernel::AdamaxUpdate(_)
                | Kernel::NadamUpdate(_)
                | Kernel::RadamUpdate(_)
                | Kernel::LionUpdate(_),
                state,
            ) => optimizer::rules::run(t, kernel, scaled(inputs.len() > 1), w, state),
            (Kernel::RunningMoments(k), [variance]) => {
                moments::running_moments(k, inputs[0].real(), w, variance.real());
            }
            _ => panic!("{}: more tensors to write to than it binds", kernel.name()),
        }
    }
}

/// What a scaler says of the gradient, and of one that is not scaled.
fn verdict(scaled: bool, inputs: &[View<'_, f32>]) -> [f32; 4] {
    let given = inputs.get(1).filter(|_| scaled);
    given.map_or([1.0; 4], |view| std::array::from_fn(|i| view.real()[i]))
}

/// What a product reads: both factors, and what is fused into it, or nothing.
fn factors<'a>(inputs: &[View<'a, f32>]) -> [&'a [f32]; 3] {
    std::array::from_fn(|i| inputs.get(i).map_or(&[][..], |view| view.real()))
}

/// Whether the tensors have the lengths that the kernel binds.
fn fit(kernel: &Kernel, inputs: &[View<'_, f32>], outputs: &[ViewMut<'_, f32>]) -> bool {
    let inputs = inputs.iter().map(|view| match view {
        View::Real(x) => x.len(),
        View::U32(x) => x.len(),
        View::U8(x) => x.len(),
    });
    let outputs = outputs.iter().map(|view| match view {
        ViewMut::Real(x) => x.len(),
        ViewMut::U32(x) => x.len(),
        ViewMut::U8(x) => x.len(),
    });
    let bindings = kernel.bindings();
    inputs.chain(outputs).eq(bindings.iter().map(|b| b.len))
}

//! Kernels: the pieces of work that a plan is made of, and the only place where host meets WGSL.
//!
//! A [`Kernel`] is a name and its parameters. It knows what it binds and how long each binding is, the small
//! parameters a device gets as immediates, and which shader with which constants and which grid does the work on a
//! given device. What a kernel computes is said once, by the function of the same name in [`crate::reference`].
//!
//! Adding a kernel touches four places that one name finds: `shaders/NAME.wgsl`, `Kernel::Name` here,
//! `reference::name`, and its row in the test table (`tests/kernels/table.rs`).

mod classes;
mod elementwise;
mod finish;
mod gradient;
mod layers;
mod loss;
mod matmul;
mod mixed;
mod normalize;
mod optimizer;
mod parameters;
mod reduce;
mod rows;
mod shader;
mod source;
mod state;

pub use classes::{
    ClassLoss, ClassLossGrad, ClassLossKind, LogSoftmax, LogSoftmaxGrad, Share,
    SmoothedCrossEntropy, SmoothedCrossEntropyGrad,
};
pub use elementwise::{
    Activation, ActivationGrad, ActivationKind, BiasAdd, Binary, BinaryKind, Dropout, Scale,
    Softmax, SoftmaxGrad,
};
pub use finish::{Finish, Function};
pub use gradient::{Accumulate, ClipNorm, ClipValue, L1Gradient, MaxNormUpdate, SquareSum};
pub use layers::{MaxPieces, MaxPiecesGrad, Noise};
pub use loss::{
    Correct, PointwiseLoss, PointwiseLossGrad, PointwiseLossKind, SoftmaxCrossEntropy,
    SoftmaxCrossEntropyGrad,
};
pub use matmul::Matmul;
pub use mixed::{Narrow, Scaler};
pub use normalize::{
    BatchNormGrad, LayerNormGrad, Moments, Normalize, NormalizeSums, RunningMoments,
};
pub use optimizer::{
    Adadelta, AdadeltaUpdate, Adagrad, AdagradUpdate, AdamUpdate, Adamax, AdamaxUpdate, Allowed,
    Betas, Lion, LionUpdate, Nadam, NadamUpdate, Number, Radam, RadamUpdate, Rmsprop,
    RmspropUpdate, Rule, RuleUpdate, SgdUpdate,
};
pub use parameters::{Field, FieldKind, Parameters};
pub use reduce::{Broadcast, Sum};
pub use rows::{Concat, Gather, GatherGrad, Pad, Slice};
pub use shader::{Constant, Grid, Image, Limits, Shader, WORKGROUP};
pub use source::{SourceError, checksum, files, parts, source};
pub use state::{Copy, LerpUpdate, Nonfinite, Record};

use crate::tensor::Element;

/// What changes from one run of a plan to the next. All else in a plan is fixed when it is made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tick {
    /// The number of this training step, counted from 1: keys the dropout masks and Adam's bias corrections.
    pub step: u32,
    /// The first position in the row order that this run gathers.
    pub start: u32,
    /// The row of the log that this run records into.
    pub slot: u32,
    /// The learning rate of this step.
    pub learning_rate: f64,
    /// The momentum of this step, or Adam's `beta1`, where a schedule changes it.
    pub momentum: Option<f64>,
}

impl Default for Tick {
    fn default() -> Self {
        Self {
            step: 1,
            start: 0,
            slot: 0,
            learning_rate: 0.0,
            momentum: None,
        }
    }
}

/// How a kernel uses a binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Read only.
    Read,
    /// Every element is written and none is read before.
    Write,
    /// Works in place: read and then written.
    ReadWrite,
}

/// One tensor that a kernel binds. Bindings stand in the order of `@binding(0)`, `@binding(1)` and so on:
/// inputs first, then what is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding {
    /// The variable's name in the shader and the argument's in the reference.
    pub name: &'static str,
    /// The element type.
    pub element: Element,
    /// Read, written, or both.
    pub access: Access,
    /// The number of elements, as the parameters imply it.
    pub len: usize,
}

impl Binding {
    const fn new(name: &'static str, element: Element, access: Access, len: usize) -> Self {
        Self {
            name,
            element,
            access,
            len,
        }
    }

    const fn read(name: &'static str, len: usize) -> Self {
        Self::new(name, Element::F32, Access::Read, len)
    }

    const fn write(name: &'static str, len: usize) -> Self {
        Self::new(name, Element::F32, Access::Write, len)
    }

    const fn in_place(name: &'static str, len: usize) -> Self {
        Self::new(name, Element::F32, Access::ReadWrite, len)
    }
}

/// What every kernel says of itself.
pub trait Spec {
    /// The kernel's name: of its reference function, and (with a suffix for variants) of its shader file.
    fn name(&self) -> &'static str;
    /// What it binds, inputs first.
    fn bindings(&self) -> Vec<Binding>;
    /// The immediates, in the order of the shader's `struct Params`.
    fn parameters(&self) -> Parameters;
    /// The shader that does this work on a device with these limits.
    fn shader(&self, limits: &Limits) -> Shader;
    /// Every shader that does this work on a device with these limits. The first is [`Spec::shader`].
    fn candidates(&self, limits: &Limits) -> Vec<Shader> {
        vec![self.shader(limits)]
    }
    /// About how many turns the loops of one invocation take together, but for the strided loop over elements.
    fn turns(&self, _limits: &Limits) -> u64 {
        1
    }
    /// Multiplications and additions, for speed figures. An estimate: one for each element written, unless more.
    fn operations(&self) -> u64 {
        self.bindings()
            .iter()
            .filter(|b| b.access != Access::Read)
            .map(|b| b.len as u64)
            .sum()
    }
}

macro_rules! kernels {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// A piece of work with one name and one reference function, together with its parameters.
        #[derive(Debug, Clone, Copy, PartialEq)]
        #[non_exhaustive]
        pub enum Kernel { $($(#[$doc])* $name($name)),* }

        impl Kernel {
            /// The names of the variants, for tests that must leave none out.
            pub const VARIANTS: &'static [&'static str] = &[$(stringify!($name)),*];

            /// What the kernel says of itself.
            pub fn spec(&self) -> &dyn Spec {
                match self { $(Self::$name(kernel) => kernel),* }
            }
        }

        $(impl From<$name> for Kernel {
            fn from(kernel: $name) -> Self {
                Self::$name(kernel)
            }
        })*
    };
}

kernels! {
    /// `y = op(a) op(b)`, and what is fused into it.
    Matmul,
    /// `y = x + b`, a row of `b` to each row.
    BiasAdd,
    /// `y = a + b`, `a - b` or `a * b`.
    Binary,
    /// `y = factor * x`.
    Scale,
    /// `y = f(x)`.
    Activation,
    /// `dx = f'(x) dy`.
    ActivationGrad,
    /// Softmax of each row.
    Softmax,
    /// Gradient of the softmax of each row.
    SoftmaxGrad,
    /// Inverted dropout; its own gradient.
    Dropout,
    /// Loss of each row from logits and a class.
    SoftmaxCrossEntropy,
    /// Its gradient at the logits.
    SoftmaxCrossEntropyGrad,
    /// Loss of each element from a prediction and a target.
    PointwiseLoss,
    /// Its gradient at the prediction or at the target.
    PointwiseLossGrad,
    /// Loss of each row from outputs and a class.
    ClassLoss,
    /// Its gradient at the outputs.
    ClassLossGrad,
    /// Loss of each row from logits, a class whose label is smoothed, and weights of the classes.
    SmoothedCrossEntropy,
    /// Its gradient at the logits.
    SmoothedCrossEntropyGrad,
    /// Logarithm of the softmax of each row.
    LogSoftmax,
    /// Its gradient.
    LogSoftmaxGrad,
    /// What each weight is of the sum of all.
    Share,
    /// 1 for each row whose largest output is the class, else 0.
    Correct,
    /// Sum along an axis, times a factor.
    Sum,
    /// Repetition along an axis, times a factor: the gradient of `Sum`.
    Broadcast,
    /// Rows of a table, in the order of an index.
    Gather,
    /// Gradient of `Gather` at the table.
    GatherGrad,
    /// A range along an axis.
    Slice,
    /// A range along an axis, zero elsewhere: the gradient of `Slice`.
    Pad,
    /// Two tensors end to end along an axis.
    Concat,
    /// Stochastic gradient descent in place, with momentum if asked for.
    SgdUpdate,
    /// Adam or AdamW in place.
    AdamUpdate,
    /// `RMSprop` in place.
    RmspropUpdate,
    /// Adagrad in place.
    AdagradUpdate,
    /// Adadelta in place.
    AdadeltaUpdate,
    /// Adamax in place.
    AdamaxUpdate,
    /// `NAdam` in place.
    NadamUpdate,
    /// `RAdam` in place.
    RadamUpdate,
    /// Lion in place.
    LionUpdate,
    /// `y += factor x` in place.
    Accumulate,
    /// The sum of the squares of each row.
    SquareSum,
    /// A gradient with that of a penalty of the magnitudes.
    L1Gradient,
    /// A gradient whose norm is limited.
    ClipNorm,
    /// A gradient whose elements are limited.
    ClipValue,
    /// Rows of a weight whose norm is limited, in place.
    MaxNormUpdate,
    /// `y = x`.
    Copy,
    /// `y += t (x - y)` in place.
    LerpUpdate,
    /// Writes one row of a log.
    Record,
    /// The index of the first element that is not finite.
    Nonfinite,
    /// A copy in half precision, padded with zeros.
    Narrow,
    /// The loss scale, and whether a step is skipped.
    Scaler,
    /// Mean and variance of each column, or of each row.
    Moments,
    /// Batch or layer normalisation, from the moments.
    Normalize,
    /// Its gradients at `beta` and `gamma`.
    NormalizeSums,
    /// Gradient of batch normalisation at `x`.
    BatchNormGrad,
    /// Gradient of layer normalisation at `x`.
    LayerNormGrad,
    /// The running statistics of batch normalisation, in place.
    RunningMoments,
    /// The largest of several pieces.
    MaxPieces,
    /// Its gradient.
    MaxPiecesGrad,
    /// Normal noise, added.
    Noise,
}

impl Kernel {
    /// The kernel's name.
    pub fn name(&self) -> &'static str {
        self.spec().name()
    }

    /// What it binds, inputs first.
    pub fn bindings(&self) -> Vec<Binding> {
        self.spec().bindings()
    }

    /// The same kernel with the parameters that a [`Tick`] decides filled in.
    #[must_use]
    pub fn at(mut self, tick: &Tick) -> Self {
        match &mut self {
            Self::Gather(k) if k.batch => k.start = tick.start + k.skip,
            Self::Dropout(k) => k.step = tick.step,
            Self::Noise(k) => k.step = tick.step,
            // Before the first row it wraps round, and is outside the log.
            Self::Record(k) => k.slot = tick.slot.wrapping_sub(k.first_slot),
            Self::Matmul(k) => k.at(tick),
            Self::SgdUpdate(k) => k.at(tick),
            Self::AdamUpdate(k) => k.at(tick),
            Self::RmspropUpdate(k) => k.at(tick),
            Self::AdagradUpdate(k) => k.at(tick),
            Self::AdadeltaUpdate(k) => k.at(tick),
            Self::AdamaxUpdate(k) => k.at(tick),
            Self::NadamUpdate(k) => k.at(tick),
            Self::RadamUpdate(k) => k.at(tick),
            Self::LionUpdate(k) => k.at(tick),
            Self::Scaler(k) => k.at(tick),
            _ => {}
        }
        self
    }
}

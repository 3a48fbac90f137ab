//! Thalweg trains multilayer perceptrons, and the small networks around them, on any GPU that Vulkan, Metal or
//! DirectX 12 reaches, and on the CPU. WGSL compute shaders do the work, a host-side scheduler dispatches them through
//! wgpu, and a CPU reference says what is right.
//!
//! ```
//! use thalweg::data::Dataset;
//! use thalweg::network::{Activation, Loss, Network};
//! use thalweg::train::{Optimizer, Trainer};
//!
//! // XOR: not linear, so it takes a hidden layer.
//! let x = [0., 0., 0., 1., 1., 0., 1., 1.];
//! let xor = Dataset::classes(&x, 2, &[0, 1, 1, 0])?;
//! let network = Network::mlp(2, &[8], 2, Activation::Tanh);
//! let fit = Trainer::new(network, Loss::CrossEntropy)
//!     .optimizer(Optimizer::adam(0.05))
//!     .epochs(200)
//!     .fit(&xor)?;
//! assert_eq!(fit.model.predict_classes(&x)?, [0, 1, 1, 0]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! It runs on the CPU; [`Trainer::device`](train::Trainer::device) with [`Device::Auto`](device::Device) takes the best
//! GPU.
//!
//! # How it works
//!
//! A network is compiled, once, into a **plan**: plain data that lists kernel steps over named tensors. Three
//! **executors** run the same plan: the [`reference`](mod@reference) (plain loops, obviously right, in f32 or f64), the
//! [`cpu`] (fast), and the [`gpu`].
//!
//! ```text
//!  Network            Graph                  Plan                     Executor
//!  what to train  ->  ops and tensors,   ->  kernel steps over    ->  reference | cpu | gpu
//!  (layers, loss)     forward, then the      placed buffers,
//!                     gradient appended      reused
//! ```
//!
//! | word | meaning | where |
//! |---|---|---|
//! | tensor | a named, row-major array with a shape and an element type | [`tensor`] |
//! | op | a mathematical operation on tensors: shape rule, gradient rule, lowering to steps | [`graph::ops`] |
//! | graph | ops in order, forward and then (if asked) backward | [`graph`] |
//! | kernel | a piece of work with one name and one reference function; on the GPU one WGSL file or several variants | [`kernel`] |
//! | step | one kernel applied to given tensors with given parameters | [`plan::Step`] |
//! | plan | tensors placed in buffers, and the steps that use them | [`plan`] |
//! | store | the lasting tensors that plans share by name | [`graph::Store`] |
//! | executor | what runs a plan | [`executor`] |
//! | network | the description a user writes: layers, no device, no memory | [`network`] |
//! | run | one training run and the folder it writes | [`run`] |
//!
//! Because the gradient is a transformation of the graph ([`graph::Graph::differentiate`]), it can be taken of any
//! scalar at any tensor, and a loss of one's own is a few ops ([`train::Trainer::loss`]). Because every executor runs
//! the same plan, each step of a training run can be held against the reference: see [`verify`](mod@verify).

#![deny(unsafe_code)]

pub mod bench;
pub mod chart;
#[cfg(feature = "cli")]
pub mod cli;
pub mod cpu;
pub mod data;
pub mod device;
pub mod executor;
pub mod explain;
pub mod export;
pub mod gpu;
pub mod graph;
pub mod kernel;
pub mod metrics;
pub mod network;
pub mod plan;
pub mod random;
pub mod reference;
pub mod report;
pub mod run;
pub mod search;
pub mod tensor;
pub mod train;
pub mod verify;

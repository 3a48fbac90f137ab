//! The integration tests, in three tiers.
//!
//! - **No device**: data sets, the reference against results by hand and against `PyTorch`, gradients against finite
//!   differences, plans against their rules, shaders against the host. They run anywhere.
//! - **One device**: the command line, and the GPU executor's own promises.
//! - **Every device**: one body of a test runs on the reference, the CPU executor and the GPU executor. Every kernel is
//!   held against the reference over a table of shapes, and whole training runs against each other and `PyTorch`.
//!
//! A test that wants a GPU asks [`common::gpu`], which says on standard error on which adapter the tests run. With no
//! adapter it says so, and the test is skipped; with `THALWEG_REQUIRE_GPU=1`, as in `tests/run.sh`, that is a failure.
//! A software adapter such as lavapipe will do.

mod common;

// No device.
mod data;
mod gradients;
mod metrics;
mod plan;
mod reference;
mod shaders;

// One device.
mod cli;
mod gpu;
mod onnx;

// Every device.
mod bench;
mod examples;
mod explain;
mod kernels;
mod search;
mod train;
mod verify;

//! Thalweg: a GPU compute engine that trains multilayer perceptrons.
#[cfg(feature = "cli")]
pub mod cli;
pub mod cpu;
pub mod data;
pub mod device;
pub mod executor;
pub mod gpu;
pub mod graph;
pub mod kernel;
pub mod network;
pub mod plan;
pub mod random;
pub mod reference;
pub mod run;
pub mod tensor;
pub mod train;
pub mod verify;

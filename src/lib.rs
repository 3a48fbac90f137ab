//! Thalweg: a GPU compute engine that trains multilayer perceptrons.
pub mod data;
pub mod executor;
pub mod graph;
pub mod kernel;
pub mod network;
pub mod plan;
pub mod random;
pub mod tensor;
pub mod train;

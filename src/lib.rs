//! x
pub mod executor;
pub mod kernel;
pub mod tensor;
pub mod graph;

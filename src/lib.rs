//! x
pub mod executor;
pub mod graph;
pub mod kernel;
pub mod plan;
pub mod tensor;

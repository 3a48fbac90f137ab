//! x
pub mod cpu;
pub mod executor;
pub mod kernel;
pub mod tensor;

//! Data and random numbers.
pub mod data;
pub mod random;

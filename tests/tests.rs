//! The integration tests.

mod data;
mod reference;
mod shaders;

//! The integration tests.

mod common;
mod data;
mod gpu;
mod reference;
mod shaders;
mod verify;

//! The integration tests.

mod data;

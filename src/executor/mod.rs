//! Executors: what runs a plan.

mod view;

pub use view::{View, ViewMut};

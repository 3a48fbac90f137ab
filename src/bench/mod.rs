//! What the program measures of itself, and how: cases, clocks, statistics, and the yardsticks they are held against.
//!
//! A time is wall time of whole work, submit and wait inside, over samples of which median and 10th and 90th percentile
//! are told. Nothing is timed that was not compared with the reference first. A rate is told beside what the device was
//! measured to reach in the same run, in a kernel of nothing but multiply-adds and in a copy ([`Rates`]).

mod case;
mod clock;
mod error;
mod kernels;
mod many;
mod memory;
mod product;
mod rates;
mod record;
mod scaling;
mod statistics;
mod streaming;
mod training;

pub use case::{Case, NetworkCase};
pub use clock::{Bounds, Timing, measure};
pub use error::BenchError;
pub use kernels::{KernelTimes, kernels};
pub use many::{Alone, AtOnce, Many, StepLine};
pub use memory::peak_memory;
pub use product::Product;
pub use rates::{Rates, rates};
pub use record::Record;
pub use scaling::{Point, Sweep, sweeps};
pub use statistics::Statistics;
pub use streaming::Streaming;
pub use training::Training;

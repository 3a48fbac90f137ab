//! Thalweg: a GPU compute engine that trains multilayer perceptrons.
pub mod cpu;
pub mod data;
//pub mod device;
pub mod executor;
//pub mod gpu;
pub mod graph;
pub mod kernel;
pub mod network;
pub mod plan;
pub mod random;
pub mod reference;
pub mod tensor;
pub mod train;
/// stub
pub mod device {
    use crate::executor::*;
    /// d
    #[derive(Debug, Clone, PartialEq, Eq, Default)]
    pub enum Device {
        /// x
        #[default]
        Cpu,
    }
    pub struct Opened { pub executor: Box<dyn Executor>, pub why: String }
    impl Device {
        /// x
        pub fn open(&self, threads: Option<usize>) -> Result<Opened, ExecutorError> {
            Ok(Opened { executor: Box::new(crate::cpu::Cpu::with_threads(threads)?), why: String::new() })
        }
    }
}

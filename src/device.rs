//! Which device to use, and why.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::cpu::Cpu;
use crate::executor::{Executor, ExecutorError};
use crate::gpu::{self, Gpu, Tuning, Wanted};
use crate::reference::Reference;

/// A device, as a person names it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Device {
    /// The best GPU, or the CPU where there is none. Never an adapter that runs shaders in software: the CPU executor
    /// is faster.
    #[default]
    Auto,
    /// The fast CPU executor.
    Cpu,
    /// The best GPU, or a software adapter where there is none.
    Gpu,
    /// Plain loops in double precision.
    Reference,
    /// Plain loops in single precision.
    ReferenceF32,
    /// The adapter of this number, as `thalweg devices` lists them.
    Index(usize),
    /// The first adapter whose name contains this.
    Name(String),
}

impl FromStr for Device {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "auto" => Self::Auto,
            "cpu" => Self::Cpu,
            "gpu" => Self::Gpu,
            "reference" => Self::Reference,
            "reference-f32" => Self::ReferenceF32,
            _ => text
                .parse()
                .map_or_else(|_| Self::Name(text.to_owned()), Self::Index),
        })
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Gpu => f.write_str("gpu"),
            Self::Reference => f.write_str("reference"),
            Self::ReferenceF32 => f.write_str("reference-f32"),
            Self::Index(index) => index.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// A device that is ready, and why it was chosen.
pub struct Opened {
    /// What runs plans.
    pub executor: Box<dyn Executor>,
    /// Why this one, in a few words.
    pub why: String,
}

/// How a device is opened.
#[derive(Debug, Clone, Default)]
pub struct Opening {
    /// Threads of the CPU; `None` is one a core.
    pub threads: Option<usize>,
    /// The folder in which a GPU keeps what it compiled and timed, for later processes.
    pub cache: Option<PathBuf>,
    /// Whether a GPU times the shaders that it can choose among; see [`Gpu::autotune`].
    pub autotune: bool,
}

impl Device {
    /// Opens the device. `threads` is for the CPU; `None` is one a core. Nothing is kept for later processes.
    ///
    /// # Errors
    /// If there is no such device, or it cannot be used.
    pub fn open(&self, threads: Option<usize>) -> Result<Opened, ExecutorError> {
        self.open_with(&Opening {
            threads,
            ..Opening::default()
        })
    }

    /// Opens the device.
    ///
    /// # Errors
    /// If there is no such device, or it cannot be used.
    pub fn open_with(&self, opening: &Opening) -> Result<Opened, ExecutorError> {
        let threads = opening.threads;
        let gpu = |wanted: Wanted| -> Result<Gpu, ExecutorError> {
            let mut gpu = Gpu::new(&wanted, gpu::Options::default())?;
            if let Some(folder) = &opening.cache {
                gpu.keep_pipelines_in(folder);
            }
            if opening.autotune {
                gpu.autotune(Tuning {
                    folder: opening.cache.clone(),
                    ..Tuning::default()
                });
            }
            Ok(gpu)
        };
        let opened = |executor: Box<dyn Executor>, why: &str| {
            Ok(Opened {
                executor,
                why: why.to_owned(),
            })
        };
        match self {
            Self::Auto => match gpu(Wanted::Best) {
                Ok(gpu) => opened(Box::new(gpu), "the best GPU"),
                Err(reason) => {
                    let why = match reason {
                        ExecutorError::NoDevice { .. } => "no GPU found, so the CPU".to_owned(),
                        reason => format!("the GPU cannot be used ({reason}), so the CPU"),
                    };
                    opened(Box::new(Cpu::with_threads(threads)?), &why)
                }
            },
            Self::Cpu => opened(Box::new(Cpu::with_threads(threads)?), "asked for"),
            Self::Gpu => {
                let gpu = gpu(Wanted::Any)?;
                let why = if gpu.adapter().is_software() {
                    "asked for; a software adapter, as there is no GPU"
                } else {
                    "asked for"
                };
                opened(Box::new(gpu), why)
            }
            Self::Reference => opened(Box::new(Reference::f64()), "asked for"),
            Self::ReferenceF32 => opened(Box::new(Reference::f32()), "asked for"),
            Self::Index(index) => opened(Box::new(gpu(Wanted::Index(*index))?), "asked for"),
            Self::Name(name) => opened(Box::new(gpu(Wanted::Name(name.clone()))?), "asked for"),
        }
    }
}

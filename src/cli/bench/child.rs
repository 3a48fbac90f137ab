//! One case in a process of its own: the cold start and the memory are that process's alone.
//!
//! The child says `first` on a line when the first result is there, then a JSON object with its memory.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::common::{Machine, opening};
use crate::bench::{BenchError, Case, Product, Training, peak_memory};
use crate::cli::exit::Exit;
use crate::cli::output;
use crate::device::Device;

/// Steps after the first, so that the memory is that of training and not of a beginning.
const STEPS: usize = 3;

/// Where compiled and timed shaders are kept: by Mesa, by NVIDIA's driver, and by this program.
const CACHES: [&str; 3] = [
    "MESA_SHADER_CACHE_DIR",
    "__GL_SHADER_DISK_CACHE_PATH",
    "THALWEG_CACHE",
];

/// Runs one case in a process of its own.
#[derive(Debug, clap::Args)]
pub(super) struct Child {
    #[arg(long)]
    case: String,
    #[arg(long)]
    device: Device,
    #[arg(long)]
    threads: Option<usize>,
    #[arg(long)]
    autotune: bool,
}

/// What a process of its own tells.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Fresh {
    /// From the moment before the process was started to the moment at which it said that the first result is there.
    #[serde(default)]
    pub(super) first_step_s: f64,
    pub(super) peak_memory_bytes: Option<u64>,
    pub(super) device_memory_bytes: Option<u64>,
}

impl Child {
    pub(super) fn run(self) -> Result<(), Exit> {
        let opening = opening(self.threads, self.autotune);
        let executor = self.device.open_with(&opening)?.executor;
        let device_memory_bytes = match self.case.parse()? {
            Case::Train(case) => {
                let mut training = Training::new(executor, &case, None)?;
                steps(|n| training.run(n).map(drop))?;
                training.executor().device_bytes()
            }
            Case::Matmul(n) => {
                let mut product = Product::new(executor, n)?;
                steps(|n| product.run(n))?;
                product.executor().device_bytes()
            }
        };
        let fresh = Fresh {
            first_step_s: 0.0,
            peak_memory_bytes: peak_memory(),
            device_memory_bytes,
        };
        output::print_json(&serde_json::to_value(fresh)?)
    }
}

fn steps(mut run: impl FnMut(usize) -> Result<(), BenchError>) -> Result<(), Exit> {
    run(1)?;
    output::print("first\n")?;
    Ok(run(STEPS)?)
}

/// Runs a case in a process of its own; `cold` with an empty cache of compiled shaders.
pub(super) fn run(case: &Case, machine: &Machine, cold: bool) -> Result<Fresh, Exit> {
    let failed = |what: String| Exit::failed(format!("a process for {case}: {what}"));
    let program = std::env::current_exe()?;
    let mut command = Command::new(program);
    command.args(["bench", "child", "--case", &case.flag()]);
    command.arg("--device").arg(machine.device.to_string());
    if let Some(threads) = machine.threads {
        command.arg("--threads").arg(threads.to_string());
    }
    if machine.autotune {
        command.arg("--autotune");
    }
    let cache = tempfile::tempdir()?;
    if cold {
        command.envs(CACHES.map(|variable| (variable, cache.path())));
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    command.stderr(Stdio::piped());
    let started = Instant::now();
    let mut child = command.spawn()?;
    let out = child.stdout.take().expect("standard output is a pipe");
    let mut log = child.stderr.take().expect("standard error is a pipe");
    // Read meanwhile: a process whose log fills the pipe (`RUST_LOG=trace`) would wait for ever.
    let log = std::thread::spawn(move || {
        let mut said = Vec::new();
        log.read_to_end(&mut said).map(|_| said)
    });
    let mut lines = BufReader::new(out);
    let mut first = String::new();
    lines.read_line(&mut first)?;
    let first_step_s = started.elapsed().as_secs_f64();
    let mut rest = String::new();
    lines.read_to_string(&mut rest)?;
    let status = child.wait()?;
    if !status.success() || first != "first\n" {
        let said = log.join().unwrap_or_else(|_| Ok(Vec::new()))?;
        let said = String::from_utf8_lossy(&said);
        return Err(failed(format!("it ended with {status}: {said}")));
    }
    let fresh: Fresh = serde_json::from_str(&rest)?;
    Ok(Fresh {
        first_step_s,
        ..fresh
    })
}

//! What the sub-verbs share: their flags, and the devices with their yardsticks.

use super::child;
use super::table::{Format, figure};
use crate::bench::{BenchError, Bounds, Case, Rates, Record, rates};
use crate::cli::exit::Exit;
use crate::cli::{job, output};
use crate::device::{Device, Opening};
use crate::executor::{DeviceInfo, Executor};
use crate::gpu::adapters;

#[derive(Debug, Clone, clap::Args)]
pub(super) struct Common {
    /// cpu, gpu, reference, or an adapter by number or by a part of its name; several with commas [default: cpu and, if there is an adapter, gpu]
    #[arg(long, value_name = "DEVICE,…", value_delimiter = ',')]
    device: Vec<Device>,
    /// Threads of the CPU executor [default: one a core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Time for the samples of one case; one sample is taken whatever it costs
    #[arg(long, value_name = "S", value_parser = seconds, allow_negative_numbers = true, default_value = "0.5")]
    seconds: f64,
    /// Most samples of one case
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000), default_value = "1000")]
    repeats: u32,
    /// Leave out the yardsticks, which take about a second a device, and the shares of them
    #[arg(long)]
    no_yardsticks: bool,
    /// How results are written
    #[arg(long, value_enum, default_value = "md")]
    pub(super) format: Format,
    /// On a GPU, time the shaders that can do each product's work, take the fastest, and list what was found
    #[arg(long)]
    pub(super) autotune: bool,
    /// Show no progress
    #[arg(long)]
    quiet: bool,
}

fn seconds(text: &str) -> Result<f64, String> {
    let found = text.parse().ok().filter(|s| (0.0..=86400.0).contains(s));
    found.ok_or_else(|| "expected seconds, from 0 to 86400".to_owned())
}

/// A device that is measured. It is opened anew for each case, so that none finds what another left.
pub(super) struct Machine {
    /// What the user calls it, for tables.
    pub(super) short: String,
    pub(super) device: Device,
    pub(super) threads: Option<usize>,
    pub(super) autotune: bool,
    pub(super) info: DeviceInfo,
    pub(super) rates: Rates,
}

impl Common {
    pub(super) fn bounds(&self) -> Bounds {
        Bounds {
            seconds: self.seconds,
            samples: self.repeats as usize,
        }
    }

    /// Says on standard error what is done now.
    pub(super) fn progress(&self, text: &str) {
        if !self.quiet {
            output::note(text);
        }
    }

    /// Opens the devices and measures their yardsticks.
    pub(super) fn machines(&self) -> Result<Vec<Machine>, Exit> {
        let mut devices = self.device.clone();
        if devices.is_empty() {
            devices.push(Device::Cpu);
            if adapters().iter().any(|a| a.lacks.is_none()) {
                devices.push(Device::Gpu);
            } else {
                self.progress("no GPU was found, so the CPU alone is measured");
            }
        }
        let threads = self.threads.map(usize::from);
        let machine = |device: Device| {
            let opened = job::open(&device, job::opening(threads, false), self.quiet)?;
            let info = opened.executor.device().clone();
            let rates = if self.no_yardsticks || info.executor == "reference" {
                Rates::default()
            } else {
                self.progress(&format!("{device}: multiply-add and copy"));
                rates(opened.executor)?
            };
            Ok(Machine {
                short: device.to_string(),
                device,
                threads,
                autotune: self.autotune,
                info,
                rates,
            })
        };
        devices.into_iter().map(machine).collect()
    }
}

/// How a device is opened whose speed is measured: with nothing of earlier processes, but for what they timed if shaders are
/// chosen by that.
pub(super) fn opening(threads: Option<usize>, autotune: bool) -> Opening {
    if autotune {
        return job::opening(threads, autotune);
    }
    Opening {
        threads,
        ..Opening::default()
    }
}

impl Machine {
    pub(super) fn open(&self) -> Result<Box<dyn Executor>, BenchError> {
        let opening = opening(self.threads, self.autotune);
        Ok(self.device.open_with(&opening)?.executor)
    }

    /// For records.
    pub(super) fn name(&self) -> String {
        match self.info.executor {
            "gpu" => self.info.name.clone(),
            executor => format!("{executor} ({})", self.info.name),
        }
    }

    pub(super) fn record(&self, case: String) -> Record {
        Record::new(&self.name(), case)
    }

    /// Adds what processes of their own tell: the first step, with the driver's cache as it is and empty, and memory.
    pub(super) fn add_fresh(&self, record: &mut Record, case: &Case) -> Result<(), Exit> {
        let fresh = child::run(case, self, false)?;
        record.first_step_s = Some(fresh.first_step_s);
        record.peak_memory_bytes = fresh.peak_memory_bytes;
        record.device_memory_bytes = fresh.device_memory_bytes;
        if self.info.executor == "gpu" {
            record.first_step_cold_s = Some(child::run(case, self, true)?.first_step_s);
        }
        Ok(())
    }
}

/// What the devices are and reach, one a line.
pub(super) fn legend(machines: &[Machine]) -> String {
    let mut text = String::new();
    for machine in machines {
        let Machine {
            short, info, rates, ..
        } = machine;
        let what = match info.executor {
            "gpu" => format!("{} ({}, {})", info.name, info.backend, info.driver),
            _ => info.name.clone(),
        };
        text.push_str(&format!("- {short}: {what}\n"));
        if let (Some(multiply_add), Some(copy)) = (rates.multiply_add, rates.copy) {
            text.push_str(&format!(
                "  reaches {} GFLOP/s of multiply-add and {} GB/s in a copy (read and written)\n",
                figure(Some(multiply_add)),
                figure(Some(copy))
            ));
        }
    }
    text.push('\n');
    text
}

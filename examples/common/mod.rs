//! What the examples share: their arguments, how they tell claims, and where their pictures go.

#![allow(dead_code, reason = "each example uses what it needs")]
#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use std::error::Error;
use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use thalweg::chart::Chart;
use thalweg::data::{Dataset, Normalize, Preparation, Spec, TableOptions, Task};
use thalweg::device::Device;
use thalweg::executor::Workspace;
use thalweg::metrics::wilson;
use thalweg::network::{Activation, Loss, Network};
use thalweg::train::{Model, Optimizer, Trainer};

/// What goes wrong in an example.
pub(crate) type Failure = Box<dyn Error>;

/// A run of an example.
pub(crate) struct Example {
    /// Its name.
    name: &'static str,
    /// Where it computes.
    pub(crate) device: Device,
    /// Whether fewer seeds and steps shall do, as in the tests.
    pub(crate) short: bool,
    /// Claims so far, and how many did not hold.
    claims: usize,
    failed: usize,
}

impl Example {
    /// Runs an example by the command line: `[--device DEVICE] [--short]`. The status is 1 if a claim does not hold or `body`
    /// fails, and 2 if the arguments are not understood.
    pub(crate) fn run(
        name: &'static str,
        body: impl FnOnce(&mut Self) -> Result<(), Failure>,
    ) -> ExitCode {
        match Self::from_arguments(name, std::env::args().skip(1)) {
            Ok(example) => example.conclude(body),
            Err(message) => {
                eprintln(&format!(
                    "error: {message}\nusage: {name} [--device cpu|gpu|reference|auto] [--short]"
                ));
                ExitCode::from(2)
            }
        }
    }

    /// Runs `body`, and concludes from its claims.
    pub(crate) fn conclude(
        mut self,
        body: impl FnOnce(&mut Self) -> Result<(), Failure>,
    ) -> ExitCode {
        let begun = Instant::now();
        if let Err(failure) = body(&mut self) {
            eprintln(&format!("error: {failure}"));
            return ExitCode::FAILURE;
        }
        let (held, all) = (self.claims - self.failed, self.claims);
        println!(
            "{held} of {all} claims hold ({:.1} s)",
            begun.elapsed().as_secs_f64()
        );
        if self.failed == 0 && all > 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }

    pub(crate) fn from_arguments(
        name: &'static str,
        mut arguments: impl Iterator<Item = String>,
    ) -> Result<Self, Failure> {
        let mut example = Self {
            name,
            device: Device::Cpu,
            short: false,
            claims: 0,
            failed: 0,
        };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--short" => example.short = true,
                "--device" => {
                    let device = arguments.next().ok_or("--device needs a device")?;
                    example.device = device.parse()?;
                }
                other => return Err(format!("unknown argument {other:?}").into()),
            }
        }
        Ok(example)
    }

    /// An empty workspace on the device that was asked for.
    pub(crate) fn workspace(&self) -> Result<Workspace, Failure> {
        Ok(Workspace::new(self.device.open(None)?.executor))
    }

    /// One of two numbers: for a whole run, or for a short one.
    pub(crate) fn either<T>(&self, whole: T, short: T) -> T {
        if self.short { short } else { whole }
    }

    /// Tells a claim, what was measured, and whether it holds.
    pub(crate) fn claim(&mut self, claim: &str, measured: impl Display, holds: bool) {
        self.claims += 1;
        self.failed += usize::from(!holds);
        let verdict = if holds { "holds" } else { "DOES NOT HOLD" };
        println!("claim     {claim}\nmeasured  {measured}\n          {verdict}\n");
    }

    /// Tells what is worth knowing beside the claims.
    pub(crate) fn tell(&self, text: impl Display) {
        println!("{text}");
    }

    /// Writes a file into `target/examples/NAME/`.
    pub(crate) fn write(&self, file: &str, contents: &[u8]) -> Result<(), Failure> {
        let target =
            std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
        let folder = target.join("examples").join(self.name);
        std::fs::create_dir_all(&folder)?;
        let path = folder.join(file);
        std::fs::write(&path, contents).map_err(|e| format!("{}: {e}", path.display()))?;
        println!("picture   {}\n", path.display());
        Ok(())
    }

    /// Writes a chart into `target/examples/NAME/`.
    pub(crate) fn chart(&self, file: &str, chart: &Chart) -> Result<(), Failure> {
        self.write(file, chart.svg().as_bytes())
    }
}

/// The rows of a built-in data set by its spec, prepared as `thalweg train` prepares them.
pub(crate) fn rows(spec: &str) -> Result<Dataset, Failure> {
    let table = spec.parse::<Spec>()?.load(&TableOptions::default())?;
    let all: Vec<u32> = (0..).take(table.rows()).collect();
    Ok(Preparation::fit(&table, &all, Task::Auto, Normalize::Auto)?.prepare(&table)?)
}

/// A network with such hidden layers, each behind ReLU, that learnt pictures of digits.
pub(crate) fn reader(
    example: &Example,
    data: &Dataset,
    hidden: &[usize],
) -> Result<Model, Failure> {
    let network = Network::mlp(data.features(), hidden, data.outputs(), Activation::Relu);
    let trainer = Trainer::new(network, Loss::CrossEntropy)
        .optimizer(Optimizer::adam(0.003))
        .epochs(example.either(10, 30))
        .device(example.device.clone());
    Ok(trainer.fit(data)?.model)
}

/// The place of the largest, the first of equal ones.
pub(crate) fn largest(y: &[f64]) -> usize {
    (0..y.len()).fold(0, |best, at| if y[at] > y[best] { at } else { best })
}

#[expect(clippy::print_stderr, reason = "this is where errors go")]
fn eprintln(text: &str) {
    eprintln!("{text}");
}

/// The mean of some numbers.
pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// How often something came out, with Wilson's interval of 95 %: `37 of 40 (80 % to 97 %)`.
pub(crate) fn rate(k: usize, n: usize) -> String {
    match wilson(k as u64, n as u64) {
        Some([low, high]) => format!("{k} of {n} ({:.0} % to {:.0} %)", 100.0 * low, 100.0 * high),
        None => "none of none".to_owned(),
    }
}

/// A table: a head, and rows that begin with a name. Columns are as wide as their widest cell, with numbers at the right.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with this head and no rows.
    pub(crate) fn new<const N: usize>(head: [&str; N]) -> Self {
        Self {
            rows: vec![head.map(str::to_owned).to_vec()],
        }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, name: impl Display, cells: impl IntoIterator<Item = String>) {
        let mut row = vec![name.to_string()];
        row.extend(cells);
        self.rows.push(row);
    }
}

impl Display for Table {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |at: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(at));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<_> = (0..columns).map(width).collect();
        for row in &self.rows {
            for (at, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let gap = if at == 0 { "" } else { "  " };
                write!(f, "{gap}{cell:>width$}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

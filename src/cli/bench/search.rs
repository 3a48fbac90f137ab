//! `thalweg bench search`.

use super::common::{Common, Machine, legend};
use super::table::{self, Table, figure};
use crate::bench::{Many, NetworkCase, Record, measure};
use crate::cli::exit::Exit;

const EXAMPLES: &str = "Examples:
  thalweg bench search
  thalweg bench search --networks 64-32-32-10:32 --members 8,32,128 --device cpu --steps

A network is its widths and a batch size. Each is trained by Adam on the softmax cross-entropy from a seed of its
own, by itself and as one of a population of so many. The times are of one step of all of them; that of one
after the other is the step of one, as a trainer does it on data that lie on the device, times their number: what
a trainer does to begin and to end is not counted.";

/// Trains many small networks.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Search {
    /// Networks with batch sizes
    #[arg(
        long,
        value_name = "WIDTHS:BATCH,…",
        value_delimiter = ',',
        default_value = "64-32-32-10:32"
    )]
    networks: Vec<NetworkCase>,
    /// How many are trained at once
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "8,32,128", value_parser = clap::value_parser!(u32).range(1..=4096))]
    members: Vec<u32>,
    /// Tell the time of each step of the plan too
    #[arg(long)]
    steps: bool,
    #[command(flatten)]
    common: Common,
}

impl Search {
    pub(super) fn run(self) -> Result<(), Exit> {
        let machines = self.common.machines()?;
        let mut records = Vec::new();
        let mut found = Table::new(
            2,
            &[
                "networks",
                "device",
                "one after the other, ms",
                "at once, ms",
                "times as fast",
            ],
        );
        let mut steps = String::new();
        for case in &self.networks {
            for &members in &self.members {
                let many = Many {
                    case: case.clone(),
                    members: members as usize,
                };
                for machine in &machines {
                    self.common.progress(&format!("{}: {many}", machine.short));
                    many.check(&|| machine.open())?;
                    let [alone, at_once] = self.time(machine, &many)?;
                    let all = alone.median_ms.map(|ms| ms * f64::from(members));
                    let ratio = all.zip(at_once.median_ms).map(|(a, b)| a / b);
                    found.add(vec![
                        many.to_string(),
                        machine.short.clone(),
                        figure(all),
                        figure(at_once.median_ms),
                        figure(ratio),
                    ]);
                    records.extend([alone, at_once]);
                    if self.steps {
                        steps.push_str(&step_times(machine, &many)?);
                    }
                }
            }
        }
        table::print(self.common.format, &records, || {
            format!("{}{}{steps}", legend(&machines), found.text())
        })
    }

    /// One of them alone, and all at once.
    fn time(&self, machine: &Machine, many: &Many) -> Result<[Record; 2], Exit> {
        let mut alone = many.alone(machine.open()?, 0)?;
        let timing = measure(self.common.bounds(), |steps| alone.run(steps))?;
        let record = machine.record(format!("{} alone", many.case));
        let (operations, bytes) = (alone.operations(), alone.traffic());
        let alone = record.timed(&timing, operations, bytes, &machine.rates);
        let mut at_once = many.at_once(machine.open()?)?;
        let timing = measure(self.common.bounds(), |steps| at_once.run(steps))?;
        let record = machine.record(format!("{many} at once"));
        let (operations, bytes) = (at_once.operations(), at_once.traffic());
        let at_once = record.timed(&timing, operations, bytes, &machine.rates);
        Ok([alone, at_once])
    }
}

/// The steps of the plan, each with the median of some times.
fn step_times(machine: &Machine, many: &Many) -> Result<String, Exit> {
    let mut at_once = many.at_once(machine.open()?)?;
    at_once.run(10)?;
    let runs: Result<Vec<_>, _> = (0..15).map(|_| at_once.run_timed()).collect();
    let runs = runs?;
    let mut table = Table::new(1, &["step", "us"]);
    for (at, (title, _)) in runs[0].iter().enumerate() {
        let mut times: Vec<_> = runs.iter().map(|run| run[at].1).collect();
        times.sort_by(f64::total_cmp);
        let median = times[times.len() / 2] * 1e6;
        table.add(vec![title.clone(), figure(Some(median))]);
    }
    Ok(format!("\n{many} on {}\n\n{}", machine.short, table.text()))
}

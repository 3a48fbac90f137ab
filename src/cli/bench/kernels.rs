//! `thalweg bench kernels`.

use super::choices::{self, Choices};
use super::common::{Common, Machine, legend};
use super::table::{self, Table, figure, percent};
use crate::bench::{KernelTimes, NetworkCase, Record, Training, kernels};
use crate::cli::exit::Exit;

const EXAMPLES: &str = "Examples:
  thalweg bench kernels
  thalweg bench kernels --networks 784-2048-2048-10:256 --device gpu
  thalweg bench kernels --format csv > kernels.csv
  thalweg bench kernels --device gpu --autotune

The kernels of one training step, each timed where it stands in whole steps: on a GPU by its own
timestamps, on the CPU by the clock around it. A product is NT, NN or TN (which side is transposed) and
m x n x k; +b has bias and activation fused into it, +f' the gradient of an activation, +sgd the update of
a weight. `n` says how often the step has a kernel of that shape, `spread` is from the 10th to the 90th
percentile over the median, and `share` is their part of the step. The limit is multiply-add or the copy,
whichever the kernel is nearer to; more than 100 % of the copy means that the data were in a cache.";

/// Times every kernel of a training step.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Kernels {
    /// Networks with batch sizes
    #[arg(
        long,
        value_name = "WIDTHS:BATCH,…",
        value_delimiter = ',',
        default_value = "784-256-128-10:128"
    )]
    networks: Vec<NetworkCase>,
    #[command(flatten)]
    common: Common,
}

/// The kernels of a network on a device.
struct Found<'a> {
    machine: &'a Machine,
    network: &'a NetworkCase,
    kernels: Vec<(KernelTimes, Record)>,
}

impl Kernels {
    pub(super) fn run(self) -> Result<(), Exit> {
        let machines = self.common.machines()?;
        let (mut found, mut choices) = (Vec::new(), Vec::new());
        for network in &self.networks {
            for machine in &machines {
                self.common
                    .progress(&format!("{}: kernels of {network}", machine.short));
                Training::check(network, &|| machine.open())?;
                let mut training = Training::new(machine.open()?, network, None)?;
                let times = kernels(&mut training, self.common.bounds())?;
                let record = |times: KernelTimes| {
                    let case = format!("kernel {} in {network}", times.name());
                    let (operations, bytes) = (times.operations(), times.traffic());
                    let mut record = machine.record(case).timed(
                        &times.timing,
                        operations,
                        bytes,
                        &machine.rates,
                    );
                    record.note = (!times.by_device)
                        .then(|| "the host's clock: submitting and waiting is in it".to_owned());
                    (times, record)
                };
                let executor = training.executor();
                choices.push(Choices::of(network.to_string(), machine, executor));
                found.push(Found {
                    machine,
                    network,
                    kernels: times.into_iter().map(record).collect(),
                });
            }
        }
        let records = found
            .iter()
            .flat_map(|f| &f.kernels)
            .map(|(_, r)| r.clone());
        let timed = choices.iter().flat_map(Choices::records);
        let records: Vec<_> = records.chain(timed).collect();
        table::print(self.common.format, &records, || {
            let tables: Vec<_> = found.iter().map(Found::text).collect();
            let choices = choices::text(&choices);
            format!("{}{}{choices}", legend(&machines), tables.join("\n"))
        })
    }
}

impl Found<'_> {
    fn text(&self) -> String {
        let headings = [
            "kernel", "n", "us", "spread", "share", "GFLOP/s", "GB/s", "of limit", "limit",
        ];
        let total = |times: &KernelTimes| times.timing.statistics.median * times.count as f64;
        let sum: f64 = self.kernels.iter().map(|(times, _)| total(times)).sum();
        let mut table = Table::new(1, &headings);
        for (times, record) in &self.kernels {
            let micro = |ms: Option<f64>| ms.map(|ms| ms * 1e3);
            let limit = match (record.of_multiply_add, record.of_copy) {
                (Some(arithmetic), Some(copy)) if arithmetic > copy => "mul-add",
                (None, None) => "-",
                _ => "copy",
            };
            table.add(vec![
                times.name(),
                times.count.to_string(),
                figure(micro(record.median_ms)),
                percent(record.spread),
                percent(Some(total(times) / sum)),
                figure(record.gflops),
                figure(record.gbs),
                percent(record.of_limit()),
                limit.to_owned(),
            ]);
        }
        let clock = if self.kernels.iter().all(|(times, _)| times.by_device) {
            ""
        } else {
            "; by the host's clock, with submitting and waiting in each"
        };
        format!(
            "{} on {}: {} us for all kernels{clock}\n\n{}",
            self.network,
            self.machine.short,
            figure(Some(sum * 1e6)),
            table.text()
        )
    }
}

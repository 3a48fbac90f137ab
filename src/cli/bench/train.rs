//! `thalweg bench train`.

use super::choices::Choices;
use super::common::{Common, Machine};
use super::results::Results;
use super::table::{Table, figure};
use crate::bench::{Case, NetworkCase, Record, Training, measure};
use crate::cli::exit::Exit;

const EXAMPLES: &str = "Examples:
  thalweg bench train
  thalweg bench train --networks 784-2048-2048-10:256,1024-1000x7-10:256 --device gpu
  thalweg bench train --networks 784-256-128-10:128 --no-sweep --no-fresh --format json
  thalweg bench train --networks 784-2048-2048-10:256 --device gpu --autotune --no-sweep

A network is its widths and a batch size. A training step is a forward pass with ReLU, the softmax
cross-entropy, the gradient and plain SGD, in f32, on a batch that lies on the device; up to 100 of
them in one submission. GFLOP/s counts the operations that the plan's kernels do, GB/s the bytes that
they read and write. The sweep trains the first network with growing batches on every device.";

/// Trains networks.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Train {
    /// Networks with batch sizes
    #[arg(
        long,
        value_name = "WIDTHS:BATCH,…",
        value_delimiter = ',',
        default_value = "256-64-10:32,784-256-128-10:128,784-2048-2048-10:256,1024-1000x7-10:256"
    )]
    networks: Vec<NetworkCase>,
    /// Batch sizes of the sweep
    #[arg(long, value_name = "ROWS,…", value_delimiter = ',', default_value = "1,8,64,512,4096", value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    batch_sizes: Vec<u32>,
    /// Leave out the sweep over batch sizes
    #[arg(long)]
    no_sweep: bool,
    /// Leave out what takes processes of its own: the first step and the memory
    #[arg(long)]
    no_fresh: bool,
    #[command(flatten)]
    common: Common,
}

impl Train {
    pub(super) fn run(self) -> Result<(), Exit> {
        let machines = self.common.machines()?;
        let case = |case: &NetworkCase| {
            let name = format!("{}:{}", case.network(), case.batch);
            (name, Case::Train(case.clone()))
        };
        let cases: Vec<_> = self.networks.iter().map(case).collect();
        let results = Results::measure(
            &self.common,
            &machines,
            &cases,
            !self.no_fresh,
            |machine, number| {
                let case = &self.networks[number];
                Training::check(case, &|| machine.open())?;
                self.time(machine, case)
            },
        )?;
        let sweep = if self.no_sweep || machines.len() < 2 {
            Vec::new()
        } else {
            self.sweep(&machines)?
        };
        let text = match sweep.is_empty() {
            true => String::new(),
            false => self.sweep_text(&machines, &sweep),
        };
        let swept = sweep.into_iter().flat_map(|(_, records)| records);
        results.print(&self.common, &machines, (swept.collect(), text))
    }

    fn time(&self, machine: &Machine, case: &NetworkCase) -> Result<(Record, Choices), Exit> {
        let mut training = Training::new(machine.open()?, case, None)?;
        training.check_loss()?;
        let timing = measure(self.common.bounds(), |steps| training.run(steps).map(drop))?;
        let (operations, bytes) = (training.operations(), training.traffic());
        let name = Case::Train(case.clone()).to_string();
        let choices = Choices::of(name.clone(), machine, training.executor());
        let record = machine.record(name);
        let record = record.timed(&timing, operations, bytes, &machine.rates);
        Ok((record, choices))
    }

    /// The first network with each batch size, on each device.
    fn sweep(&self, machines: &[Machine]) -> Result<Vec<(usize, Vec<Record>)>, Exit> {
        let mut found = Vec::new();
        let mut sizes = self.batch_sizes.clone();
        sizes.sort_unstable();
        sizes.dedup();
        for batch in sizes {
            let case = NetworkCase {
                batch: batch as usize,
                ..self.swept().clone()
            };
            self.common.progress(&format!("every device: {case}"));
            let time = |machine| Ok(self.time(machine, &case)?.0);
            let records: Result<Vec<_>, Exit> = machines.iter().map(time).collect();
            found.push((case.batch, records?));
        }
        Ok(found)
    }

    fn swept(&self) -> &NetworkCase {
        let middle = self.networks.get(1);
        middle.unwrap_or(&self.networks[0])
    }

    fn sweep_text(&self, machines: &[Machine], sweep: &[(usize, Vec<Record>)]) -> String {
        let mut headings = vec!["batch".to_owned()];
        for machine in machines {
            headings.push(format!("{}, ms", machine.short));
            headings.push(format!("{}, us a row", machine.short));
        }
        let headings: Vec<_> = headings.iter().map(String::as_str).collect();
        let mut table = Table::new(0, &headings);
        for (batch, records) in sweep {
            let mut row = vec![batch.to_string()];
            for record in records {
                row.push(figure(record.median_ms));
                row.push(figure(record.median_ms.map(|ms| ms * 1e3 / *batch as f64)));
            }
            table.add(row);
        }
        let network = self.swept().network();
        let mut text = format!("\n{network} by batch size\n\n{}\n", table.text());
        let cpu = machines.iter().position(|m| m.info.executor == "cpu");
        for (place, machine) in machines.iter().enumerate() {
            if let (Some(cpu), "gpu") = (cpu, machine.info.executor) {
                let times = |place: usize| {
                    let ms = |(batch, records): &(usize, Vec<Record>)| {
                        (*batch, records[place].median_ms.unwrap_or(f64::NAN))
                    };
                    sweep.iter().map(ms).collect::<Vec<_>>()
                };
                text.push_str(&pays(&machine.short, &network, &times(cpu), &times(place)));
            }
        }
        text
    }
}

/// From which batch size on a GPU is faster than the CPU, in words. Both are pairs of batch size and time.
fn pays(gpu: &str, network: &str, cpu: &[(usize, f64)], times: &[(usize, f64)]) -> String {
    let faster: Vec<bool> = cpu.iter().zip(times).map(|(c, g)| g.1 < c.1).collect();
    let ratio = |i: usize| figure(Some((cpu[i].1 / times[i].1).max(times[i].1 / cpu[i].1)));
    let last = faster.len() - 1;
    let slower = faster.iter().rposition(|faster| !faster);
    let largest = cpu[last].0;
    let faster = format!(
        "It is {} times as fast as the CPU at {largest}",
        ratio(last)
    );
    let (said, ratio) = match slower {
        None => (
            format!("from the smallest batch measured, {}, on", cpu[0].0),
            faster,
        ),
        Some(slower) if slower < last => (format!("from batch {} on", cpu[slower + 1].0), faster),
        Some(_) => (
            format!("never on this machine, up to batch {largest}"),
            format!("The CPU is {} times as fast as it there", ratio(last)),
        ),
    };
    format!("{gpu} pays: {said}. {ratio} ({network}).\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_the_gpu_pays() {
        let cpu = [(1, 1.0), (8, 2.0), (64, 16.0)];
        let said = |gpu: [f64; 3]| {
            let times = [(1, gpu[0]), (8, gpu[1]), (64, gpu[2])];
            pays("gpu", "2-3-4", &cpu, &times)
        };
        assert!(
            said([0.5, 1.0, 4.0]).contains("smallest batch measured, 1"),
            "always"
        );
        assert!(
            said([3.0, 1.9, 4.0]).contains("from batch 8 on"),
            "from the second"
        );
        assert!(
            said([0.5, 3.0, 4.0]).contains("from batch 64 on"),
            "for good, not once"
        );
        let never = said([0.5, 3.0, 32.0]);
        assert!(
            never.contains("pays: never on this machine") && never.contains("2.00 times"),
            "{never}"
        );
    }
}

//! `thalweg bench matmul`.

use super::common::{Common, fresh, legend, speed};
use super::table;
use crate::bench::{Case, Product, Record, measure};
use crate::cli::exit::Exit;

const EXAMPLES: &str = "Examples:
  thalweg bench matmul
  thalweg bench matmul --sizes 4096,8192 --device gpu --seconds 5
  thalweg bench matmul --sizes 1024 --no-fresh --format csv

Both matrices are square and stored row after row. Three rows of the product are held against the
reference in double precision before it is timed. GB/s counts each matrix once.";

/// Multiplies square matrices.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Matmul {
    /// Rows and columns of the matrices
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "256,512,1024", value_parser = clap::value_parser!(u32).range(1..=1 << 15))]
    sizes: Vec<u32>,
    /// Leave out what takes processes of its own: the first step and the memory
    #[arg(long)]
    no_fresh: bool,
    #[command(flatten)]
    common: Common,
}

impl Matmul {
    pub(super) fn run(self) -> Result<(), Exit> {
        let machines = self.common.machines()?;
        let mut found: Vec<(String, String, Record)> = Vec::new();
        for &size in &self.sizes {
            for machine in &machines {
                let case = Case::Matmul(size);
                self.common.progress(&format!("{}: {case}", machine.short));
                let mut product = Product::new(machine.open()?, size)?;
                product.check()?;
                let timing = measure(self.common.bounds(), |times| product.run(times))?;
                let operations = product.kernel().spec().operations();
                let bytes = 3 * 4 * u64::from(size).pow(2);
                let mut record = machine.record(case.to_string()).timed(
                    &timing,
                    operations,
                    bytes,
                    &machine.rates,
                );
                drop(product);
                if !self.no_fresh {
                    machine.add_fresh(&mut record, &case)?;
                }
                found.push((format!("{size}x{size}"), machine.short.clone(), record));
            }
        }
        let records: Vec<_> = found.iter().map(|(_, _, record)| record.clone()).collect();
        table::print(self.common.format, &records, || {
            let rows: Vec<_> = found
                .iter()
                .map(|(case, device, record)| (case.clone(), device.clone(), record))
                .collect();
            let mut text = format!("{}{}", legend(&machines), speed(&rows));
            if !self.no_fresh {
                text.push_str(&format!("\n{}", fresh(&rows)));
            }
            text
        })
    }
}

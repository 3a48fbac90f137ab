//! `thalweg bench matmul`.

use super::choices::Choices;
use super::common::{Common, Machine};
use super::results::Results;
use crate::bench::{Case, Product, Record, measure};
use crate::cli::exit::Exit;

const EXAMPLES: &str = "Examples:
  thalweg bench matmul
  thalweg bench matmul --sizes 4096,8192 --device gpu --seconds 5
  thalweg bench matmul --sizes 1024 --no-fresh --format csv
  thalweg bench matmul --device gpu --autotune

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
        let case = |&size: &u32| (format!("{size}x{size}"), Case::Matmul(size));
        let cases: Vec<_> = self.sizes.iter().map(case).collect();
        let results = Results::measure(
            &self.common,
            &machines,
            &cases,
            !self.no_fresh,
            |machine, number| self.time(machine, self.sizes[number]),
        )?;
        results.print(&self.common, &machines, Default::default())
    }

    fn time(&self, machine: &Machine, size: u32) -> Result<(Record, Choices), Exit> {
        let case = Case::Matmul(size).to_string();
        let mut product = Product::new(machine.open()?, size)?;
        product.check()?;
        let timing = measure(self.common.bounds(), |times| product.run(times))?;
        let operations = product.kernel().spec().operations();
        let bytes = 3 * 4 * u64::from(size).pow(2);
        let record = machine.record(case.clone());
        let choices = Choices::of(case, machine, product.executor());
        let record = record.timed(&timing, operations, bytes, &machine.rates);
        Ok((record, choices))
    }
}

//! `thalweg bench`: one file a sub-verb.

mod child;
mod choices;
mod common;
mod kernels;
mod matmul;
mod results;
mod scaling;
mod search;
mod table;
mod train;

use super::exit::Exit;

const EXAMPLES: &str = "Examples:
  thalweg bench matmul
  thalweg bench train --networks 784-256-128-10:128 --device cpu --format json
  thalweg bench kernels --networks 784-2048-2048-10:256 --device gpu
  thalweg bench scaling --out scaling.svg

Times are wall time with submit and wait inside: medians, with the 10th and the 90th percentile beside
them. Shares are of what the device was measured to reach in the same run: `of mul-add` in a kernel of
nothing but multiply-adds, `of copy` in a copy larger than its caches. Nothing is timed that was not
held against the reference before. benches/README.md says what each figure means.";

/// Measures kernels and training steps, the CPU against the GPU.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Bench {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Products of square matrices
    Matmul(matmul::Matmul),
    /// Training steps of whole networks, and from which batch size on the GPU pays
    Train(train::Train),
    /// Every kernel of a training step, where it stands in the step
    Kernels(kernels::Kernels),
    /// How cost grows with width, batch, depth and rows, as a table and a picture
    Scaling(scaling::Scaling),
    /// Many small networks at once, as a search trains them, against one after the other
    Search(search::Search),
    /// Runs one case in a process of its own, for the others
    #[command(hide = true)]
    Child(child::Child),
}

impl Bench {
    pub(super) fn run(self) -> Result<(), Exit> {
        match self.what {
            What::Matmul(what) => what.run(),
            What::Train(what) => what.run(),
            What::Kernels(what) => what.run(),
            What::Scaling(what) => what.run(),
            What::Search(what) => what.run(),
            What::Child(what) => what.run(),
        }
    }
}

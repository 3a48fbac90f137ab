//! The command line: one file a verb.
//!
//! Results go to standard output, progress and logs to standard error. The exit status is 0 for done, 1 for a run that
//! failed, 2 for bad usage or bad input, and 130 for a run that was interrupted after its model was saved.

mod answers;
mod bench;
mod class_weights;
mod compare;
mod completions;
mod config;
mod course;
mod data;
mod devices;
mod dry_run;
mod ending;
mod eval;
mod exit;
mod explain;
mod export;
mod figures;
mod find_lr;
mod flags;
mod inspect;
mod interrupt;
mod job;
mod judge;
mod launch;
mod layers;
mod man;
mod network;
mod optimizer;
mod outcome;
mod output;
mod plot;
mod predict;
mod profile;
mod progress;
mod reporting;
mod resume;
mod run_path;
mod search;
mod seeing;
mod summary;
mod told;
mod train;
mod trials;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use exit::Exit;

/// Trains multilayer perceptrons on any GPU that Vulkan, Metal or DirectX 12 reaches, and on the CPU.
#[derive(Debug, Parser)]
#[command(name = "thalweg", version, propagate_version = true, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

const EXAMPLES: &str = "Examples:
  thalweg train                                   trains on pictures of digits that it draws itself
  thalweg train --data flowers.csv --target kind  trains on a table
  thalweg predict runs/flowers-1 --data new.csv   predicts with what was trained

Exit status: 0 done; 1 the run failed; 2 bad usage or bad input; 130 interrupted, with what was learnt saved.
Logs: RUST_LOG=info (or debug) shows more on standard error. What a GPU's driver compiled is kept in the
user's cache folder, or in THALWEG_CACHE (nowhere if that is empty).";

#[derive(Debug, Subcommand)]
enum Verb {
    /// Train a network and write a run folder
    Train(Box<train::Train>),
    /// Go on with a run that was stopped
    Resume(resume::Resume),
    /// Search for the network: many are trained at once, and the best go on
    Search(Box<search::Search>),
    /// Put runs side by side: what differs, what came of it, and the curves
    Compare(compare::Compare),
    /// Tell loss and metrics of a trained network on a data set
    Eval(eval::Eval),
    /// Write predictions as CSV
    Predict(predict::Predict),
    /// Look inside a trained network: what its answers depend on, its units, and simpler models that mimic it
    Explain(Box<explain::Explain>),
    /// Write a trained network as ONNX, or for PyTorch
    Export(export::Export),
    /// Describe a data set: columns, ranges, classes, and what training would do to each
    Data(data::Data),
    /// List the devices, and say which one is taken
    Devices(devices::Devices),
    /// Measure matrix products, training steps, kernels and how cost grows, the CPU against the GPU
    Bench(Box<bench::Bench>),
    /// Run training steps on a device and check every step against the reference
    Verify(Box<verify::Verify>),
    /// Show what is in a model file or a run
    Inspect(inspect::Inspect),
    /// Write what a shell needs to complete verbs and flags
    Completions(completions::Completions),
    /// Write the manual page
    Man(man::ManPage),
}

/// Runs the program on the process's arguments.
pub fn main() -> ExitCode {
    crate::gpu::quiet_device_selection();
    // The layers below wgpu warn about what they then work around.
    let default = "warn,wgpu_core=error,wgpu_hal=error,naga=error";
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or(default)).init();
    let done = match Cli::parse().verb {
        Verb::Train(verb) => verb.run(),
        Verb::Resume(verb) => verb.run(),
        Verb::Search(verb) => verb.run(),
        Verb::Compare(verb) => verb.run(),
        Verb::Eval(verb) => verb.run(),
        Verb::Predict(verb) => verb.run(),
        Verb::Explain(verb) => verb.run(),
        Verb::Export(verb) => verb.run(),
        Verb::Data(verb) => verb.run(),
        Verb::Devices(verb) => verb.run(),
        Verb::Bench(verb) => verb.run(),
        Verb::Verify(verb) => verb.run(),
        Verb::Inspect(verb) => verb.run(),
        Verb::Completions(verb) => verb.run(),
        Verb::Man(verb) => verb.run(),
    };
    done.map_or_else(Exit::report, |()| ExitCode::SUCCESS)
}

//! `thalweg train`.

use std::path::Path;

use super::dry_run;
use super::exit::Exit;
use super::flags::Flags;
use super::interrupt;
use super::job::{self, Job};
use super::launch::{Launch, launch};
use super::output::{print, print_json};
use crate::data::Spec;
use crate::device::Opened;
use crate::run::{Out, Recorder};

const EXAMPLES: &str = "Examples:
  thalweg train
  thalweg train --data glyphs:n=20000 --hidden 256,128 --epochs 20
  thalweg train --data flowers.csv --target kind --out runs/flowers
  thalweg train --data houses.csv --target price --task regression --lr 0.01
  thalweg train --data images.gz,labels.gz --val-data test.gz,test-labels.gz
  thalweg train --config flowers.toml --seed 1 --json

A line of a configuration is a flag: `hidden = [256, 128]`, `lr = 0.01`,
`no-shuffle = true`. Paths in it are relative to where the program runs. The run
folder holds one as config.toml.

The run folder holds config.toml, model.safetensors (the last model),
best.safetensors (the best epoch's, by the validation loss), metrics.jsonl and
environment.json. Ctrl-C ends a run and saves what was learnt, for `thalweg
resume` to go on; a second Ctrl-C ends it at once.";

/// Trains a network and writes a run folder.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Train {
    #[command(flatten)]
    flags: Flags,
    /// Tell where the time goes, by layer and phase, and write trace.json into the run folder
    #[arg(long, help_heading = "Output")]
    profile: bool,
    /// Tell what the run would take of memory, and do no more: nothing stays allocated on the device, and nothing is written but, with --autotune, what was timed
    #[arg(long, help_heading = "Output")]
    dry_run: bool,
}

impl Train {
    pub(super) fn run(self) -> Result<(), Exit> {
        interrupt::listen();
        let flags = self.flags.with_file()?;
        let (json, quiet) = (flags.json.unwrap_or(false), flags.quiet.unwrap_or(false));
        let config = flags.resolve()?;
        let out = match flags.out {
            Some(path) => Out::Path {
                path,
                force: flags.force.unwrap_or(false),
            },
            None => Out::Next(name(&config.data)),
        };
        // Whether the place is taken is known without reading the data.
        Recorder::new(out.clone(), Vec::new())?;
        let job = Job::load(config)?;
        if !quiet {
            job.say_notes();
        }
        let opened = job::open(&job.config.device, job.config.opening(), quiet)?;
        if self.dry_run {
            return foretell(&job, opened, json);
        }
        launch(
            &job,
            opened,
            Launch {
                out,
                data: None,
                snapshot: None,
                json,
                quiet,
                profile: self.profile,
            },
        )
    }
}

/// Tells what the run would take of memory; an error if there is not so much.
fn foretell(job: &Job, opened: Opened, json: bool) -> Result<(), Exit> {
    let device = job::name(opened.executor.device()).to_owned();
    let files = |model| Recorder::FILES * model;
    let (training, validation) = (&job.training, job.validation.as_ref());
    let executor = opened.executor;
    let foretold = (job.trainer).foretell(executor, training, validation, files)?;
    if json {
        print_json(&dry_run::json(&foretold, &device))?;
    } else {
        print(&dry_run::text(&foretold, &device))?;
    }
    foretold.lack.map_or(Ok(()), |lack| Err(lack.into()))
}

/// The name of the runs on a data set.
fn name(data: &Spec) -> String {
    let name = match data {
        Spec::Generator(generator) => generator.kind.name().to_owned(),
        Spec::Path(path) => {
            let path = crate::data::with_options(path).map_or(path.as_str(), |(folder, _)| folder);
            let first = path.split(',').next().unwrap_or(path);
            let file = Path::new(first)
                .file_name()
                .map_or_else(String::new, |f| f.to_string_lossy().into_owned());
            file.split('.')
                .find(|part| !part.is_empty())
                .unwrap_or("run")
                .to_owned()
        }
    };
    let plain = |c: char| {
        if c.is_alphanumeric() || c == '-' || c == '_' {
            c
        } else {
            '-'
        }
    };
    name.chars().take(40).map(plain).collect()
}

//! `thalweg train`.

use std::path::Path;

use super::dry_run;
use super::exit::Exit;
use super::find_lr;
use super::flags::Flags;
use super::interrupt;
use super::job::{self, Job};
use super::launch::{Launch, launch};
use super::output::{print, print_json};
use super::trials;
use crate::data::Spec;
use crate::device::Opened;
use crate::run::{Out, Recorder};
use crate::train::Callback;

const EXAMPLES: &str = "Examples:
  thalweg train
  thalweg train --data glyphs:n=20000 --hidden 256,128 --epochs 20
  thalweg train --data flowers.csv --target kind --out runs/flowers
  thalweg train --data houses.csv --target price --task regression --lr 0.01
  thalweg train --data images.gz,labels.gz --val-data test.gz,test-labels.gz
  thalweg train --config flowers.toml --seed 1 --json
  thalweg train --data flowers.csv --folds 5    cross-validation
  thalweg train --data flowers.csv --find-lr    which rates learn

A line of a configuration is a flag: `hidden = [256, 128]`, `lr = 0.01`,
`no-shuffle = true`. Paths in it are relative to where the program runs. The run
folder holds one as config.toml.

The run folder holds config.toml, model.safetensors (the last model),
best.safetensors (the best epoch's, by the validation loss), metrics.jsonl,
environment.json and report.html, a page that shows the run. Ctrl-C ends a run
and saves what was learnt, for `thalweg resume` to go on; a second Ctrl-C ends
it at once.";

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
    /// Raise the learning rate from 1e-7 to 10 within 100 steps (or --steps), tell which rates learn, and draw it; writes no run folder [default picture: the first free find-lr-N.svg]
    #[arg(long, value_name = "FILE.svg", num_args = 0..=1, require_equals = true, default_missing_value = "", help_heading = "Choosing")]
    find_lr: Option<String>,
}

impl Train {
    pub(super) fn run(self) -> Result<(), Exit> {
        interrupt::listen();
        self.check()?;
        let flags = self.flags.with_file()?;
        let (json, quiet) = (flags.json.unwrap_or(false), flags.quiet.unwrap_or(false));
        let config = flags.resolve()?;
        let force = flags.force.unwrap_or(false);
        if let Some(picture) = self.find_lr {
            return find_lr::run(config, &picture, force, json, quiet);
        }
        let name = name(&config.data);
        let out = match flags.out {
            Some(path) => Out::Path { path, force },
            None => Out::Next(name),
        };
        if config.trials.are_several() {
            if self.profile {
                return Err(Exit::usage(
                    "--profile is of one run, and --folds and --repeats make several; choose one of them with --fold, or leave \
                     one of the flags out",
                ));
            }
            if !self.dry_run {
                return trials::run(config, out, json, quiet);
            }
        }
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
                quiet,
                profile: self.profile,
            },
        )?
        .tell(json)
    }

    /// Refuses flags that ask for different things.
    fn check(&self) -> Result<(), Exit> {
        let trials = &self.flags.trials;
        let others = [
            ("--profile", self.profile),
            ("--dry-run", self.dry_run),
            ("--folds", trials.folds.is_some()),
            ("--repeats", trials.repeats.is_some()),
            ("--out", self.flags.out.is_some()),
        ];
        match others.iter().find(|(_, given)| *given) {
            Some((flag, _)) if self.find_lr.is_some() => Err(Exit::usage(format!(
                "--find-lr trains a little and writes no run, so {flag} has no meaning beside it; leave one of them out \
                 (the picture's place is --find-lr=FILE.svg)"
            ))),
            _ => Ok(()),
        }
    }
}

/// What would be called.
struct Foreseen {
    looks: bool,
}

impl Callback for Foreseen {
    fn inspects(&self, _epoch: u64) -> bool {
        self.looks
    }

    fn keeps(&self, model_bytes: u64) -> u64 {
        Recorder::FILES * model_bytes
    }
}

/// Tells what the run would take of memory; an error if there is not so much.
fn foretell(job: &Job, opened: Opened, json: bool) -> Result<(), Exit> {
    let device = job::name(opened.executor.device()).to_owned();
    let seen = &job.config.seen;
    let foreseen = Foreseen {
        looks: seen.report || seen.tensorboard,
    };
    let (training, validation) = (&job.training, job.validation.as_ref());
    let executor = opened.executor;
    let foretold = (job.trainer).foretell(executor, training, validation, &foreseen)?;
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

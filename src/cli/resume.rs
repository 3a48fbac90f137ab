//! `thalweg resume`.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};

use super::config::{self, Config};
use super::exit::Exit;
use super::flags::count;
use super::interrupt;
use super::job::{self, Job};
use super::launch::{Launch, launch};
use super::output::note;
use crate::device::Device;
use crate::run::{CONFIG, Checkpoint, ModelFile, Out, RunFolder, latest};

const EXAMPLES: &str = "Examples:
  thalweg train --data glyphs:n=60000 --checkpoint-steps 500 --out runs/big
  thalweg resume runs/big
  thalweg resume runs/big --epochs 20

A run goes on from its newest checkpoint that is whole, in the middle of an epoch if it was there. On the same device,
with the same driver and the same data, it ends with the same bits as if it had never stopped. A run that was ended by
Ctrl-C has a checkpoint of its last step; others have those that `train --checkpoint-steps` or `--checkpoint-minutes`
asked for.";

/// Goes on with a run that was stopped.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Resume {
    /// The run folder
    run: PathBuf,
    /// How often all rows are seen in the whole run [default: as it was begun]
    #[arg(long, value_name = "N", value_parser = count, allow_negative_numbers = true)]
    epochs: Option<u64>,
    /// Training steps of the whole run [default: as it was begun]
    #[arg(long, value_name = "N", value_parser = count, allow_negative_numbers = true)]
    steps: Option<u64>,
    /// Another device; the results are then not the same bits
    #[arg(long, value_name = "DEVICE")]
    device: Option<Device>,
    /// Print one JSON object in place of the table
    #[arg(long)]
    json: bool,
    /// Show no progress
    #[arg(long)]
    quiet: bool,
}

impl Resume {
    /// Loads the data, which are read as they were when the run was begun.
    fn load(&self, config: Config) -> Result<Job, Exit> {
        let window = config.options.window;
        let job = Job::load(config)?;
        if job.config.options.window != window {
            let place = self.run.display();
            return Err(Exit::usage(format!(
                "{place}: the rows of {} no longer fit into memory, as they did when the run was begun, and in another \
                 order it cannot go on as if it had never stopped; free memory, or begin anew with \
                 `train --init-weights {place}/model.safetensors`",
                job.config.data
            )));
        }
        if !self.quiet {
            job.say_notes();
        }
        Ok(job)
    }

    pub(super) fn run(self) -> Result<(), Exit> {
        interrupt::listen();
        let place = self.run.display();
        let config = self.run.join(CONFIG);
        if !config.is_file() {
            return Err(Exit::usage(format!(
                "{place}: there is no {CONFIG} in it; expected the folder of a run"
            )));
        }
        // Whether somebody else is at it is known without reading the data.
        RunFolder::check(&self.run, true)?;
        let flags = config::read(&config)?;
        let mut config = flags.resolve()?;
        let (found, damaged) = latest(&self.run)?;
        for found in &damaged {
            note(&format!("note: {found}; the checkpoint before it is used"));
        }
        if let Some(epochs) = self.epochs {
            (config.options.epochs, config.options.steps) = (epochs, None);
        }
        config.options.steps = self.steps.or(config.options.steps);
        if let Some(device) = &self.device {
            config.device = device.clone();
        }
        let job = self.load(config)?;
        let mut opened = job::open(&job.config.device, job.config.opening(), self.quiet)?;
        let device = json!(opened.executor.device());
        let Checkpoint {
            path,
            mut snapshot,
            best,
            metrics,
            facts,
        } = found;
        let data = job.fingerprint()?;
        if facts.data.is_empty() {
            note(&format!(
                "note: the rows could not be read when the checkpoint was written, so it is not known whether those of {} are \
                 the same: if not, the results are not those of one run",
                job.config.data
            ));
        } else if facts.data != data {
            return Err(Exit::usage(format!(
                "{place}: the rows of {} are not those that the run was trained on, so it cannot go on as if it had never \
                 stopped; put them back, or begin anew with `train --init-weights {place}/model.safetensors`",
                job.config.data
            )));
        }
        if facts.device != device {
            let word = |device: &Value| {
                let word = |key: &str| device[key].as_str().unwrap_or("unknown").to_owned();
                format!("{} ({}, {})", word("name"), word("backend"), word("driver"))
            };
            note(&format!(
                "note: the checkpoint is of the device {}, and this is {}: the results are not the same bits",
                word(&facts.device),
                word(&device)
            ));
        }
        if std::fs::read_to_string(self.run.join(CONFIG)).is_ok_and(|text| text != facts.config) {
            note(&format!(
                "note: {CONFIG} is not as it was when the checkpoint was written: the results are not those of one run"
            ));
        }
        if facts.thalweg != env!("CARGO_PKG_VERSION") {
            note(&format!(
                "note: version {} of thalweg wrote the checkpoint: the results may not be the same bits",
                facts.thalweg
            ));
        }
        opened.executor.choose(&facts.products);
        if let Some(bytes) = &best {
            let model = ModelFile::from_bytes(&path, bytes.clone())?.model;
            snapshot.best = Some(Arc::new(model));
        }
        let steps = snapshot.standing.steps;
        if !self.quiet {
            note(&format!("note: goes on after step {steps}"));
        }
        let out = Out::Resumed {
            path: self.run.clone(),
            metrics,
            best: best.map(Arc::new),
        };
        launch(
            &job,
            opened,
            Launch {
                out,
                data: Some(data),
                snapshot: Some(snapshot),
                quiet: self.quiet,
                profile: false,
            },
        )?
        .tell(self.json)
    }
}

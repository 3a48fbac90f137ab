//! `thalweg search`: which structure.

use std::ops::{ControlFlow, RangeInclusive};
use std::path::PathBuf;
use std::time::Instant;

use super::exit::Exit;
use super::flags::{self, Columns, Flags};
use super::job::{self, Job};
use super::{interrupt, output};
use crate::data::{Missing, Normalize, Spec, Task};
use crate::device::Device;
use crate::network::Activation;
use crate::search::{Budget, Candidate, Found, Problem, Progress, Search as Searching, Space};

mod picture;
mod ranges;
mod told;

use picture::Picture;
use ranges::{Span, decays, depths, rates, widths};
use told::Told;

const EXAMPLES: &str = "Examples:
  thalweg search
  thalweg search --data flowers.csv --target kind --trials 128 --steps 1000
  thalweg search --data spirals --depths 1-4 --widths 4-64 --activations relu,tanh,gelu --lr 1e-3..1e-1
  thalweg search --data houses.csv --l2 0 --json

Candidates are drawn at random: depth and activation evenly, width, learning rate and L2 evenly in their
logarithms. All are trained a little; one in --eta goes on with its weights and Adam's state, and so forth up to
--steps. The finalists are trained again from the beginning over --repeats seeds, which gives the intervals. Many
networks are trained at once: those of one depth and activation and of similar widths in one step. The validation
rows are those of `thalweg train` with the same --seed; having chosen by them, a figure on other rows is
the honest one (keep some, for `thalweg eval`). The seeds of the finalists are other ones than that which
chose. Ctrl-C ends the search, and what is known by then is told.";

/// Searches for a network.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Search {
    /// A generator or a path, as `thalweg train` takes them [default: glyphs]
    #[arg(long, value_name = "SPEC", help_heading = "Data")]
    data: Option<Spec>,
    /// The target's column in a CSV, or several separated by commas, all numbers [default: the last]
    #[arg(long, value_name = "COLUMN", help_heading = "Data")]
    target: Option<String>,
    /// Judge by this data set, and train on all of --data
    #[arg(long, value_name = "SPEC", help_heading = "Data")]
    val_data: Option<Spec>,
    /// Judge by this share of the rows, chosen by the seed [default: 0.2]
    #[arg(long, value_name = "FRACTION", value_parser = flags::fraction, allow_negative_numbers = true, help_heading = "Data")]
    val_fraction: Option<f64>,
    /// auto, classification or regression [default: auto]
    #[arg(long, value_name = "TASK", value_parser = flags::word::<Task>, help_heading = "Data")]
    task: Option<Task>,
    /// auto, standard, minmax or none [default: auto]
    #[arg(long, value_name = "HOW", value_parser = flags::word::<Normalize>, help_heading = "Data")]
    normalize: Option<Normalize>,
    /// What to do about missing values of a CSV: error, mean or drop [default: error]
    #[arg(long, value_name = "HOW", value_parser = flags::word::<Missing>, help_heading = "Data")]
    missing: Option<Missing>,
    /// Columns of a CSV to leave out
    #[arg(long, value_name = "COLUMN,…", value_parser = flags::columns, help_heading = "Data")]
    drop: Option<Columns>,

    /// Hidden layers, as in 2 or 1-3
    #[arg(long, value_name = "N-M", value_parser = depths, default_value = "1-3", help_heading = "Space")]
    depths: RangeInclusive<usize>,
    /// Units of each hidden layer, as in 64 or 8-128
    #[arg(long, value_name = "N-M", value_parser = widths, default_value = "8-128", help_heading = "Space")]
    widths: RangeInclusive<usize>,
    /// Activations, as `thalweg train` takes them
    #[arg(long, value_name = "NAME,…", value_parser = flags::activation, value_delimiter = ',', default_value = "relu,tanh", help_heading = "Space")]
    activations: Vec<Activation>,
    /// Learning rates of Adam, as in 0.01 or 1e-4..1e-1
    #[arg(long, value_name = "A..B", value_parser = rates, allow_negative_numbers = true, default_value = "1e-4..1e-1", help_heading = "Space")]
    lr: Span,
    /// Weight decays, as in 0 or 1e-6..1e-2
    #[arg(long, visible_alias = "weight-decay", value_name = "A..B", value_parser = decays, allow_negative_numbers = true, default_value = "1e-6..1e-2", help_heading = "Space")]
    l2: Span,

    /// Candidates
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000), allow_negative_numbers = true, default_value = "64", help_heading = "Budget")]
    trials: u32,
    /// Training steps of those that come to the end
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), allow_negative_numbers = true, default_value = "500", help_heading = "Budget")]
    steps: u32,
    /// Of so many candidates one goes on
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=1000), allow_negative_numbers = true, default_value = "3", help_heading = "Budget")]
    eta: u32,
    /// How many are trained again at the end
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000), allow_negative_numbers = true, default_value = "3", help_heading = "Budget")]
    finalists: u32,
    /// Over how many seeds
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000), allow_negative_numbers = true, default_value = "5", help_heading = "Budget")]
    repeats: u32,
    /// Rows in a batch
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(u32).range(1..=1 << 20), allow_negative_numbers = true, default_value = "32", help_heading = "Budget")]
    batch_size: u32,
    /// Decides the candidates, the split, the first weights and the order of the rows
    #[arg(long, value_name = "N", default_value = "0", help_heading = "Budget")]
    seed: u64,

    /// auto, cpu, gpu, reference, reference-f32, or an adapter by number or by a part of its name [default: auto]
    #[arg(long, value_name = "DEVICE", help_heading = "Device")]
    device: Option<Device>,
    /// Threads of the CPU executor [default: one a core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024), help_heading = "Device")]
    threads: Option<u16>,

    /// The picture [default: the first free search-N.svg]
    #[arg(long, value_name = "FILE.svg", help_heading = "Output")]
    out: Option<PathBuf>,
    /// Replace a picture that is there already
    #[arg(long, help_heading = "Output")]
    force: bool,
    /// Print one JSON object in place of the table
    #[arg(long, help_heading = "Output")]
    json: bool,
    /// Show no progress
    #[arg(long, help_heading = "Output")]
    quiet: bool,
}

impl Search {
    pub(super) fn run(self) -> Result<(), Exit> {
        interrupt::listen();
        self.picture().check()?;
        let (space, budget) = (self.space(), self.budget());
        let job = Job::load(self.flags().resolve()?)?;
        if !self.quiet {
            job.say_notes();
        }
        let Some(validation) = &job.validation else {
            return Err(Exit::usage(
                "--val-fraction is 0, and a search judges by validation rows; expected a number above 0, or --val-data",
            ));
        };
        let opened = job::open(&job.config.device, job.config.opening(), self.quiet)?;
        let (described, device) = (
            job::describe(&opened),
            job::name(opened.executor.device()).to_owned(),
        );
        let budget = Budget {
            batch_size: budget.batch_size.min(job.training.rows()),
            ..budget
        };
        let problem = Problem {
            training: &job.training,
            validation,
            loss: job.loss(),
            units: job.trainer.units.clone(),
        };
        let begun = Instant::now();
        let mut search = Searching::new(problem, budget.clone(), opened.executor)?;
        interrupt::training_begins();
        let ended = search.run(&space, &mut |progress| self.told(progress));
        // What is known is told, however the search ended.
        let (found, failure) = match ended {
            Ok(found) => (found, None),
            Err(error) => (search.so_far(), Some(Exit::from(error))),
        };
        let told = Told {
            found: &found,
            budget: &budget,
            job: &job,
            device,
            described,
            seconds: begun.elapsed().as_secs_f64(),
            network_steps: search.training_steps(),
            judges: validation.rows(),
            training_seconds: search.training_seconds(),
            command: &|number| self.command(&found, budget.batch_size, number),
            picture: None,
        };
        self.tell(told, failure)
    }

    /// Draws and prints what there is. Without a picture the rest is printed all the same.
    fn tell(&self, mut told: Told<'_>, failure: Option<Exit>) -> Result<(), Exit> {
        let nothing = told.found.rungs.is_empty();
        let failure = match failure {
            Some(failure) if nothing => return Err(failure),
            failure => failure,
        };
        let drawn = match nothing {
            true => Ok(None),
            false => self.picture().draw(&told.chart()).map(Some),
        };
        told.picture = drawn.as_ref().ok().cloned().flatten();
        if self.json {
            output::print_json(&told.json())?;
        } else {
            output::print(&told.text())?;
        }
        match (failure, drawn, told.found.stopped) {
            (Some(failure), ..) | (None, Err(failure), _) => Err(failure),
            (None, Ok(_), true) => Err(Exit::INTERRUPTED),
            (None, Ok(_), false) => Ok(()),
        }
    }

    fn picture(&self) -> Picture<'_> {
        Picture {
            out: self.out.as_deref(),
            force: self.force,
        }
    }

    /// Says what a rung came to, and whether to go on.
    fn told(&self, progress: &Progress<'_>) -> ControlFlow<()> {
        if interrupt::asked() {
            return ControlFlow::Break(());
        }
        let share = 100.0 * progress.done as f64 / progress.all.max(1) as f64;
        if let (false, Some(rung)) = (self.quiet, progress.rung) {
            let (count, steps) = (rung.scores.len(), rung.steps);
            let best = rung.scores.first().map_or(f64::NAN, |s| s.1.loss);
            output::note(&format!(
                "{count} network{} after {steps} step{}: the best validation loss is {}; {share:.0} % done",
                if count == 1 { "" } else { "s" },
                if steps == 1 { "" } else { "s" },
                output::short(best)
            ));
        }
        ControlFlow::Continue(())
    }

    fn space(&self) -> Space {
        Space {
            depths: self.depths.clone(),
            widths: self.widths.clone(),
            activations: self.activations.clone(),
            rates: self.lr.0..=self.lr.1,
            decays: self.l2.0..=self.l2.1,
        }
    }

    fn budget(&self) -> Budget {
        Budget {
            trials: self.trials as usize,
            steps: self.steps,
            eta: self.eta as usize,
            finalists: self.finalists as usize,
            repeats: self.repeats as usize,
            batch_size: self.batch_size as usize,
            seed: self.seed,
        }
    }

    /// What `thalweg train` would be given.
    fn flags(&self) -> Flags {
        Flags {
            data: self.data.clone(),
            target: self.target.clone(),
            val_data: self.val_data.clone(),
            val_fraction: self.val_fraction,
            task: self.task,
            normalize: self.normalize,
            missing: self.missing,
            drop: self.drop.clone(),
            batch_size: Some(self.batch_size.into()),
            steps: Some(self.steps.into()),
            seed: Some(self.seed),
            device: self.device.clone(),
            threads: self.threads.map(usize::from),
            ..Flags::default()
        }
    }

    /// The command that trains a finalist, or the best that there is.
    fn command(&self, found: &Found, batch_size: usize, finalist: usize) -> Option<String> {
        let candidate = match found.finalists.get(finalist) {
            Some(finalist) => &finalist.candidate,
            None if finalist > 0 => return None,
            None => &found.candidates[found.rungs.last()?.scores.first()?.0],
        };
        let mut command = "thalweg train".to_owned();
        let mut put = |flag: &str, value: Option<String>| {
            if let Some(value) = value {
                // What begins like a flag would be taken for one.
                let between = if value.starts_with('-') { '=' } else { ' ' };
                command.push_str(&format!(" --{flag}{between}{}", quoted(&value)));
            }
        };
        put("data", self.data.as_ref().map(ToString::to_string));
        put("target", self.target.clone());
        put("val-data", self.val_data.as_ref().map(ToString::to_string));
        put("val-fraction", self.val_fraction.map(|f| f.to_string()));
        put("task", self.task.map(|task| task.to_string()));
        put("normalize", self.normalize.map(|how| how.to_string()));
        put("missing", self.missing.map(|how| how.to_string()));
        put(
            "drop",
            self.drop.as_ref().map(|Columns(names)| names.join(",")),
        );
        put("hidden", Some(hidden(candidate, ",")));
        put("activation", Some(candidate.activation.to_string()));
        put("lr", Some(format!("{:?}", candidate.learning_rate)));
        put("l2", Some(format!("{:?}", candidate.weight_decay)));
        put("batch-size", Some(batch_size.to_string()));
        put("steps", Some(self.steps.to_string()));
        put("seed", Some(self.seed.to_string()));
        put("device", self.device.as_ref().map(ToString::to_string));
        put("threads", self.threads.map(|threads| threads.to_string()));
        Some(command)
    }
}

/// The widths of the hidden layers, one behind the other.
fn hidden(candidate: &Candidate, between: &str) -> String {
    let widths: Vec<_> = candidate.hidden().iter().map(usize::to_string).collect();
    widths.join(between)
}

/// As a shell reads one word.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted() {
        assert_eq!(quoted("moons:n=40,noise=0.2"), "moons:n=40,noise=0.2");
        assert_eq!(quoted("my file.csv"), "'my file.csv'");
        assert_eq!(quoted("it's"), "'it'\\''s'");
        assert_eq!(quoted(""), "''");
    }
}

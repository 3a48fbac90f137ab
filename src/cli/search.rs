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
use crate::run::{self, RunError};
use crate::search::{Budget, Found, Problem, Progress, Search as Searching, Space};

mod told;

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
the honest one (keep some, for `thalweg eval`). Ctrl-C ends the search, and what is known by then is told.";

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

/// The ends of a range of numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Span(f64, f64);

/// A range of whole numbers within another, or one number.
fn whole(text: &str, within: RangeInclusive<usize>) -> Result<RangeInclusive<usize>, String> {
    let text = text.trim();
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    let number = |text: &str| text.trim().parse::<usize>().ok();
    let range = number(low).zip(number(high)).map(|(low, high)| low..=high);
    let fits = |r: &RangeInclusive<usize>| {
        !r.is_empty() && within.contains(r.start()) && within.contains(r.end())
    };
    range.filter(fits).ok_or_else(|| {
        let (low, high) = (within.start(), within.end());
        format!("expected whole numbers from {low} to {high}, the smaller first, as in 1-3, or one of them")
    })
}

fn depths(text: &str) -> Result<RangeInclusive<usize>, String> {
    whole(text, 0..=100)
}

fn widths(text: &str) -> Result<RangeInclusive<usize>, String> {
    whole(text, 1..=65_536)
}

/// A range of numbers above 0, or one number.
fn span(text: &str) -> Option<Span> {
    let text = text.trim();
    let (low, high) = text.split_once("..").unwrap_or((text, text));
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|x| x.is_finite());
    let (low, high) = number(low).zip(number(high))?;
    (low > 0.0 && low <= high).then_some(Span(low, high))
}

fn rates(text: &str) -> Result<Span, String> {
    span(text).ok_or_else(|| {
        "expected finite numbers above 0, the smaller first, as in 1e-4..1e-1, or one of them"
            .to_owned()
    })
}

fn decays(text: &str) -> Result<Span, String> {
    let none = || text.trim().parse() == Ok(0.0);
    let found = span(text).or_else(|| none().then_some(Span(0.0, 0.0)));
    found.ok_or_else(|| {
        "expected finite numbers above 0, the smaller first, as in 1e-6..1e-2, one of them, or 0 for none"
            .to_owned()
    })
}

impl Search {
    pub(super) fn run(self) -> Result<(), Exit> {
        interrupt::listen();
        let picture = self.picture()?;
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
        let problem = Problem {
            training: &job.training,
            validation,
            loss: job.loss(),
            units: job.trainer.units.clone(),
        };
        let begun = Instant::now();
        let mut search = Searching::new(problem, budget.clone(), opened.executor)?;
        interrupt::training_begins();
        let found = search.run(&space, &mut |progress| self.told(progress))?;
        let told = Told {
            found: &found,
            budget: &budget,
            job: &job,
            device,
            described,
            seconds: begun.elapsed().as_secs_f64(),
            network_steps: search.training_steps(),
            training_seconds: search.training_seconds(),
            command: &|number| self.command(&found, number),
            picture: picture.display().to_string(),
        };
        run::write(&picture, told.chart().svg().as_bytes()).map_err(|source| RunError::Io {
            path: picture.clone(),
            what: "written",
            source,
        })?;
        if self.json {
            output::print_json(&told.json())?;
        } else {
            output::print(&told.text())?;
        }
        match found.stopped {
            true => Err(Exit::INTERRUPTED),
            false => Ok(()),
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
                "{count} networks after {steps} steps: the best validation loss is {}; {share:.0} % done",
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
    fn command(&self, found: &Found, finalist: usize) -> Option<String> {
        let candidate = match found.finalists.get(finalist) {
            Some(finalist) => &finalist.candidate,
            None if finalist > 0 => return None,
            None => &found.candidates[found.rungs.last()?.scores.first()?.0],
        };
        let hidden: Vec<_> = candidate.hidden().iter().map(usize::to_string).collect();
        let mut command = "thalweg train".to_owned();
        let mut put = |flag: &str, value: Option<String>| {
            if let Some(value) = value {
                command.push_str(&format!(" --{flag} {}", quoted(&value)));
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
        put("hidden", Some(hidden.join(",")));
        put("activation", Some(candidate.activation.to_string()));
        put("lr", Some(format!("{:?}", candidate.learning_rate)));
        put("l2", Some(format!("{:?}", candidate.weight_decay)));
        put("batch-size", Some(self.batch_size.to_string()));
        put("steps", Some(self.steps.to_string()));
        put("seed", Some(self.seed.to_string()));
        put("device", self.device.as_ref().map(ToString::to_string));
        Some(command)
    }

    /// Where the picture goes. None that is there is replaced unasked.
    fn picture(&self) -> Result<PathBuf, Exit> {
        let Some(path) = &self.out else {
            let path = |n: u64| PathBuf::from(format!("search-{n}.svg"));
            let free = (1..).map(path).find(|p| p.symlink_metadata().is_err());
            return Ok(free.expect("there is no end of numbers"));
        };
        let shown = path.display();
        if path.is_dir() || path.file_name().is_none() {
            return Err(Exit::usage(format!(
                "--out {shown}: is no file's name; expected one, such as search.svg"
            )));
        }
        if path.symlink_metadata().is_ok() && !self.force {
            let hint = "; choose another picture, or replace this one by `--force`";
            let path = path.clone();
            return Err(RunError::Exists { path, hint }.into());
        }
        let folder = path.parent().filter(|f| !f.as_os_str().is_empty());
        if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
            return Err(Exit::usage(format!(
                "--out {shown}: there is no folder {}; make it first, or choose another place",
                folder.display()
            )));
        }
        Ok(path.clone())
    }
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
    fn ranges_are_read() {
        assert_eq!(widths("8-128"), Ok(8..=128));
        assert_eq!(depths("2"), Ok(2..=2));
        assert_eq!(rates("1e-4..1e-1"), Ok(Span(1e-4, 0.1)));
        assert_eq!(rates(" 0.01 "), Ok(Span(0.01, 0.01)));
        assert_eq!(decays("0"), Ok(Span(0.0, 0.0)));
        for text in ["", "3-1", "0-5", "a", "1-b", "-3", "1-70000", "1..5"] {
            assert!(widths(text).is_err(), "{text}");
        }
        for text in ["", "0", "0..1", "1..0.1", "nan", "1..inf", "-1..1", "x..y"] {
            assert!(rates(text).is_err(), "{text}");
        }
    }

    #[test]
    fn words_are_quoted() {
        assert_eq!(quoted("moons:n=40,noise=0.2"), "moons:n=40,noise=0.2");
        assert_eq!(quoted("my file.csv"), "'my file.csv'");
        assert_eq!(quoted("it's"), "'it'\\''s'");
        assert_eq!(quoted(""), "''");
    }
}

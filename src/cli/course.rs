//! How a run goes: its schedule, when it ends, and how often it is saved; as flags and as keys of a TOML file.

use clap::Args;

use super::exit::Exit;
use super::flags::{count, positive, word};
use crate::train::{Monitor, Options, Schedule, Stopping};

/// Seconds of a minute.
const MINUTE: f64 = 60.0;

/// The flags. What is not given is `None`, so that a file can give it.
#[derive(Debug, Clone, Default, Args)]
#[expect(
    clippy::doc_markdown,
    reason = "these docs are the help texts, which would show the backticks"
)]
pub(super) struct Course {
    /// How the learning rate goes, with PyTorch's keys: constant, step:step_size=30, multi_step:milestones=30/80, exponential:gamma=0.9, cosine[:t_max=…], cosine_restarts:t_0=10, linear, one_cycle, plateau[:patience=10]; behind each per=step|epoch and warmup=STEPS [default: constant]
    #[arg(long, value_name = "CURVE[:KEY=…]", help_heading = "Training")]
    pub(super) schedule: Option<Schedule>,
    /// What makes an epoch the best, on the validation rows if there are any: loss, accuracy or r2 [default: loss]
    #[arg(long, value_name = "NAME", value_parser = word::<Monitor>, help_heading = "Stopping")]
    pub(super) monitor: Option<Monitor>,
    /// End the run after so many epochs without a better one, with the best epoch's model
    #[arg(long, value_name = "EPOCHS", value_parser = count, allow_negative_numbers = true, help_heading = "Stopping")]
    pub(super) patience: Option<u64>,
    /// With --patience: an epoch is better only if it is by more than this [default: 0]
    #[arg(long, value_name = "NUMBER", value_parser = positive, allow_negative_numbers = true, help_heading = "Stopping")]
    pub(super) min_delta: Option<f64>,
    /// With --patience: end with the best epoch's model, or with the last one's [default: true]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_possible_values = true, help_heading = "Stopping")]
    pub(super) restore_best: Option<bool>,
}

/// How often a run is saved. A struct of its own, since the headings of the help stand in the order of the flags.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct Saving {
    /// Save a checkpoint every so many training steps, from which `thalweg resume` goes on
    #[arg(long, value_name = "N", value_parser = count, allow_negative_numbers = true, help_heading = "Output")]
    pub(super) checkpoint_steps: Option<u64>,
    /// Save a checkpoint every so many minutes
    #[arg(long, value_name = "MINUTES", value_parser = positive, allow_negative_numbers = true, help_heading = "Output")]
    pub(super) checkpoint_minutes: Option<f64>,
}

impl Course {
    /// These flags, and where one is not given, that of `file`.
    pub(super) fn or(self, file: Self) -> Self {
        macro_rules! first {
            ($($field:ident),*) => { Self { $($field: self.$field.or(file.$field)),* } };
        }
        first!(schedule, monitor, patience, min_delta, restore_best)
    }

    /// Puts what they say into the options.
    pub(super) fn apply(&self, options: &mut Options) -> Result<(), Exit> {
        options.schedule = self.schedule.clone().unwrap_or_default();
        options.monitor = self.monitor.unwrap_or_default();
        let stopping = |patience| Stopping {
            patience,
            min_delta: self.min_delta.unwrap_or(0.0),
            restore_best: self.restore_best.unwrap_or(true),
        };
        options.stopping = self.patience.map(stopping);
        let lonely = [
            ("--min-delta", self.min_delta.is_some()),
            ("--restore-best", self.restore_best.is_some()),
        ];
        if let (None, Some((flag, _))) = (self.patience, lonely.iter().find(|(_, given)| *given)) {
            return Err(Exit::usage(format!(
                "{flag} is of early stopping, and there is no --patience; give both or neither"
            )));
        }
        Ok(())
    }

    /// The options as lines of TOML.
    pub(super) fn put(options: &Options, put: &mut impl FnMut(&str, Option<String>)) {
        let quoted = |text: String| toml::Value::String(text).to_string();
        let stopping = options.stopping;
        put("schedule", Some(quoted(options.schedule.to_string())));
        put("monitor", Some(quoted(options.monitor.to_string())));
        put("patience", stopping.map(|s| s.patience.to_string()));
        put("min-delta", stopping.map(|s| format!("{:?}", s.min_delta)));
        put("restore-best", stopping.map(|s| s.restore_best.to_string()));
        let steps = options.checkpoint_steps;
        put("checkpoint-steps", steps.map(|n| n.to_string()));
        let minutes = options.checkpoint_seconds.map(|s| s / MINUTE);
        put("checkpoint-minutes", minutes.map(|m| format!("{m:?}")));
    }
}

impl Saving {
    /// These flags, and where one is not given, that of `file`.
    pub(super) fn or(self, file: Self) -> Self {
        Self {
            checkpoint_steps: self.checkpoint_steps.or(file.checkpoint_steps),
            checkpoint_minutes: self.checkpoint_minutes.or(file.checkpoint_minutes),
        }
    }

    /// Puts what they say into the options.
    pub(super) fn apply(&self, options: &mut Options) -> Result<(), Exit> {
        options.checkpoint_steps = self.checkpoint_steps;
        options.checkpoint_seconds = self.checkpoint_minutes.map(|minutes| minutes * MINUTE);
        if self.checkpoint_minutes == Some(0.0) {
            return Err(Exit::usage(
                "--checkpoint-minutes is 0; expected more than 0 minutes",
            ));
        }
        Ok(())
    }
}

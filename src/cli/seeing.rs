//! How a run is shown beside its figures: the report, curves in the terminal, TensorBoard's files; as flags and as keys of a
//! TOML file.

use clap::Args;

use super::exit::Exit;

/// The flags. What is not given is `None`, so that a file can give it.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct Seeing {
    /// Write report.html, a page that shows the run, while it goes on and at its end [default: true]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", hide_possible_values = true, help_heading = "Output")]
    pub(super) report: Option<bool>,
    /// Write no report.html, and do not look into gradients and units for it
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_possible_values = true, help_heading = "Output")]
    pub(super) no_report: Option<bool>,
    /// Draw the curves of the losses behind the table; not with --json
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_possible_values = true, help_heading = "Output")]
    pub(super) plot: Option<bool>,
    /// Write TensorBoard's event files into the run folder too
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_possible_values = true, help_heading = "Output")]
    pub(super) tensorboard: Option<bool>,
}

/// What they come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) report: bool,
    pub(super) plot: bool,
    pub(super) tensorboard: bool,
}

impl Seeing {
    /// These flags, and where one is not given, that of `file`. The two flags of the report are one.
    pub(super) fn or(self, file: Self) -> Self {
        let own = self.report.is_some() || self.no_report.is_some();
        let (report, no_report) = if own {
            (self.report, self.no_report)
        } else {
            (file.report, file.no_report)
        };
        Self {
            report,
            no_report,
            plot: self.plot.or(file.plot),
            tensorboard: self.tensorboard.or(file.tensorboard),
        }
    }

    pub(super) fn resolve(&self) -> Result<Seen, Exit> {
        if let (Some(report), Some(no_report)) = (self.report, self.no_report)
            && report == no_report
        {
            return Err(Exit::usage(format!(
                "--report is {report} and --no-report is {no_report}, which contradict each other; leave one of them out"
            )));
        }
        Ok(Seen {
            report: self.report.unwrap_or(!self.no_report.unwrap_or(false)),
            plot: self.plot.unwrap_or(false),
            tensorboard: self.tensorboard.unwrap_or(false),
        })
    }
}

impl Seen {
    /// As lines of TOML.
    pub(super) fn put(self, put: &mut impl FnMut(&str, Option<String>)) {
        put("report", Some(self.report.to_string()));
        put("plot", Some(self.plot.to_string()));
        put("tensorboard", Some(self.tensorboard.to_string()));
    }
}

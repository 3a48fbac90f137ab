//! How the program ends when it does not simply end.

use std::io::Write;
use std::process::ExitCode;

use crate::bench::BenchError;
use crate::data::DataError;
use crate::executor::ExecutorError;
use crate::explain::ExplainError;
use crate::network::NetworkError;
use crate::plan::PlanError;
use crate::run::RunError;
use crate::train::TrainError;

/// An end with an exit status, and perhaps something to say.
#[derive(Debug)]
pub(super) struct Exit {
    status: u8,
    error: Option<anyhow::Error>,
}

/// Bad usage or bad input that only the command line knows of.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Usage(pub(super) String);

impl Exit {
    /// The end of an interrupted run.
    pub(super) const INTERRUPTED: Self = Self {
        status: 130,
        error: None,
    };
    /// Nobody reads the results any more.
    pub(super) const CLOSED_PIPE: Self = Self {
        status: 0,
        error: None,
    };

    /// Bad usage or bad input.
    pub(super) fn usage(message: impl Into<String>) -> Self {
        Usage(message.into()).into()
    }

    /// A run that failed.
    pub(super) fn failed(message: impl Into<String>) -> Self {
        Self {
            status: 1,
            error: Some(anyhow::Error::msg(message.into())),
        }
    }

    /// Says more below the message.
    pub(super) fn hint(mut self, hint: &str) -> Self {
        let hinted = |error: anyhow::Error| {
            anyhow::Error::msg(format!("{}\nhint: {hint}", describe(&error)))
        };
        self.error = self.error.map(hinted);
        self
    }

    /// Says what is to be said, once, and gives the status.
    pub(super) fn report(self) -> ExitCode {
        if let Some(error) = &self.error {
            // Standard error may be closed, and then there is nobody to tell.
            let _ = writeln!(std::io::stderr(), "error: {}", describe(error));
        }
        ExitCode::from(self.status)
    }
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.error {
            Some(error) => f.write_str(&describe(error)),
            None => write!(f, "status {}", self.status),
        }
    }
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for Exit {
    fn from(error: E) -> Self {
        let error = anyhow::Error::new(error);
        Self {
            status: status(&error),
            error: Some(error),
        }
    }
}

/// 2 for what the caller can mend, 1 for the rest.
fn status(error: &anyhow::Error) -> u8 {
    let bad_device = |e: &ExecutorError| matches!(e, ExecutorError::NoDevice { .. });
    let train = |e: &TrainError| match e {
        TrainError::Option { .. }
        | TrainError::Schedule { .. }
        | TrainError::Snapshot { .. }
        | TrainError::Mismatch { .. }
        | TrainError::Targets { .. }
        | TrainError::Weights(_)
        | TrainError::Network(_) => true,
        TrainError::Plan(PlanError::NoHalf { .. }) => true,
        TrainError::Executor(e) => bad_device(e),
        _ => false,
    };
    let bad_input = error.is::<Usage>()
        || error
            .downcast_ref()
            .is_some_and(|e| !matches!(e, DataError::Temporary { .. }))
        || error.is::<NetworkError>()
        || error.downcast_ref().is_some_and(RunError::is_bad_input)
        || error.downcast_ref().is_some_and(ExplainError::is_bad_input)
        || error.downcast_ref().is_some_and(train)
        || error
            .downcast_ref()
            .is_some_and(|e| matches!(e, BenchError::Case { .. } | BenchError::Data(_)))
        || error.downcast_ref().is_some_and(bad_device);
    if bad_input { 2 } else { 1 }
}

/// The message with its causes, but for those that it tells already.
fn describe(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text.push_str(&format!("\ncaused by: {cause}"));
        }
    }
    text
}

//! What can be wrong with the files of a run.

use std::io;
use std::path::PathBuf;

/// A file or folder of a run that cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The file system refused.
    #[error("{}: cannot be {what}: {source}; check the path, its permissions and the space left", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// `read` or `written`.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A file that is not what it should be.
    #[error("{}: found {found}, expected {expected}; {hint}", .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is there.
        found: String,
        /// What should be there.
        expected: String,
        /// What to do.
        hint: &'static str,
    },
    /// A tensor that does not fit the network.
    #[error("{}, tensor `{tensor}`: found {found}, expected {expected}; {hint}", .path.display())]
    Tensor {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// What is there.
        found: String,
        /// What should be there.
        expected: String,
        /// What to do.
        hint: &'static str,
    },
    /// A file of a later version of this program.
    #[error(
        "{}: this model file has format {found}, and this version of thalweg reads formats up to {known}; \
         use a newer thalweg", .path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u64,
        /// The newest that is known.
        known: u64,
    },
    /// A description that no model file can hold.
    #[error(
        "the description of the model takes {found} bytes, and a model file holds at most {most}; \
         use fewer inputs or classes, or `--normalize none`"
    )]
    TooLarge {
        /// Bytes of the description.
        found: usize,
        /// The most that fit.
        most: usize,
    },
    /// A run that another process is writing.
    #[error("{}: another process is writing this run; wait for it, or end it", .path.display())]
    Busy {
        /// The run.
        path: PathBuf,
    },
    /// A run that cannot go on.
    #[error("{}: there is no checkpoint to go on from{damaged}; {hint}", .path.display())]
    NoCheckpoint {
        /// The run.
        path: PathBuf,
        /// What is wrong with those that are there.
        damaged: String,
        /// What to do.
        hint: &'static str,
    },
    /// A path that is taken.
    #[error("{}: exists already{hint}", .path.display())]
    Exists {
        /// The path.
        path: PathBuf,
        /// What to do.
        hint: &'static str,
    },
}

impl RunError {
    pub(super) fn read(path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::Io {
            path: path.into(),
            what: "read",
            source,
        }
    }

    pub(super) fn written(path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::Io {
            path: path.into(),
            what: "written",
            source,
        }
    }

    /// Whether something was there already.
    pub(super) fn is_taken(&self) -> bool {
        match self {
            Self::Exists { .. } => true,
            Self::Io { source, .. } => source.kind() == io::ErrorKind::AlreadyExists,
            _ => false,
        }
    }

    /// Whether what was given is at fault, and not the writing.
    pub fn is_bad_input(&self) -> bool {
        !matches!(
            self,
            Self::Io {
                what: "written",
                ..
            }
        )
    }
}

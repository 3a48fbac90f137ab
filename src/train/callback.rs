//! What a training run tells while it goes.

use std::collections::BTreeMap;

use super::{Evaluation, Inspection, Model, Profile, Snapshot, Streamed, Summary};

/// Training steps that have just been done. A step is an update: where it has several batches
/// ([`Rules::accumulate`](super::Rules::accumulate)) it is told when the last of them is done.
#[derive(Debug, Clone, Copy)]
pub struct StepsReport<'a> {
    /// The epoch, from 1.
    pub epoch: u64,
    /// The number of the first of them, from 1.
    pub first: u64,
    /// The loss of each, on its own batch, or the mean over the rows of its batches. Squared errors are in the scale that the
    /// network sees.
    pub losses: &'a [f64],
    /// The share of rows classified right over all of them, if there are classes.
    pub accuracy: Option<f64>,
    /// Rows seen since the run began.
    pub samples: u64,
    /// Training steps of the whole run.
    pub total: u64,
}

/// An epoch that has just been done, or as much of it as was.
#[derive(Debug)]
pub struct EpochReport<'a> {
    /// Its number, from 1.
    pub epoch: u64,
    /// Training steps since the run began.
    pub steps: u64,
    /// Rows seen since the run began.
    pub samples: u64,
    /// Over the epoch's own batches, while the parameters changed.
    pub train: &'a Evaluation,
    /// Over the validation rows, if there are any.
    pub validation: Option<&'a Evaluation>,
    /// Whether this is the best epoch so far: by what [`Options::monitor`](super::Options::monitor) says, of the validation
    /// rows, or without them of the training rows.
    pub best: bool,
    /// The learning rate of its last step.
    pub learning_rate: f64,
    /// Seconds since the run began.
    pub seconds: f64,
    /// The model as it is now.
    pub model: &'a Model,
    /// A look into the network on one of its batches, if it was asked for by [`Callback::inspects`].
    pub inspection: Option<&'a Inspection>,
}

/// Who wants to know.
pub trait Callback {
    /// Before the first training step: the shader chosen for each product, as [`Executor::choices`] tells them. With the
    /// device, its driver and the seed they decide every bit of the run.
    ///
    /// [`Executor::choices`]: crate::executor::Executor::choices
    ///
    /// # Errors
    /// An error ends the run and comes back as it is.
    fn chose(&mut self, _products: &BTreeMap<String, String>) -> std::io::Result<()> {
        Ok(())
    }

    /// Before the first training step: the rows that stream, if some do.
    ///
    /// # Errors
    /// An error ends the run and comes back as it is.
    fn streams(&mut self, _streamed: &[Streamed]) -> std::io::Result<()> {
        Ok(())
    }

    /// Before an epoch, or before the rest of one where a run goes on: the learning rate for it, if it is not to be the
    /// schedule's.
    ///
    /// # Errors
    /// An error ends the run and comes back as it is.
    fn epoch_begins(&mut self, _epoch: u64) -> std::io::Result<Option<f64>> {
        Ok(None)
    }

    /// After the run, with the model that it ends with.
    ///
    /// # Errors
    /// An error comes back as it is, and the model is lost to who trained it.
    fn ends(&mut self, _summary: &Summary, _model: &Model) -> std::io::Result<()> {
        Ok(())
    }

    /// After some training steps, at least one.
    ///
    /// # Errors
    /// An error ends the run and comes back as it is.
    fn steps(&mut self, _report: &StepsReport<'_>) -> std::io::Result<()> {
        Ok(())
    }

    /// After an epoch.
    ///
    /// # Errors
    /// An error ends the run and comes back as it is.
    fn epoch(&mut self, _report: &EpochReport<'_>) -> std::io::Result<()> {
        Ok(())
    }

    /// Whether the epoch's report shall hold an [`Inspection`], which takes about as long as a training step and changes
    /// nothing of the run.
    fn inspects(&self, _epoch: u64) -> bool {
        false
    }

    /// Whether it keeps snapshots. Then [`Callback::snapshot`] is called as often as
    /// [`Options::checkpoint_steps`](super::Options::checkpoint_steps) and its neighbour say, and when the run is
    /// interrupted, which then ends at once, in the middle of an epoch, without an evaluation.
    fn keeps_snapshots(&self) -> bool {
        false
    }

    /// Takes a snapshot, all steps before it told and found good.
    ///
    /// # Errors
    /// An error ends the run and comes back as it is.
    fn snapshot(&mut self, _snapshot: Snapshot) -> std::io::Result<()> {
        Ok(())
    }

    /// Whether the run has come to its end; asked after each epoch.
    fn stops(&self) -> bool {
        false
    }

    /// Where times are collected, if they shall be.
    fn profile(&mut self) -> Option<&mut Profile> {
        None
    }

    /// Bytes that are held on the host beside a model of so many, such as files that are being written.
    fn keeps(&self, _model_bytes: u64) -> u64 {
        0
    }

    /// Whether the run shall end; asked after each submission.
    fn interrupted(&self) -> bool {
        false
    }
}

/// Nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Callback for Silent {}

//! Several callbacks as one, and closures as callbacks, as Keras has them.

use std::collections::BTreeMap;
use std::io;

use super::{Callback, EpochReport, Model, Profile, Snapshot, StepsReport, Streamed, Summary};

type OnBegin<'a> = Box<dyn FnMut(u64) -> Option<f64> + 'a>;
type OnSteps<'a> = Box<dyn FnMut(&StepsReport<'_>) + 'a>;
type OnEpoch<'a> = Box<dyn FnMut(&EpochReport<'_>) -> Then + 'a>;
type OnEnd<'a> = Box<dyn FnMut(&Summary, &Model) + 'a>;

/// What happens after an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// The run goes on.
    GoOn,
    /// The run has come to its end.
    Stop,
}

/// Closures and other callbacks, called in the order in which they were added.
///
/// ```
/// use thalweg::data::Dataset;
/// use thalweg::network::{Activation, Loss, Network};
/// use thalweg::train::{Callbacks, Optimizer, Then, Trainer};
///
/// let x = [0., 0., 0., 1., 1., 0., 1., 1.];
/// let xor = Dataset::classes(&x, 2, &[0, 1, 1, 0])?;
/// let network = Network::mlp(2, &[8], 2, Activation::Tanh);
/// let trainer = Trainer::new(network, Loss::CrossEntropy).optimizer(Optimizer::adam(0.05)).epochs(1000);
/// let mut losses = Vec::new();
/// let mut callbacks = Callbacks::new()
///     // Half the rate from the hundredth epoch on.
///     .on_epoch_begin(|epoch| Some(if epoch < 100 { 0.05 } else { 0.025 }))
///     .on_epoch_end(|report| {
///         losses.push(report.train.loss);
///         if report.train.loss < 0.01 { Then::Stop } else { Then::GoOn }
///     });
/// let fit = trainer.fit_with(&xor, None, &mut callbacks)?;
/// drop(callbacks);
/// assert!(fit.summary.stopped_early && losses.len() < 1000);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Default)]
pub struct Callbacks<'a> {
    begin: Vec<OnBegin<'a>>,
    steps: Vec<OnSteps<'a>>,
    epoch: Vec<OnEpoch<'a>>,
    end: Vec<OnEnd<'a>>,
    others: Vec<&'a mut dyn Callback>,
    stopped: bool,
}

impl std::fmt::Debug for Callbacks<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let closures = [
            self.begin.len(),
            self.steps.len(),
            self.epoch.len(),
            self.end.len(),
        ];
        f.debug_struct("Callbacks")
            .field("closures", &closures)
            .field("callbacks", &self.others.len())
            .finish_non_exhaustive()
    }
}

impl<'a> Callbacks<'a> {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// Called before each epoch with its number, from 1. What it gives is the learning rate of the epoch, in place of the
    /// schedule's; of several the last counts.
    #[must_use]
    pub fn on_epoch_begin(mut self, call: impl FnMut(u64) -> Option<f64> + 'a) -> Self {
        self.begin.push(Box::new(call));
        self
    }

    /// Called after training steps, as many as went into one submission.
    #[must_use]
    pub fn on_steps(mut self, call: impl FnMut(&StepsReport<'_>) + 'a) -> Self {
        self.steps.push(Box::new(call));
        self
    }

    /// Called after each epoch; says whether the run goes on.
    #[must_use]
    pub fn on_epoch_end(mut self, call: impl FnMut(&EpochReport<'_>) -> Then + 'a) -> Self {
        self.epoch.push(Box::new(call));
        self
    }

    /// Called when the run has come to its end.
    #[must_use]
    pub fn on_train_end(mut self, call: impl FnMut(&Summary, &Model) + 'a) -> Self {
        self.end.push(Box::new(call));
        self
    }

    /// Another callback, such as a [`Recorder`](crate::run::Recorder). It is called behind the closures.
    #[must_use]
    pub fn callback(mut self, callback: &'a mut dyn Callback) -> Self {
        self.others.push(callback);
        self
    }

    fn each(
        &mut self,
        mut call: impl FnMut(&mut dyn Callback) -> io::Result<()>,
    ) -> io::Result<()> {
        self.others.iter_mut().try_for_each(|other| call(*other))
    }
}

impl Callback for Callbacks<'_> {
    fn chose(&mut self, products: &BTreeMap<String, String>) -> io::Result<()> {
        self.each(|other| other.chose(products))
    }

    fn streams(&mut self, streamed: &[Streamed]) -> io::Result<()> {
        self.each(|other| other.streams(streamed))
    }

    fn epoch_begins(&mut self, epoch: u64) -> io::Result<Option<f64>> {
        let mut rate = None;
        for call in &mut self.begin {
            rate = call(epoch).or(rate);
        }
        for other in &mut self.others {
            rate = other.epoch_begins(epoch)?.or(rate);
        }
        Ok(rate)
    }

    fn steps(&mut self, report: &StepsReport<'_>) -> io::Result<()> {
        self.steps.iter_mut().for_each(|call| call(report));
        self.each(|other| other.steps(report))
    }

    fn epoch(&mut self, report: &EpochReport<'_>) -> io::Result<()> {
        for call in &mut self.epoch {
            self.stopped |= call(report) == Then::Stop;
        }
        self.each(|other| other.epoch(report))
    }

    fn ends(&mut self, summary: &Summary, model: &Model) -> io::Result<()> {
        self.end.iter_mut().for_each(|call| call(summary, model));
        self.each(|other| other.ends(summary, model))
    }

    fn inspects(&self, epoch: u64) -> bool {
        self.others.iter().any(|other| other.inspects(epoch))
    }

    fn keeps_snapshots(&self) -> bool {
        self.others.iter().any(|other| other.keeps_snapshots())
    }

    fn snapshot(&mut self, snapshot: Snapshot) -> io::Result<()> {
        let keeping = self.others.iter_mut().filter(|o| o.keeps_snapshots());
        for other in keeping {
            other.snapshot(snapshot.clone())?;
        }
        Ok(())
    }

    fn stops(&self) -> bool {
        self.stopped || self.others.iter().any(|other| other.stops())
    }

    fn profile(&mut self) -> Option<&mut Profile> {
        self.others.iter_mut().find_map(|other| other.profile())
    }

    fn keeps(&self, model_bytes: u64) -> u64 {
        let kept = self.others.iter().map(|other| other.keeps(model_bytes));
        kept.sum()
    }

    fn interrupted(&self) -> bool {
        self.others.iter().any(|other| other.interrupted())
    }
}

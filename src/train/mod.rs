//! Training, evaluation and prediction, written once for all executors.
//!
//! A [`Trainer`] holds a network, an [`Objective`] and [`Options`]. It makes a [`Session`], an executor with the plans
//! of training, evaluation, checking and keeping over one store, and runs the epochs. Whoever wants to know how it goes
//! is a [`Callback`].

mod accumulate;
pub mod adversarial;
mod callback;
mod callbacks;
mod chunk;
mod error;
mod evaluation;
mod feed;
mod fit;
mod footprint;
mod guard;
mod inspection;
mod logs;
mod loss_scale;
mod model;
mod objective;
mod optimizers;
mod options;
mod pace;
pub mod population;
mod profile;
mod progress;
mod recipe;
mod ring;
mod room;
mod rules;
mod schedule;
mod sequence;
mod session;
mod snapshot;
mod stopping;
mod submission;
mod suit;
mod sweep;
mod tables;
mod told;
mod trace;
mod validation;

pub use crate::graph::Precision;
pub use crate::graph::ops::Scaling;
pub use callback::{Callback, EpochReport, Silent, StepsReport};
pub use callbacks::{Callbacks, Then};
pub use error::{LostRows, NonFinite, ScaleCollapse, TrainError};
pub use evaluation::Evaluation;
pub use fit::Summary;
pub use footprint::{Footprint, Foretold, Item};
pub use inspection::{Inspection, Units};
pub use logs::Logged;
pub use loss_scale::LossScale;
pub use model::Model;
pub use objective::{CustomLoss, Objective};
pub use options::{Optimizer, Options};
pub use profile::{Part, PartTime, Profile, Span, TimedStep};
pub use recipe::Recipe;
pub use ring::Ring;
pub use room::Streamed;
pub use rules::{Group, Rules};
pub use schedule::{Curve, OneCycle, Per, Plateau, Schedule};
pub use session::{Position, Purpose, Ready, Session, batches};
pub use snapshot::{Best, Kept, Snapshot, Standing};
pub use stopping::{Monitor, Stopping};
pub use sweep::{RateSweep, SweepEnd};
pub use tables::{Batch, Metric, SLOTS, Tables};

use std::sync::Arc;
use std::time::Instant;

use room::Rows;

use crate::data::Dataset;
use crate::device::Device;
use crate::executor::Executor;
use crate::graph::{Graph, GraphError, TensorId};
use crate::network::{Loss, Network};

/// Trains a network.
///
/// ```
/// use thalweg::data::Dataset;
/// use thalweg::network::{Activation, Loss, Network};
/// use thalweg::train::{Optimizer, Trainer};
///
/// // y = 3 x - 1
/// let x: Vec<f32> = (0..64).map(|i| i as f32 / 32.0 - 1.0).collect();
/// let y: Vec<f32> = x.iter().map(|x| 3.0 * x - 1.0).collect();
/// let data = Dataset::numbers(&x, 1, &y, 1)?;
/// let line = Network::mlp(1, &[], 1, Activation::Identity);
/// let fit = Trainer::new(line, Loss::SquaredError).optimizer(Optimizer::sgd(0.1)).epochs(300).fit(&data)?;
/// let y = fit.model.predict(&[0.5])?;
/// assert!((y[0] - 0.5).abs() < 1e-3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Trainer {
    /// What is trained.
    pub network: Network,
    /// What is made small.
    pub objective: Objective,
    /// The numbers of the run.
    pub options: Options,
    /// Where it runs: on the CPU, if nothing else is asked for.
    pub device: Device,
    /// The first values of the parameters, and of the statistics behind them, if they are not drawn.
    pub initial: Option<Vec<Vec<f32>>>,
    /// The scales of the targets, one an output, in which squared and absolute errors are told.
    pub units: Option<Vec<f64>>,
}

/// A training run that has ended.
#[derive(Debug, Clone)]
pub struct Fitted {
    /// The model after the last step.
    pub model: Model,
    /// What the run came to.
    pub summary: Summary,
}

impl Trainer {
    /// A trainer with the default options, on the CPU.
    pub fn new(network: Network, loss: Loss) -> Self {
        Self {
            network,
            objective: loss.into(),
            options: Options::default(),
            device: Device::Cpu,
            initial: None,
            units: None,
        }
    }

    /// Trains with a loss made of ops, from the network's output and the target to a scalar. It takes neither
    /// [`label_smoothing`](Self::label_smoothing) nor [`class_weights`](Self::class_weights): training refuses them.
    #[must_use]
    pub fn loss(
        mut self,
        loss: impl Fn(&mut Graph, TensorId, TensorId) -> Result<TensorId, GraphError>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        self.objective = Objective::Custom {
            build: Arc::new(loss),
            classes: std::mem::take(self.objective.classes()),
        };
        self
    }

    /// Takes this share from each label, and gives it to all classes alike: PyTorch's `label_smoothing`. Only for
    /// [`Loss::CrossEntropy`].
    #[must_use]
    pub fn label_smoothing(mut self, share: f64) -> Self {
        self.objective.classes().label_smoothing = share;
        self
    }

    /// Weighs the rows of each class so, in training and in validation. See [`Dataset::with_weights`] for weights of rows;
    /// both are multiplied.
    #[must_use]
    pub fn class_weights(mut self, weights: &[f32]) -> Self {
        self.objective.classes().weights = Some(weights.to_vec());
        self
    }

    /// Trains with this optimiser.
    #[must_use]
    pub const fn optimizer(mut self, optimizer: Optimizer) -> Self {
        self.options.optimizer = optimizer;
        self
    }

    /// Sees all rows so often.
    #[must_use]
    pub const fn epochs(mut self, epochs: u64) -> Self {
        self.options.epochs = epochs;
        self
    }

    /// Takes batches of so many rows.
    #[must_use]
    pub const fn batch_size(mut self, rows: usize) -> Self {
        self.options.batch_size = rows;
        self
    }

    /// Starts all randomness from this seed.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.options.seed = seed;
        self
    }

    /// Computes products in this precision.
    #[must_use]
    pub const fn precision(mut self, precision: Precision) -> Self {
        self.options.precision = precision;
        self
    }

    /// Runs on this device.
    #[must_use]
    pub fn device(mut self, device: Device) -> Self {
        self.device = device;
        self
    }

    /// Trains on all rows.
    ///
    /// # Errors
    /// If an option makes no sense, the data do not fit the network, the device failed, or a number became NaN or
    /// infinite.
    pub fn fit(&self, data: &Dataset) -> Result<Fitted, TrainError> {
        self.fit_with(data, None, &mut Silent)
    }

    /// Trains on the rows of `data`, evaluates `validation` after each epoch, and tells `callback`.
    ///
    /// # Errors
    /// As [`Trainer::fit`], and what the callback's methods return.
    pub fn fit_with(
        &self,
        data: &Dataset,
        validation: Option<&Dataset>,
        callback: &mut dyn Callback,
    ) -> Result<Fitted, TrainError> {
        self.check()?;
        let executor = self.device.open(None)?.executor;
        self.fit_on(executor, data, validation, callback)
    }

    /// The same on an executor that is open already.
    ///
    /// # Errors
    /// As [`Trainer::fit_with`].
    pub fn fit_on(
        &self,
        executor: Box<dyn Executor>,
        data: &Dataset,
        validation: Option<&Dataset>,
        callback: &mut dyn Callback,
    ) -> Result<Fitted, TrainError> {
        let (fitted, _) = self.train_on(executor, data, validation, callback, None)?;
        Ok(fitted)
    }

    /// Goes on from a snapshot that a [`Callback`] was given, as if the run had never stopped: on the same device with the
    /// same data the results are the same bits.
    ///
    /// # Errors
    /// As [`Trainer::fit_with`], and if the snapshot is not of this network and optimiser.
    pub fn resume_on(
        &self,
        executor: Box<dyn Executor>,
        data: &Dataset,
        validation: Option<&Dataset>,
        callback: &mut dyn Callback,
        snapshot: Snapshot,
    ) -> Result<Fitted, TrainError> {
        let (fitted, _) = self.train_on(executor, data, validation, callback, Some(snapshot))?;
        Ok(fitted)
    }

    /// The same as [`Trainer::fit_on`], or with a snapshot as [`Trainer::resume_on`], and gives the session too, as the last
    /// step left it: who has questions to the model asks them where it was trained, and opens no device again.
    /// [`Session::set_parameters`] makes it that of [`Fitted::model`], where that is the best epoch's.
    ///
    /// # Errors
    /// As [`Trainer::resume_on`].
    pub fn train_on(
        &self,
        executor: Box<dyn Executor>,
        data: &Dataset,
        validation: Option<&Dataset>,
        callback: &mut dyn Callback,
        snapshot: Option<Snapshot>,
    ) -> Result<(Fitted, Session), TrainError> {
        let begun = Instant::now();
        self.check_rows(data.rows())?;
        self.options.monitor.check(data, validation)?;
        let mut session = self.empty(executor)?;
        let kept = callback.keeps(session.model_bytes());
        let rows = Rows {
            training: data,
            validation,
        };
        session.require_room(rows, &self.options, kept)?;
        session.fill_training(data)?;
        if let Some(rows) = validation {
            session.fill_validation(rows)?;
        }
        match &snapshot {
            Some(snapshot) => session.restore(snapshot)?,
            None => self.set_parameters(&mut session)?,
        }
        if let Some(first) = batches(data.rows(), self.options.batch_size).first() {
            session.plan(Purpose::Training(first.rows))?;
        }
        callback.chose(&session.executor.choices())?;
        let streamed = session.streamed(&self.options);
        if !streamed.is_empty() {
            callback.streams(&streamed)?;
        }
        let (options, units) = (&self.options, self.units.as_deref());
        let mut fit = fit::Fit {
            session,
            options,
            rows,
            units,
            callback: &mut *callback,
        };
        let (model, summary) = fit.run(begun, snapshot)?;
        let session = fit.session;
        callback.ends(&summary, &model)?;
        Ok((Fitted { model, summary }, session))
    }

    /// A session that is ready for the first training step.
    ///
    /// # Errors
    /// If an option makes no sense, the data do not fit the network, or the device failed.
    pub fn session(
        &self,
        executor: Box<dyn Executor>,
        data: &Dataset,
    ) -> Result<Session, TrainError> {
        self.check_rows(data.rows())?;
        let mut session = self.empty(executor)?;
        session.set_training(data)?;
        self.set_parameters(&mut session)?;
        Ok(session)
    }

    /// What [`Trainer::fit_on`] would take of memory, none of which is allocated for this. `callback` is what will be
    /// called: it says what it keeps, and whether it wants looks into the network.
    ///
    /// # Errors
    /// If an option makes no sense, the data do not fit the network, or no plan can be made for the device.
    pub fn foretell(
        &self,
        executor: Box<dyn Executor>,
        data: &Dataset,
        validation: Option<&Dataset>,
        callback: &dyn Callback,
    ) -> Result<Foretold, TrainError> {
        self.check_rows(data.rows())?;
        let mut session = self.empty(executor)?;
        let kept = callback.keeps(session.model_bytes());
        let rows = Rows {
            training: data,
            validation,
        };
        let lack = match session.require_room(rows, &self.options, kept) {
            Err(lack @ TrainError::Memory { .. }) => Some(lack),
            found => found.map(|()| None)?,
        };
        let footprint = match (session.footprint(&self.options, kept), lack) {
            (Err(_), Some(lack)) => return Err(lack),
            (footprint, lack) => (footprint?, lack),
        };
        let (mut footprint, lack) = footprint;
        footprint.rows = footprint::rows(data, validation);
        if callback.inspects(1) {
            footprint
                .plans
                .extend(session.inspection_item(self.options.batch_size)?);
        }
        Ok(Foretold {
            footprint,
            available: session.executor.available_memory(),
            lack,
        })
    }

    fn empty(&self, executor: Box<dyn Executor>) -> Result<Session, TrainError> {
        self.check()?;
        let recipe = Recipe {
            network: self.network.clone(),
            objective: self.objective.clone(),
            optimizer: self.options.optimizer,
            seed: self.options.seed,
            mixed: self.options.mixed(),
            rules: self.options.rules.clone(),
        };
        let mut session = Session::new(recipe, executor)?;
        session.fuse = self.options.fuse;
        Ok(session)
    }

    fn set_parameters(&self, session: &mut Session) -> Result<(), TrainError> {
        match &self.initial {
            Some(values) => session.set_parameters(values),
            None => session.draw_parameters(self.options.init, self.options.seed),
        }
    }

    /// Refuses batches that are too small for the network, before an epoch's last one ends the run.
    fn check_rows(&self, rows: usize) -> Result<(), TrainError> {
        self.check()?;
        let options = &self.options;
        let most = options.steps.unwrap_or(u64::MAX);
        let least = self.network.least_rows();
        let sizes = footprint::sizes(rows, options.batch_size, most);
        if sizes.iter().all(|&size| size >= least) {
            return Ok(());
        }
        let size = options.batch_size;
        Err(TrainError::Option {
            name: "batch_size",
            found: format!("{size}, which makes a batch of 1 row out of {rows}"),
            expected: "one with at least 2 rows in every batch, the last of an epoch too: batch normalisation has no \
                       variance of a single row; choose another batch size, or leave a row out",
        })
    }

    fn check(&self) -> Result<(), TrainError> {
        self.network.check()?;
        self.objective.check(self.network.outputs())?;
        if let Some(values) = &self.initial {
            model::check_parameters(&self.network, values)?;
        }
        self.options.rules.check_names(&self.network)?;
        self.options.check()
    }
}

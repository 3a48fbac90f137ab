//! An executor, a store, and the plans of a recipe over it, made when they are first needed.

use std::collections::HashMap;
use std::sync::Arc;

use super::inspection::Looks;
use super::tables::Tables;
use super::{Model, Recipe, TrainError};
use crate::data::Dataset;
use crate::executor::{Data, Executor, ExecutorError, PlanHandle};
use crate::graph::Store;
use crate::graph::ops::Scaling;
use crate::kernel::Tick;
use crate::network::Init;
use crate::plan::{Place, Plan};
use crate::tensor::Element;

/// What a plan is for, and how many rows it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// One training step.
    Training(usize),
    /// The update behind several batches of so many rows together.
    Update(usize),
    /// The loss and the metric of a batch of the training rows.
    TrainingLoss(usize),
    /// The loss and the metric of a batch of the validation rows.
    Validation(usize),
    /// Predictions for as many rows.
    Prediction(usize),
    /// Gradients and units on a batch of the training rows, with no update.
    Inspection(usize),
    /// The search for numbers that are not finite.
    Check,
    /// Keeping the parameters and states as the last good ones.
    Keep,
    /// Taking the last good ones back.
    Restore,
}

impl Purpose {
    /// Rows of a batch, for purposes that have batches.
    pub(super) const fn rows(self) -> Option<usize> {
        match self {
            Self::Training(rows)
            | Self::TrainingLoss(rows)
            | Self::Validation(rows)
            | Self::Prediction(rows)
            | Self::Inspection(rows) => Some(rows),
            Self::Update(_) | Self::Check | Self::Keep | Self::Restore => None,
        }
    }
}

/// A plan that is made, and where its outputs are.
type Built = (Arc<Plan>, Vec<Place>);

/// A plan that is loaded.
#[derive(Debug, Clone)]
pub struct Ready {
    /// The plan.
    pub plan: Arc<Plan>,
    /// Its handle in the executor.
    pub handle: PlanHandle,
    /// Where its outputs are.
    pub outputs: Vec<Place>,
}

/// An executor, a store, and the plans of a recipe.
pub struct Session {
    /// What runs the plans.
    pub executor: Box<dyn Executor>,
    /// What the plans share.
    pub store: Store,
    /// What the plans are made from.
    pub recipe: Recipe,
    /// Whether steps of the plans that are yet to be made are fused.
    pub fuse: bool,
    pub(super) training: Option<Tables>,
    pub(super) validation: Option<Tables>,
    /// What the plan that inspects tells.
    pub(super) looks: Looks,
    /// Plans that are made and not loaded yet.
    built: HashMap<Purpose, Built>,
    plans: HashMap<Purpose, Ready>,
}

impl Session {
    /// A session with the parameters of the recipe's network, all zero.
    ///
    /// # Errors
    /// If the network cannot be built.
    pub fn new(recipe: Recipe, executor: Box<dyn Executor>) -> Result<Self, TrainError> {
        recipe.network.check()?;
        let mut store = Store::new();
        recipe.network.declare(&mut store)?;
        Ok(Self {
            executor,
            store,
            recipe,
            fuse: true,
            training: None,
            validation: None,
            looks: Looks::default(),
            built: HashMap::new(),
            plans: HashMap::new(),
        })
    }

    /// Declares what training needs, the training rows among it. Takes no memory of the device.
    ///
    /// # Errors
    /// If the rows do not fit the network or the loss.
    pub fn declare_training(&mut self, data: &Dataset) -> Result<(), TrainError> {
        self.recipe.declare_training(&mut self.store)?;
        self.training = Some(self.all_rows("train", data)?);
        Ok(())
    }

    /// Declares the rows that are evaluated. Takes no memory of the device.
    ///
    /// # Errors
    /// If they do not fit the network or the loss.
    pub fn declare_validation(&mut self, data: &Dataset) -> Result<(), TrainError> {
        self.validation = Some(self.all_rows("validation", data)?);
        Ok(())
    }

    /// Makes room for training, and puts the training rows on the device.
    ///
    /// # Errors
    /// If they do not fit the network, the loss or the device.
    pub fn set_training(&mut self, data: &Dataset) -> Result<(), TrainError> {
        self.declare_training(data)?;
        // Then the gradient, and a copy of the parameters on the host.
        let bytes = self.store_bytes() + 2 * self.model_bytes();
        self.require(bytes, "the rows, the parameters and the optimiser's states")?;
        self.fill_training(data)
    }

    /// Puts the rows that are evaluated on the device.
    ///
    /// # Errors
    /// If they do not fit the network, the loss or the device.
    pub fn set_validation(&mut self, data: &Dataset) -> Result<(), TrainError> {
        self.declare_validation(data)?;
        let order = 4 * data.rows() as u64;
        self.require(data.bytes() + order, "the rows")?;
        self.fill_validation(data)
    }

    /// Writes the training rows that were declared.
    ///
    /// # Errors
    /// If the device cannot hold them.
    pub(super) fn fill_training(&mut self, data: &Dataset) -> Result<(), TrainError> {
        let tables = self.training.as_ref().expect("they are declared first");
        tables.fill(data, &self.store, self.executor.as_mut())?;
        self.recipe.set_first(&self.store, self.executor.as_mut())?;
        if let Some(scaling) = self.recipe.mixed {
            let scale = Data::F64(vec![scaling.initial]);
            self.executor
                .write_stored(&self.store, Scaling::SCALE, &scale)?;
        }
        Ok(())
    }

    /// Writes the rows that are evaluated, which were declared.
    ///
    /// # Errors
    /// If the device cannot hold them.
    pub(super) fn fill_validation(&mut self, data: &Dataset) -> Result<(), TrainError> {
        let tables = self.validation.as_ref().expect("they are declared first");
        tables.fill(data, &self.store, self.executor.as_mut())
    }

    fn all_rows(&mut self, name: &'static str, data: &Dataset) -> Result<Tables, TrainError> {
        let Recipe {
            network, objective, ..
        } = &self.recipe;
        Tables::declare(name, data, network, objective, &mut self.store)
    }

    /// Bytes of all blocks of the store on this device.
    fn store_bytes(&self) -> u64 {
        let blocks = self.store.blocks().iter();
        blocks
            .map(|b| self.executor.buffer_bytes(b.element, b.len))
            .sum()
    }

    /// Bytes of the parameters and statistics on the host.
    pub(super) fn model_bytes(&self) -> u64 {
        let numbers = self.recipe.network.lasting().map(|p| p.shape.len());
        4 * numbers.sum::<usize>() as u64
    }

    /// Draws the first values of all parameters and statistics, one after the other.
    ///
    /// # Errors
    /// If the device failed.
    pub(super) fn draw_parameters(&mut self, init: Init, seed: u64) -> Result<(), TrainError> {
        let network = self.recipe.network.clone();
        for (name, values) in network.each_initial(init, seed) {
            self.set_parameter(&name, values)?;
        }
        Ok(())
    }

    /// Sets all parameters, and the statistics behind them, in the network's order.
    ///
    /// # Errors
    /// If one has not its length, or the device failed.
    pub fn set_parameters(&mut self, values: &[Vec<f32>]) -> Result<(), TrainError> {
        for (parameter, values) in self.recipe.network.lasting().zip(values) {
            self.set_parameter(&parameter.name, values.clone())?;
        }
        Ok(())
    }

    /// Sets a parameter, and its average if there is one: that begins with the first weights.
    fn set_parameter(&mut self, name: &str, values: Vec<f32>) -> Result<(), TrainError> {
        let values = Data::F32(values);
        let evaluated = self.evaluated(name);
        if evaluated != name {
            self.executor
                .write_stored(&self.store, &evaluated, &values)?;
        }
        self.executor.write_stored(&self.store, name, &values)?;
        Ok(())
    }

    /// What evaluation takes for a tensor: a parameter's average if there is one. Statistics have none.
    fn evaluated(&self, name: &str) -> String {
        let average = format!("{name}{}", self.recipe.rules.evaluated());
        match self.store.find(&average) {
            Ok(_) => average,
            Err(_) => name.to_owned(),
        }
    }

    /// The model as it is now, or as it last was good.
    ///
    /// # Errors
    /// If the device failed.
    pub fn model(&mut self, last_good: bool) -> Result<Model, TrainError> {
        let suffix = if last_good { ".good" } else { "" };
        let mut values = Vec::new();
        for parameter in self.recipe.network.lasting() {
            let name = format!("{}{suffix}", self.evaluated(&parameter.name));
            let parameter = self.executor.read_stored(&self.store, &name)?;
            values.push(parameter.into_f32());
        }
        Ok(Model::new(
            self.recipe.network.clone(),
            self.recipe.objective.output(),
            values,
        ))
    }

    /// Refuses what the device has no memory for, before anything of it is allocated. A system that promises memory
    /// which it does not have would kill the process later.
    pub(super) fn require(&self, bytes: u64, what: &str) -> Result<(), TrainError> {
        let available = self.executor.available_memory().unwrap_or(u64::MAX);
        if bytes <= available {
            return Ok(());
        }
        let error = ExecutorError::OutOfMemory {
            device: self.executor.device().name.clone(),
            bytes,
            what: what.to_owned(),
            cause: format!("{available} bytes are available"),
        };
        Err(error.into())
    }

    /// The plan for a purpose.
    ///
    /// # Errors
    /// If it cannot be built or does not fit the device.
    pub fn plan(&mut self, purpose: Purpose) -> Result<Ready, TrainError> {
        if let Some(ready) = self.plans.get(&purpose) {
            return Ok(ready.clone());
        }
        let plan = self.built(purpose)?;
        self.built.remove(&purpose);
        self.require(self.executor.plan_bytes(&plan.0), &plan.0.name)?;
        let handle = self.executor.load(Arc::clone(&plan.0), &self.store)?;
        let ready = Ready {
            plan: plan.0,
            handle,
            outputs: plan.1,
        };
        self.plans.insert(purpose, ready.clone());
        Ok(ready)
    }

    /// The plan for a purpose, made but not loaded.
    ///
    /// # Errors
    /// If it cannot be built or does not fit the device's limits.
    pub(super) fn built(&mut self, purpose: Purpose) -> Result<Built, TrainError> {
        if let Some(built) = self.built.get(&purpose) {
            return Ok(built.clone());
        }
        let built = self.build(purpose)?;
        self.built.insert(purpose, built.clone());
        Ok(built)
    }

    /// Drops the plans that are not loaded.
    pub(super) fn forget_built(&mut self) {
        self.built.clear();
    }

    fn build(&mut self, purpose: Purpose) -> Result<Built, TrainError> {
        let (recipe, store) = (&self.recipe, &mut self.store);
        let tables = |tables: &Option<Tables>| {
            tables
                .clone()
                .expect("the data are set before they are used")
        };
        let none = Vec::new();
        let (name, graph, outputs) = match purpose {
            Purpose::Training(rows) => (
                "train",
                recipe.training(store, &tables(&self.training), rows)?,
                none,
            ),
            Purpose::Update(rows) => ("update", recipe.update(store, rows)?, none),
            Purpose::TrainingLoss(rows) => (
                "train loss",
                recipe.evaluation(store, &tables(&self.training), rows)?,
                none,
            ),
            Purpose::Validation(rows) => (
                "validation",
                recipe.evaluation(store, &tables(&self.validation), rows)?,
                none,
            ),
            Purpose::Prediction(rows) => {
                let x = prediction_inputs(rows);
                store.declare(&x, [rows, recipe.network.inputs], Element::F32)?;
                let (graph, prediction) = recipe.prediction(store, &x)?;
                ("predict", graph, vec![prediction])
            }
            Purpose::Inspection(rows) => {
                let tables = tables(&self.training);
                let (graph, told, looks) = recipe.inspection(store, &tables, rows)?;
                self.looks = looks;
                ("inspection", graph, vec![told])
            }
            Purpose::Check => {
                let (graph, found) = recipe.check(store)?;
                ("check", graph, found)
            }
            Purpose::Keep => ("keep", recipe.copies(store, false)?, none),
            Purpose::Restore => ("restore", recipe.copies(store, true)?, none),
        };
        let make = if self.fuse { Plan::new } else { Plan::unfused };
        let plan = make(name, &graph, &outputs, self.executor.limits())?;
        log::debug!("{plan}");
        let places = outputs
            .iter()
            .filter_map(|&o| plan.output(o))
            .map(|t| t.place)
            .collect();
        Ok((Arc::new(plan), places))
    }

    /// Runs a plan without anything that changes from run to run.
    ///
    /// # Errors
    /// If the device failed.
    pub fn run_once(&mut self, purpose: Purpose) -> Result<Ready, TrainError> {
        let ready = self.plan(purpose)?;
        self.executor.run(ready.handle, &[Tick::default()])?;
        Ok(ready)
    }

    /// Predictions `[rows, outputs]` for inputs `[rows, features]`.
    ///
    /// # Errors
    /// If the inputs are not whole rows, or the device failed.
    pub fn predict(&mut self, x: &[f32], batch_size: usize) -> Result<Vec<f32>, TrainError> {
        let features = self.recipe.network.inputs;
        if x.is_empty() || !x.len().is_multiple_of(features) {
            let found = format!("{} numbers", x.len());
            let expected = "whole rows of inputs, at least one";
            return Err(TrainError::Option {
                name: "x",
                found,
                expected,
            });
        }
        let mut predictions =
            Vec::with_capacity(x.len() / features * self.recipe.network.outputs());
        for batch in batches(x.len() / features, batch_size) {
            let ready = self.plan(Purpose::Prediction(batch.rows))?;
            let start = batch.start as usize * features;
            let rows = Data::F32(x[start..start + batch.rows * features].to_vec());
            self.executor
                .write_stored(&self.store, &prediction_inputs(batch.rows), &rows)?;
            self.executor.run(ready.handle, &[Tick::default()])?;
            predictions.extend(self.executor.read(ready.handle, ready.outputs[0])?.to_f32());
        }
        Ok(predictions)
    }
}

fn prediction_inputs(rows: usize) -> String {
    format!("predict.inputs.{rows}")
}

/// A batch: its first position in the row order, and its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// First position in the row order.
    pub start: u32,
    /// Rows.
    pub rows: usize,
}

/// The batches of an epoch; the last may be smaller.
///
/// # Panics
/// If there are 2^32 rows or more, which no data set has.
pub fn batches(rows: usize, batch_size: usize) -> Vec<Position> {
    let position = |start: usize| Position {
        start: u32::try_from(start).expect("a data set has fewer than 2^32 rows"),
        rows: batch_size.min(rows - start),
    };
    (0..rows).step_by(batch_size.max(1)).map(position).collect()
}

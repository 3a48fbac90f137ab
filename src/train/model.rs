//! A trained network: its description and its parameters.

use super::{Objective, Optimizer, Recipe, Rules, Session, TrainError};
use crate::device::Device;
use crate::executor::Executor;
use crate::network::{Activation, Loss, Network};

/// A network with values for its parameters. It lives in memory, on no device.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// The network.
    pub network: Network,
    /// What turns the last layer's output into a prediction.
    pub output: Activation,
    /// The values of [`Network::lasting`], in that order: of the parameters, and then of the statistics.
    pub values: Vec<Vec<f32>>,
}

impl Model {
    /// Rows that are predicted at once.
    const BATCH: usize = 1024;

    pub(super) const fn new(network: Network, output: Activation, values: Vec<Vec<f32>>) -> Self {
        Self {
            network,
            output,
            values,
        }
    }

    /// A model from values of the parameters, and of the statistics behind them.
    ///
    /// # Errors
    /// If the values do not fit the network, or one is not finite.
    pub fn from_values(
        network: Network,
        output: Activation,
        values: Vec<Vec<f32>>,
    ) -> Result<Self, TrainError> {
        network.check()?;
        check_parameters(&network, &values)?;
        Ok(Self::new(network, output, values))
    }

    /// Predictions `[rows, outputs]` for inputs `[rows, features]`, computed on the CPU: probabilities after a
    /// cross-entropy, else numbers.
    ///
    /// # Errors
    /// If the inputs are not whole rows.
    pub fn predict(&self, x: &[f32]) -> Result<Vec<f32>, TrainError> {
        self.predict_on(x, &Device::Cpu)
    }

    /// The same on a device.
    ///
    /// # Errors
    /// If the inputs are not whole rows, or the device failed.
    pub fn predict_on(&self, x: &[f32], device: &Device) -> Result<Vec<f32>, TrainError> {
        self.session(device)?.predict(x, Self::BATCH)
    }

    /// The most probable class of each row, computed on the CPU.
    ///
    /// # Errors
    /// As [`Model::predict`].
    pub fn predict_classes(&self, x: &[f32]) -> Result<Vec<u32>, TrainError> {
        let largest = |row: &[f32]| {
            let best = (0_u32..)
                .zip(row)
                .fold((0, f32::NEG_INFINITY), |best, (class, &p)| {
                    if p > best.1 { (class, p) } else { best }
                });
            best.0
        };
        Ok(self
            .predict(x)?
            .chunks(self.network.outputs())
            .map(largest)
            .collect())
    }

    /// A session with this model's parameters, to evaluate or predict on a device.
    ///
    /// # Errors
    /// If there is no such device, or it cannot hold the model.
    pub fn session(&self, device: &Device) -> Result<Session, TrainError> {
        // Only the output function matters here, and each comes from one loss.
        let loss = match self.output {
            Activation::Softmax => Loss::CrossEntropy,
            Activation::Sigmoid => Loss::SigmoidCrossEntropy,
            _ => Loss::SquaredError,
        };
        self.session_with(device, loss.into())
    }

    /// The same, with the objective that evaluation shall tell.
    ///
    /// # Errors
    /// As [`Model::session`].
    pub fn session_with(
        &self,
        device: &Device,
        objective: Objective,
    ) -> Result<Session, TrainError> {
        self.session_on(device.open(None)?.executor, objective)
    }

    /// The same on an executor that is open already.
    ///
    /// # Errors
    /// As [`Model::session`].
    pub fn session_on(
        &self,
        executor: Box<dyn Executor>,
        objective: Objective,
    ) -> Result<Session, TrainError> {
        let recipe = Recipe {
            network: self.network.clone(),
            objective,
            optimizer: Optimizer::sgd(0.0),
            seed: 0,
            mixed: None,
            rules: Rules::default(),
        };
        let mut session = Session::new(recipe, executor)?;
        session.set_parameters(&self.values)?;
        Ok(session)
    }
}

/// A network's widths against those of weights that should fit it.
pub(super) fn check_parameters(network: &Network, values: &[Vec<f32>]) -> Result<(), TrainError> {
    let parameters: Vec<_> = network.lasting().collect();
    if parameters.len() != values.len() {
        let (found, expected) = (values.len(), parameters.len());
        return Err(TrainError::Weights(format!(
            "{found} weight tensors for a network that has {expected}"
        )));
    }
    for (parameter, values) in parameters.iter().zip(values) {
        let (name, shape, found) = (&parameter.name, &parameter.shape, values.len());
        if found != shape.len() {
            return Err(TrainError::Weights(format!(
                "`{name}` has {found} values, and its shape is {shape}"
            )));
        }
        if let Some(index) = values.iter().position(|v| !v.is_finite()) {
            return Err(TrainError::Weights(format!(
                "`{name}`[{index}] is {}; weights must be finite",
                values[index]
            )));
        }
        let below = values.iter().position(|&v| v < 0.0);
        if let Some(index) = below.filter(|_| name.ends_with(".running_var")) {
            return Err(TrainError::Weights(format!(
                "`{name}`[{index}] is {}; a variance is at least 0",
                values[index]
            )));
        }
    }
    Ok(())
}

//! The optimisers beside SGD and Adam, and what their numbers may be.

use super::{Optimizer, Recipe, TrainError};
use crate::executor::{Data, Executor};
use crate::graph::Store;
use crate::graph::ops::Update;
use crate::kernel::{Adadelta, Adagrad, Adamax, Allowed, Lion, Nadam, Radam, Rmsprop};
use crate::network::PARAMETERS;

impl Optimizer {
    /// `RMSprop` with PyTorch's numbers. Its learning rate there is 0.01.
    pub fn rmsprop(learning_rate: f64) -> Self {
        Self::by(learning_rate, Update::Rmsprop(Rmsprop::default()))
    }

    /// `Adagrad` with PyTorch's numbers. Its learning rate there is 0.01.
    pub fn adagrad(learning_rate: f64) -> Self {
        Self::by(learning_rate, Update::Adagrad(Adagrad::default()))
    }

    /// `Adadelta` with PyTorch's numbers. Its learning rate there is 1.
    pub fn adadelta(learning_rate: f64) -> Self {
        Self::by(learning_rate, Update::Adadelta(Adadelta::default()))
    }

    /// `Adamax` with PyTorch's numbers. Its learning rate there is 0.002.
    pub fn adamax(learning_rate: f64) -> Self {
        Self::by(learning_rate, Update::Adamax(Adamax::default()))
    }

    /// `NAdam` with PyTorch's numbers. Its learning rate there is 0.002.
    pub fn nadam(learning_rate: f64) -> Self {
        Self::by(learning_rate, Update::Nadam(Nadam::default()))
    }

    /// `RAdam` with PyTorch's numbers. Its learning rate there is 0.001.
    pub fn radam(learning_rate: f64) -> Self {
        Self::by(learning_rate, Update::Radam(Radam::default()))
    }

    /// `Lion` with `betas = (0.9, 0.99)`. A step is as long as the learning rate, so it wants a smaller one than Adam: a
    /// third to a tenth of it, says the paper.
    pub fn lion(learning_rate: f64) -> Self {
        Self::by(learning_rate, Update::Lion(Lion::default()))
    }

    const fn by(learning_rate: f64, update: Update) -> Self {
        Self {
            learning_rate,
            update,
        }
    }

    /// The word for its kind.
    pub const fn word(&self) -> &'static str {
        match self.update {
            Update::Sgd { nesterov: true, .. } => "nesterov",
            Update::Sgd { momentum: 0.0, .. } => "sgd",
            Update::Sgd { .. } => "momentum",
            Update::Adam {
                decoupled: false, ..
            } => "adam",
            Update::Adam { .. } => "adamw",
            Update::Rmsprop(_) => "rmsprop",
            Update::Adagrad(_) => "adagrad",
            Update::Adadelta(_) => "adadelta",
            Update::Adamax(_) => "adamax",
            Update::Nadam(_) => "nadam",
            Update::Radam(_) => "radam",
            Update::Lion(_) => "lion",
        }
    }
}

impl Update {
    /// Refuses numbers that make no sense.
    pub(super) fn check(&self) -> Result<(), TrainError> {
        for (name, value, allowed) in self.numbers() {
            let (holds, expected) = match allowed {
                Allowed::Fraction => ((0.0..1.0).contains(&value), "at least 0 and below 1"),
                Allowed::Positive => (
                    (0.0..f64::INFINITY).contains(&value),
                    "a finite number of at least 0",
                ),
                Allowed::Divisor => (
                    (f64::from(f32::MIN_POSITIVE)..f64::INFINITY).contains(&value),
                    "a finite number that is more than 0 in f32",
                ),
            };
            if !holds {
                let found = value.to_string();
                return Err(TrainError::Option {
                    name,
                    found,
                    expected,
                });
            }
        }
        match self {
            Self::Sgd {
                momentum: 0.0,
                nesterov: true,
                ..
            } => Err(TrainError::Option {
                name: "momentum",
                found: "0".to_owned(),
                expected: "more than 0, for Nesterov's form",
            }),
            _ => Ok(()),
        }
    }
}

impl Recipe {
    /// Writes the first values of the states that do not begin at 0.
    pub(super) fn set_first(
        &self,
        store: &Store,
        executor: &mut dyn Executor,
    ) -> Result<(), TrainError> {
        let update = &self.optimizer.update;
        for state in update.states() {
            let first = update.first(state);
            if first == 0.0 {
                continue;
            }
            for member in &store.block(&format!("{PARAMETERS}.{state}"))?.members {
                let values = Data::F64(vec![first; member.shape.len()]);
                executor.write_stored(store, &member.name, &values)?;
            }
        }
        Ok(())
    }
}

//! How to train: the optimiser and the numbers of a run.

use serde::{Deserialize, Serialize};

use super::{Monitor, Rules, Schedule, Stopping, TrainError};
use crate::data::Order;
use crate::graph::Precision;
use crate::graph::ops::{Scaling, Update};
use crate::network::Init;

/// An update rule and its learning rate. The defaults are PyTorch's.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Optimizer {
    /// The learning rate.
    pub learning_rate: f64,
    /// The rule.
    pub update: Update,
}

impl Optimizer {
    /// The words for the kinds of optimisers.
    pub const WORDS: [&'static str; 12] = [
        "sgd", "momentum", "nesterov", "adam", "adamw", "rmsprop", "adagrad", "adadelta", "adamax",
        "nadam", "radam", "lion",
    ];

    /// Plain stochastic gradient descent.
    pub const fn sgd(learning_rate: f64) -> Self {
        Self::with_momentum(learning_rate, 0.0, false)
    }

    /// Stochastic gradient descent with momentum, in the usual form or Nesterov's.
    pub const fn with_momentum(learning_rate: f64, momentum: f64, nesterov: bool) -> Self {
        Self {
            learning_rate,
            update: Update::Sgd {
                momentum,
                nesterov,
                weight_decay: 0.0,
            },
        }
    }

    /// Adam with `betas = (0.9, 0.999)` and `eps = 1e-8`.
    pub const fn adam(learning_rate: f64) -> Self {
        let (beta1, beta2, epsilon) = (0.9, 0.999, 1e-8);
        let update = Update::Adam {
            beta1,
            beta2,
            epsilon,
            weight_decay: 0.0,
            decoupled: false,
        };
        Self {
            learning_rate,
            update,
        }
    }

    /// `AdamW` with Adam's numbers and a decay of 0.01.
    pub const fn adamw(learning_rate: f64) -> Self {
        let (beta1, beta2, epsilon) = (0.9, 0.999, 1e-8);
        let update = Update::Adam {
            beta1,
            beta2,
            epsilon,
            weight_decay: 0.01,
            decoupled: true,
        };
        Self {
            learning_rate,
            update,
        }
    }

    /// The same with another weight decay.
    #[must_use]
    pub fn weight_decay(mut self, decay: f64) -> Self {
        *self.update.weight_decay() = decay;
        self
    }
}

/// The numbers of a training run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// The optimiser: Adam at 0.001.
    pub optimizer: Optimizer,
    /// How the learning rate goes.
    #[serde(default)]
    pub schedule: Schedule,
    /// What an epoch is judged by.
    #[serde(default)]
    pub monitor: Monitor,
    /// When to end a run that gets no better.
    #[serde(default)]
    pub stopping: Option<Stopping>,
    /// Training steps from one snapshot to the next, for callbacks that keep them.
    #[serde(default)]
    pub checkpoint_steps: Option<u64>,
    /// Seconds from one snapshot to the next, for callbacks that keep them.
    #[serde(default)]
    pub checkpoint_seconds: Option<f64>,
    /// Rows in a batch: 128. The last batch of an epoch may be smaller.
    pub batch_size: usize,
    /// How often all rows are seen: 10.
    pub epochs: u64,
    /// Training steps in all; wins over `epochs`.
    pub steps: Option<u64>,
    /// Decides the first weights, the order of the rows and the dropped units.
    pub seed: u64,
    /// Whether the rows are shuffled in every epoch.
    pub shuffle: bool,
    /// How the first weights are drawn.
    pub init: Init,
    /// Whether steps of a plan are fused. A plan that is not has a step for every op: slower, and easier to look into.
    pub fuse: bool,
    /// In which precision products are computed.
    #[serde(default)]
    pub precision: Precision,
    /// How the loss is scaled under mixed precision.
    #[serde(default)]
    pub scaling: Scaling,
    /// Most bytes of the device for the training rows, and as many for the validation rows: what is larger streams through
    /// as many, or through two batches if these take more. Not given, rows stream if a tensor of them is larger than one
    /// binding of the device, or if there is no memory for all.
    #[serde(default)]
    pub stream: Option<u64>,
    /// Rows that are shuffled together: windows of so many are taken in random order, and the rows of each in random
    /// order. Not given, all rows are.
    #[serde(default)]
    pub window: Option<usize>,
    /// What is done to gradients and weights beside the update.
    #[serde(default)]
    pub rules: Rules,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            optimizer: Optimizer::adam(0.001),
            schedule: Schedule::default(),
            monitor: Monitor::Loss,
            stopping: None,
            checkpoint_steps: None,
            checkpoint_seconds: None,
            batch_size: 128,
            epochs: 10,
            steps: None,
            seed: 0,
            shuffle: true,
            init: Init::Default,
            fuse: true,
            precision: Precision::Single,
            scaling: Scaling::default(),
            stream: None,
            window: None,
            rules: Rules::default(),
        }
    }
}

impl Options {
    /// How the loss is scaled, if the precision is mixed.
    pub(super) fn mixed(&self) -> Option<Scaling> {
        (self.precision == Precision::Mixed).then_some(self.scaling)
    }

    /// Whether snapshots are taken while a run goes on.
    pub(super) const fn takes_snapshots(&self) -> bool {
        self.checkpoint_steps.is_some() || self.checkpoint_seconds.is_some()
    }

    /// Whether the best epoch's model is held while the run goes on.
    pub(super) const fn keeps_best(&self) -> bool {
        self.stopping.is_some() || self.takes_snapshots()
    }

    /// The order of the training rows, where all are in memory.
    pub const fn order(&self) -> Order {
        Order {
            seed: self.seed,
            shuffle: self.shuffle,
            window: self.window,
        }
    }

    /// Refuses numbers that make no sense.
    pub(super) fn check(&self) -> Result<(), TrainError> {
        let option = |name, found: String, expected| {
            Err(TrainError::Option {
                name,
                found,
                expected,
            })
        };
        let within = |name, value: f64, range: std::ops::Range<f64>, expected| {
            if range.contains(&value) {
                Ok(())
            } else {
                option(name, value.to_string(), expected)
            }
        };
        if self.batch_size == 0 {
            return option("batch_size", "0".to_owned(), "at least 1 row");
        }
        if self.steps.unwrap_or(self.epochs) == 0 {
            return option("epochs", "0".to_owned(), "at least 1 epoch or step");
        }
        if self.window == Some(0) {
            return option("window", "0".to_owned(), "at least 1 row");
        }
        self.check_scaling()?;
        self.schedule.check()?;
        if let Some(stopping) = &self.stopping {
            stopping.check()?;
        }
        if self.checkpoint_steps == Some(0) {
            return option("checkpoint_steps", "0".to_owned(), "at least 1 step");
        }
        if let Some(seconds) = self.checkpoint_seconds {
            let (range, expected) = (f64::MIN_POSITIVE..1e12, "more than 0 seconds");
            within("checkpoint_seconds", seconds, range, expected)?;
        }
        let positive = "a finite number of at least 0";
        within(
            "learning_rate",
            self.optimizer.learning_rate,
            0.0..f64::INFINITY,
            positive,
        )?;
        self.optimizer.update.check()?;
        self.rules.check()?;
        self.check_mixed()
    }

    /// Mixed precision skips updates, and counts those that it does.
    fn check_mixed(&self) -> Result<(), TrainError> {
        if self.precision == Precision::Single {
            return Ok(());
        }
        if self.rules.accumulates() {
            return Err(TrainError::Option {
                name: "accumulate",
                found: self.rules.group().to_string(),
                expected: "1 batch to an update under mixed precision",
            });
        }
        if self.optimizer.update.suits_mixed() {
            return Ok(());
        }
        Err(TrainError::Option {
            name: "precision",
            found: format!("mixed, and the optimizer {}", self.optimizer.word()),
            expected: "single precision for an optimizer whose rate depends on the number of updates in its own way",
        })
    }

    /// The scale and what it is multiplied by are powers of two, so that scaling rounds nothing.
    fn check_scaling(&self) -> Result<(), TrainError> {
        let Scaling {
            initial,
            growth,
            backoff,
            interval,
        } = self.scaling;
        let named = [
            ("initial loss scale", initial, 1.0..=1e30),
            ("growth of the loss scale", growth, 1.0..=65536.0),
            ("backoff of the loss scale", backoff, 1.0 / 65536.0..=0.5),
        ];
        for (name, value, range) in named {
            let power = value.to_bits() << 12 == 0;
            if !power || !range.contains(&value) {
                return Err(TrainError::Option {
                    name,
                    found: value.to_string(),
                    expected: "a power of two: the scale at least 1, the growth too, the backoff at most a half",
                });
            }
        }
        if interval == 0 {
            return Err(TrainError::Option {
                name: "interval of the loss scale",
                found: "0".to_owned(),
                expected: "at least 1 step",
            });
        }
        Ok(())
    }
}

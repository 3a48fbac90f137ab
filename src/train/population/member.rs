//! One of many networks, and what makes no sense for it.

use super::Common;
use crate::data::{Dataset, Targets};
use crate::graph::Op;
use crate::graph::ops::Update;
use crate::network::Network;
use crate::train::TrainError;
use crate::train::error::option;

/// A network of a population.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// The network: linear layers, activations and dropout. All members have the same layers but for the units of those
    /// between.
    pub network: Network,
    /// Decides the first weights and the order of the rows. What dropout drops is drawn for the population as a whole, by the
    /// seed of its first member: with dropout a member comes to something else in other company.
    pub seed: u64,
    /// The learning rate.
    pub learning_rate: f64,
    /// PyTorch's weight decay, in the gradient.
    pub weight_decay: f64,
    /// The rows that it is trained on; all if it is not given.
    pub rows: Option<Vec<u32>>,
    /// What it begins with; drawn by the seed if it is not given.
    pub initial: Option<Vec<Vec<f32>>>,
    /// Where it goes on, if it was trained before, by the same network, rate and update. Either all members go on, after as
    /// many steps, or none does.
    pub standing: Option<Standing>,
}

/// How far a member has come: its weights and what the optimiser keeps for them, to the bit.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    pub(super) steps: u32,
    /// What is stored, and behind it the states of the update: of each the values of each parameter.
    pub(super) blocks: Vec<Vec<Vec<f64>>>,
}

impl Standing {
    /// Training steps so far.
    pub const fn steps(&self) -> u32 {
        self.steps
    }

    /// Whether it is one of this network under this update.
    fn fits(&self, network: &Network, update: &Update) -> bool {
        let parameters = network.parameters();
        let like = |block: &Vec<Vec<f64>>| {
            block.len() == parameters.len()
                && (block.iter().zip(&parameters)).all(|(v, p)| v.len() == p.shape.len())
        };
        self.blocks.len() == 1 + update.states().len() && self.blocks.iter().all(like)
    }
}

impl Member {
    /// A member that is trained on all rows, at Adam's 0.001 and without weight decay.
    pub const fn new(network: Network, seed: u64) -> Self {
        Self {
            network,
            seed,
            learning_rate: 0.001,
            weight_decay: 0.0,
            rows: None,
            initial: None,
            standing: None,
        }
    }

    /// The same with another learning rate.
    #[must_use]
    pub const fn learning_rate(mut self, rate: f64) -> Self {
        self.learning_rate = rate;
        self
    }

    /// The same with another weight decay.
    #[must_use]
    pub const fn weight_decay(mut self, decay: f64) -> Self {
        self.weight_decay = decay;
        self
    }

    /// The same, going on from where it was.
    #[must_use]
    pub fn standing(mut self, standing: Option<Standing>) -> Self {
        self.standing = standing;
        self
    }

    /// The same, trained on these rows.
    #[must_use]
    pub fn rows(mut self, rows: Vec<u32>) -> Self {
        self.rows = Some(rows);
        self
    }
}

/// By what a rate scales the parameters that it shall move (see the module).
pub(super) const fn scale(update: &Update) -> fn(f64) -> f64 {
    match update {
        Update::Sgd { .. } => f64::sqrt,
        _ => |rate| rate,
    }
}

/// Refuses what no population can be trained on.
pub(super) fn check(members: &[Member], data: &Dataset, common: &Common) -> Result<(), TrainError> {
    let plain = match common.update {
        Update::Sgd { weight_decay, .. } => weight_decay == 0.0,
        Update::Adam {
            weight_decay,
            decoupled,
            ..
        } => weight_decay == 0.0 && !decoupled,
        _ => false,
    };
    if !plain {
        let found = common.update.name();
        return option(
            "the update of a population",
            found,
            "SGD or Adam, with the weight decay of each member its own",
        );
    }
    common.update.check()?;
    if common.batch_size == 0 {
        return option("batch_size", 0, "at least 1");
    }
    let network = &members[0].network;
    if data.features() != network.inputs {
        return Err(TrainError::Mismatch {
            what: "features",
            found: data.features(),
            expected: network.inputs,
            network: network.to_string(),
        });
    }
    if data.outputs() != network.outputs() {
        return Err(TrainError::Mismatch {
            what: "outputs",
            found: data.outputs(),
            expected: network.outputs(),
            network: network.to_string(),
        });
    }
    if matches!(data.targets(), Targets::Numbers { .. } | Targets::None)
        && common.loss.takes_classes()
        || matches!(data.targets(), Targets::None)
    {
        let found = "other targets";
        return option(
            "the data of a population",
            found,
            "targets that the loss takes",
        );
    }
    if data.weights().is_some() {
        return option(
            "the data of a population",
            "rows with weights",
            "rows without, since it counts each the same",
        );
    }
    let steps = |member: &Member| member.standing.as_ref().map(|s| s.steps);
    for member in members {
        let standing = member.standing.as_ref();
        let fits = standing.is_none_or(|s| s.fits(&member.network, &common.update));
        if !fits || steps(member) != steps(&members[0]) {
            let found = "of other networks, of other numbers of steps, or of some members alone";
            return option(
                "the standings of a population",
                found,
                "one of each member after as many steps, or none",
            );
        }
        if !(member.learning_rate > 0.0 && member.learning_rate.is_finite()) {
            let found = member.learning_rate;
            return option("learning_rate", found, "a finite number above 0");
        }
        if !(0.0..f64::INFINITY).contains(&member.weight_decay) {
            let found = member.weight_decay;
            return option("weight_decay", found, "a finite number of at least 0");
        }
        let outside = |rows: &Vec<u32>| {
            rows.is_empty() || rows.iter().any(|&row| row as usize >= data.rows())
        };
        if member.rows.as_ref().is_some_and(outside) {
            let found = "none, or one that is not there";
            return option("the rows of a member", found, "rows of the data");
        }
    }
    Ok(())
}

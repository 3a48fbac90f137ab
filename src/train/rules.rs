//! Rules for gradients and weights: limits, penalties, groups of parameters, and the average of the weights.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Optimizer, TrainError};
use crate::graph::ops::{Ruled, Run};
use crate::graph::{Graph, GraphError, Store};
use crate::network::{Network, PARAMETERS};

/// What is done to gradients and weights beside the update. By default, nothing.
///
/// In this order: the penalty is added to the gradient, the norm of the whole gradient is limited, then its elements; the
/// parameters are updated, each by its group; the rows of weights are limited, and the average takes its step.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Rules {
    /// The largest norm of the whole gradient, as `torch.nn.utils.clip_grad_norm_`.
    pub clip_norm: Option<f64>,
    /// The largest magnitude of an element of the gradient, as `torch.nn.utils.clip_grad_value_`.
    pub clip_value: Option<f64>,
    /// Adds `l1 sign(w)` to the gradient of each parameter, biases too.
    pub l1: f64,
    /// The largest norm of a row of a weight `[outputs, inputs]`, that is of what leads to one unit: longer ones are scaled
    /// down to it behind each update. Biases are left as they are.
    pub max_norm: Option<f64>,
    /// Parameters that are updated in their own way. Of several groups that match, the last counts.
    pub groups: Vec<Group>,
    /// The decay of an exponential moving average of all parameters, which evaluation, prediction and the model take in
    /// place of the parameters themselves.
    pub ema: Option<f64>,
    /// An update after so many batches, by the mean gradient over all their rows. What is left at the end of an epoch makes
    /// one too. Steps count updates then.
    pub accumulate: Option<usize>,
}

/// Parameters that are updated in their own way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// Their names: `*` stands for any text, so `*.bias` is all biases.
    pub pattern: String,
    /// What the learning rate is multiplied by.
    pub rate: f64,
    /// Their weight decay, if it is not the optimiser's.
    pub weight_decay: Option<f64>,
}

impl Group {
    fn matches(&self, name: &str) -> bool {
        let mut parts = self.pattern.split('*');
        let first = parts.next().unwrap_or("");
        let Some(mut rest) = name.strip_prefix(first) else {
            return false;
        };
        let Some(last) = parts.next_back() else {
            return rest.is_empty();
        };
        for part in parts {
            let Some(at) = rest.find(part) else {
                return false;
            };
            rest = &rest[at + part.len()..];
        }
        rest.ends_with(last)
    }
}

/// `PATTERN:lr=0.1,weight-decay=0`
impl FromStr for Group {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = "expected PATTERN:lr=FACTOR,weight-decay=DECAY, or one of the two, as in *.bias:weight-decay=0";
        let (pattern, numbers) = text.rsplit_once(':').ok_or(form)?;
        let mut group = Self {
            pattern: pattern.trim().to_owned(),
            rate: 1.0,
            weight_decay: None,
        };
        let (mut rate, mut decay) = (None, None);
        for number in numbers.split(',') {
            let (key, value) = number.split_once('=').ok_or(form)?;
            let place = match key.trim().replace('_', "-").as_str() {
                "lr" => &mut rate,
                "weight-decay" => &mut decay,
                _ => return Err(format!("`{}` is unknown; {form}", key.trim())),
            };
            let value = value.trim().parse().ok().filter(|v| is_positive(*v));
            let value = value.ok_or_else(|| {
                format!("`{number}`: expected a finite number of at least 0 behind `=`")
            })?;
            if place.replace(value).is_some() {
                return Err(format!("`{}` is given twice", key.trim()));
            }
        }
        if group.pattern.is_empty() {
            return Err(form.to_owned());
        }
        group.rate = rate.unwrap_or(1.0);
        group.weight_decay = decay;
        Ok(group)
    }
}

impl std::fmt::Display for Group {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:lr={:?}", self.pattern, self.rate)?;
        match self.weight_decay {
            Some(decay) => write!(f, ",weight-decay={decay:?}"),
            None => Ok(()),
        }
    }
}

fn is_positive(x: f64) -> bool {
    (0.0..f64::INFINITY).contains(&x)
}

impl Rules {
    /// The ending of the average's block, and of its tensors.
    pub const AVERAGE: &'static str = "ema";

    /// Refuses numbers that make no sense.
    pub(super) fn check(&self) -> Result<(), TrainError> {
        let refuse = |name, found: f64, expected| {
            let found = found.to_string();
            Err(TrainError::Option {
                name,
                found,
                expected,
            })
        };
        let limits = [
            ("clip_norm", self.clip_norm),
            ("clip_value", self.clip_value),
            ("max_norm", self.max_norm),
        ];
        // Devices hold the limit in f32.
        let smallest = f64::from(f32::MIN_POSITIVE);
        for (name, limit) in limits {
            if let Some(limit) = limit.filter(|&x| !(is_positive(x) && x >= smallest)) {
                return refuse(name, limit, "a finite number of more than 0");
            }
        }
        let decays = self.groups.iter().filter_map(|g| g.weight_decay);
        let rates = self.groups.iter().map(|g| g.rate);
        let numbers = std::iter::once(("l1", self.l1))
            .chain(rates.map(|rate| ("lr of a group", rate)))
            .chain(decays.map(|decay| ("weight-decay of a group", decay)));
        for (name, number) in numbers {
            if !is_positive(number) {
                return refuse(name, number, "a finite number of at least 0");
            }
        }
        if self.accumulate == Some(0) {
            return refuse("accumulate", 0.0, "at least 1 batch");
        }
        match self.ema {
            Some(decay) if !(0.0..1.0).contains(&decay) => {
                refuse("ema", decay, "at least 0 and below 1")
            }
            _ => Ok(()),
        }
    }

    /// Refuses groups that no parameter is in.
    pub(super) fn check_names(&self, network: &Network) -> Result<(), TrainError> {
        let names: Vec<_> = network.parameters().into_iter().map(|p| p.name).collect();
        let empty = |group: &&Group| !names.iter().any(|name| group.matches(name));
        match self.groups.iter().find(empty) {
            None => Ok(()),
            Some(group) => Err(TrainError::Option {
                name: "the pattern of a group",
                found: format!(
                    "`{}`, which no parameter's name matches; they are {}",
                    group.pattern,
                    names.join(", ")
                ),
                expected: "a parameter's name, in which `*` may stand for any text",
            }),
        }
    }

    /// How the parameters are updated, if not plainly.
    pub(super) fn ruled(
        &self,
        store: &Store,
        optimizer: &Optimizer,
    ) -> Result<Option<Ruled>, GraphError> {
        let gradient = self.clip_norm.is_some() || self.clip_value.is_some() || self.l1 != 0.0;
        if !gradient && self.max_norm.is_none() && self.groups.is_empty() {
            return Ok(None);
        }
        self.in_runs(store, optimizer).map(Some)
    }

    /// How the parameters are updated.
    pub(super) fn in_runs(
        &self,
        store: &Store,
        optimizer: &Optimizer,
    ) -> Result<Ruled, GraphError> {
        Ok(Ruled {
            update: optimizer.update,
            l1: self.l1,
            clip_norm: self.clip_norm,
            clip_value: self.clip_value,
            max_norm: self.max_norm,
            runs: self.runs(store, optimizer)?,
        })
    }

    /// Neighbours that are updated alike are updated together.
    fn runs(&self, store: &Store, optimizer: &Optimizer) -> Result<Vec<Run>, GraphError> {
        let block = store.block(PARAMETERS)?;
        let ends = block.members.iter().skip(1).map(|m| m.offset);
        let ends = ends.chain([block.len]);
        let mut runs: Vec<Run> = Vec::new();
        for (member, end) in block.members.iter().zip(ends) {
            let group = self.groups.iter().rev().find(|g| g.matches(&member.name));
            let mut update = optimizer.update;
            if let Some(decay) = group.and_then(|g| g.weight_decay) {
                *update.weight_decay() = decay;
            }
            let factor = group.map_or(1.0, |g| g.rate);
            match runs.last_mut() {
                Some(run) if run.factor == factor && run.update == update => {
                    run.len = end - run.offset;
                }
                _ => runs.push(Run {
                    offset: member.offset,
                    len: end - member.offset,
                    factor,
                    update,
                }),
            }
        }
        Ok(runs)
    }

    /// A step of the average, if there is one.
    pub(super) fn average(&self, graph: &mut Graph, store: &Store) -> Result<(), GraphError> {
        let Some(decay) = self.ema else {
            return Ok(());
        };
        let parameters = graph.stored(store, PARAMETERS)?;
        let average = graph.stored(store, &format!("{PARAMETERS}.{}", Self::AVERAGE))?;
        graph.lerp_to(parameters, average, 1.0 - decay)
    }

    /// The ending of the names of what evaluation, prediction and the model take: none for the parameters themselves.
    pub(super) fn evaluated(&self) -> String {
        match self.ema {
            Some(_) => format!(".{}", Self::AVERAGE),
            None => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_globs_do() {
        let group = |pattern: &str| Group {
            pattern: pattern.to_owned(),
            rate: 1.0,
            weight_decay: None,
        };
        for (pattern, name, expected) in [
            ("*", "layers.0.weight", true),
            ("layers.0.*", "layers.0.bias", true),
            ("layers.0.*", "layers.10.bias", false),
            ("*.bias", "layers.10.bias", true),
            ("*.bias", "layers.10.biases", false),
            ("*0*bias", "layers.10.bias", true),
            ("layers.1.bias", "layers.1.bias", true),
            ("layers.1", "layers.1.bias", false),
            ("*aba", "aba", true),
            ("ab*ba", "aba", false),
            ("**", "x", true),
        ] {
            assert_eq!(group(pattern).matches(name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn a_group_reads_as_it_is_written() {
        for text in ["*.bias:lr=1.0,weight-decay=0.0", "a:b*:lr=0.1"] {
            let group: Group = text.parse().expect("it is right");
            assert_eq!(group.to_string(), text);
        }
        for (text, expected) in [
            ("*.bias", "expected PATTERN"),
            (":lr=1", "expected PATTERN"),
            ("*:lr", "expected PATTERN"),
            ("*:rate=1", "`rate` is unknown"),
            ("*:lr=-1", "at least 0"),
            ("*:lr=nan", "at least 0"),
            ("*:lr=1,lr=2", "twice"),
        ] {
            let error = text.parse::<Group>().expect_err("it is wrong");
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}

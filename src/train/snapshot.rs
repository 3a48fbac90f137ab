//! A run between two training steps: what it takes to go on as if it had never stopped.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::evaluation::Sums;
use super::schedule::PlateauState;
use super::session::Session;
use super::{Evaluation, Model, TrainError};
use crate::executor::Data;
use crate::tensor::Shape;

/// A run between two training steps. Random numbers need no state: they follow from the seed, the stream and the step.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// How far the run is.
    pub standing: Standing,
    /// The tensors of the store that training changes: parameters, states of the optimiser, and what else the blocks hold
    /// that [`Recipe::blocks`](super::Recipe::blocks) names.
    pub tensors: Vec<Kept>,
    /// The model of the best epoch, if one has ended.
    pub best: Option<Arc<Model>>,
}

/// A tensor of a snapshot.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// Its name in the store: `layers.0.weight`, `layers.0.weight.mean`.
    pub name: String,
    /// Its shape.
    pub shape: Shape,
    /// Its values.
    pub data: Data,
}

/// How far a run is: all that the rest of it depends on and that is not on the device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// The epoch that is under way, from 1.
    pub epoch: u64,
    /// Batches of it that were done.
    pub batches: u64,
    /// Training steps that were done.
    pub steps: u64,
    /// Rows that were seen.
    pub samples: u64,
    /// Seconds of the run until now.
    pub seconds: f64,
    /// The best epoch so far.
    pub best: Option<Best>,
    /// What its validation rows came to, where its model may be wanted again.
    pub best_validation: Option<Evaluation>,
    /// What the epoch's batches came to so far.
    pub(super) sums: Sums,
    /// The same of the batches whose update is yet to come, where an update has several.
    #[serde(default)]
    pub(super) open: Sums,
    /// What a plateau schedule has seen.
    pub(super) plateau: PlateauState,
}

/// The best epoch so far.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// Its number, from 1.
    pub epoch: u64,
    /// Training steps until its end.
    pub steps: u64,
    /// What it was judged by, less being better.
    pub judged: f64,
}

impl Standing {
    /// At the beginning of a run.
    pub(super) const fn new(sums: Sums, plateau: PlateauState) -> Self {
        Self {
            epoch: 1,
            batches: 0,
            steps: 0,
            samples: 0,
            seconds: 0.0,
            best: None,
            best_validation: None,
            sums,
            open: Sums::EMPTY,
            plateau,
        }
    }
}

impl Session {
    /// Names and shapes of the tensors that training changes.
    fn changed(&self) -> Result<Vec<(String, Shape)>, TrainError> {
        let mut tensors = Vec::new();
        for name in self.recipe.blocks() {
            let members = &self.store.block(&name)?.members;
            tensors.extend(members.iter().map(|m| (m.name.clone(), m.shape.clone())));
        }
        Ok(tensors)
    }

    /// The tensors that training changes, as they are now.
    pub(super) fn kept(&mut self) -> Result<Vec<Kept>, TrainError> {
        let tensors = self.changed()?;
        let read = |(name, shape): (String, Shape)| {
            let data = self.executor.read_stored(&self.store, &name)?;
            Ok(Kept { name, shape, data })
        };
        tensors.into_iter().map(read).collect()
    }

    /// Bytes of the tensors that training changes.
    pub(super) fn kept_bytes(&self) -> u64 {
        let blocks = self.recipe.blocks();
        let blocks = blocks.iter().filter_map(|name| self.store.block(name).ok());
        blocks.map(|b| (b.len * b.element.size()) as u64).sum()
    }

    /// Puts the tensors of a snapshot in their place.
    ///
    /// # Errors
    /// If they are not those of this run, or the device failed.
    pub(super) fn restore(&mut self, snapshot: &Snapshot) -> Result<(), TrainError> {
        let expected = self.changed()?;
        let found = snapshot.tensors.iter();
        let mut found = found.map(|kept| (kept.name.clone(), kept.shape.clone()));
        let mut expected = expected.into_iter();
        loop {
            let word = |tensor: Option<(String, Shape)>| match tensor {
                Some((name, shape)) => format!("`{name}` {shape}"),
                None => "no more tensors".to_owned(),
            };
            match (found.next(), expected.next()) {
                (None, None) => break,
                (found, expected) if found == expected => {}
                (found, expected) => {
                    let (found, expected) = (word(found), word(expected));
                    return Err(TrainError::Snapshot { found, expected });
                }
            }
        }
        for Kept { name, data, .. } in &snapshot.tensors {
            self.executor.write_stored(&self.store, name, data)?;
        }
        Ok(())
    }
}

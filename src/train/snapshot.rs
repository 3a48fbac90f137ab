//! A run between two training steps: what it takes to go on as if it had never stopped.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::evaluation::Sums;
use super::schedule::PlateauState;
use super::session::Session;
use super::{Model, TrainError};
use crate::executor::Data;

/// A run between two training steps. Random numbers need no state: they follow from the seed, the stream and the step.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// How far the run is.
    pub standing: Standing,
    /// The blocks of the store that training changes, by name: parameters, states of the optimiser, and what else
    /// [`Recipe::blocks`](super::Recipe::blocks) says.
    pub blocks: Vec<(String, Data)>,
    /// The model of the best epoch, if one has ended.
    pub best: Option<Arc<Model>>,
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
    /// What the epoch's batches came to so far.
    pub(super) sums: Sums,
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
            sums,
            plateau,
        }
    }
}

impl Session {
    /// The blocks that training changes, as they are now.
    pub(super) fn blocks(&mut self) -> Result<Vec<(String, Data)>, TrainError> {
        let read = |block: String| {
            let data = self.executor.read_stored(&self.store, &block)?;
            Ok((block, data))
        };
        self.recipe.blocks().into_iter().map(read).collect()
    }

    /// Bytes of the blocks that training changes.
    pub(super) fn block_bytes(&self) -> u64 {
        let blocks = self.recipe.blocks();
        let blocks = blocks.iter().filter_map(|name| self.store.block(name).ok());
        blocks.map(|b| (b.len * b.element.size()) as u64).sum()
    }

    /// Puts the blocks of a snapshot in their place.
    ///
    /// # Errors
    /// If they are not those of this run, or the device failed.
    pub(super) fn restore(&mut self, snapshot: &Snapshot) -> Result<(), TrainError> {
        let expected = self.recipe.blocks();
        let found: Vec<_> = snapshot.blocks.iter().map(|(name, _)| name).collect();
        let foreign = |found: String, expected: String| TrainError::Snapshot { found, expected };
        if !found.iter().copied().eq(&expected) {
            let found = found.iter().map(|s| s.as_str()).collect::<Vec<_>>();
            return Err(foreign(found.join(", "), expected.join(", ")));
        }
        for (name, data) in &snapshot.blocks {
            let len = self.store.block(name)?.len;
            if data.len() != len {
                let found = format!("`{name}` of {} numbers", data.len());
                return Err(foreign(found, format!("{len}")));
            }
            self.executor.write_stored(&self.store, name, data)?;
        }
        Ok(())
    }
}

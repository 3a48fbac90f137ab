//! What a search finds, and how far it is.

use std::ops::ControlFlow;

use super::{Candidate, Score};
use crate::chart::Panel;
use crate::metrics::Summary;

/// What all candidates of a rung came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Rung {
    /// Steps that each has been trained, with those of the rungs before.
    pub steps: u32,
    /// The number of each candidate and its score, the best first.
    pub scores: Vec<(usize, Score)>,
}

/// A candidate that was trained from the beginning over several seeds.
#[derive(Debug, Clone, PartialEq)]
pub struct Finalist {
    /// The candidate.
    pub candidate: Candidate,
    /// Its scores, from the seed behind that of the budget on, which chose.
    pub scores: Vec<Score>,
    /// What the losses come to, with an interval that ends at 0; none if one is not finite.
    pub loss: Option<Summary>,
    /// What the accuracies come to, if there are classes, with an interval within 0 to 1.
    pub accuracy: Option<Summary>,
}

/// What a search has found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// All candidates, by number. There are fewer than were asked for if some were drawn twice.
    pub candidates: Vec<Candidate>,
    /// The rungs. Where the search was stopped or failed, the last has those candidates that were judged by then.
    pub rungs: Vec<Rung>,
    /// Those that were trained over several seeds, the best first. None if the search was stopped before that was done.
    pub finalists: Vec<Finalist>,
    /// Whether it was stopped.
    pub stopped: bool,
}

impl Found {
    /// The losses of all candidates by rung.
    pub fn halving(&self) -> Panel {
        let mut panel = Panel::new("Halving", "training steps", "validation loss")
            .log_x()
            .log_y();
        for (number, rung) in self.rungs.iter().enumerate() {
            let points = rung
                .scores
                .iter()
                .map(|s| (f64::from(rung.steps), s.1.loss));
            panel = panel.points(format!("rung {}", number + 1), points);
        }
        panel
    }
}

/// How far a search is.
#[derive(Debug)]
pub struct Progress<'a> {
    /// Training steps so far, those of all networks together.
    pub done: u64,
    /// And at the end.
    pub all: u64,
    /// The rungs that are whole.
    pub rungs: &'a [Rung],
    /// The rung that has just become whole.
    pub rung: Option<&'a Rung>,
}

/// Whom a search tells how far it is, and who says whether it goes on.
pub type Watch<'a> = dyn FnMut(&Progress<'_>) -> ControlFlow<()> + 'a;

//! Which structure? Random search with successive halving, many small networks trained at once.
//!
//! Candidates are drawn from a [`Space`] by the library's own random numbers. All are trained a little, the best of them go on,
//! and so forth (Jamieson and Talwalkar 2016, "Non-stochastic best arm identification and hyperparameter optimization"), each
//! rung with [`Budget::eta`] times fewer candidates and as many times the steps. Those that are left are trained again from
//! the beginning, over several seeds: what is told of them is a mean with its interval, and no lucky draw.
//!
//! Candidates of one depth and activation, and of similar widths, are one [`Population`]. A candidate that goes on does so
//! with its weights and the state of its optimiser, to the bit, though its company is another.
//!
//! ```
//! use std::ops::ControlFlow;
//! use thalweg::data::Dataset;
//! use thalweg::device::Device;
//! use thalweg::network::Loss;
//! use thalweg::search::{Budget, Problem, Search, Space};
//!
//! let xor = Dataset::classes(&[0., 0., 0., 1., 1., 0., 1., 1.], 2, &[0, 1, 1, 0])?;
//! let problem = Problem { training: &xor, validation: &xor, loss: Loss::CrossEntropy, units: None };
//! let budget = Budget { trials: 9, steps: 90, finalists: 1, batch_size: 4, ..Budget::default() };
//! let mut search = Search::new(problem, budget, Device::Cpu.open(None)?.executor)?;
//! let found = search.run(&Space::default(), &mut |_| ControlFlow::Continue(()))?;
//! assert_eq!(found.rungs.iter().map(|rung| rung.scores.len()).collect::<Vec<_>>(), [9, 3, 1]);
//! assert_eq!(found.finalists.len(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod company;
mod rungs;
mod score;
mod space;

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

pub use rungs::Budget;
pub use score::Score;
pub use space::{Candidate, Space};

use crate::data::Dataset;
use crate::executor::{Executor, Workspace};
use crate::metrics::Summary;
use crate::network::Loss;
use crate::train::population::{Common, Member, Population, Standing};
use crate::train::{Optimizer, TrainError};

/// Between two looks at whether to go on.
const LOOK: Duration = Duration::from_millis(100);

/// What is to be learnt, and on what it is judged.
#[derive(Debug, Clone)]
pub struct Problem<'a> {
    /// The rows that train.
    pub training: &'a Dataset,
    /// The rows that judge.
    pub validation: &'a Dataset,
    /// The cross-entropy for classes, or the squared error for numbers.
    pub loss: Loss,
    /// The scales of the targets, one an output, in which the squared error is told.
    pub units: Option<Vec<f64>>,
}

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
    /// Its scores, from the seed of the budget on.
    pub scores: Vec<Score>,
    /// What the losses come to; none if one is not finite.
    pub loss: Option<Summary>,
    /// What the accuracies come to, if there are classes.
    pub accuracy: Option<Summary>,
}

/// What a search has found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// All candidates, by number.
    pub candidates: Vec<Candidate>,
    /// The rungs that are whole.
    pub rungs: Vec<Rung>,
    /// Those that were trained over several seeds, the best first. None if the search was stopped before that was done.
    pub finalists: Vec<Finalist>,
    /// Whether it was stopped.
    pub stopped: bool,
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

/// A search on a device.
pub struct Search<'a> {
    problem: Problem<'a>,
    budget: Budget,
    /// None while a population has it.
    workspace: Option<Workspace>,
    done: u64,
    all: u64,
    rungs: Vec<Rung>,
    /// Steps between two looks, and training time so far.
    piece: u32,
    seconds: f64,
}

impl<'a> Search<'a> {
    /// A search that is yet to begin.
    ///
    /// # Errors
    /// If a number makes no sense, or rows have weights, which populations do not know.
    pub fn new(
        problem: Problem<'a>,
        budget: Budget,
        executor: Box<dyn Executor>,
    ) -> Result<Self, TrainError> {
        budget.check()?;
        score::check(&problem)?;
        Ok(Self {
            problem,
            budget,
            workspace: Some(Workspace::new(executor)),
            done: 0,
            all: 0,
            rungs: Vec::new(),
            piece: 4,
            seconds: 0.0,
        })
    }

    /// Seconds in which networks were trained so far.
    pub const fn training_seconds(&self) -> f64 {
        self.seconds
    }

    /// Training steps so far, those of all networks together.
    pub const fn training_steps(&self) -> u64 {
        self.done
    }

    /// Draws candidates and halves them, and trains those that are left over several seeds.
    ///
    /// # Errors
    /// If the space makes no sense, the data do not fit the loss, or the device failed.
    pub fn run(&mut self, space: &Space, watch: &mut Watch<'_>) -> Result<Found, TrainError> {
        space.check()?;
        let draw = |number| space.draw(number, self.budget.seed);
        let candidates: Vec<_> = (0..self.budget.trials).map(draw).collect();
        self.rungs.clear();
        self.all = self.done + self.budget.network_steps();
        let best = self.halve(&candidates, watch)?;
        let finalists = match &best {
            Some(best) => {
                let best: Vec<_> = best.iter().map(|&at| candidates[at].clone()).collect();
                self.repeat(&best, watch)?
            }
            None => None,
        };
        Ok(Found {
            candidates,
            rungs: std::mem::take(&mut self.rungs),
            stopped: finalists.is_none(),
            finalists: finalists.unwrap_or_default(),
        })
    }

    /// The candidates that are left, the best first; none if the search was stopped.
    fn halve(
        &mut self,
        candidates: &[Candidate],
        watch: &mut Watch<'_>,
    ) -> Result<Option<Vec<usize>>, TrainError> {
        let mut left: Vec<usize> = (0..candidates.len()).collect();
        let mut standings: Vec<Option<Standing>> = vec![None; candidates.len()];
        for (count, steps) in self.budget.rungs() {
            left.truncate(count);
            let chosen: Vec<_> = left.iter().map(|&at| &candidates[at]).collect();
            let members = (left.iter().zip(&chosen))
                .map(|(&at, candidate)| {
                    let member = self.member(candidate, self.budget.seed);
                    member.standing(standings[at].take())
                })
                .collect();
            let Some(trained) = self.train(members, &chosen, steps, watch)? else {
                return Ok(None);
            };
            let mut scores = Vec::new();
            for (&at, (score, standing)) in left.iter().zip(trained) {
                scores.push((at, score));
                standings[at] = Some(standing);
            }
            // Equals stay in their order, so that the same seed finds the same.
            scores.sort_by(|a, b| a.1.loss.total_cmp(&b.1.loss));
            left = scores.iter().map(|(at, _)| *at).collect();
            self.rungs.push(Rung { steps, scores });
            let progress = Progress {
                rung: self.rungs.last(),
                ..self.progress()
            };
            if watch(&progress).is_break() {
                return Ok(None);
            }
        }
        left.truncate(self.budget.finalists);
        Ok(Some(left))
    }

    /// Trains candidates from the beginning to the end over [`Budget::repeats`] seeds, all at once. The best comes first. None
    /// if `watch` has stopped it.
    ///
    /// # Errors
    /// As [`Search::run`].
    pub fn repeat(
        &mut self,
        candidates: &[Candidate],
        watch: &mut Watch<'_>,
    ) -> Result<Option<Vec<Finalist>>, TrainError> {
        let repeats = self.budget.repeats;
        let (mut members, mut of) = (Vec::new(), Vec::new());
        for candidate in candidates {
            for repeat in 0..repeats as u64 {
                members.push(self.member(candidate, self.budget.seed.wrapping_add(repeat)));
                of.push(candidate);
            }
        }
        let Some(trained) = self.train(members, &of, self.budget.steps, watch)? else {
            return Ok(None);
        };
        let scores: Vec<Score> = trained.into_iter().map(|(score, _)| score).collect();
        let finalist = |(candidate, scores): (&Candidate, &[Score])| {
            let losses: Vec<_> = scores.iter().map(|s| s.loss).collect();
            let accuracies: Option<Vec<_>> = scores.iter().map(|s| s.accuracy).collect();
            let finite = losses.iter().all(|loss| loss.is_finite());
            Finalist {
                candidate: candidate.clone(),
                scores: scores.to_vec(),
                loss: Summary::of(&losses).filter(|_| finite),
                accuracy: accuracies.and_then(|values| Summary::of(&values)),
            }
        };
        let each = candidates.iter().zip(scores.chunks(repeats));
        let mut finalists: Vec<_> = each.map(finalist).collect();
        let mean = |f: &Finalist| f.loss.map_or(f64::INFINITY, |loss| loss.mean);
        finalists.sort_by(|a, b| mean(a).total_cmp(&mean(b)));
        Ok(Some(finalists))
    }

    fn member(&self, candidate: &Candidate, seed: u64) -> Member {
        let data = self.problem.training;
        Member::new(candidate.network(data.features(), data.outputs()), seed)
            .learning_rate(candidate.learning_rate)
            .weight_decay(candidate.weight_decay)
    }

    /// Trains members up to so many steps, and judges them. None if it was stopped.
    fn train(
        &mut self,
        members: Vec<Member>,
        candidates: &[&Candidate],
        steps: u32,
        watch: &mut Watch<'_>,
    ) -> Result<Option<Vec<(Score, Standing)>>, TrainError> {
        let common = Common {
            loss: self.problem.loss,
            batch_size: self.budget.batch_size,
            shuffle: true,
            update: Optimizer::adam(0.0).update,
        };
        let mut members: Vec<_> = members.into_iter().map(Some).collect();
        let mut trained: Vec<Option<(Score, Standing)>> = members.iter().map(|_| None).collect();
        for group in company::groups(candidates, self.problem.training, common.batch_size) {
            let take = |&at: &usize| members[at].take().expect("each is in one group");
            let group_members = group.iter().map(take).collect();
            let workspace = self.workspace.take().ok_or_else(|| TrainError::Option {
                name: "a search",
                found: "one that has failed".to_owned(),
                expected: "a new one",
            })?;
            let mut population =
                Population::within(workspace, group_members, self.problem.training, common)?;
            let whole = self.go(&mut population, steps, watch)?;
            if whole {
                let scores = score::scores(&mut population, &self.problem)?;
                let both = scores.into_iter().zip(population.standings()?);
                for (&at, both) in group.iter().zip(both) {
                    trained[at] = Some(both);
                }
            }
            self.workspace = Some(population.into_workspace());
            if !whole {
                return Ok(None);
            }
        }
        Ok(trained.into_iter().collect())
    }

    /// Trains a population up to so many steps; false if it was stopped.
    fn go(
        &mut self,
        population: &mut Population,
        steps: u32,
        watch: &mut Watch<'_>,
    ) -> Result<bool, TrainError> {
        let networks = population.members().len() as u64;
        while population.steps() < steps {
            let piece = self.piece.min(steps - population.steps());
            let begun = Instant::now();
            population.train(piece)?;
            population.wait()?;
            let took = begun.elapsed();
            self.seconds += took.as_secs_f64();
            // Populations differ in size, so it may also fall.
            if took < LOOK / 2 {
                self.piece = self.piece.saturating_mul(2).min(1 << 16);
            } else if took > LOOK * 2 {
                self.piece = (self.piece / 2).max(1);
            }
            self.done += u64::from(piece) * networks;
            if watch(&self.progress()).is_break() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn progress(&self) -> Progress<'_> {
        Progress {
            done: self.done,
            all: self.all,
            rungs: &self.rungs,
            rung: None,
        }
    }
}

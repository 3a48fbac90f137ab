//! Which structure? Random search with successive halving, many small networks trained at once.
//!
//! Candidates are drawn from a [`Space`] by the library's own random numbers. All are trained a little, the best of them go on,
//! and so forth (Jamieson and Talwalkar 2016, "Non-stochastic best arm identification and hyperparameter optimization"), each
//! rung with [`Budget::eta`] times fewer candidates and as many times the steps. Those that are left are trained again from
//! the beginning, over seeds that had no part in the choice: what is told of them is a mean with its interval, and no lucky
//! draw. Only the rows that judge are the same.
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
mod found;
mod rungs;
mod score;
mod space;

use std::time::{Duration, Instant};

pub use found::{Finalist, Found, Progress, Rung, Watch};
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

/// A network that was trained up to some step.
#[derive(Debug, Clone)]
struct Trained {
    score: Score,
    /// Where it goes on, if it may be one of those that do.
    standing: Option<Standing>,
}

/// Forgets the standings of all but the best, which alone go on: those of all would fill the memory.
fn thin(trained: &mut [Option<Trained>], go_on: usize) {
    let mut losses: Vec<_> = trained.iter().flatten().map(|t| t.score.loss).collect();
    if go_on == 0 || losses.len() <= go_on {
        return;
    }
    let worst = *losses.select_nth_unstable_by(go_on - 1, f64::total_cmp).1;
    for trained in trained.iter_mut().flatten() {
        if trained.score.loss > worst {
            trained.standing = None;
        }
    }
}

/// A search on a device.
pub struct Search<'a> {
    problem: Problem<'a>,
    budget: Budget,
    /// None while a population has it.
    workspace: Option<Workspace>,
    done: u64,
    all: u64,
    candidates: Vec<Candidate>,
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
        mut budget: Budget,
        executor: Box<dyn Executor>,
    ) -> Result<Self, TrainError> {
        budget.check()?;
        score::check(&problem)?;
        // A larger batch would have each row several times.
        budget.batch_size = budget.batch_size.min(problem.training.rows());
        Ok(Self {
            problem,
            budget,
            workspace: Some(Workspace::new(executor)),
            done: 0,
            all: 0,
            candidates: Vec::new(),
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
        self.candidates = space.candidates(self.budget.trials, self.budget.seed);
        self.rungs.clear();
        let budget = Budget {
            trials: self.candidates.len(),
            ..self.budget.clone()
        };
        self.all = self.done + budget.network_steps();
        let candidates = self.candidates.clone();
        let best = self.halve(&candidates, &budget.rungs(), watch)?;
        let finalists = match &best {
            Some(best) => {
                let best: Vec<_> = best.iter().map(|&at| candidates[at].clone()).collect();
                self.repeat(&best, watch)?
            }
            None => None,
        };
        Ok(Found {
            stopped: finalists.is_none(),
            finalists: finalists.unwrap_or_default(),
            ..self.so_far()
        })
    }

    /// What the last run had found when it was stopped or failed.
    pub fn so_far(&self) -> Found {
        Found {
            candidates: self.candidates.clone(),
            rungs: self.rungs.clone(),
            finalists: Vec::new(),
            stopped: true,
        }
    }

    /// The candidates that are left, the best first; none if the search was stopped.
    fn halve(
        &mut self,
        candidates: &[Candidate],
        rungs: &[(usize, u32)],
        watch: &mut Watch<'_>,
    ) -> Result<Option<Vec<usize>>, TrainError> {
        let mut left: Vec<usize> = (0..candidates.len()).collect();
        let mut standings: Vec<Option<Standing>> = vec![None; candidates.len()];
        for (rung, &(count, steps)) in rungs.iter().enumerate() {
            left.truncate(count);
            let go_on = rungs.get(rung + 1).map_or(0, |next| next.0);
            let chosen: Vec<_> = left.iter().map(|&at| &candidates[at]).collect();
            let members = (left.iter().zip(&chosen))
                .map(|(&at, candidate)| {
                    let member = self.member(candidate, self.budget.seed);
                    member.standing(standings[at].take())
                })
                .collect();
            let mut trained = vec![None; left.len()];
            let whole = self.train(members, &chosen, steps, go_on, &mut trained, watch);
            let mut scores = Vec::new();
            for (&at, trained) in left.iter().zip(trained) {
                if let Some(Trained { score, standing }) = trained {
                    scores.push((at, score));
                    standings[at] = standing;
                }
            }
            // Equals stay in their order, so that the same seed finds the same.
            scores.sort_by(|a, b| a.1.loss.total_cmp(&b.1.loss));
            left = scores.iter().map(|(at, _)| *at).collect();
            if !scores.is_empty() {
                self.rungs.push(Rung { steps, scores });
            }
            if !whole? {
                return Ok(None);
            }
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

    /// Trains candidates from the beginning to the end over [`Budget::repeats`] seeds, those behind that of the budget, many at
    /// once. The best comes first. None if `watch` has stopped it.
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
            for repeat in 1..=repeats as u64 {
                members.push(self.member(candidate, self.budget.seed.wrapping_add(repeat)));
                of.push(candidate);
            }
        }
        let mut trained = vec![None; of.len()];
        if !self.train(members, &of, self.budget.steps, 0, &mut trained, watch)? {
            return Ok(None);
        }
        let scores: Vec<Score> = trained.into_iter().flatten().map(|t| t.score).collect();
        let finalist = |(candidate, scores): (&Candidate, &[Score])| {
            let losses: Vec<_> = scores.iter().map(|s| s.loss).collect();
            let accuracies: Option<Vec<_>> = scores.iter().map(|s| s.accuracy).collect();
            let finite = losses.iter().all(|loss| loss.is_finite());
            Finalist {
                candidate: candidate.clone(),
                scores: scores.to_vec(),
                loss: Summary::of(&losses)
                    .filter(|_| finite)
                    .map(|s| s.within(0.0, f64::INFINITY)),
                accuracy: accuracies
                    .and_then(|values| Summary::of(&values))
                    .map(|s| s.within(0.0, 1.0)),
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

    /// Trains members up to so many steps, and puts into `trained` how good they are, and of so many as go on how far they have
    /// come. False if it was stopped: members that were not done by then have none.
    fn train(
        &mut self,
        members: Vec<Member>,
        candidates: &[&Candidate],
        steps: u32,
        go_on: usize,
        trained: &mut [Option<Trained>],
        watch: &mut Watch<'_>,
    ) -> Result<bool, TrainError> {
        let common = Common {
            loss: self.problem.loss,
            batch_size: self.budget.batch_size,
            shuffle: true,
            update: Optimizer::adam(0.0).update,
        };
        let mut members: Vec<_> = members.into_iter().map(Some).collect();
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
                let mut standings = match go_on {
                    0 => Vec::new(),
                    _ => population.standings()?,
                }
                .into_iter();
                for (&at, score) in group.iter().zip(scores) {
                    let standing = standings.next();
                    trained[at] = Some(Trained { score, standing });
                }
                thin(trained, go_on);
            }
            self.workspace = Some(population.into_workspace());
            if !whole {
                return Ok(false);
            }
        }
        Ok(true)
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

//! How much is trained: how many candidates for how many steps.

use crate::train::TrainError;

/// What a search may take.
#[derive(Debug, Clone, PartialEq)]
pub struct Budget {
    /// Candidates: 64.
    pub trials: usize,
    /// Training steps of those that come to the end: 500.
    pub steps: u32,
    /// Of so many candidates one goes on to the next rung: 3.
    pub eta: usize,
    /// How many are trained again at the end: 3.
    pub finalists: usize,
    /// Over how many seeds: 5.
    pub repeats: usize,
    /// Rows in a batch: 32.
    pub batch_size: usize,
    /// Decides the candidates, the first weights and the order of the rows.
    pub seed: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            trials: 64,
            steps: 500,
            eta: 3,
            finalists: 3,
            repeats: 5,
            batch_size: 32,
            seed: 0,
        }
    }
}

impl Budget {
    /// Candidates of each rung, and steps up to its end. The first rung has all candidates, the last all steps.
    pub fn rungs(&self) -> Vec<(usize, u32)> {
        let least = self.finalists.clamp(1, self.trials);
        // As often as candidates can be divided before fewer are left than are wanted at the end.
        let mut counts = vec![self.trials];
        while self.eta > 1 && counts[counts.len() - 1] > least {
            counts.push((counts[counts.len() - 1] / self.eta).max(least));
        }
        let last = counts.len() - 1;
        let steps = |rung: usize| {
            let divided = (rung..last).fold(self.steps, |steps, _| {
                steps / u32::try_from(self.eta).unwrap_or(u32::MAX)
            });
            divided.max(1)
        };
        let each = counts.iter().enumerate();
        let mut rungs: Vec<_> = each.map(|(rung, &count)| (count, steps(rung))).collect();
        // With few steps several rungs would have the same, and judge the same networks again.
        rungs.dedup_by_key(|rung| rung.1);
        rungs
    }

    /// Training steps of all networks together.
    pub fn network_steps(&self) -> u64 {
        let (mut all, mut before) = (0, 0);
        for (count, steps) in self.rungs() {
            all += count as u64 * u64::from(steps - before);
            before = steps;
        }
        let finalists = self.finalists.min(self.trials) * self.repeats;
        all + finalists as u64 * u64::from(self.steps)
    }

    /// Refuses what makes no sense.
    pub(super) fn check(&self) -> Result<(), TrainError> {
        let least = [
            ("trials", self.trials as u64, 1),
            ("steps", self.steps.into(), 1),
            ("eta", self.eta as u64, 2),
            ("finalists", self.finalists as u64, 1),
            ("repeats", self.repeats as u64, 1),
            ("batch_size", self.batch_size as u64, 1),
        ];
        for (name, found, least) in least {
            if found < least {
                return Err(TrainError::Option {
                    name,
                    found: found.to_string(),
                    expected: if least == 1 {
                        "at least 1"
                    } else {
                        "at least 2"
                    },
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rungs_by_hand() {
        let rungs = |trials, finalists, eta, steps| {
            let budget = Budget {
                trials,
                steps,
                eta,
                finalists,
                ..Budget::default()
            };
            budget.rungs()
        };
        assert_eq!(rungs(27, 1, 3, 270), [(27, 10), (9, 30), (3, 90), (1, 270)]);
        assert_eq!(
            rungs(64, 3, 3, 500),
            [(64, 18), (21, 55), (7, 166), (3, 500)]
        );
        assert_eq!(rungs(5, 9, 3, 100), [(5, 100)], "all are finalists");
        assert_eq!(rungs(9, 1, 3, 2), [(9, 1), (1, 2)], "never no step");
        assert_eq!(rungs(64, 3, 3, 1), [(64, 1)]);
        let budget = Budget {
            trials: 9,
            steps: 90,
            finalists: 1,
            repeats: 2,
            ..Budget::default()
        };
        assert_eq!(budget.network_steps(), 9 * 10 + 3 * 20 + 60 + 2 * 90);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let refused = |change: fn(&mut Budget)| {
            let mut budget = Budget::default();
            change(&mut budget);
            budget.check().expect_err("it makes no sense").to_string()
        };
        assert!(refused(|b| b.trials = 0).contains("trials is 0; expected at least 1"));
        assert!(refused(|b| b.eta = 1).contains("eta is 1; expected at least 2"));
        assert!(refused(|b| b.repeats = 0).contains("repeats"));
    }
}

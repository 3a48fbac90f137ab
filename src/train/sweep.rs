//! The learning-rate finder: a rate that rises from step to step, and what the loss makes of it (Smith 2017, "Cyclical
//! Learning Rates for Training Neural Networks").

use super::schedule::{Curve, Moment, Per, Schedule};
use super::session::{Purpose, Session, batches};
use super::{TrainError, Trainer};
use crate::data::Dataset;
use crate::executor::{Data, Executor};
use crate::kernel::Tick;

/// The first rate of a sweep, and the last.
const RATES: [f64; 2] = [1e-7, 10.0];
/// What a smoothed loss keeps of the one before, as in fastai.
const KEPT: f64 = 0.98;
/// The sweep ends where the smoothed loss is so many times its least, as in fastai.
const DIVERGED: f64 = 4.0;
/// How far the centred average reaches to either side, in powers of ten of the rate.
const REACH: f64 = 0.6;
/// The same for the least, behind which losses may burst: a mean that reaches far would have that pull the least forward.
const REACH_OF_LEAST: f64 = 0.24;
/// The last steps, which do not count for what is suggested, as in fastai.
const LAST: usize = 5;

/// What the loss made of rising learning rates.
#[derive(Debug, Clone, PartialEq)]
pub struct RateSweep {
    /// The rate of each step.
    pub rates: Vec<f64>,
    /// The loss of each step, on its own batch, before the step changed anything; in the scale that the network sees.
    pub losses: Vec<f64>,
    /// The mean of the losses around each step, by weights that fall off alike to both sides: a mean of the steps before
    /// would see a fall, and the least, too late. A loss above the highest that the sweep began with counts as that, so
    /// that the end, where losses grow beyond all bounds, does not reach back.
    pub smoothed: Vec<f64>,
    /// The same with less reach, for the least.
    narrow: Vec<f64>,
    /// The moving average of the losses so far, begun without bias: what says when to end.
    running: Vec<f64>,
    /// Why it ended.
    pub end: SweepEnd,
}

/// Why a sweep ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SweepEnd {
    /// The highest rate was reached.
    Highest,
    /// The smoothed loss grew to four times its least.
    Diverged,
    /// The loss was NaN or infinite.
    NonFinite,
}

impl RateSweep {
    const fn new() -> Self {
        Self {
            rates: Vec::new(),
            losses: Vec::new(),
            smoothed: Vec::new(),
            narrow: Vec::new(),
            running: Vec::new(),
            end: SweepEnd::Highest,
        }
    }

    /// Adds a step; whether there shall be another one.
    fn add(&mut self, rate: f64, loss: f64) -> bool {
        if !loss.is_finite() {
            self.end = SweepEnd::NonFinite;
            return false;
        }
        // The average of the average's weights so far is 1 - KEPT^steps.
        let share = |steps: usize| 1.0 - KEPT.powi(i32::try_from(steps).unwrap_or(i32::MAX));
        let steps = self.losses.len();
        let before = self.running.last().map_or(0.0, |last| last * share(steps));
        let running = (KEPT * before + (1.0 - KEPT) * loss) / share(steps + 1);
        self.rates.push(rate);
        self.losses.push(loss);
        self.running.push(running);
        let least = self.running.iter().copied().fold(f64::INFINITY, f64::min);
        if running > DIVERGED * least && least > 0.0 {
            self.end = SweepEnd::Diverged;
            return false;
        }
        true
    }

    /// Smooths the losses, which are all there.
    fn smooth(&mut self) {
        (self.smoothed, self.narrow) = (self.centred(REACH), self.centred(REACH_OF_LEAST));
    }

    /// The mean around each step, by weights that reach so far to both sides.
    fn centred(&self, reach: f64) -> Vec<f64> {
        let steps = self.losses.len();
        let least = (0..steps).min_by(|a, b| self.running[*a].total_cmp(&self.running[*b]));
        let before = &self.losses[..least.map_or(0, |least| least + 1)];
        let ceiling = before.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let reach = match self.rates[..] {
            [first, second, ..] => reach * std::f64::consts::LN_10 / (second / first).ln(),
            _ => 0.0,
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "rates rise, and a conversion saturates"
        )]
        let reach = reach.ceil() as usize;
        let mean = |step: usize| {
            // Fewer at both ends, so that as many stand before the step as behind it.
            let reach = reach.min(step).min(steps - 1 - step);
            let weight = |other: usize| (reach + 1 - step.abs_diff(other)) as f64;
            let others = step - reach..=step + reach;
            let sum = others.map(|other| weight(other) * self.losses[other].min(ceiling));
            // The weights 1, 2 and so on to `reach + 1`, and down again.
            sum.sum::<f64>() / ((reach + 1) as f64).powi(2)
        };
        (0..steps).map(mean).collect()
    }

    /// The steps that count: not the first tenth, in which the mean is of few losses, nor the last five.
    fn counted(&self) -> std::ops::Range<usize> {
        let (steps, first) = (self.smoothed.len(), self.smoothed.len() / 10);
        if steps < first + LAST + 2 {
            return 0..steps;
        }
        first..steps - LAST
    }

    /// The rate at which the smoothed loss falls most steeply over the logarithm of the rate: that between two steps. None
    /// if it never falls.
    pub fn steepest(&self) -> Option<f64> {
        let counted = self.counted();
        let slope = |step: usize| {
            let fall = self.smoothed[step + 1] - self.smoothed[step];
            fall / (self.rates[step + 1] / self.rates[step]).ln()
        };
        let steps = counted.start..counted.end.saturating_sub(1);
        let steepest = steps
            .map(|step| (step, slope(step)))
            .min_by(|a, b| a.1.total_cmp(&b.1));
        // What rounding takes of a loss that stays as it is, is no fall.
        let falls = |(step, slope): &(usize, f64)| *slope < -1e-9 * self.smoothed[*step].abs();
        let between = |step: usize| (self.rates[step] * self.rates[step + 1]).sqrt();
        steepest.filter(falls).map(|(step, _)| between(step))
    }

    /// A tenth of the rate at which the loss, smoothed with less reach, is least. None if it never falls.
    pub fn tenth_of_minimum(&self) -> Option<f64> {
        self.steepest()?;
        let least = self
            .counted()
            .min_by(|a, b| self.narrow[*a].total_cmp(&self.narrow[*b]));
        least.map(|step| self.rates[step] / 10.0)
    }

    /// The least loss and the largest.
    pub fn range(&self) -> (f64, f64) {
        let ends = |(low, high): (f64, f64), loss: &f64| (low.min(*loss), high.max(*loss));
        self.losses
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), ends)
    }
}

impl Trainer {
    /// Trains with a rate that rises from 1e-7 to 10 within so many steps, each time by the same factor, until the loss has
    /// grown to four times its least. Epochs begin anew where there are few rows; of many rows, as many as are wanted are put
    /// on the device; an epoch's smaller last batch is left out. What was learnt is dropped.
    ///
    /// # Errors
    /// As [`Trainer::fit`], but numbers that are not finite end the sweep.
    pub fn sweep_rates(
        &self,
        executor: Box<dyn Executor>,
        data: &Dataset,
        steps: u64,
    ) -> Result<RateSweep, TrainError> {
        let mut trainer = self.clone();
        let options = &mut trainer.options;
        let [first, last] = RATES;
        let changes = steps.saturating_sub(1).max(1) as f64;
        options.optimizer.learning_rate = first;
        options.schedule = Schedule {
            per: Per::Step,
            ..Curve::Exponential {
                gamma: (last / first).powf(1.0 / changes),
            }
            .into()
        };
        options.steps = Some(steps);
        let some = trainer.wanted(data, steps);
        trainer.sweep(executor, some.as_ref().unwrap_or(data), steps)
    }

    /// As many of the rows as the steps take, if there are more: those with which the first epoch begins.
    fn wanted(&self, data: &Dataset, steps: u64) -> Option<Dataset> {
        let steps = usize::try_from(steps).unwrap_or(usize::MAX);
        let most = steps.saturating_mul(self.options.batch_size);
        if data.rows() <= most {
            return None;
        }
        let order = self.options.order().of(data);
        let mut rows = if self.options.shuffle {
            order.epoch(data.rows(), 1)
        } else {
            (0..u32::try_from(most).ok()?).collect()
        };
        rows.truncate(most);
        if data.stored_row_bytes().is_some() {
            // Rows that are not in memory are read one behind the other.
            rows.sort_unstable();
        }
        Some(data.select(&rows))
    }

    fn sweep(
        &self,
        executor: Box<dyn Executor>,
        data: &Dataset,
        steps: u64,
    ) -> Result<RateSweep, TrainError> {
        let mut session = self.session(executor, data)?;
        let tables = session
            .training
            .clone()
            .expect("the session has training rows");
        let mut batches = batches(data.rows(), self.options.batch_size);
        let rows = batches[0].rows;
        batches.retain(|batch| batch.rows == rows);
        let ready = session.plan(Purpose::Training(rows))?;
        let mut sweep = RateSweep::new();
        let order = self.options.order().of(data);
        let (base, count) = (self.options.optimizer.learning_rate, batches.len() as u64);
        for done in 0..steps {
            if done % count == 0 && self.options.shuffle {
                let order = Data::U32(order.epoch(data.rows(), done / count + 1));
                let Session {
                    executor, store, ..
                } = &mut session;
                executor.write_stored(store, &tables.part("order"), &order)?;
            }
            let moment = Moment {
                steps: done,
                epochs: 0,
                total: [steps, 1],
            };
            let schedule = &self.options.schedule;
            let rate = schedule.rate(base, moment, &schedule.begin(base));
            let batch = usize::try_from(done % count).expect("a batch's number");
            let tick = Tick {
                step: u32::try_from(done + 1).unwrap_or(u32::MAX),
                start: batches[batch].start,
                slot: 0,
                learning_rate: rate.learning_rate,
                momentum: None,
            };
            session.executor.run(ready.handle, &[tick])?;
            let loss = session.read_logs(&tables, 1)?.losses[0];
            // Under mixed precision the first steps may be skipped, until the loss scale fits.
            let skipped = session.recipe.mixed.is_some() && !loss.is_finite();
            if !skipped && !sweep.add(rate.learning_rate, loss) {
                break;
            }
        }
        sweep.smooth();
        Ok(sweep)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn swept(loss: impl Fn(f64) -> f64) -> RateSweep {
        let mut sweep = RateSweep::new();
        let factor = (RATES[1] / RATES[0]).powf(1.0 / 99.0);
        for step in 0..100 {
            let rate = RATES[0] * factor.powi(step);
            if !sweep.add(rate, loss(rate)) {
                break;
            }
        }
        sweep.smooth();
        sweep
    }

    /// fastai's debiased average, written as its own recurrence.
    #[test]
    fn losses_are_smoothed_without_bias() {
        let sweep = swept(|rate| 1.0 + rate.ln().sin());
        let (mut average, mut kept) = (0.0, 1.0);
        for (loss, smoothed) in sweep.losses.iter().zip(&sweep.running) {
            average = 0.98 * average + 0.02 * loss;
            kept *= 0.98;
            let expected = average / (1.0 - kept);
            assert!(
                (smoothed - expected).abs() < 1e-12,
                "{smoothed} is not {expected}"
            );
        }
    }

    #[test]
    fn a_loss_that_grows_ends_the_sweep() {
        let sweep = swept(|rate| if rate < 0.01 { 1.0 } else { 1.0 + 1e6 * rate });
        assert_eq!(sweep.end, SweepEnd::Diverged);
        assert!(sweep.rates.len() < 80, "{} steps", sweep.rates.len());
        let sweep = swept(|rate| if rate < 1e-3 { 1.0 } else { f64::NAN });
        assert_eq!(sweep.end, SweepEnd::NonFinite);
        assert!(
            sweep.losses.iter().all(|loss| loss.is_finite()),
            "{:?}",
            sweep.losses
        );
        assert_eq!(swept(|_| 1.0).end, SweepEnd::Highest);
    }

    /// Suggestions are neither early nor late: within one step, a factor of 1.2, of a curve whose least is known.
    #[test]
    fn what_is_suggested_does_not_lag() {
        let near = |found: Option<f64>, expected: f64| {
            let found = found.expect("it falls");
            let off = (found / expected).log10();
            assert!(off.abs() < 0.0809, "{found:e} for {expected:e}");
        };
        // Falls most steeply at 1e-4.
        let falls = |rate: f64| 2.0 - 1.0 / (1.0 + (1e-4 / rate).sqrt());
        near(swept(falls).steepest(), 1e-4);
        // Least at 1e-2.
        let bowl = |rate: f64| 1.0 + (rate.log10() + 2.0).powi(2);
        near(swept(bowl).tenth_of_minimum(), 1e-3);
        // Whatever comes behind it: a rise beyond all bounds does not reach back.
        let bursts = |rate: f64| if rate < 0.5 { bowl(rate) } else { 1e9 };
        near(swept(bursts).tenth_of_minimum(), 1e-3);
    }

    #[test]
    fn a_centred_mean_leaves_a_straight_line() {
        let sweep = swept(|rate| 3.0 - 0.1 * rate.log10());
        for (loss, smoothed) in sweep.losses.iter().zip(&sweep.smoothed) {
            assert!((loss - smoothed).abs() < 1e-12, "{smoothed} for {loss}");
        }
        assert_eq!(sweep.smoothed.len(), 100);
    }

    #[test]
    fn the_steepest_fall_and_a_tenth_of_the_least_are_suggested() {
        // Falls by a step of the logarithm around 1e-3, and rises behind 1e-1.
        let sweep = swept(|rate| {
            2.0 - 1.0 / (1.0 + (1e-3 / rate).powi(4)) + if rate > 0.1 { rate * 20.0 } else { 0.0 }
        });
        let steepest = sweep.steepest().expect("it falls");
        assert!((5e-4..1e-2).contains(&steepest), "{steepest}");
        let tenth = sweep.tenth_of_minimum().expect("it falls");
        assert!((5e-3..3e-2).contains(&tenth), "{tenth}");
        let flat = swept(|_| 1.0);
        assert_eq!((flat.steepest(), flat.tenth_of_minimum()), (None, None));
        let rising = swept(|rate| 1.0 + rate);
        assert_eq!(rising.steepest(), None);
    }
}

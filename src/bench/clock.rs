//! How long something takes.

use std::time::{Duration, Instant};

use super::Statistics;

/// How much measuring is enough.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// Seconds for the samples of one case. One sample is taken whatever it costs.
    pub seconds: f64,
    /// Most samples.
    pub samples: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            seconds: 1.0,
            samples: 1000,
        }
    }
}

/// Times of one unit of work, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Timing {
    /// Over the samples.
    pub statistics: Statistics,
    /// Units of work in one sample, with one wait for the last.
    pub steps: usize,
}

/// A sample lasts about so long, so that the wait at its end is not what is measured.
const SAMPLE: Duration = Duration::from_millis(20);
/// Most units of work in a sample.
pub(super) const MOST: usize = 100;

/// Times `run(n)`, which does `n` units of work and waits for the last of them. It is called once for one unit and once
/// for a whole sample before anything counts.
///
/// # Errors
/// What `run` returns.
pub fn measure<E>(
    bounds: Bounds,
    mut run: impl FnMut(usize) -> Result<(), E>,
) -> Result<Timing, E> {
    let mut time = |steps: usize| -> Result<Duration, E> {
        let start = Instant::now();
        run(steps)?;
        Ok(start.elapsed())
    };
    time(1)?;
    let mut steps = per_sample(time(1)?);
    // The first estimate holds the wait; this one is near the truth, and warms up.
    let count = u32::try_from(steps).unwrap_or(u32::MAX);
    let warm = time(steps)? / count;
    steps = steps.max(per_sample(warm));
    let begun = Instant::now();
    let mut samples = Vec::new();
    while samples.is_empty()
        || (samples.len() < bounds.samples && begun.elapsed().as_secs_f64() < bounds.seconds)
    {
        samples.push(time(steps)?.as_secs_f64() / steps as f64);
    }
    let statistics = Statistics::of(&samples).expect("there is at least one sample");
    Ok(Timing { statistics, steps })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped just before"
)]
fn per_sample(unit: Duration) -> usize {
    let fit = SAMPLE.as_secs_f64() / unit.as_secs_f64().max(1e-9);
    fit.clamp(1.0, MOST as f64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_bounded_in_number() {
        let mut units = Vec::new();
        let bounds = Bounds {
            seconds: 1e9,
            samples: 3,
        };
        let timing = measure(bounds, |steps| {
            units.push(steps);
            Ok::<_, ()>(())
        })
        .expect("it does not fail");
        assert_eq!((timing.statistics.samples, timing.steps), (3, MOST));
        assert_eq!(units[..2], [1, 1], "one unit before anything counts");
        assert_eq!(units[3..], [MOST; 3]);
    }

    #[test]
    fn one_sample_is_taken_without_time() {
        let bounds = Bounds {
            seconds: 0.0,
            samples: 10,
        };
        let timing = measure(bounds, |_| Ok::<_, ()>(())).expect("it does not fail");
        assert_eq!(timing.statistics.samples, 1);
    }

    #[test]
    fn long_work_is_a_sample_alone() {
        assert_eq!(per_sample(Duration::from_secs(1)), 1);
        assert_eq!(per_sample(Duration::from_millis(5)), 4);
        assert_eq!(per_sample(Duration::ZERO), MOST);
    }

    #[test]
    fn an_error_comes_back() {
        assert_eq!(measure(Bounds::default(), |_| Err("broken")), Err("broken"));
    }
}

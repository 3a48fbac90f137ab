//! Training on rows that stream.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::training::DRIFT;
use super::{BenchError, Bounds, NetworkCase, Statistics, Timing};
use crate::data::{DataError, Dataset, Inputs, Rows, Stored, Targets};
use crate::device::Device;
use crate::executor::Executor;
use crate::random::{Random, stream};
use crate::train::{Callback, Silent, StepsReport, Trainer};

/// Bytes of the device for the rows.
const SHARE: u64 = 256 << 10;
/// Rows that are shuffled together.
const WINDOW: usize = 1 << 15;
/// A sample lasts at least so long, so that it holds the waits between chunks too.
const SAMPLE: Duration = Duration::from_millis(20);

/// A training run over rows that are made when they are wanted, and stream through a small part of the device.
pub struct Streaming {
    trainer: Trainer,
    data: Dataset,
}

/// Random numbers of 0 to 1, the same each time.
#[derive(Debug)]
struct Made {
    rows: usize,
    features: usize,
}

impl Rows<f32> for Made {
    fn rows(&self) -> usize {
        self.rows
    }

    fn features(&self) -> usize {
        self.features
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "the inputs are rounded to f32 as all data are"
    )]
    fn read(&self, first: usize, into: &mut [f32]) -> Result<(), DataError> {
        let random = Random::new(1, stream::TEST, 0);
        let first = (first * self.features) as u64;
        for (index, value) in (first..).zip(into) {
            *value = random.uniform(index) as f32;
        }
        Ok(())
    }
}

impl Streaming {
    /// A run over so many rows, with classes in turn.
    ///
    /// # Errors
    /// If a data set cannot be that large.
    pub fn new(case: &NetworkCase, rows: usize) -> Result<Self, BenchError> {
        let (features, classes) = (case.widths[0], case.widths[case.widths.len() - 1]);
        let labels = (0..u32::try_from(classes).unwrap_or(u32::MAX)).cycle();
        let targets = Targets::Classes {
            labels: labels.take(rows).collect(),
            classes,
        };
        let inputs = Inputs::StoredF32(Stored::new(Arc::new(Made { rows, features })));
        let data = Dataset::new(inputs, &[features], targets)?;
        let mut trainer = case.trainer();
        trainer.options.stream = Some(SHARE);
        trainer.options.window = Some(WINDOW);
        Ok(Self { trainer, data })
    }

    /// Bytes of the device and of the host that the run takes, but for the labels.
    ///
    /// # Errors
    /// If no plan can be made for the device.
    pub fn bytes(&self, executor: Box<dyn Executor>) -> Result<u64, BenchError> {
        let found = (self.trainer).foretell(executor, &self.data, None, &Silent)?;
        Ok(found.footprint.to_come())
    }

    /// Holds the first loss against that of the CPU executor, where all rows are on the device.
    ///
    /// # Errors
    /// If they differ, or the device failed.
    pub fn check(&self, executor: Box<dyn Executor>) -> Result<(), BenchError> {
        let name = executor.device().name.clone();
        let mut trainer = self.trainer.clone();
        trainer.options.steps = Some(1);
        let mut first = |executor, stream| -> Result<f64, BenchError> {
            trainer.options.stream = Some(stream);
            let mut watch = Watch::new(Bounds::default());
            trainer.fit_on(executor, &self.data, None, &mut watch)?;
            Ok(watch.first_loss)
        };
        let loss = first(executor, SHARE)?;
        let expected = first(Device::Cpu.open(None)?.executor, u64::MAX)?;
        if (loss - expected).abs() <= DRIFT * expected.abs() {
            return Ok(());
        }
        Err(BenchError::Wrong {
            device: name,
            case: format!("{} on rows that stream", self.trainer.network),
            difference: format!("its first loss is {loss}, and the CPU executor's is {expected}"),
        })
    }

    /// Trains for as long as the bounds say, and at least one sample: what a step takes, with all that lies between steps.
    ///
    /// # Errors
    /// If the device failed.
    pub fn measure(
        mut self,
        executor: Box<dyn Executor>,
        bounds: Bounds,
    ) -> Result<Timing, BenchError> {
        self.trainer.options.epochs = u64::MAX;
        let mut watch = Watch::new(bounds);
        (self.trainer).fit_on(executor, &self.data, None, &mut watch)?;
        let statistics = Statistics::of(&watch.samples).expect("one sample is always taken");
        let steps = watch.steps / watch.samples.len();
        Ok(Timing { statistics, steps })
    }
}

/// Times the steps, from report to report.
struct Watch {
    bounds: Bounds,
    first_loss: f64,
    /// When the first submission was done, which warms up, and when the sample that is being taken began.
    begun: Option<(Instant, Instant)>,
    /// Steps of that sample, and of all.
    taken: usize,
    steps: usize,
    samples: Vec<f64>,
}

impl Watch {
    const fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            first_loss: f64::NAN,
            begun: None,
            taken: 0,
            steps: 0,
            samples: Vec::new(),
        }
    }
}

impl Callback for Watch {
    fn steps(&mut self, report: &StepsReport<'_>) -> std::io::Result<()> {
        let now = Instant::now();
        let Some((_, since)) = &mut self.begun else {
            self.first_loss = report.losses[0];
            self.begun = Some((now, now));
            return Ok(());
        };
        self.taken += report.losses.len();
        let seconds = now - *since;
        if seconds >= SAMPLE {
            self.samples.push(seconds.as_secs_f64() / self.taken as f64);
            self.steps += self.taken;
            (self.taken, *since) = (0, now);
        }
        Ok(())
    }

    fn interrupted(&self) -> bool {
        let Some((first, _)) = self.begun else {
            return false;
        };
        let enough = first.elapsed().as_secs_f64() >= self.bounds.seconds;
        !self.samples.is_empty() && (enough || self.samples.len() >= self.bounds.samples)
    }
}

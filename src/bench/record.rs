//! One line of results, in the schema that the peers' scripts print too.

use serde::Serialize;

use super::{Rates, Timing};

/// What was measured of one case on one device. What does not apply is `None`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Record {
    /// Who: `thalweg`.
    pub peer: String,
    /// Its version.
    pub version: String,
    /// On what, in words.
    pub device: String,
    /// What.
    pub case: String,
    /// Median time, in milliseconds.
    pub median_ms: Option<f64>,
    /// 10th percentile.
    pub p10_ms: Option<f64>,
    /// 90th percentile.
    pub p90_ms: Option<f64>,
    /// How far these two are apart, over the median.
    pub spread: Option<f64>,
    /// Operations done, in 10⁹ a second.
    pub gflops: Option<f64>,
    /// Bytes that the kernels read and write, in 10⁹ a second.
    pub gbs: Option<f64>,
    /// What the device reached in a kernel of nothing but multiply-adds, in GFLOP/s.
    pub multiply_add_gflops: Option<f64>,
    /// What it reached in a copy, in GB/s read and written.
    pub copy_gbs: Option<f64>,
    /// `gflops` over `multiply_add_gflops`.
    pub of_multiply_add: Option<f64>,
    /// `gbs` over `copy_gbs`.
    pub of_copy: Option<f64>,
    /// From the start of a fresh process to the first result, in seconds.
    pub first_step_s: Option<f64>,
    /// The same with the driver's cache of compiled shaders empty.
    pub first_step_cold_s: Option<f64>,
    /// The most memory that this process had resident.
    pub peak_memory_bytes: Option<u64>,
    /// Memory of the device that stores and plans take.
    pub device_memory_bytes: Option<u64>,
    /// Units of work in a sample.
    pub steps_per_sample: Option<usize>,
    /// Samples.
    pub samples: Option<usize>,
    /// Where shaders were timed to choose among them: one that can do the product's work.
    pub shader: Option<String>,
    /// The fastest of its few runs, in milliseconds.
    pub least_ms: Option<f64>,
    /// Whether it is the one that was taken.
    pub chosen: Option<bool>,
    /// What else is to be said, such as why nothing was measured.
    pub note: Option<String>,
}

impl Record {
    /// A record without measurements.
    pub fn new(device: &str, case: String) -> Self {
        Self {
            peer: "thalweg".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            device: device.to_owned(),
            case,
            ..Self::default()
        }
    }

    /// With times, and rates from the operations and bytes of one unit of work.
    #[must_use]
    pub fn timed(mut self, timing: &Timing, operations: u64, bytes: u64, rates: &Rates) -> Self {
        let found = &timing.statistics;
        self.median_ms = Some(found.median * 1e3);
        self.p10_ms = Some(found.p10 * 1e3);
        self.p90_ms = Some(found.p90 * 1e3);
        self.spread = Some(found.spread());
        let giga = |count: u64| count as f64 / found.median / 1e9;
        (self.gflops, self.gbs) = (Some(giga(operations)), Some(giga(bytes)));
        (self.multiply_add_gflops, self.copy_gbs) = (rates.multiply_add, rates.copy);
        self.of_multiply_add = rates.multiply_add.map(|rate| giga(operations) / rate);
        self.of_copy = rates.copy.map(|rate| giga(bytes) / rate);
        self.steps_per_sample = Some(timing.steps);
        self.samples = Some(found.samples);
        self
    }

    /// The larger of the two shares: how much of the limit that applies was reached.
    pub fn of_limit(&self) -> Option<f64> {
        let shares = [self.of_multiply_add, self.of_copy];
        shares.into_iter().flatten().max_by(f64::total_cmp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::Statistics;

    #[test]
    fn rates_by_hand() {
        let statistics = Statistics {
            median: 0.5,
            p10: 0.4,
            p90: 0.6,
            samples: 9,
        };
        let timing = Timing {
            statistics,
            steps: 3,
        };
        let rates = Rates {
            multiply_add: Some(8.0),
            copy: None,
        };
        let case = "matmul 2x2x2".to_owned();
        let found = Record::new("cpu", case).timed(&timing, 1_000_000_000, 500_000_000, &rates);
        assert_eq!((found.gflops, found.gbs), (Some(2.0), Some(1.0)));
        assert_eq!((found.of_multiply_add, found.of_copy), (Some(0.25), None));
        assert_eq!((found.median_ms, found.p90_ms), (Some(500.0), Some(600.0)));
        assert_eq!(found.of_limit(), Some(0.25));
    }
}

//! What a run has told of itself so far: its `metrics.jsonl`, read back.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use serde_json::Value;

/// A curve: places along it (steps or epochs), and values.
pub type Curve = Vec<[f64; 2]>;

/// What a run has told of itself so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    /// The loss of each training step that was logged, by its number.
    pub steps: Curve,
    /// Every number that epochs have, by the epoch: `train_loss`, `val_accuracy`, `learning_rate` and so on.
    pub epochs: BTreeMap<String, Curve>,
    /// How many epochs there are, the last one's number.
    pub last_epoch: u64,
    /// Training steps so far.
    pub last_step: u64,
    /// The last epoch that was the best so far.
    pub best: Option<u64>,
    /// The looks into the network.
    pub looks: Vec<Looked>,
}

/// A look into the network at the end of an epoch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Looked {
    /// The epoch.
    pub epoch: f64,
    /// Rows of the batch that was looked at; 0 if the gradient is not known.
    pub rows: u64,
    /// The gradient's norm at each layer, by the layer's number.
    pub gradients: Vec<(u64, f64)>,
    /// The units of each activation.
    pub units: Vec<LookedUnits>,
    /// The values of each weight.
    pub weights: Vec<Histogram>,
}

/// The units behind an activation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LookedUnits {
    /// The layer's number.
    pub layer: u64,
    /// The activation.
    pub function: String,
    /// How many there are.
    pub units: u64,
    /// How many do nothing.
    pub idle: u64,
}

/// How the values of a tensor are spread.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Histogram {
    /// The tensor.
    pub name: String,
    /// The smallest value.
    pub least: f64,
    /// The largest.
    pub most: f64,
    /// The mean.
    pub mean: f64,
    /// The standard deviation.
    pub deviation: f64,
    /// How many values lie in each of as many equal stretches from the smallest to the largest.
    pub counts: Vec<u64>,
}

impl Histogram {
    /// Stretches of a histogram.
    pub const BINS: usize = 40;

    /// Counts the values of a tensor. Values that are not finite are left out.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place is within the bins"
    )]
    pub fn of(name: &str, values: &[f32]) -> Self {
        let finite = || {
            values
                .iter()
                .map(|&v| f64::from(v))
                .filter(|v| v.is_finite())
        };
        let count = finite().count().max(1) as f64;
        let (mut least, mut most, mut sum) = (f64::INFINITY, f64::NEG_INFINITY, 0.0);
        for value in finite() {
            (least, most, sum) = (least.min(value), most.max(value), sum + value);
        }
        if least > most {
            (least, most) = (0.0, 0.0);
        }
        let (mean, mut squares) = (sum / count, 0.0);
        let mut counts = vec![0; Self::BINS];
        let bins = Self::BINS as f64 / (most - least).max(f64::MIN_POSITIVE);
        for value in finite() {
            squares += (value - mean).powi(2);
            counts[(((value - least) * bins) as usize).min(Self::BINS - 1)] += 1;
        }
        Self {
            name: name.to_owned(),
            least,
            most,
            mean,
            deviation: (squares / count).sqrt(),
            counts,
        }
    }

    /// As part of a line of the metrics.
    pub fn to_json(&self) -> Value {
        serde_json::json!({
            "name": self.name, "min": self.least, "max": self.most,
            "mean": self.mean, "std": self.deviation, "counts": self.counts,
        })
    }

    fn read(value: &Value) -> Option<Self> {
        let counts = value["counts"].as_array()?;
        Some(Self {
            name: value["name"].as_str()?.to_owned(),
            least: value["min"].as_f64()?,
            most: value["max"].as_f64()?,
            mean: value["mean"].as_f64()?,
            deviation: value["std"].as_f64()?,
            counts: counts.iter().map(|c| c.as_u64().unwrap_or(0)).collect(),
        })
    }
}

impl History {
    /// Reads the metrics of a run. Lines that are not whole, as the last one of a run that was killed, are passed over.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn read(path: &Path) -> io::Result<Self> {
        let mut history = Self::default();
        for line in BufReader::new(std::fs::File::open(path)?).split(b'\n') {
            if let Ok(line) = serde_json::from_slice::<Value>(&line?) {
                history.add(&line);
            }
        }
        Ok(history)
    }

    /// Takes in a line of the metrics.
    pub fn add(&mut self, line: &Value) {
        match line["kind"].as_str() {
            Some("step") => {
                if let (Some(step), Some(loss)) = (line["step"].as_f64(), line["loss"].as_f64()) {
                    self.steps.push([step, loss]);
                }
                self.last_step = line["step"].as_u64().unwrap_or(self.last_step);
            }
            Some("epoch") => self.add_epoch(line),
            Some("layers") => self.looks.push(looked(line)),
            _ => {}
        }
    }

    fn add_epoch(&mut self, line: &Value) {
        let Some(epoch) = line["epoch"].as_u64() else {
            return;
        };
        self.last_epoch = epoch;
        self.last_step = line["step"].as_u64().unwrap_or(self.last_step);
        if line["best"] == true {
            self.best = Some(epoch);
        }
        for (key, value) in line.as_object().into_iter().flatten() {
            if let (Some(value), false) = (value.as_f64(), key == "epoch") {
                let curve = self.epochs.entry(key.clone()).or_default();
                curve.push([epoch as f64, value]);
            }
        }
    }

    /// A number of the epochs.
    pub fn curve(&self, key: &str) -> &[[f64; 2]] {
        self.epochs.get(key).map_or(&[], Vec::as_slice)
    }

    /// A number of the last epoch that has it.
    pub fn last(&self, key: &str) -> Option<f64> {
        self.curve(key).last().map(|point| point[1])
    }

    /// A number of an epoch.
    pub fn at(&self, key: &str, epoch: u64) -> Option<f64> {
        let curve = self.curve(key);
        let place = curve.iter().rposition(|point| point[0] == epoch as f64);
        place.map(|place| curve[place][1])
    }
}

fn looked(line: &Value) -> Looked {
    let list = |key: &str| line[key].as_array().map_or(&[][..], Vec::as_slice);
    let units = |u: &Value| LookedUnits {
        layer: u["layer"].as_u64().unwrap_or(0),
        function: u["function"].as_str().unwrap_or("").to_owned(),
        units: u["units"].as_u64().unwrap_or(0),
        idle: u["idle"].as_u64().unwrap_or(0),
    };
    let gradient = |g: &Value| Some((g["layer"].as_u64()?, g["norm"].as_f64()?));
    Looked {
        epoch: line["epoch"].as_f64().unwrap_or(0.0),
        rows: line["rows"].as_u64().unwrap_or(0),
        gradients: list("gradients").iter().filter_map(gradient).collect(),
        units: list("units").iter().map(units).collect(),
        weights: list("weights").iter().filter_map(Histogram::read).collect(),
    }
}

/// At most so many of these, the first and the last among them, evenly apart.
pub fn thinned<T: Clone>(all: &[T], most: usize) -> Vec<T> {
    if all.len() <= most {
        return all.to_vec();
    }
    let last = all.len() - 1;
    (0..most)
        .map(|i| all[i * last / (most - 1).max(1)].clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_counts_all_finite_values() {
        let found = Histogram::of("w", &[0.0, 1.0, 1.0, f32::NAN, 0.5]);
        assert_eq!((found.least, found.most, found.mean), (0.0, 1.0, 0.625));
        assert_eq!(
            (found.counts[0], found.counts[20], found.counts[39]),
            (1, 1, 2)
        );
        assert_eq!(Histogram::read(&found.to_json()), Some(found));
        let equal = Histogram::of("w", &[3.0; 5]);
        assert_eq!(
            equal.counts.iter().sum::<u64>(),
            5,
            "equal values are counted too"
        );
        assert_eq!(Histogram::of("w", &[]).counts.iter().sum::<u64>(), 0);
    }

    #[test]
    fn thinned_keeps_both_ends() {
        let all: Vec<_> = (0..1001).collect();
        let thin = thinned(&all, 11);
        assert_eq!(thin, (0..=10).map(|i| 100 * i).collect::<Vec<_>>());
        assert_eq!(thinned(&all, 5000), all);
    }
}

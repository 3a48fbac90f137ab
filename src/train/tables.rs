//! A data set in the store, in its own element type, and the logs that are kept of it.

use super::{Objective, TrainError};
use crate::data::{Dataset, Inputs, Targets};
use crate::executor::{Data, Executor};
use crate::graph::{Graph, GraphError, Store, TensorId};
use crate::network::{Loss, Network};
use crate::tensor::Element;

/// Rows of the logs: most steps between two readings.
pub const SLOTS: u32 = 128;

/// What is counted beside the loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// How many rows are classified right.
    Correct,
    /// The mean squared error of each output.
    SquaredErrors {
        /// How many outputs.
        outputs: usize,
    },
    /// Nothing: a loss of one's own, and a network whose outputs are not the targets'.
    Nothing,
}

impl Metric {
    /// Numbers a step.
    pub const fn columns(self) -> usize {
        match self {
            Self::Correct | Self::Nothing => 1,
            Self::SquaredErrors { outputs } => outputs,
        }
    }
}

/// A data set in the store: `NAME.inputs`, `NAME.order`, `NAME.labels` or `NAME.targets` (both for a loss that wants
/// classes as one-hot rows), and the logs `NAME.log.loss` and `NAME.log.metric`.
#[derive(Debug, Clone)]
pub struct Tables {
    name: &'static str,
    rows: usize,
    /// What a byte of the inputs is multiplied by.
    scale: f64,
    /// What is counted.
    metric: Metric,
    /// Whether the loss takes `NAME.labels` or `NAME.targets`.
    by_class: bool,
}

/// One batch in a graph.
#[derive(Debug, Clone, Copy)]
pub struct Batch {
    /// `[rows, features]`
    pub x: TensorId,
    /// What the loss takes: class numbers `[rows]` or numbers `[rows, outputs]`.
    pub target: TensorId,
    /// Class numbers `[rows]`, if there are classes.
    pub labels: Option<TensorId>,
}

impl Tables {
    /// Declares the tables of a data set in the store and writes them to the executor.
    ///
    /// # Errors
    /// If the data do not fit the network or the loss, or the device cannot hold them.
    pub fn new(
        name: &'static str,
        data: &Dataset,
        network: &Network,
        objective: &Objective,
        store: &mut Store,
        executor: &mut dyn Executor,
    ) -> Result<Self, TrainError> {
        check(data, network, objective)?;
        let (rows, outputs) = (data.rows(), data.outputs());
        let (inputs, element, scale) = match data.inputs() {
            Inputs::F32(values) => (Data::F32(values.clone()), Element::F32, 1.0),
            Inputs::U8 { pixels, scale } => {
                (Data::U8(pixels.clone()), Element::U8, f64::from(*scale))
            }
        };
        let mut put =
            |part: &str, shape: &[usize], element, values: &Data| -> Result<(), TrainError> {
                let name = format!("{name}.{part}");
                store.declare(&name, shape, element)?;
                executor.write_stored(store, &name, values)?;
                Ok(())
            };
        put("inputs", &[rows, data.features()], element, &inputs)?;
        put(
            "order",
            &[rows],
            Element::U32,
            &Data::U32(row_numbers(rows).collect()),
        )?;
        let by_class = match (data.targets(), objective) {
            (Targets::Classes { .. }, Objective::Loss(loss)) => loss.takes_classes(),
            (targets, _) => matches!(targets, Targets::Classes { .. }),
        };
        let metric = match data.targets() {
            Targets::Classes { labels, .. } => {
                put("labels", &[rows], Element::U32, &Data::U32(labels.clone()))?;
                if !by_class {
                    put(
                        "targets",
                        &[rows, outputs],
                        Element::F32,
                        &Data::F32(one_hot(labels, outputs)),
                    )?;
                }
                Metric::Correct
            }
            Targets::Numbers { values, .. } => {
                put(
                    "targets",
                    &[rows, outputs],
                    Element::F32,
                    &Data::F32(values.clone()),
                )?;
                Metric::SquaredErrors { outputs }
            }
            Targets::None => unreachable!("`check` refuses data without targets"),
        };
        let metric = if outputs == network.outputs() {
            metric
        } else {
            Metric::Nothing
        };
        let slots = SLOTS as usize;
        put(
            "log.loss",
            &[slots, 1],
            Element::F32,
            &Data::F32(vec![0.0; slots]),
        )?;
        let columns = metric.columns();
        put(
            "log.metric",
            &[slots, columns],
            Element::F32,
            &Data::F32(vec![0.0; slots * columns]),
        )?;
        Ok(Self {
            name,
            rows,
            scale,
            metric,
            by_class,
        })
    }

    /// How many rows there are.
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// What is counted beside the loss.
    pub const fn metric(&self) -> Metric {
        self.metric
    }

    /// The name in the store of a part.
    pub fn part(&self, part: &str) -> String {
        format!("{}.{part}", self.name)
    }

    /// The next `rows` rows, by the order and the tick.
    ///
    /// # Errors
    /// If the store does not hold the tables.
    pub fn batch(
        &self,
        graph: &mut Graph,
        store: &Store,
        rows: usize,
    ) -> Result<Batch, GraphError> {
        let order = graph.stored(store, &self.part("order"))?;
        let mut gather = |part: &str, scale: f64| {
            let table = graph.stored(store, &self.part(part))?;
            let batch = graph.batch(table, order, rows, scale)?;
            graph.rename(batch, format!("batch.{part}"));
            Ok::<_, GraphError>(batch)
        };
        let x = gather("inputs", self.scale)?;
        let labels = if self.by_class || self.metric == Metric::Correct {
            Some(gather("labels", 1.0)?)
        } else {
            None
        };
        let target = match labels {
            Some(labels) if self.by_class => labels,
            _ => gather("targets", 1.0)?,
        };
        Ok(Batch { x, target, labels })
    }
}

/// The numbers of all rows. A data set has fewer than 2^32.
pub(super) fn row_numbers(rows: usize) -> impl Iterator<Item = u32> {
    (0_u32..).take(rows)
}

fn one_hot(labels: &[u32], classes: usize) -> Vec<f32> {
    let mut rows = vec![0.0; labels.len() * classes];
    for (row, &label) in rows.chunks_exact_mut(classes).zip(labels) {
        row[label as usize] = 1.0;
    }
    rows
}

/// Refuses data that do not fit the network or the loss.
fn check(data: &Dataset, network: &Network, objective: &Objective) -> Result<(), TrainError> {
    let mismatch = |what, found, expected| {
        if found == expected {
            return Ok(());
        }
        Err(TrainError::Mismatch {
            what,
            found,
            expected,
            network: network.to_string(),
        })
    };
    let targets = |expected, found: &str| {
        Err(TrainError::Targets {
            loss: objective.to_string(),
            expected,
            found: found.to_owned(),
        })
    };
    mismatch("features", data.features(), network.inputs)?;
    match (data.targets(), objective) {
        (Targets::None, _) => return targets("targets", "none"),
        (Targets::Numbers { .. }, Objective::Loss(Loss::CrossEntropy)) => {
            return targets("classes", "numbers");
        }
        (Targets::Numbers { values, .. }, Objective::Loss(Loss::SigmoidCrossEntropy)) => {
            if let Some(value) = values.iter().find(|v| !(0.0..=1.0).contains(*v)) {
                return targets("targets from 0 to 1", &format!("{value} among them"));
            }
        }
        _ => {}
    }
    if matches!(objective, Objective::Custom(_)) {
        return Ok(());
    }
    let what = if matches!(data.targets(), Targets::Classes { .. }) {
        "classes"
    } else {
        "outputs"
    };
    mismatch(what, data.outputs(), network.outputs())
}

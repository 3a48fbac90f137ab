//! What excites a unit most: inputs that are made for it, and rows that there are.

use super::taps::Tap;
use super::{ExplainError, Explainer, Quantity, Spread, check_below, mask_of};
use crate::graph::ops::Update;
use crate::graph::{Graph, TensorId};
use crate::kernel::Tick;
use crate::network::Activation;

/// Where a unit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// An output of the network.
    Outputs(Quantity),
    /// A layer of hidden units, by its place in [`Explainer::unit_layers`].
    Hidden(usize),
}

/// How an input is made that excites a unit.
#[derive(Debug, Clone, PartialEq)]
pub struct Exciting {
    /// Steps of Adam, at most 100,000.
    pub steps: u32,
    /// The first learning rate, as a share of the mean range of the inputs; it falls to 0 in a straight line.
    pub rate: f64,
    /// What half the sum of the squares of the inputs counts against the unit.
    pub l2: f64,
    /// The input that it begins with, `[features]`.
    pub start: Vec<f32>,
    /// The least of each input, `[features]`.
    pub low: Vec<f32>,
    /// The largest of each input, `[features]`.
    pub high: Vec<f32>,
}

/// Steps that are taken, at most, and how many of them at once.
const STEPS: u32 = 100_000;
const AT_ONCE: u32 = 1024;
/// Numbers of all inputs that are made, at most.
const MADE: usize = 1 << 24;

/// An input that excites a unit.
#[derive(Debug, Clone, PartialEq)]
pub struct Excited {
    /// The unit's number.
    pub unit: usize,
    /// The input, `[features]`.
    pub x: Vec<f32>,
    /// The unit's value at the first input, and at this one.
    pub values: [f64; 2],
}

/// What rows do to a unit.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranked {
    /// The numbers and values of those that excite it most, the strongest first; none if it is the same on all rows.
    pub rows: Vec<(usize, f64)>,
    /// The standard deviation of its values.
    pub deviation: f64,
}

impl Explainer {
    /// Makes an input for each of some units, by gradient ascent on the input (Erhan et al. 2009): all at once, each a row
    /// of one tensor that the optimiser's own kernel changes. After each step the inputs are cut to their ranges.
    ///
    /// A hidden unit is excited by what its function gets, so that one that is 0 at the start has a gradient too; its
    /// value is what the function gives.
    ///
    /// # Errors
    /// If there is no such unit, the numbers make no sense, or the device failed.
    pub fn excite(
        &mut self,
        place: Place,
        units: &[usize],
        how: &Exciting,
    ) -> Result<Vec<Excited>, ExplainError> {
        let features = self.network.inputs;
        let width = self.width_of(place)?;
        check_below("unit", units, width)?;
        check(units, how, features)?;
        let name = self.fresh("excited");
        let update = Update::Adam {
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.0,
            decoupled: false,
        };
        let first = how.start.repeat(units.len());
        self.put_ascent(&name, &first, how, update)?;
        self.put_mask(units.len(), width, units)?;
        let graph = self.ascent(place, &name, units.len(), how.l2, update)?;
        let program = self.workspace.load("excite", &graph, &[])?;
        let ranges = how.high.iter().zip(&how.low).map(|(h, l)| f64::from(h - l));
        let rate = how.rate * ranges.sum::<f64>() / features as f64;
        let tick = |step: u32| Tick {
            step: step + 1,
            learning_rate: rate * f64::from(how.steps - step) / f64::from(how.steps),
            ..Tick::default()
        };
        for first in (0..how.steps).step_by(AT_ONCE as usize) {
            let steps = first..how.steps.min(first + AT_ONCE);
            let ticks: Vec<_> = steps.map(tick).collect();
            self.workspace.run(&program, &ticks)?;
        }
        let values = self.workspace.get(&format!("{name}.x"))?;
        #[expect(clippy::cast_possible_truncation, reason = "inputs are f32")]
        let x: Vec<f32> = values.iter().map(|&v| v as f32).collect();
        let ends = [
            self.unit_values(place, &first)?,
            self.unit_values(place, &x)?,
        ];
        let each = units.iter().zip(x.chunks(features)).enumerate();
        Ok(each
            .map(|(row, (&unit, x))| Excited {
                unit,
                // What was cut by sums of f32 may be a rounding beyond.
                x: x.iter()
                    .zip(how.low.iter().zip(&how.high))
                    .map(|(x, (l, h))| x.clamp(*l, *h))
                    .collect(),
                values: [0, 1].map(|end: usize| ends[end][row * width + unit]),
            })
            .collect())
    }

    /// Puts the first inputs, the optimiser's states and the ranges where the ascent finds them.
    fn put_ascent(
        &mut self,
        name: &str,
        first: &[f32],
        how: &Exciting,
        update: Update,
    ) -> Result<(), ExplainError> {
        let features = how.start.len();
        let inputs = format!("{name}.x");
        let shape = [first.len() / features, features].into();
        let block = vec![(inputs.clone(), shape)];
        self.workspace.store.declare_block(name, block)?;
        for state in update.states() {
            self.workspace.store.declare_like(name, state)?;
        }
        self.workspace.write(&inputs, first.to_vec())?;
        let minus = |row: &[f32]| -> Vec<f32> { row.iter().map(|v| -v).collect() };
        for (ending, row) in [
            ("low", how.low.clone()),
            ("minus_low", minus(&how.low)),
            ("minus_high", minus(&how.high)),
        ] {
            self.workspace
                .put(&format!("{name}.{ending}"), [features], row)?;
        }
        Ok(())
    }

    /// One step of the ascent.
    fn ascent(
        &self,
        place: Place,
        name: &str,
        rows: usize,
        l2: f64,
        update: Update,
    ) -> Result<Graph, ExplainError> {
        let store = &self.workspace.store;
        let mut graph = Graph::new();
        let inputs = format!("{name}.x");
        let x = graph.stored(store, &inputs)?;
        let y = self.forward(&mut graph, x)?;
        let y = match place {
            Place::Outputs(Quantity::Logit) => y,
            Place::Outputs(Quantity::Probability) => graph.activation(y, self.output)?,
            Place::Hidden(place) => super::taps::taps(&self.network, &graph)[place].before,
        };
        let columns = graph.tensor(y).shape.dims()[1];
        let mask = graph.stored(store, &mask_of(rows, columns))?;
        let meant = graph.mul(y, mask)?;
        let excitement = graph.sum(meant)?;
        let squares = graph.mul(x, x)?;
        let squares = graph.sum(squares)?;
        let penalty = graph.scale(squares, 0.5 * l2)?;
        let loss = graph.sub(penalty, excitement)?;
        let gradient = graph.differentiate(loss, &[x])?;
        graph.update(store, name, &gradient, update)?;
        let x = graph.stored(store, &inputs)?;
        let [low, minus_low, minus_high] = [
            graph.stored(store, &format!("{name}.low"))?,
            graph.stored(store, &format!("{name}.minus_low"))?,
            graph.stored(store, &format!("{name}.minus_high"))?,
        ];
        let cut = clipped(&mut graph, x, low, minus_low, minus_high)?;
        graph.copy_to(cut, x)?;
        Ok(graph)
    }

    /// Units of a place.
    pub(super) fn width_of(&mut self, place: Place) -> Result<usize, ExplainError> {
        match place {
            Place::Outputs(_) => Ok(self.network.outputs()),
            Place::Hidden(place) => {
                let taps = self.unit_taps()?;
                check_below("layer of hidden units", &[place], taps.len())?;
                Ok(taps[place].of.units)
            }
        }
    }

    /// The values `[rows, units]` of a place's units.
    ///
    /// # Errors
    /// If there is no such place, the inputs are not whole rows, or the device failed.
    pub fn unit_values(&mut self, place: Place, x: &[f32]) -> Result<Vec<f64>, ExplainError> {
        self.width_of(place)?;
        let wanted = match place {
            Place::Outputs(of) => return self.answers(of, x),
            Place::Hidden(wanted) => wanted,
        };
        let taps: Vec<Tap> = self.unit_taps()?;
        let mut values = Vec::new();
        self.each_unit(x, &taps, |place, row| {
            if place == wanted {
                values.extend(taps[place].values(row));
            }
        })?;
        Ok(values)
    }

    /// The numbers and values of the rows that excite a unit most, the strongest first. None of a unit that is the same on
    /// all rows, as one that is dead.
    ///
    /// # Errors
    /// As [`Explainer::unit_values`], or if there is no such unit.
    pub fn most_excited(
        &mut self,
        place: Place,
        units: &[usize],
        x: &[f32],
        most: usize,
    ) -> Result<Vec<Vec<(usize, f64)>>, ExplainError> {
        let parts = std::iter::once(Ok::<_, ExplainError>(x));
        let ranked = self.ranked(place, units, parts, most)?;
        Ok(ranked.into_iter().map(|ranked| ranked.rows).collect())
    }

    /// The same of rows that come in parts, and need not be in memory at once, with how the units' values are spread.
    ///
    /// # Errors
    /// As [`Explainer::most_excited`], or what a part is an error of.
    pub fn ranked<X: AsRef<[f32]>, E: From<ExplainError>>(
        &mut self,
        place: Place,
        units: &[usize],
        parts: impl IntoIterator<Item = Result<X, E>>,
        most: usize,
    ) -> Result<Vec<Ranked>, E> {
        let width = self.width_of(place)?;
        check_below("unit", units, width)?;
        let mut rows = vec![Vec::new(); units.len()];
        let (mut spread, mut first) = (Spread::default(), 0);
        for part in parts {
            let values = self.unit_values(place, part?.as_ref())?;
            let of_part = values.len() / width;
            let mut meant = Vec::with_capacity(of_part * units.len());
            for row in values.chunks(width) {
                #[expect(clippy::cast_possible_truncation, reason = "devices compute in f32")]
                meant.extend(units.iter().map(|&unit| row[unit] as f32));
            }
            spread.add(&meant, units.len());
            for (&unit, rows) in units.iter().zip(&mut rows) {
                let of_rows = (first..).zip(values.chunks(width).map(|row| row[unit]));
                rows.extend(of_rows);
                rows.sort_by(|a: &(usize, f64), b| b.1.total_cmp(&a.1));
                rows.truncate(most);
            }
            first += of_part;
        }
        let ranked = rows.into_iter().enumerate().map(|(at, rows)| {
            let varies = spread.rows < 2 || spread.low[at] < spread.high[at];
            let deviation = spread.deviation.get(at).copied().unwrap_or(0.0);
            let rows = if varies { rows } else { Vec::new() };
            Ranked { rows, deviation }
        });
        Ok(ranked.collect())
    }
}

/// `low + max(x - low, 0) - max(x - high, 0)`: x between low and high.
fn clipped(
    graph: &mut Graph,
    x: TensorId,
    low: TensorId,
    minus_low: TensorId,
    minus_high: TensorId,
) -> Result<TensorId, ExplainError> {
    let above = graph.bias_add(x, minus_low)?;
    let above = graph.activation(above, Activation::Relu)?;
    let beyond = graph.bias_add(x, minus_high)?;
    let beyond = graph.activation(beyond, Activation::Relu)?;
    let within = graph.sub(above, beyond)?;
    Ok(graph.bias_add(within, low)?)
}

fn check(units: &[usize], how: &Exciting, features: usize) -> Result<(), ExplainError> {
    if units.is_empty() {
        return Err(ExplainError::value("units", "none", "at least one"));
    }
    if units.len().saturating_mul(features) > MADE {
        let found = format!("{} of them, for {features} inputs each", units.len());
        let expected = format!("at most {}", MADE / features);
        return Err(ExplainError::value("units", found, expected));
    }
    if !(1..=STEPS).contains(&how.steps) {
        let expected = format!("a number from 1 to {STEPS}");
        return Err(ExplainError::value("steps", how.steps, expected));
    }
    for (what, value) in [("the rate", how.rate), ("l2", how.l2)] {
        if !(0.0..=f64::from(f32::MAX)).contains(&value) {
            let expected = "a number of at least 0 that f32 holds";
            return Err(ExplainError::value(what, format!("{value:e}"), expected));
        }
    }
    for (what, row) in [
        ("the first input", &how.start),
        ("the lower ends", &how.low),
        ("the upper ends", &how.high),
    ] {
        if row.len() != features || row.iter().any(|v| !v.is_finite()) {
            let found = format!("{} numbers", row.len());
            return Err(ExplainError::value(
                what,
                found,
                format!("{features} finite numbers"),
            ));
        }
    }
    Ok(())
}

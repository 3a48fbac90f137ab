//! Hidden units: which do nothing, and how many linear regions rows fall into.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher};

use super::taps::{Kind, Tap, UnitLayer, taps};
use super::{Affine, ExplainError, Explainer, Job};
use crate::graph::Graph;
use crate::kernel::{ActivationKind, Tick};

/// A mean slope below this share of the steepest is that of a unit that is saturated.
const FLAT: f64 = 0.01;

/// What rows show of a layer's units.
#[derive(Debug, Clone, PartialEq)]
pub struct UnitsFound {
    /// The layer.
    pub of: UnitLayer,
    /// Numbers of units that are 0 on all rows.
    pub dead: Vec<usize>,
    /// Numbers of units of a sigmoid or tanh whose mean slope is below 1 % of the steepest.
    pub saturated: Vec<usize>,
    /// The share of the rows on which a unit is above 0, the mean over the units.
    pub active: f64,
}

/// The linear regions that rows fall into. Within one, a network of straight pieces is a linear network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Regions {
    /// How many different ones.
    pub count: usize,
    /// Rows that are alone in theirs.
    pub alone: usize,
    /// Rows of the region that most fall into.
    pub most: usize,
    /// Units whose pieces tell regions apart.
    pub units: usize,
}

/// The place of the largest number, the first of equal ones.
pub(crate) fn largest<T: PartialOrd>(numbers: &[T]) -> usize {
    let better = |best: usize, at: usize| {
        if numbers[at] > numbers[best] {
            at
        } else {
            best
        }
    };
    (0..numbers.len()).fold(0, better)
}

/// Sums over the rows, one a unit.
#[derive(Default, Clone)]
struct Sums {
    mean: f64,
    square: f64,
    most: f64,
    above: usize,
}

/// Rows in a region are counted by two hashes of the pieces, 128 bits: that two regions are taken for one is less likely
/// than that the machine errs.
#[derive(Default)]
struct Visited {
    counts: HashMap<[u64; 2], usize>,
}

impl Explainer {
    /// The layers of hidden units, in order.
    ///
    /// # Errors
    /// If the network cannot be built.
    pub fn unit_layers(&mut self) -> Result<Vec<UnitLayer>, ExplainError> {
        let taps = self.unit_taps()?;
        Ok(taps.into_iter().map(|tap| tap.of).collect())
    }

    /// The units of a graph that is like any other that has one row.
    pub(super) fn unit_taps(&mut self) -> Result<Vec<Tap>, ExplainError> {
        self.declare(&super::inputs_of(1), [1, self.network.inputs])?;
        let mut graph = Graph::new();
        let x = graph.stored(&self.workspace.store, &super::inputs_of(1))?;
        self.forward(&mut graph, x)?;
        Ok(taps(&self.network, &graph))
    }

    /// Calls `each` with the number of a layer of hidden units and what is read of it for a row, for all rows and layers.
    pub(super) fn each_unit(
        &mut self,
        x: &[f32],
        taps: &[Tap],
        mut each: impl FnMut(usize, &[f64]),
    ) -> Result<(), ExplainError> {
        self.rows_of(x)?;
        for part in x.chunks(self.at_once() * self.network.inputs) {
            let (rows, count) = self.put_rows(part)?;
            let program = self.program(Job::Units(rows))?;
            self.workspace.run(&program, &[Tick::default()])?;
            let mut read = Vec::with_capacity(taps.len());
            for place in 0..taps.len() {
                read.push(self.workspace.read(&program, place)?);
            }
            for row in 0..count {
                for (place, (tap, values)) in taps.iter().zip(&read).enumerate() {
                    let width = tap.width();
                    each(place, &values[row * width..(row + 1) * width]);
                }
            }
        }
        Ok(())
    }

    /// What rows show of all hidden units, and which linear regions they fall into: none of a network that is not made of
    /// straight pieces, see [`Affine::check`].
    ///
    /// # Errors
    /// If the inputs are not whole rows, or the device failed.
    pub fn units(&mut self, x: &[f32]) -> Result<(Vec<UnitsFound>, Option<Regions>), ExplainError> {
        self.units_of_parts(std::iter::once(Ok(x)))
    }

    /// The same of rows that come in parts, and need not be in memory at once.
    ///
    /// # Errors
    /// As [`Explainer::units`], or what a part is an error of.
    pub fn units_of_parts<X: AsRef<[f32]>, E: From<ExplainError>>(
        &mut self,
        parts: impl IntoIterator<Item = Result<X, E>>,
    ) -> Result<(Vec<UnitsFound>, Option<Regions>), E> {
        let taps = self.unit_taps()?;
        let zeros = |tap: &Tap| vec![Sums::default(); tap.of.units];
        let mut sums: Vec<_> = taps.iter().map(zeros).collect();
        let (mut visited, mut rows) = (Visited::default(), 0);
        let mut hashes = [DefaultHasher::new(), DefaultHasher::new()];
        for part in parts {
            let part = part?;
            rows += self.rows_of(part.as_ref())?;
            let Some(last) = taps.len().checked_sub(1) else {
                continue;
            };
            self.each_unit(part.as_ref(), &taps, |place, values| {
                for (sum, y) in sums[place].iter_mut().zip(taps[place].values(values)) {
                    sum.add(y);
                }
                taps[place].pieces(values, |piece| {
                    hashes[0].write_usize(piece);
                    hashes[1].write_usize(piece + 1);
                });
                if place == last {
                    let fresh = [DefaultHasher::new(), DefaultHasher::new()];
                    visited.add(std::mem::replace(&mut hashes, fresh).map(|h| h.finish()));
                }
            })?;
        }
        let found = taps
            .iter()
            .zip(&sums)
            .map(|(tap, sums)| judged(tap, sums, rows));
        let found = found.collect();
        if Affine::check(&self.network).is_err() {
            return Ok((found, None));
        }
        if taps.is_empty() {
            // A linear network: all rows are in the only one.
            visited.counts.insert([0; 2], rows);
        }
        let units = taps.iter().map(|tap| tap.of.units).sum();
        Ok((found, Some(visited.regions(units))))
    }
}

impl Sums {
    fn add(&mut self, y: f64) {
        self.mean += y;
        self.square += y * y;
        self.most = self.most.max(y.abs());
        self.above += usize::from(y > 0.0);
    }
}

fn judged(tap: &Tap, sums: &[Sums], rows: usize) -> UnitsFound {
    let count = rows as f64;
    let such = |is: &dyn Fn(&Sums) -> bool| {
        let all = sums.iter().enumerate();
        all.filter(|(_, s)| is(s))
            .map(|(unit, _)| unit)
            .collect::<Vec<_>>()
    };
    let saturated = match tap.kind {
        // The slope is y (1 - y), at most a quarter.
        Kind::Function(ActivationKind::Sigmoid) => {
            such(&|s| 4.0 * (s.mean - s.square) / count < FLAT)
        }
        Kind::Function(ActivationKind::Tanh) => such(&|s| 1.0 - s.square / count < FLAT),
        _ => Vec::new(),
    };
    let above: usize = sums.iter().map(|s| s.above).sum();
    UnitsFound {
        of: tap.of.clone(),
        dead: such(&|s| s.most == 0.0),
        saturated,
        active: above as f64 / (count * sums.len().max(1) as f64),
    }
}

impl Visited {
    fn add(&mut self, region: [u64; 2]) {
        *self.counts.entry(region).or_default() += 1;
    }

    fn regions(&self, units: usize) -> Regions {
        let counts = || self.counts.values().copied();
        Regions {
            count: self.counts.len(),
            alone: counts().filter(|count| *count == 1).count(),
            most: counts().max().unwrap_or(0),
            units,
        }
    }
}

//! Hidden units: which do nothing, and how many linear regions rows fall into.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher};

use super::{ExplainError, Explainer, Job};
use crate::graph::{Graph, Lowered, TensorId};
use crate::kernel::{ActivationKind, Kernel, Tick};

/// A mean slope below this share of the steepest is that of a unit that is saturated.
const FLAT: f64 = 0.01;

/// Hidden units: the results of an activation, or of a maxout layer.
#[derive(Debug, Clone, PartialEq)]
pub struct UnitLayer {
    /// The number of the last layer with parameters before them, as in `layers.N.weight`.
    pub layer: usize,
    /// What makes them.
    pub function: String,
    /// How many there are.
    pub units: usize,
}

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

/// A tensor whose columns are hidden units, or for a maxout layer their pieces.
pub(super) struct Tap {
    pub(super) layer: usize,
    kind: Kind,
    /// What is read: the result, or what a maxout layer chooses from.
    pub(super) tensor: TensorId,
    /// What a unit is made of: the input of a function.
    pub(super) before: TensorId,
    pub(super) units: usize,
}

enum Kind {
    Function(ActivationKind),
    /// The largest of so many.
    Maxout(usize),
}

/// The hidden units of a forward pass, in order.
pub(super) fn taps(graph: &Graph) -> Vec<Tap> {
    let mut found = Vec::new();
    for node in graph.nodes() {
        let tensors = |ids: &[TensorId]| ids.iter().map(|&id| graph.tensor(id)).collect::<Vec<_>>();
        let (inputs, outputs) = (tensors(&node.inputs), tensors(&node.outputs));
        let Lowered::Kernel(kernel) = node.op.lower(&inputs, &outputs) else {
            continue;
        };
        let (kind, tensor) = match kernel {
            Kernel::Activation(of) => (Kind::Function(of.kind), node.outputs[0]),
            Kernel::MaxPieces(of) => (Kind::Maxout(of.pieces as usize), node.inputs[0]),
            _ => continue,
        };
        let &[_, units] = outputs[0].shape.dims() else {
            continue;
        };
        found.push(Tap {
            layer: node.layer.unwrap_or(0),
            kind,
            tensor,
            before: match kernel {
                Kernel::Activation(_) => node.inputs[0],
                _ => node.outputs[0],
            },
            units,
        });
    }
    found
}

pub(super) fn tapped(graph: &Graph) -> Vec<TensorId> {
    taps(graph).iter().map(|tap| tap.tensor).collect()
}

impl Tap {
    fn described(&self) -> UnitLayer {
        let function = match self.kind {
            Kind::Function(kind) => format!("{kind:?}").to_lowercase(),
            Kind::Maxout(pieces) => format!("maxout of {pieces}"),
        };
        UnitLayer {
            layer: self.layer,
            function,
            units: self.units,
        }
    }

    /// The units' values in a row of what is read.
    pub(super) fn values<'a>(&self, row: &'a [f64]) -> Box<dyn Iterator<Item = f64> + 'a> {
        match self.kind {
            Kind::Function(_) => Box::new(row.iter().copied()),
            Kind::Maxout(pieces) => Box::new(
                row.chunks(pieces)
                    .map(|p| p.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
            ),
        }
    }

    /// Columns of what is read.
    pub(super) fn width(&self) -> usize {
        match self.kind {
            Kind::Function(_) => self.units,
            Kind::Maxout(pieces) => self.units * pieces,
        }
    }

    /// On which piece each unit is, if its function is made of straight pieces.
    fn pieces(&self, row: &[f64], mut on: impl FnMut(usize)) {
        match self.kind {
            Kind::Function(ActivationKind::Relu | ActivationKind::LeakyRelu) => {
                row.iter().for_each(|y| on(usize::from(*y > 0.0)));
            }
            Kind::Function(_) => {}
            Kind::Maxout(pieces) => row.chunks(pieces).for_each(|p| on(largest(p))),
        }
    }

    const fn is_straight(&self) -> bool {
        matches!(
            self.kind,
            Kind::Maxout(_) | Kind::Function(ActivationKind::Relu | ActivationKind::LeakyRelu)
        )
    }
}

/// The place of the largest number, the first of equal ones.
pub(super) fn largest(numbers: &[f64]) -> usize {
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
        Ok(self.unit_taps()?.iter().map(Tap::described).collect())
    }

    /// The units of a graph that is like any other that has one row.
    pub(super) fn unit_taps(&mut self) -> Result<Vec<Tap>, ExplainError> {
        self.declare(&super::inputs_of(1), [1, self.network.inputs])?;
        let mut graph = Graph::new();
        let x = graph.stored(&self.workspace.store, &super::inputs_of(1))?;
        self.forward(&mut graph, x)?;
        Ok(taps(&graph))
    }

    /// Calls `each` with the number of a layer of hidden units and what is read of it for a row, for all rows and layers.
    pub(super) fn each_unit(
        &mut self,
        x: &[f32],
        taps: &[Tap],
        mut each: impl FnMut(usize, usize, &[f64]),
    ) -> Result<(), ExplainError> {
        self.rows_of(x)?;
        let parts = x.chunks(super::AT_ONCE * self.network.inputs);
        for (part, first) in parts.zip((0..).step_by(super::AT_ONCE)) {
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
                    each(first + row, place, &values[row * width..(row + 1) * width]);
                }
            }
        }
        Ok(())
    }

    /// What rows show of all hidden units, and which linear regions they fall into: none for a network that has a unit which
    /// is not made of straight pieces, or no such unit at all.
    ///
    /// # Errors
    /// If the inputs are not whole rows, or the device failed.
    pub fn units(&mut self, x: &[f32]) -> Result<(Vec<UnitsFound>, Option<Regions>), ExplainError> {
        let rows = self.rows_of(x)?;
        let taps = self.unit_taps()?;
        if taps.is_empty() {
            return Ok((Vec::new(), None));
        }
        let mut sums: Vec<_> = taps
            .iter()
            .map(|tap| vec![Sums::default(); tap.units])
            .collect();
        let mut visited = Visited::default();
        let mut hashes = [DefaultHasher::new(), DefaultHasher::new()];
        let last = taps.len() - 1;
        self.each_unit(x, &taps, |_, place, values| {
            for (sum, y) in sums[place].iter_mut().zip(taps[place].values(values)) {
                sum.mean += y;
                sum.square += y * y;
                sum.most = sum.most.max(y.abs());
                sum.above += usize::from(y > 0.0);
            }
            taps[place].pieces(values, |piece| {
                hashes[0].write_usize(piece);
                hashes[1].write_usize(piece + 1);
            });
            if place == last {
                let of =
                    std::mem::replace(&mut hashes, [DefaultHasher::new(), DefaultHasher::new()]);
                visited.add(of.map(|hash| hash.finish()));
            }
        })?;
        let found = taps
            .iter()
            .zip(&sums)
            .map(|(tap, sums)| judged(tap, sums, rows));
        let straight = taps.iter().all(Tap::is_straight);
        let units = taps.iter().map(|tap| tap.units).sum();
        Ok((found.collect(), straight.then(|| visited.regions(units))))
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
        of: tap.described(),
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

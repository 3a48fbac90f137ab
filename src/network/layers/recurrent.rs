use super::{At, Build, Lasting, Rule};
use crate::graph::{Graph, GraphError, TensorId};
use crate::network::{Activation, Cell, NetworkError};

/// A cell, unrolled: each time step is ops of its own, and so is its gradient.
pub(super) struct Recurrent {
    pub(super) cell: Cell,
    pub(super) units: usize,
    pub(super) steps: usize,
    pub(super) sequence: bool,
}

impl Recurrent {
    /// Columns of one time step.
    fn features(&self, inputs: usize) -> usize {
        inputs / self.steps.max(1)
    }
}

impl Rule for Recurrent {
    fn outputs(&self, _: usize) -> usize {
        if self.sequence {
            self.units.saturating_mul(self.steps)
        } else {
            self.units
        }
    }

    fn check(&self, at: At, inputs: usize) -> Result<(), NetworkError> {
        let At { index, .. } = at;
        if self.units == 0 {
            return Err(NetworkError::NoUnits { index });
        }
        if self.steps == 0 || !inputs.is_multiple_of(self.steps) {
            let (steps, columns) = (self.steps, inputs);
            return Err(NetworkError::TimeSteps {
                index,
                steps,
                columns,
            });
        }
        let widest = (self.units.checked_mul(self.cell.gates()))
            .and_then(|columns| columns.checked_mul(self.steps));
        if widest.is_some_and(|columns| u32::try_from(columns).is_ok()) {
            return Ok(());
        }
        let found = format!("{} for {} time steps", self.units, self.steps);
        let expected = "fewer than 2^32 of all gates and time steps together";
        Err(at.value("the number of a recurrent layer's units", found, expected))
    }

    fn has_parameters(&self) -> bool {
        true
    }

    fn declare(&self, prefix: &str, inputs: usize, lasting: &mut Lasting) {
        let rows = self.cell.gates().saturating_mul(self.units);
        lasting.recurrent(prefix, self.features(inputs), self.units, rows);
    }

    fn forward(
        &self,
        build: &mut Build<'_>,
        prefix: &str,
        x: TensorId,
    ) -> Result<TensorId, GraphError> {
        let inputs = self.inputs(build, prefix, x)?;
        let weight = build.stored(prefix, "weight_hh_l0")?;
        let bias = if self.cell.adds_biases() {
            None
        } else {
            Some(build.stored(prefix, "bias_hh_l0")?)
        };
        let graph = &mut *build.graph;
        let rows = graph.tensor(x).shape.dims()[0];
        let zero = graph.constant([rows, self.units], 0.0);
        let (mut h, mut c) = (zero, zero);
        let mut all = Vec::with_capacity(inputs.len());
        for input in inputs {
            let mut product = graph.matmul_transposed(h, weight, false, true)?;
            if let Some(bias) = bias {
                product = graph.bias_add(product, bias)?;
            }
            h = match self.cell {
                Cell::Rnn | Cell::RnnRelu => {
                    let sum = graph.add(input, product)?;
                    let is_tanh = self.cell == Cell::Rnn;
                    graph.activation(
                        sum,
                        if is_tanh {
                            Activation::Tanh
                        } else {
                            Activation::Relu
                        },
                    )?
                }
                Cell::Lstm => {
                    let next = self.lstm(graph, [input, product], c)?;
                    c = next[1];
                    next[0]
                }
                Cell::Gru => self.gru(graph, [input, product], h)?,
            };
            all.push(h);
        }
        if self.sequence {
            join(graph, &all)
        } else {
            Ok(h)
        }
    }

    fn width(&self) -> Option<String> {
        Some(if self.sequence {
            format!("{}x{}", self.steps, self.units)
        } else {
            self.units.to_string()
        })
    }
}

impl Recurrent {
    /// The input's product `[rows, gates * units]` for each time step, computed for all at once: a row of data is seen as
    /// one row a time step.
    fn inputs(
        &self,
        build: &mut Build<'_>,
        prefix: &str,
        x: TensorId,
    ) -> Result<Vec<TensorId>, GraphError> {
        let weight = build.stored(prefix, "weight_ih_l0")?;
        let bias = build.stored(prefix, "bias_ih_l0")?;
        let other = build.stored(prefix, "bias_hh_l0")?;
        let graph = &mut *build.graph;
        let [rows, columns] = [0, 1].map(|axis| graph.tensor(x).shape.dims()[axis]);
        let x = graph.reshape(x, [rows * self.steps, self.features(columns)])?;
        let product = graph.matmul_transposed(x, weight, false, true)?;
        let mut product = graph.bias_add(product, bias)?;
        if self.cell.adds_biases() {
            product = graph.bias_add(product, other)?;
        }
        let gates = self.cell.gates() * self.units;
        let product = graph.reshape(product, [rows, self.steps * gates])?;
        split(graph, product, self.steps)
    }

    /// `h'` and `c'` from the products and `c`.
    fn lstm(
        &self,
        graph: &mut Graph,
        [input, product]: [TensorId; 2],
        c: TensorId,
    ) -> Result<[TensorId; 2], GraphError> {
        let units = self.units;
        let z = graph.add(input, product)?;
        // One step for all gates; what it makes of g is not looked at.
        let gates = graph.activation(z, Activation::Sigmoid)?;
        let i = graph.slice(gates, 1, 0, units)?;
        let f = graph.slice(gates, 1, units, units)?;
        let g = graph.slice(z, 1, 2 * units, units)?;
        let g = graph.activation(g, Activation::Tanh)?;
        let o = graph.slice(gates, 1, 3 * units, units)?;
        let (kept, new) = (graph.mul(f, c)?, graph.mul(i, g)?);
        let c = graph.add(kept, new)?;
        let shown = graph.activation(c, Activation::Tanh)?;
        Ok([graph.mul(o, shown)?, c])
    }

    /// `h'` from the products and `h`.
    fn gru(
        &self,
        graph: &mut Graph,
        [input, product]: [TensorId; 2],
        h: TensorId,
    ) -> Result<TensorId, GraphError> {
        let units = self.units;
        let [a, b] = [
            graph.slice(input, 1, 0, 2 * units)?,
            graph.slice(product, 1, 0, 2 * units)?,
        ];
        let sum = graph.add(a, b)?;
        let gates = graph.activation(sum, Activation::Sigmoid)?;
        let r = graph.slice(gates, 1, 0, units)?;
        let z = graph.slice(gates, 1, units, units)?;
        let [a, b] = [input, product].map(|of| graph.slice(of, 1, 2 * units, units));
        let reset = graph.mul(r, b?)?;
        let sum = graph.add(a?, reset)?;
        let n = graph.activation(sum, Activation::Tanh)?;
        let difference = graph.sub(h, n)?;
        let kept = graph.mul(z, difference)?;
        graph.add(n, kept)
    }
}

/// The columns of `x` in so many equal parts, by halves of halves: the gradient of a part is padded to its half alone. In all
/// that is the whole `log2(count)` times over, and not `count` times.
fn split(graph: &mut Graph, x: TensorId, count: usize) -> Result<Vec<TensorId>, GraphError> {
    if count == 1 {
        return Ok(vec![x]);
    }
    let columns = graph.tensor(x).shape.dims()[1];
    let half = count / 2;
    let at = columns / count * half;
    let first = graph.slice(x, 1, 0, at)?;
    let second = graph.slice(x, 1, at, columns - at)?;
    let mut parts = split(graph, first, half)?;
    parts.extend(split(graph, second, count - half)?);
    Ok(parts)
}

/// All columns beside each other, joined in the same way.
fn join(graph: &mut Graph, parts: &[TensorId]) -> Result<TensorId, GraphError> {
    if let &[part] = parts {
        return Ok(part);
    }
    let (first, second) = parts.split_at(parts.len() / 2);
    let (first, second) = (join(graph, first)?, join(graph, second)?);
    graph.concat(first, second, 1)
}

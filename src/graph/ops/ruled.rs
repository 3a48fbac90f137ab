//! Updates under rules: what is done to the gradient before, which parameters are changed how, and what is done to the
//! weights behind.

use super::{Gradients, Output, Scaling, Update, expect_reals, no_gradient, size};
use crate::graph::{Backward, Graph, GraphError, Lowered, Op, Phase, Store, Tensor, TensorId};
use crate::kernel::{
    Accumulate, Broadcast, ClipNorm, ClipValue, L1Gradient, MaxNormUpdate, SquareSum,
};
use crate::tensor::{Element, Shape};

/// How the parameters of a block are updated.
#[derive(Debug, Clone, PartialEq)]
pub struct Ruled {
    /// The rule whose states the block has.
    pub update: Update,
    /// The penalty of the magnitudes, added to the gradient first; 0 for none.
    pub l1: f64,
    /// The largest norm of the whole gradient.
    pub clip_norm: Option<f64>,
    /// The largest magnitude of an element of the gradient, behind the norm.
    pub clip_value: Option<f64>,
    /// The largest norm of a row of a weight, behind the update. Tensors of one axis are left as they are.
    pub max_norm: Option<f64>,
    /// Which elements are updated how. There is no gap between them.
    pub runs: Vec<Run>,
}

/// Neighbours in a block that are updated alike.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Run {
    /// The first element.
    pub offset: usize,
    /// Elements.
    pub len: usize,
    /// What the learning rate is multiplied by.
    pub factor: f64,
    /// The rule: the same but for its weight decay.
    pub update: Update,
}

/// An op whose kernel its operands' sizes decide, and that has no gradient.
#[derive(Debug, Clone, Copy)]
enum Ruling {
    /// Of `[.., columns]`.
    SquareSum,
    /// Of gradient, verdict or none, and weights.
    L1(f64),
    /// Of gradient, verdict or none, and the sum of its squares.
    ClipNorm(f64),
    /// Of gradient, and verdict or none.
    ClipValue(f64),
    /// Of the sums of the rows' squares, on the weight.
    MaxNorm(f64),
    /// Of a gradient, on those of the batches before.
    Accumulate(f64),
    /// Of a zero, on what was accumulated.
    Clear,
    /// Of gradient, and verdict or none, on the parameters and their states.
    Update(Run),
}

impl Op for Ruling {
    fn name(&self) -> &'static str {
        match self {
            Self::SquareSum => "square_sum",
            Self::L1(_) => "l1_gradient",
            Self::ClipNorm(_) => "clip_norm",
            Self::ClipValue(_) => "clip_value",
            Self::MaxNorm(_) => "max_norm_update",
            Self::Accumulate(_) => "accumulate",
            Self::Clear => "broadcast",
            Self::Update(run) => run.update.name(),
        }
    }

    fn output(&self, inputs: &[&Tensor]) -> Output {
        expect_reals(self.name(), inputs)?;
        let shape = match self {
            Self::SquareSum => {
                let rank = inputs[0].shape.rank();
                super::expect_axis(self.name(), inputs[0], rank.saturating_sub(1))?;
                inputs[0].shape.without_axis(rank - 1)
            }
            _ => inputs[0].shape.clone(),
        };
        Ok((shape, Element::F32))
    }

    fn gradient(&self, graph: &mut Graph, at: &Backward) -> Gradients {
        no_gradient(self.name(), graph, at, "it is part of an update")
    }

    fn lower(&self, inputs: &[&Tensor], outputs: &[&Tensor]) -> Lowered {
        let count = size(inputs[0].shape.len());
        let rows = |of: &Tensor| size(of.shape.len());
        Lowered::Kernel(match *self {
            Self::SquareSum => {
                let rows = rows(outputs[0]);
                let columns = count / rows;
                SquareSum { rows, columns }.into()
            }
            Self::L1(l1) => {
                let scaled = inputs.len() > 2;
                L1Gradient { count, l1, scaled }.into()
            }
            Self::ClipNorm(limit) => {
                let scaled = inputs.len() > 2;
                ClipNorm {
                    count,
                    limit,
                    scaled,
                }
                .into()
            }
            Self::ClipValue(limit) => {
                let scaled = inputs.len() > 1;
                ClipValue {
                    count,
                    limit,
                    scaled,
                }
                .into()
            }
            Self::MaxNorm(limit) => {
                let columns = size(outputs[0].shape.len()) / count;
                MaxNormUpdate {
                    rows: count,
                    columns,
                    limit,
                }
                .into()
            }
            Self::Accumulate(factor) => Accumulate { count, factor }.into(),
            Self::Clear => Broadcast {
                outer: 1,
                axis: rows(outputs[0]),
                inner: 1,
                factor: 1.0,
            }
            .into(),
            Self::Update(run) => run.update.kernel(count, inputs.len() > 1, run.factor),
        })
    }
}

/// Elements that are squared and summed together: blocks end at multiples of it.
const SQUARES: usize = crate::graph::ALIGNMENT / size_of::<f32>();

impl Graph {
    /// As [`Graph::update`], or under mixed precision, with the loss given, [`Graph::scaled_update`]; under rules.
    ///
    /// # Errors
    /// As those.
    pub fn ruled_update(
        &mut self,
        store: &Store,
        block: &str,
        gradients: &[TensorId],
        ruled: &Ruled,
        mixed: Option<(TensorId, Scaling)>,
    ) -> Result<(), GraphError> {
        let (layer, phase) = (self.layer.take(), self.phase);
        self.phase = Phase::Update;
        let updated = self.packed(store, block, gradients).and_then(|gradient| {
            let verdict = match mixed {
                Some((loss, scaling)) => {
                    Some(self.judge(store, loss, gradient, ruled.update, scaling)?)
                }
                None => None,
            };
            self.by_rules(store, block, (gradient, verdict), ruled)
        });
        (self.layer, self.phase) = (layer, phase);
        updated
    }

    /// Adds the gradients of a block, times a factor, to what is in the store as `BLOCK.gradient`.
    ///
    /// # Errors
    /// If the store lacks one of the two, or a gradient has not the shape of its parameter.
    pub fn accumulate(
        &mut self,
        store: &Store,
        block: &str,
        gradients: &[TensorId],
        factor: f64,
    ) -> Result<(), GraphError> {
        let (layer, phase) = (self.layer.take(), self.phase);
        self.phase = Phase::Update;
        let done = self.packed(store, block, gradients).and_then(|packed| {
            let sum = self.stored_block(store, &format!("{block}.gradient"))?;
            self.push_node(
                Box::new(Ruling::Accumulate(factor)),
                vec![packed],
                vec![sum],
            )
        });
        (self.layer, self.phase) = (layer, phase);
        done
    }

    /// An update of a block by what was accumulated, times a factor. What was accumulated is 0 then.
    ///
    /// # Errors
    /// If the store lacks the block, a state of it or `BLOCK.gradient`.
    pub fn accumulated_update(
        &mut self,
        store: &Store,
        block: &str,
        ruled: &Ruled,
        factor: f64,
    ) -> Result<(), GraphError> {
        let (layer, phase) = (self.layer.take(), self.phase);
        self.phase = Phase::Update;
        let sum = format!("{block}.gradient");
        let done = self.stored_block(store, &sum).and_then(|sum| {
            let gradient = self.scale(sum, factor)?;
            self.rename(gradient, format!("{block}.grad"));
            self.by_rules(store, block, (gradient, None), ruled)?;
            let zero = self.constant([1], 0.0);
            self.push_node(Box::new(Ruling::Clear), vec![zero], vec![sum])
        });
        (self.layer, self.phase) = (layer, phase);
        done
    }

    /// The same from a gradient in one piece, and the verdict on it.
    pub(super) fn by_rules(
        &mut self,
        store: &Store,
        block: &str,
        (gradient, verdict): (TensorId, Option<TensorId>),
        ruled: &Ruled,
    ) -> Result<(), GraphError> {
        let gradient = self.limited(store, block, (gradient, verdict), ruled)?;
        let len = store.block(block)?.len;
        for &run in &ruled.runs {
            let part = if run.len == len {
                gradient
            } else {
                self.part(gradient, run.offset, run.len)?
            };
            let mut outputs = vec![self.stored_run(store, block, &run)?];
            for state in run.update.states() {
                let state = format!("{block}.{state}");
                outputs.push(self.stored_run(store, &state, &run)?);
            }
            let inputs = std::iter::once(part).chain(verdict).collect();
            self.push_node(Box::new(Ruling::Update(run)), inputs, outputs)?;
        }
        let Some(limit) = ruled.max_norm else {
            return Ok(());
        };
        for member in &store.block(block)?.members {
            if member.shape.rank() < 2 {
                continue;
            }
            let w = self.stored(store, &member.name)?;
            let squares = self.apply(Ruling::SquareSum, &[w])?;
            let op = Box::new(Ruling::MaxNorm(limit));
            self.push_node(op, vec![squares], vec![w])?;
        }
        Ok(())
    }

    /// The gradient with its penalty, and within its limits.
    fn limited(
        &mut self,
        store: &Store,
        block: &str,
        (mut gradient, verdict): (TensorId, Option<TensorId>),
        ruled: &Ruled,
    ) -> Result<TensorId, GraphError> {
        let with = |gradient: TensorId, last: Option<TensorId>| -> Vec<TensorId> {
            std::iter::once(gradient)
                .chain(verdict)
                .chain(last)
                .collect()
        };
        if ruled.l1 != 0.0 {
            let w = self.stored_block(store, block)?;
            gradient = self.apply(Ruling::L1(ruled.l1), &with(gradient, Some(w)))?;
        }
        if let Some(limit) = ruled.clip_norm {
            let rows = store.block(block)?.len / SQUARES;
            let table = self.reshape(gradient, Shape::from([rows, SQUARES]))?;
            let squares = self.apply(Ruling::SquareSum, &[table])?;
            let total = self.sum(squares)?;
            self.rename(total, "sum of the gradient's squares");
            gradient = self.apply(Ruling::ClipNorm(limit), &with(gradient, Some(total)))?;
        }
        if let Some(limit) = ruled.clip_value {
            gradient = self.apply(Ruling::ClipValue(limit), &with(gradient, None))?;
        }
        Ok(gradient)
    }
}

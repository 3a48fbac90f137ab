//! The gradient, as a transformation of the graph.

use super::{Backward, Graph, GraphError, Lowered, Origin, Phase, TensorId};

impl Graph {
    /// Appends the gradient of the scalar `loss` at each tensor of `wrt`, and returns the gradients in that order.
    ///
    /// Reverse accumulation: from the last node to the first, each node on a path from `wrt` to `loss` is asked for
    /// the gradient at those of its inputs that lie on such a path. A tensor that is used more than once gets the sum.
    ///
    /// # Errors
    /// If `loss` is not a scalar, a tensor of `wrt` holds integers or does not influence `loss`, an op on the way has
    /// no gradient, or the way leads through a gradient (a second derivative).
    pub fn differentiate(
        &mut self,
        loss: TensorId,
        wrt: &[TensorId],
    ) -> Result<Vec<TensorId>, GraphError> {
        self.check_differentiable(loss, wrt)?;
        let (layer, phase) = (self.layer, self.phase);
        self.phase = Phase::Backward;
        let result = self.append_gradients(loss, wrt);
        (self.layer, self.phase) = (layer, phase);
        result
    }

    fn append_gradients(
        &mut self,
        loss: TensorId,
        wrt: &[TensorId],
    ) -> Result<Vec<TensorId>, GraphError> {
        let depends = self.dependents(wrt);
        let mut gradients: Vec<Option<TensorId>> = vec![None; self.tensors.len()];
        let seed_shape = self.shape(loss);
        gradients[loss.0] = Some(self.constant(seed_shape, 1.0));

        for index in (0..self.nodes.len()).rev() {
            let node = &self.nodes[index];
            let &[output] = node.outputs.as_slice() else {
                continue;
            };
            let computed = self.tensor(output).origin == Origin::Computed;
            let Some(dy) = gradients[output.0].filter(|_| computed && depends[output.0]) else {
                continue;
            };
            let needed: Vec<bool> = node.inputs.iter().map(|i| depends[i.0]).collect();
            if !needed.contains(&true) {
                continue;
            }
            if node.phase == Phase::Backward {
                return Err(GraphError::SecondDerivative {
                    op: node.op.name(),
                    loss: self.tensor(loss).name.clone(),
                });
            }
            self.layer = node.layer;
            let at = Backward {
                inputs: node.inputs.clone(),
                output,
                dy,
                needed,
            };
            for (input, gradient) in self.gradients_of(index, &at)? {
                gradients[input.0] = Some(match gradients[input.0] {
                    Some(other) => self.add(other, gradient)?,
                    None => gradient,
                });
            }
        }
        self.layer = None;
        wrt.iter()
            .map(|&tensor| self.finish(loss, tensor, gradients[tensor.0]))
            .collect()
    }

    /// The gradients at the needed inputs of one node.
    fn gradients_of(
        &mut self,
        index: usize,
        at: &Backward,
    ) -> Result<Vec<(TensorId, TensorId)>, GraphError> {
        // The op leaves its node while it appends others.
        let op = std::mem::replace(&mut self.nodes[index].op, Box::new(super::ops::Absent));
        let result = op.gradient(self, at);
        self.nodes[index].op = op;
        let found = at.inputs.iter().zip(&at.needed).zip(result?);
        Ok(found
            .filter_map(|((&input, &needed), gradient)| {
                gradient.filter(|_| needed).map(|g| (input, g))
            })
            .collect())
    }

    fn check_differentiable(&self, loss: TensorId, wrt: &[TensorId]) -> Result<(), GraphError> {
        let of = self.tensor(loss);
        if of.shape.len() != 1 {
            return Err(GraphError::NotScalar {
                tensor: of.name.clone(),
                shape: of.shape.clone(),
            });
        }
        match wrt
            .iter()
            .chain([&loss])
            .map(|&t| self.tensor(t))
            .find(|t| !t.element.is_real())
        {
            Some(t) => Err(GraphError::IntegerGradient {
                tensor: t.name.clone(),
                element: t.element,
            }),
            None => Ok(()),
        }
    }

    /// For each tensor, whether a tensor of `wrt` influences it.
    fn dependents(&self, wrt: &[TensorId]) -> Vec<bool> {
        let mut depends = vec![false; self.tensors.len()];
        for tensor in wrt {
            depends[tensor.0] = true;
        }
        for node in &self.nodes {
            if node.inputs.iter().any(|i| depends[i.0]) {
                for output in node
                    .outputs
                    .iter()
                    .filter(|o| self.tensor(**o).origin == Origin::Computed)
                {
                    depends[output.0] |= self.tensor(*output).element.is_real();
                }
            }
        }
        depends
    }

    fn is_stored_or_view_of_it(&self, tensor: TensorId) -> bool {
        if matches!(self.tensor(tensor).origin, Origin::Stored(_)) {
            return true;
        }
        let operands =
            |ids: &[TensorId]| -> Vec<_> { ids.iter().map(|&id| self.tensor(id)).collect() };
        let node = self.nodes.iter().find(|n| n.outputs == [tensor]);
        node.is_some_and(|n| {
            n.op.lower(&operands(&n.inputs), &operands(&n.outputs)) == Lowered::View
                && self.is_stored_or_view_of_it(n.inputs[0])
        })
    }

    fn finish(
        &mut self,
        loss: TensorId,
        tensor: TensorId,
        gradient: Option<TensorId>,
    ) -> Result<TensorId, GraphError> {
        let name = self.tensor(tensor).name.clone();
        let mut gradient = gradient.ok_or_else(|| GraphError::Unconnected {
            loss: self.tensor(loss).name.clone(),
            tensor: name.clone(),
        })?;
        if self.is_stored_or_view_of_it(gradient) {
            // As the gradient of `p q` at `p`, which is `q`: an update of `q` must not change it.
            gradient = self.apply(super::ops::Copy, &[gradient])?;
        }
        if self.tensor(gradient).origin == Origin::Computed {
            self.rename(gradient, format!("{name}.grad"));
        }
        Ok(gradient)
    }
}

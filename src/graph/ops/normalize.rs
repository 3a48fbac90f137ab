use super::{Gradients, Output, expect_reals, no_gradient, second_derivative, size};
use crate::graph::{Backward, Graph, GraphError, Lowered, Op, Tensor, TensorId};
use crate::kernel;
use crate::tensor::{Element, Shape};

/// What batch and layer normalisation have in common.
#[derive(Debug, Clone, Copy)]
struct Norm {
    /// Rows are normalised, not columns.
    by_row: bool,
    epsilon: f64,
    /// The moments are those of `x`, so that the gradient goes through them too.
    own_moments: bool,
}

/// Rows and columns of a matrix.
pub(super) fn matrix(op: &'static str, x: &Tensor) -> Result<[usize; 2], GraphError> {
    match *x.shape.dims() {
        [rows, columns] => Ok([rows, columns]),
        _ => Err(GraphError::Shape {
            op,
            found: x.shape.clone(),
            expected: "[rows, columns]".to_owned(),
        }),
    }
}

pub(super) fn expect_shape(
    op: &'static str,
    tensor: &Tensor,
    shape: &[usize],
) -> Result<(), GraphError> {
    if tensor.shape.dims() == shape {
        return Ok(());
    }
    Err(GraphError::Shape {
        op,
        found: tensor.shape.clone(),
        expected: format!("{}", Shape::from(shape)),
    })
}

fn sizes(tensor: &Tensor) -> [u32; 2] {
    [0, 1].map(|axis| size(tensor.shape.dims()[axis]))
}

/// Mean and variance of each group.
#[derive(Debug, Clone, Copy)]
struct Moments {
    by_row: bool,
}

impl Op for Moments {
    fn name(&self) -> &'static str {
        "moments"
    }

    fn output(&self, inputs: &[&Tensor]) -> Output {
        expect_reals(self.name(), inputs)?;
        let [rows, columns] = matrix(self.name(), inputs[0])?;
        let groups = if self.by_row { rows } else { columns };
        Ok(([2, groups].into(), Element::F32))
    }

    fn gradient(&self, graph: &mut Graph, at: &Backward) -> Gradients {
        let reason = "only normalisation knows the gradient through its moments";
        no_gradient(self.name(), graph, at, reason)
    }

    fn lower(&self, inputs: &[&Tensor], _: &[&Tensor]) -> Lowered {
        let [rows, columns] = sizes(inputs[0]);
        let by_row = self.by_row;
        Lowered::Kernel(
            kernel::Moments {
                rows,
                columns,
                by_row,
            }
            .into(),
        )
    }
}

impl Op for Norm {
    fn name(&self) -> &'static str {
        if self.by_row {
            "layer_norm"
        } else {
            "batch_norm"
        }
    }

    fn output(&self, inputs: &[&Tensor]) -> Output {
        expect_reals(self.name(), inputs)?;
        let [rows, columns] = matrix(self.name(), inputs[0])?;
        let groups = if self.by_row { rows } else { columns };
        expect_shape(self.name(), inputs[1], &[2, groups])?;
        expect_shape(self.name(), inputs[2], &[columns])?;
        expect_shape(self.name(), inputs[3], &[columns])?;
        Ok((inputs[0].shape.clone(), Element::F32))
    }

    fn gradient(&self, graph: &mut Graph, at: &Backward) -> Gradients {
        let &[x, moments, gamma, _] = at.inputs.as_slice() else {
            unreachable!("it is applied to four tensors")
        };
        let columns = graph.tensor(gamma).shape.len();
        let wants_sums = at.needed[2] || at.needed[3] || (at.needed[0] && !self.by_row);
        let sums = if wants_sums {
            Some(graph.apply(NormSums(*self), &[x, moments, at.dy])?)
        } else {
            None
        };
        let mut gradients = vec![None; 4];
        if let (true, Some(sums)) = (at.needed[0], sums.filter(|_| !self.by_row)) {
            let inputs = [x, moments, gamma, at.dy, sums];
            gradients[0] = Some(graph.apply(BatchNormGrad(*self), &inputs)?);
        } else if at.needed[0] {
            gradients[0] = Some(graph.apply(LayerNormGrad(*self), &[x, moments, gamma, at.dy])?);
        }
        for (input, row) in [(2, 1), (3, 0)] {
            if let (true, Some(sums)) = (at.needed[input], sums) {
                let row = graph.slice(sums, 0, row, 1)?;
                gradients[input] = Some(graph.reshape(row, [columns])?);
            }
        }
        Ok(gradients)
    }

    fn lower(&self, inputs: &[&Tensor], _: &[&Tensor]) -> Lowered {
        let [rows, columns] = sizes(inputs[0]);
        let &Self {
            by_row, epsilon, ..
        } = self;
        Lowered::Kernel(
            kernel::Normalize {
                rows,
                columns,
                by_row,
                epsilon,
            }
            .into(),
        )
    }
}

/// The gradients at `beta` and at `gamma`, `[2, columns]`.
#[derive(Debug, Clone, Copy)]
struct NormSums(Norm);

impl Op for NormSums {
    fn name(&self) -> &'static str {
        "normalize_sums"
    }

    fn output(&self, inputs: &[&Tensor]) -> Output {
        let [_, columns] = matrix(self.name(), inputs[0])?;
        Ok(([2, columns].into(), Element::F32))
    }

    fn gradient(&self, graph: &mut Graph, at: &Backward) -> Gradients {
        second_derivative(self.name(), graph, at)
    }

    fn lower(&self, inputs: &[&Tensor], _: &[&Tensor]) -> Lowered {
        let [rows, columns] = sizes(inputs[0]);
        let Norm {
            by_row, epsilon, ..
        } = self.0;
        Lowered::Kernel(
            kernel::NormalizeSums {
                rows,
                columns,
                by_row,
                epsilon,
            }
            .into(),
        )
    }
}

#[derive(Debug, Clone, Copy)]
struct BatchNormGrad(Norm);

impl Op for BatchNormGrad {
    fn name(&self) -> &'static str {
        "batch_norm_grad"
    }

    fn output(&self, inputs: &[&Tensor]) -> Output {
        Ok((inputs[0].shape.clone(), Element::F32))
    }

    fn gradient(&self, graph: &mut Graph, at: &Backward) -> Gradients {
        second_derivative(self.name(), graph, at)
    }

    fn lower(&self, inputs: &[&Tensor], _: &[&Tensor]) -> Lowered {
        let [rows, columns] = sizes(inputs[0]);
        let Norm {
            epsilon,
            own_moments,
            ..
        } = self.0;
        let factor = if own_moments {
            1.0 / f64::from(rows)
        } else {
            0.0
        };
        Lowered::Kernel(
            kernel::BatchNormGrad {
                rows,
                columns,
                epsilon,
                factor,
            }
            .into(),
        )
    }
}

#[derive(Debug, Clone, Copy)]
struct LayerNormGrad(Norm);

impl Op for LayerNormGrad {
    fn name(&self) -> &'static str {
        "layer_norm_grad"
    }

    fn output(&self, inputs: &[&Tensor]) -> Output {
        Ok((inputs[0].shape.clone(), Element::F32))
    }

    fn gradient(&self, graph: &mut Graph, at: &Backward) -> Gradients {
        second_derivative(self.name(), graph, at)
    }

    fn lower(&self, inputs: &[&Tensor], _: &[&Tensor]) -> Lowered {
        let [rows, columns] = sizes(inputs[0]);
        let epsilon = self.0.epsilon;
        Lowered::Kernel(
            kernel::LayerNormGrad {
                rows,
                columns,
                epsilon,
            }
            .into(),
        )
    }
}

/// An epsilon that is 0 in f32 could leave 0 to be divided by.
fn expect_epsilon(op: &'static str, epsilon: f64) -> Result<(), GraphError> {
    if (f64::from(f32::MIN_POSITIVE)..f64::INFINITY).contains(&epsilon) {
        return Ok(());
    }
    Err(GraphError::Value {
        op,
        name: "epsilon",
        value: epsilon,
        expected: "a finite number that is more than 0 in f32",
    })
}

impl Graph {
    /// Mean and variance of each column of `x` `[rows, columns]`, as `[2, columns]`. The variance is the mean of the
    /// squared distances from the mean.
    ///
    /// # Errors
    /// If `x` is no matrix of reals.
    pub fn column_moments(&mut self, x: TensorId) -> Result<TensorId, GraphError> {
        self.apply(Moments { by_row: false }, &[x])
    }

    /// Batch normalisation of `x` `[rows, columns]` by its own columns (Ioffe and Szegedy 2015): each is moved and scaled to
    /// mean 0 and variance 1, then times `gamma` plus `beta` `[columns]`. Returns the result, and mean and variance
    /// `[2, columns]`.
    ///
    /// # Errors
    /// If there are fewer than 2 rows, the shapes do not fit, or `epsilon` is not more than 0.
    pub fn batch_norm(
        &mut self,
        x: TensorId,
        gamma: TensorId,
        beta: TensorId,
        epsilon: f64,
    ) -> Result<[TensorId; 2], GraphError> {
        expect_epsilon("batch_norm", epsilon)?;
        if matrix("batch_norm", self.tensor(x))?[0] < 2 {
            return Err(GraphError::Shape {
                op: "batch_norm",
                found: self.shape(x),
                expected: "at least 2 rows in a training batch: one row has no variance".to_owned(),
            });
        }
        let moments = self.column_moments(x)?;
        let norm = Norm {
            by_row: false,
            epsilon,
            own_moments: true,
        };
        let y = self.apply(norm, &[x, moments, gamma, beta])?;
        Ok([y, moments])
    }

    /// Batch normalisation by a given mean and variance `[columns]`, such as the running ones.
    ///
    /// # Errors
    /// If the shapes do not fit, or `epsilon` is not more than 0.
    pub fn batch_norm_by(
        &mut self,
        x: TensorId,
        [mean, variance]: [TensorId; 2],
        [gamma, beta]: [TensorId; 2],
        epsilon: f64,
    ) -> Result<TensorId, GraphError> {
        expect_epsilon("batch_norm", epsilon)?;
        let columns = self.tensor(mean).shape.len();
        let moments = self.concat(mean, variance, 0)?;
        let moments = self.reshape(moments, [2, columns])?;
        let norm = Norm {
            by_row: false,
            epsilon,
            own_moments: false,
        };
        self.apply(norm, &[x, moments, gamma, beta])
    }

    /// Layer normalisation (Ba et al. 2016): each row of `x` `[rows, columns]` is moved and scaled to mean 0 and variance 1,
    /// then times `gamma` plus `beta` `[columns]`.
    ///
    /// # Errors
    /// If the shapes do not fit, or `epsilon` is not more than 0.
    pub fn layer_norm(
        &mut self,
        x: TensorId,
        gamma: TensorId,
        beta: TensorId,
        epsilon: f64,
    ) -> Result<TensorId, GraphError> {
        expect_epsilon("layer_norm", epsilon)?;
        let moments = self.apply(Moments { by_row: true }, &[x])?;
        let norm = Norm {
            by_row: true,
            epsilon,
            own_moments: true,
        };
        self.apply(norm, &[x, moments, gamma, beta])
    }
}

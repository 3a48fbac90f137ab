use super::{Gradients, Output, expect_element, expect_reals, size};
use crate::graph::{Backward, Graph, GraphError, Lowered, Op, Precision, Tensor, TensorId};
use crate::kernel;
use crate::tensor::{Element, Shape};

/// `y = op(a) op(b)`, where `op` transposes if asked; with a leading group axis, one product a group. Both operands are
/// f32, or both f16.
#[derive(Debug, Clone, Copy)]
struct Matmul {
    transpose_a: bool,
    transpose_b: bool,
}

impl Matmul {
    /// Groups, m, n and k; `None` if the shapes do not fit.
    fn sizes(self, a: &Shape, b: &Shape) -> Option<[usize; 4]> {
        let (groups, a, b) = match (a.dims(), b.dims()) {
            (&[g, a0, a1], &[h, b0, b1]) if g == h => (g, [a0, a1], [b0, b1]),
            (&[a0, a1], &[b0, b1]) => (1, [a0, a1], [b0, b1]),
            _ => return None,
        };
        let [m, k] = if self.transpose_a { [a[1], a[0]] } else { a };
        let [l, n] = if self.transpose_b { [b[1], b[0]] } else { b };
        (k == l).then_some([groups, m, n, k])
    }
}

impl Op for Matmul {
    fn name(&self) -> &'static str {
        "matmul"
    }

    fn output(&self, inputs: &[&Tensor]) -> Output {
        let (a, b) = (inputs[0], inputs[1]);
        if a.element == Element::F16 {
            expect_element(self.name(), b, Element::F16)?;
        } else {
            expect_reals(self.name(), inputs)?;
        }
        let [groups, m, n, _] = self.sizes(&a.shape, &b.shape).ok_or_else(|| GraphError::ShapeMismatch {
            op: self.name(),
            lhs: a.shape.clone(),
            rhs: b.shape.clone(),
            expected: match (self.transpose_a, self.transpose_b) {
                (false, false) => "[m, k] and [k, n], both with the same leading group axis or none",
                (true, false) => "[k, m] transposed and [k, n], both with the same leading group axis or none",
                (false, true) => "[m, k] and [n, k] transposed, both with the same leading group axis or none",
                (true, true) => "[k, m] and [n, k], both transposed, both with the same leading group axis or none",
            },
        })?;
        let shape = if a.shape.rank() == 3 {
            Shape::from([groups, m, n])
        } else {
            Shape::from([m, n])
        };
        Ok((shape, Element::F32))
    }

    /// With `y = a b`: `da = dy bᵀ` and `db = aᵀ dy`, and the same with the transposes moved.
    fn gradient(&self, graph: &mut Graph, at: &Backward) -> Gradients {
        let (a, b) = (at.inputs[0], at.inputs[1]);
        let dy = match graph.tensor(a).element {
            Element::F16 => graph.narrow(at.dy)?,
            _ => at.dy,
        };
        let da = match (at.needed[0], self.transpose_a) {
            (false, _) => None,
            (true, false) => Some(graph.matmul_transposed(dy, b, false, !self.transpose_b)?),
            (true, true) => Some(graph.matmul_transposed(b, dy, self.transpose_b, true)?),
        };
        let db = match (at.needed[1], self.transpose_b) {
            (false, _) => None,
            (true, false) => Some(graph.matmul_transposed(a, dy, !self.transpose_a, false)?),
            (true, true) => Some(graph.matmul_transposed(dy, a, true, self.transpose_a)?),
        };
        Ok(vec![da, db])
    }

    fn lower(&self, inputs: &[&Tensor], _: &[&Tensor]) -> Lowered {
        let sizes = self.sizes(&inputs[0].shape, &inputs[1].shape);
        let [groups, m, n, k] = sizes
            .expect("the shape rule has accepted these shapes")
            .map(size);
        let (transpose_a, transpose_b) = (self.transpose_a, self.transpose_b);
        Lowered::Kernel(
            kernel::Matmul {
                groups,
                m,
                n,
                k,
                transpose_a,
                transpose_b,
                operands: inputs[0].element,
                ..kernel::Matmul::default()
            }
            .into(),
        )
    }
}

impl Graph {
    /// The matrix product `a b`: `[m, k]` and `[k, n]` give `[m, n]`, or with a leading group axis `[g, m, k]` and
    /// `[g, k, n]` give `[g, m, n]`.
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub fn matmul(&mut self, a: TensorId, b: TensorId) -> Result<TensorId, GraphError> {
        self.matmul_transposed(a, b, false, false)
    }

    /// The matrix product with operands that may be stored transposed: `a` as `[k, m]`, `b` as `[n, k]`. Under
    /// [`Precision::Mixed`] it reads copies in half precision.
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub fn matmul_transposed(
        &mut self,
        a: TensorId,
        b: TensorId,
        transpose_a: bool,
        transpose_b: bool,
    ) -> Result<TensorId, GraphError> {
        let (a, b) = match self.precision {
            Precision::Single => (a, b),
            Precision::Mixed => (self.narrow(a)?, self.narrow(b)?),
        };
        self.apply(
            Matmul {
                transpose_a,
                transpose_b,
            },
            &[a, b],
        )
    }
}

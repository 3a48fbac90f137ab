//! The product of matrices, in groups.

use super::{Binding, Limits, Parameters, Shader, Spec};

/// `y[g] = op(a[g]) op(b[g])` for `g < groups`, where `op` transposes if asked.
///
/// `a` is `[groups, m, k]`, or `[groups, k, m]` transposed; `b` is `[groups, k, n]`, or `[groups, n, k]` transposed;
/// `y` is `[groups, m, n]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Matmul {
    /// Independent products.
    pub groups: u32,
    /// Rows of the result.
    pub m: u32,
    /// Columns of the result.
    pub n: u32,
    /// Terms of each sum.
    pub k: u32,
    /// `a` is stored transposed.
    pub transpose_a: bool,
    /// `b` is stored transposed.
    pub transpose_b: bool,
}

impl Matmul {
    fn product(factors: [u32; 3]) -> usize {
        factors.iter().map(|&f| f as usize).product()
    }
}

impl Spec for Matmul {
    fn name(&self) -> &'static str {
        "matmul"
    }

    fn bindings(&self) -> Vec<Binding> {
        let &Self {
            groups, m, n, k, ..
        } = self;
        vec![
            Binding::read("a", Self::product([groups, m, k])),
            Binding::read("b", Self::product([groups, k, n])),
            Binding::write("y", Self::product([groups, m, n])),
        ]
    }

    fn parameters(&self) -> Parameters {
        Parameters::new()
            .u32("groups", self.groups)
            .u32("m", self.m)
            .u32("n", self.n)
            .u32("k", self.k)
    }

    fn shader(&self, limits: &Limits) -> Shader {
        let tiles = |extent: u32, tile: u32| extent.div_ceil(tile).min(limits.workgroups);
        let groups = self.groups.min(limits.workgroups);
        Shader::new(
            "matmul_tile",
            [tiles(self.n, 64), tiles(self.m, 64), groups],
        )
        .with_bool("TRANSPOSE_A", self.transpose_a)
        .with_bool("TRANSPOSE_B", self.transpose_b)
    }

    fn operations(&self) -> u64 {
        2 * [self.groups, self.m, self.n, self.k]
            .iter()
            .map(|&f| u64::from(f))
            .product::<u64>()
    }
}

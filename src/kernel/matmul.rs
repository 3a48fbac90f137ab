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

    /// A workgroup a tile of `y`; workgroups that are fewer than tiles take several.
    fn tiled(&self, file: &'static str, tile: [u32; 2], limits: &Limits) -> Shader {
        let tiles = [
            self.groups,
            self.m.div_ceil(tile[0]),
            self.n.div_ceil(tile[1]),
        ];
        let workgroups = tiles
            .iter()
            .fold(1_u32, |product, &t| product.saturating_mul(t));
        Shader::new(file, [workgroups.min(limits.workgroups), 1, 1])
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

    /// Drivers that run shaders on the CPU get one-subgroup kernels without barriers; all others the tiled one. The
    /// first takes rows of `a`, `b` and `y` as `vec4`s, so it wants their lengths to be multiples of 4.
    fn shader(&self, limits: &Limits) -> Shader {
        let &Self {
            m,
            n,
            k,
            transpose_a,
            transpose_b,
            ..
        } = self;
        let fours = |extents: [u32; 3]| extents.iter().all(|e| e.is_multiple_of(4));
        let rows_of_a = if transpose_a { m } else { k };
        let rows_of_b = if transpose_b { k } else { n };
        let shader = if !limits.software || limits.subgroup != Some(8) {
            self.tiled("matmul_tile", [64, 64], limits)
        } else if fours([n, rows_of_a, rows_of_b]) {
            // Few rows leave most of a tall tile empty; taller ones than 32 take long to compile.
            let blocks = m.div_ceil(8).next_power_of_two().min(4);
            self.tiled("matmul_broadcast", [8 * blocks, 64], limits)
                .with_u32("BLOCKS", blocks)
        } else {
            self.tiled("matmul_lanes", [16, 12], limits)
        };
        shader
            .with_bool("TRANSPOSE_A", transpose_a)
            .with_bool("TRANSPOSE_B", transpose_b)
    }

    /// One loop along k, by 4 or 8 at a time where it is long.
    fn turns(&self) -> u64 {
        u64::from(self.k.div_ceil(4))
    }

    fn operations(&self) -> u64 {
        2 * [self.groups, self.m, self.n, self.k]
            .iter()
            .map(|&f| u64::from(f))
            .product::<u64>()
    }
}

//! The product of matrices, in groups, and what is fused into it.

use super::{
    Access, ActivationKind, Binding, Finish, Function, Image, Limits, Parameters, Shader, Spec,
    Sum, Tick,
};
use crate::tensor::{Element, PADDING};

/// How `matmul_tile` divides its work.
struct Tile {
    /// Rows and columns of y of a workgroup, and terms of a step.
    m: u32,
    n: u32,
    k: u32,
    /// Rows and columns of y of an invocation.
    rows: u32,
    columns: u32,
}

impl Tile {
    const fn new([m, n, k]: [u32; 3], [rows, columns]: [u32; 2]) -> Self {
        Self {
            m,
            n,
            k,
            rows,
            columns,
        }
    }

    const fn lanes(&self) -> u32 {
        self.m / self.rows * (self.n / self.columns)
    }

    /// Bytes of workgroup memory.
    const fn memory(&self) -> u32 {
        (self.m + self.n + 8) * self.k * 4
    }
}

/// From large to small. All fit the smallest limits of WebGPU.
const TILES: [Tile; 4] = [
    Tile::new([128, 128, 8], [8, 8]),
    Tile::new([128, 64, 16], [8, 4]),
    Tile::new([64, 64, 16], [4, 4]),
    Tile::new([32, 32, 16], [4, 4]),
];

/// Elements of y up to which it is soon stored, however it is done.
const FEW_RESULTS: u32 = 1 << 16;

/// Rows that count as few, and columns.
const FEW_ROWS: u32 = 8;
const FEW_COLUMNS: u32 = 16;

/// `y[g] = op(a[g]) op(b[g])` for `g < groups`, where `op` transposes if asked.
///
/// `a` is `[groups, m, k]`, or `[groups, k, m]` transposed; `b` is `[groups, k, n]`, or `[groups, n, k]` transposed;
/// `y` is `[groups, m, n]`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
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
    /// What becomes of each sum before it is stored.
    pub finish: Finish,
    /// Whether the sums of the rows of `op(a)`, `[groups, m]`, are a second output. With `dw = dyᵀ x` they are the
    /// gradient of the bias.
    pub row_sums: bool,
    /// What `a` and `b` hold: f32, or f16 with rows and columns padded with zeros to multiples of [`PADDING`]. Sums and
    /// results are f32 either way.
    pub operands: Element,
}

impl Matmul {
    pub(super) const fn at(&mut self, tick: &Tick) {
        if let Finish::Sgd { learning_rate, .. } = &mut self.finish {
            *learning_rate = tick.learning_rate;
        }
    }

    /// The kernel that computes what [`Matmul::row_sums`] does from `a` alone.
    pub const fn row_sum(&self) -> Sum {
        let &Self { groups, m, k, .. } = self;
        let [outer, axis, inner] = if self.transpose_a {
            [groups, k, m]
        } else {
            [groups * m, k, 1]
        };
        Sum {
            outer,
            axis,
            inner,
            factor: 1.0,
        }
    }

    /// How many rows or columns of an operand there are in memory.
    pub const fn padded(&self, extent: u32) -> u32 {
        match self.operands {
            Element::F16 => extent.next_multiple_of(PADDING),
            _ => extent,
        }
    }

    /// What of an operand `[groups, rows, columns]` there is in memory.
    fn operand(&self, name: &'static str, [rows, columns]: [u32; 2]) -> Binding {
        let len = Self::product([self.groups, self.padded(rows), self.padded(columns)]);
        Binding::new(name, self.operands, Access::Read, len)
    }

    fn product(factors: [u32; 3]) -> usize {
        factors.iter().map(|&f| f as usize).product()
    }

    /// Elements in a row of `a` and in one of `b`, as they are stored.
    const fn row_lengths(&self) -> [u32; 2] {
        let &Self { m, n, k, .. } = self;
        [
            self.padded(if self.transpose_a { m } else { k }),
            self.padded(if self.transpose_b { k } else { n }),
        ]
    }

    /// Whether the rows of `a`, `b` and `y` can be taken as `vec4`s.
    fn fours(&self) -> bool {
        let [a, b] = self.row_lengths();
        [a, b, self.n].iter().all(|e| e.is_multiple_of(4))
    }

    /// For real GPUs, where y has few rows or few columns.
    fn thin(&self, limits: &Limits) -> Option<Shader> {
        let few_rows = self.m <= FEW_ROWS && self.m <= self.n;
        if self.row_sums || !(few_rows || self.n <= FEW_COLUMNS) {
            return None;
        }
        let swap = !few_rows;
        let along_k = if swap {
            !self.transpose_a
        } else {
            self.transpose_b
        };
        let [columns, lanes_n, lanes_k] = if along_k { [4, 1, 64] } else { [1, 16, 16] };
        let mut tile = [FEW_ROWS, columns * lanes_n];
        if swap {
            tile.reverse();
        }
        let shader = self.tiled("matmul_thin", tile, limits);
        let shader = shader
            .with_bool("SWAP", swap)
            .with_u32("COLUMNS", columns)
            .with_u32("LANES_N", lanes_n)
            .with_u32("LANES_K", lanes_k);
        Some(self.finished(shader, false))
    }

    /// For real GPUs, and right everywhere: the tiles that fit the device, the best first. That is the largest of which
    /// there are enough to fill a GPU, or else the smallest.
    fn tiles(&self, limits: &Limits) -> Vec<Shader> {
        let fits = |tile: &&Tile| {
            tile.lanes() <= limits.invocations && tile.memory() <= limits.workgroup_memory
        };
        let mut tiles: Vec<&Tile> = TILES.iter().filter(fits).collect();
        // Anything fills a CPU, but a large tile of a small product is mostly empty.
        let enough = limits.fill.max(Limits::FILL);
        let best = (tiles.iter())
            .position(|tile| self.count([tile.m, tile.n]) >= enough)
            .unwrap_or(tiles.len() - 1);
        tiles[..=best].rotate_right(1);
        tiles.into_iter().map(|t| self.tile(t, limits)).collect()
    }

    fn tile(&self, tile: &Tile, limits: &Limits) -> Shader {
        let [wide_a, wide_b] = self.row_lengths().map(|row| row.is_multiple_of(4));
        let wide_y = self.n.is_multiple_of(4);
        let value = |wide| if wide { "vec4<f32>" } else { "f32" };
        // Rows in half precision are padded, so that they always divide by 4.
        let operand = |wide| match self.operands {
            Element::F16 => "vec4<f16>",
            _ => value(wide),
        };
        let shader = self
            .tiled("matmul_tile", [tile.m, tile.n], limits)
            .with_u32("TILE_M", tile.m)
            .with_u32("TILE_N", tile.n)
            .with_u32("TILE_K", tile.k)
            .with_u32("ROWS", tile.rows)
            .with_u32("COLUMNS", tile.columns)
            .with_bool("WIDE_A", wide_a)
            .with_bool("WIDE_B", wide_b)
            .with("PartA", operand(wide_a))
            .with("PartB", operand(wide_b));
        self.finished(parts(shader, wide_y), wide_y)
    }

    /// For drivers that run on the CPU: `a` and `b`, if they are f32, as images.
    fn image(&self, limits: &Limits) -> Option<Shader> {
        if self.operands != Element::F32 {
            return None;
        }
        let (rows, bindings) = (self.row_lengths(), self.bindings());
        let image = |at: usize| Image::fitting(at, rows[at], bindings[at].len, limits.image);
        let images = vec![image(0)?, image(1)?];
        // Few rows leave most of a tall tile empty. If a is transposed, its rows come by 4 a lane.
        let blocks = if self.transpose_a {
            4
        } else {
            self.m.div_ceil(8).next_power_of_two().min(4)
        };
        let mut shader = self.tiled("matmul_image", [8 * blocks, 32], limits);
        shader.images = images;
        // A layer's output, if it is small, is stored by scalars even where it could be by fours: it is soon done, and a
        // last layer, whose classes seldom divide by 4, has the same shader then.
        let small = matches!(self.finish, Finish::Bias(_)) && self.count([1, 1]) <= FEW_RESULTS;
        let wide = self.n.is_multiple_of(4) && !small;
        Some(self.finished(parts(shader.with_u32("BLOCKS", blocks), wide), wide))
    }

    /// For drivers that run on the CPU, where there are no images of that size.
    fn broadcast(&self, limits: &Limits) -> Option<Shader> {
        if !self.fours() {
            return None;
        }
        // Drivers whose images are slow (Mesa 25) are as fast with small tiles, and compile large ones for seconds. Older
        // ones load a buffer so slowly that only large tiles make up for it; taller ones than 32 take long to compile.
        let (tallest, vecs) = if limits.image == 0 { (2, 1) } else { (4, 2) };
        // Few rows leave most of a tall tile empty.
        let blocks = self.m.div_ceil(8).next_power_of_two().min(tallest);
        let shader = self.tiled("matmul_broadcast", [8 * blocks, 32 * vecs], limits);
        // Newer drivers compile each load and store for some 50 ms, older ones an array with a running index for seconds.
        let shader = shader
            .with_u32("BLOCKS", blocks)
            .with_u32("VECS", vecs)
            .with_bool("ROLLED", limits.image == 0);
        Some(self.finished(shader, true))
    }

    /// For drivers that run on the CPU, every shape.
    fn lanes(&self, limits: &Limits) -> Shader {
        // Large tiles load less for each product, but take five times as long to compile. Thin products gain nothing by
        // them.
        let thin = [self.m, self.n, self.k]
            .iter()
            .any(|&extent| extent <= FEW_COLUMNS);
        let (blocks, vecs) = if thin { (1, 1) } else { (2, 3) };
        let shader = self.tiled("matmul_lanes", [8 * blocks, 4 * vecs], limits);
        let shader = shader.with_u32("BLOCKS", blocks).with_u32("VECS", vecs);
        self.finished(shader, false)
    }

    /// The same sums in `parts` parts of equal length, each a group of its own: `y` becomes `[parts, m, n]`, and `sums`
    /// `[parts, m]`. `None` where the terms of a part do not lie behind each other in both operands, as they do in
    /// `dw = dyᵀ x`.
    pub fn in_parts(&self, parts: u32) -> Option<Self> {
        let behind_each_other = self.groups == 1 && self.transpose_a && !self.transpose_b;
        let k = self.k / parts.max(1);
        let whole = k * parts == self.k && self.padded(k) * parts == self.padded(self.k);
        (behind_each_other && whole && self.finish == Finish::None).then_some(Self {
            groups: parts,
            k,
            ..*self
        })
    }

    /// Tiles of `y` if they are as small as there are.
    pub fn smallest_tiles(&self) -> u32 {
        let smallest = &TILES[TILES.len() - 1];
        self.count([smallest.m, smallest.n])
    }

    /// Tiles of `y`.
    fn count(&self, tile: [u32; 2]) -> u32 {
        let tiles = [self.m.div_ceil(tile[0]), self.n.div_ceil(tile[1])];
        (tiles.iter()).fold(self.groups, |product, &t| product.saturating_mul(t))
    }

    /// A turn for each term and one for each step, with as many again for loading.
    const fn turns_of_tiles(&self) -> u64 {
        2 * self.k as u64 + 256
    }

    /// A workgroup a tile of `y`; workgroups that are fewer than tiles take several.
    fn tiled(&self, file: &'static str, tile: [u32; 2], limits: &Limits) -> Shader {
        let workgroups = self.count(tile).min(limits.workgroups);
        Shader::new(file, [workgroups, 1, 1])
    }

    /// Joins the files that end a product; `wide` if the shader stores rows by four.
    fn finished(&self, shader: Shader, wide: bool) -> Shader {
        let file = match (self.finish, wide) {
            (Finish::None, _) => "finish_none",
            (Finish::Bias(_), false) => "finish_bias",
            (Finish::Bias(_), true) => "finish_bias_wide",
            (Finish::Gradient(_), false) => "finish_gradient",
            (Finish::Gradient(_), true) => "finish_gradient_wide",
            (Finish::Sgd { .. }, _) => "finish_sgd",
        };
        let sums = match (self.row_sums, self.finish) {
            (false, _) => "row_sums_none",
            (true, Finish::Sgd { .. }) => "row_sums_sgd",
            (true, _) => "row_sums",
        };
        let operands = match self.operands {
            Element::F16 => "operands_half",
            _ => "operands",
        };
        let shares = ["matmul_image", "matmul_broadcast", "matmul_lanes"].contains(&shader.file);
        let rectifies = match self.finish {
            Finish::Bias(f) => matches!(f.kind, ActivationKind::Identity | ActivationKind::Relu),
            _ => false,
        };
        let shader = shader
            .join(operands)
            .join(file)
            .join(sums)
            .with_bool("TRANSPOSE_A", self.transpose_a)
            .with_bool("TRANSPOSE_B", self.transpose_b);
        match self.finish.function() {
            // One pipeline in place of two, where each is compiled for a tenth of a second.
            Some(_) if rectifies && shares => shader.with("KIND", "RELU_OR_IDENTITY"),
            Some(function) => shader.with("KIND", function.kind.constant()),
            None if wide => shader.with("Value", "vec4<f32>"),
            None => shader.with("Value", "f32"),
        }
    }
}

/// Whether a shader stores y by fours or by scalars.
fn parts(shader: Shader, wide: bool) -> Shader {
    let (part, width, file) = if wide {
        ("vec4<f32>", 4, "part_wide")
    } else {
        ("f32", 1, "part")
    };
    shader
        .with("PartY", part)
        .with_u32("WIDTH", width)
        .join(file)
}

/// The function's number, as the shaders get it: it tells the identity from ReLU, where they share a shader.
const fn alpha(function: Function) -> f64 {
    match function.kind {
        ActivationKind::Identity => 1.0,
        ActivationKind::Relu => 0.0,
        _ => function.alpha,
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
        let mut bindings = vec![self.operand("a", [m, k]), self.operand("b", [k, n])];
        match self.finish {
            Finish::None | Finish::Sgd { .. } => {}
            Finish::Bias(_) => bindings.push(Binding::read("bias", Self::product([groups, n, 1]))),
            Finish::Gradient(_) => {
                bindings.push(Binding::read("saved", Self::product([groups, m, n])));
            }
        }
        let result = match self.finish {
            Finish::Sgd { .. } => Binding::in_place,
            _ => Binding::write,
        };
        bindings.push(result("y", Self::product([groups, m, n])));
        if self.row_sums {
            bindings.push(result("sums", Self::product([groups, m, 1])));
        }
        bindings
    }

    fn parameters(&self) -> Parameters {
        let (learning_rate, weight_decay) = match self.finish {
            Finish::Sgd {
                learning_rate,
                weight_decay,
            } => (learning_rate, weight_decay),
            _ => (0.0, 0.0),
        };
        Parameters::new()
            .u32("groups", self.groups)
            .u32("m", self.m)
            .u32("n", self.n)
            .u32("k", self.k)
            .f32("alpha", self.finish.function().map_or(0.0, alpha))
            .f32("learning_rate", learning_rate)
            .f32("weight_decay", weight_decay)
    }

    /// Every shader that does this on a device with these limits; the first is the choice where nothing has
    /// been timed. Operands in half precision go to cooperative matrices where those may be chosen. Drivers that run
    /// shaders on the CPU get one-subgroup kernels without barriers, all others tiles or what thin products are for.
    fn candidates(&self, limits: &Limits) -> Vec<Shader> {
        let mut candidates = Vec::new();
        if self.operands == Element::F16 && limits.cooperative {
            let shader = self.tiled("matmul_cooperative", [32, 32], limits);
            candidates.push(self.finished(shader, false));
        }
        if limits.one_subgroup() {
            candidates.extend(self.image(limits));
            candidates.extend(self.broadcast(limits));
            candidates.push(self.lanes(limits));
        }
        if candidates.is_empty() || self.turns_of_tiles() <= limits.turns {
            candidates.extend(self.thin(limits));
            candidates.extend(self.tiles(limits));
        }
        candidates
    }

    fn shader(&self, limits: &Limits) -> Shader {
        let mut candidates = self.candidates(limits);
        candidates.swap_remove(0)
    }

    /// One loop along k, by 4 or 8 at a time where it is long, and behind it those that store a tile: fewer than 256 turns.
    /// Tiles have loops in that loop.
    fn turns(&self, limits: &Limits) -> u64 {
        if limits.one_subgroup() {
            u64::from(self.k.div_ceil(4)) + 256
        } else {
            self.turns_of_tiles()
        }
    }

    fn operations(&self) -> u64 {
        let product = |factors: &[u32]| factors.iter().map(|&f| u64::from(f)).product::<u64>();
        let &Self {
            groups, m, n, k, ..
        } = self;
        let finish = match self.finish {
            Finish::None => 0,
            Finish::Bias(function) if function == Function::IDENTITY => product(&[groups, m, n]),
            Finish::Bias(_) => 2 * product(&[groups, m, n]),
            Finish::Gradient(_) => product(&[groups, m, n]),
            Finish::Sgd { .. } => 4 * product(&[groups, m, n]),
        };
        let sums = if self.row_sums {
            product(&[groups, m, k])
        } else {
            0
        };
        2 * product(&[groups, m, n, k]) + finish + sums
    }
}

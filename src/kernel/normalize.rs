//! Kernels of batch and layer normalisation: means and variances, and what is computed from them.
//!
//! What is normalised together is a *group*: a column under batch normalisation, a row under layer normalisation.
//! The mean of group `g` is `moments[0, g]`, its variance, the mean of the squared distances from the mean,
//! `moments[1, g]`; and `x̂ = (x - mean) / sqrt(variance + epsilon)`.

use super::{Binding, Limits, Parameters, Shader, Spec, WORKGROUP};

/// How the invocations of a workgroup share groups: so many to each.
#[derive(Debug, Clone, Copy)]
struct Sharing {
    lanes: u32,
    workgroups: u32,
}

impl Sharing {
    /// Neighbouring invocations read neighbouring elements: 32 of a row, or one each of 32 columns (of 8, where a
    /// column is long or there are few).
    fn new(rows: u32, columns: u32, by_row: bool, limits: &Limits) -> Self {
        let lanes = if by_row || rows >= 1024 || columns <= 8 {
            32
        } else {
            8
        };
        let groups = if by_row { rows } else { columns };
        let workgroups = groups.div_ceil(WORKGROUP / lanes).min(limits.workgroups);
        Self { lanes, workgroups }
    }

    /// Turns of one invocation that reads its share of every group `times` times.
    fn turns(self, groups: u32, terms: u32, times: u64) -> u64 {
        let per_workgroup = u64::from(WORKGROUP / self.lanes) * u64::from(self.workgroups);
        let blocks = u64::from(groups).div_ceil(per_workgroup.max(1));
        blocks * (times * u64::from(terms).div_ceil(u64::from(self.lanes)) + 16)
    }

    fn shader(self, file: &'static str) -> Shader {
        Shader::new(file, [self.workgroups, 1, 1]).with_u32("LANES", self.lanes)
    }
}

const fn count(rows: u32, columns: u32) -> usize {
    rows as usize * columns as usize
}

/// `moments[0, g]` and `moments[1, g]` of each group of `x` `[rows, columns]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moments {
    /// Rows.
    pub rows: u32,
    /// Length of a row.
    pub columns: u32,
    /// Whether a group is a row, not a column.
    pub by_row: bool,
}

impl Moments {
    /// Groups, and elements of each.
    pub const fn groups(&self) -> [u32; 2] {
        if self.by_row {
            [self.rows, self.columns]
        } else {
            [self.columns, self.rows]
        }
    }

    /// What a sum over a group is multiplied by.
    pub fn factor(&self) -> f64 {
        1.0 / f64::from(self.groups()[1])
    }

    fn sharing(&self, limits: &Limits) -> Sharing {
        Sharing::new(self.rows, self.columns, self.by_row, limits)
    }
}

impl Spec for Moments {
    fn name(&self) -> &'static str {
        "moments"
    }

    fn bindings(&self) -> Vec<Binding> {
        vec![
            Binding::read("x", count(self.rows, self.columns)),
            Binding::write("moments", count(2, self.groups()[0])),
        ]
    }

    fn parameters(&self) -> Parameters {
        Parameters::new()
            .u32("rows", self.rows)
            .u32("columns", self.columns)
            .f32("factor", self.factor())
    }

    fn turns(&self, limits: &Limits) -> u64 {
        let [groups, terms] = self.groups();
        self.sharing(limits).turns(groups, terms, 2)
    }

    fn shader(&self, limits: &Limits) -> Shader {
        let shader = self.sharing(limits).shader("moments");
        shader.with_bool("BY_ROW", self.by_row)
    }

    fn operations(&self) -> u64 {
        4 * count(self.rows, self.columns) as u64
    }
}

/// `y[i, j] = gamma[j] x̂[i, j] + beta[j]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Normalize {
    /// Rows.
    pub rows: u32,
    /// Length of a row.
    pub columns: u32,
    /// Whether a group is a row, not a column.
    pub by_row: bool,
    /// Added to the variance.
    pub epsilon: f64,
}

impl Spec for Normalize {
    fn name(&self) -> &'static str {
        "normalize"
    }

    fn bindings(&self) -> Vec<Binding> {
        let groups = if self.by_row { self.rows } else { self.columns };
        vec![
            Binding::read("x", count(self.rows, self.columns)),
            Binding::read("moments", count(2, groups)),
            Binding::read("gamma", self.columns as usize),
            Binding::read("beta", self.columns as usize),
            Binding::write("y", count(self.rows, self.columns)),
        ]
    }

    fn parameters(&self) -> Parameters {
        Parameters::new()
            .u32("rows", self.rows)
            .u32("columns", self.columns)
            .f32("epsilon", self.epsilon)
    }

    fn shader(&self, limits: &Limits) -> Shader {
        Shader::strided("normalize", count(self.rows, self.columns), limits)
            .with_bool("BY_ROW", self.by_row)
    }

    fn operations(&self) -> u64 {
        4 * count(self.rows, self.columns) as u64
    }
}

/// `sums[0, j] = Σ_i dy[i, j]` and `sums[1, j] = Σ_i dy[i, j] x̂[i, j]`: the gradients at `beta` and `gamma`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NormalizeSums {
    /// Rows.
    pub rows: u32,
    /// Length of a row.
    pub columns: u32,
    /// Whether a group is a row, not a column.
    pub by_row: bool,
    /// Added to the variance.
    pub epsilon: f64,
}

impl NormalizeSums {
    /// The sums are over columns, whatever the groups are.
    fn sharing(&self, limits: &Limits) -> Sharing {
        Sharing::new(self.rows, self.columns, false, limits)
    }
}

impl Spec for NormalizeSums {
    fn name(&self) -> &'static str {
        "normalize_sums"
    }

    fn bindings(&self) -> Vec<Binding> {
        let groups = if self.by_row { self.rows } else { self.columns };
        let count = count(self.rows, self.columns);
        vec![
            Binding::read("x", count),
            Binding::read("moments", 2 * groups as usize),
            Binding::read("dy", count),
            Binding::write("sums", 2 * self.columns as usize),
        ]
    }

    fn parameters(&self) -> Parameters {
        Parameters::new()
            .u32("rows", self.rows)
            .u32("columns", self.columns)
            .f32("epsilon", self.epsilon)
    }

    fn turns(&self, limits: &Limits) -> u64 {
        self.sharing(limits).turns(self.columns, self.rows, 1)
    }

    fn shader(&self, limits: &Limits) -> Shader {
        let shader = self.sharing(limits).shader("normalize_sums");
        shader.with_bool("BY_ROW", self.by_row)
    }

    fn operations(&self) -> u64 {
        5 * count(self.rows, self.columns) as u64
    }
}

/// `dx[i, j] = gamma[j] (dy[i, j] - factor (sums[0, j] + x̂[i, j] sums[1, j])) / sqrt(variance[j] + epsilon)`, with the
/// sums of [`NormalizeSums`]: the gradient of batch normalisation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchNormGrad {
    /// Rows.
    pub rows: u32,
    /// Length of a row.
    pub columns: u32,
    /// Added to the variance.
    pub epsilon: f64,
    /// One over the rows of the batch where the moments are the batch's, and 0 where they do not depend on it.
    pub factor: f64,
}

impl Spec for BatchNormGrad {
    fn name(&self) -> &'static str {
        "batch_norm_grad"
    }

    fn bindings(&self) -> Vec<Binding> {
        let count = count(self.rows, self.columns);
        let columns = self.columns as usize;
        vec![
            Binding::read("x", count),
            Binding::read("moments", 2 * columns),
            Binding::read("gamma", columns),
            Binding::read("dy", count),
            Binding::read("sums", 2 * columns),
            Binding::write("dx", count),
        ]
    }

    fn parameters(&self) -> Parameters {
        Parameters::new()
            .u32("rows", self.rows)
            .u32("columns", self.columns)
            .f32("epsilon", self.epsilon)
            .f32("factor", self.factor)
    }

    fn shader(&self, limits: &Limits) -> Shader {
        Shader::strided("batch_norm_grad", count(self.rows, self.columns), limits)
    }

    fn operations(&self) -> u64 {
        8 * count(self.rows, self.columns) as u64
    }
}

/// `dx[i, j] = (d[j] - mean(d) - x̂[i, j] mean(d x̂)) / sqrt(variance[i] + epsilon)`, with `d = gamma dy[i, ·]` and means
/// over the row: the gradient of layer normalisation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LayerNormGrad {
    /// Rows.
    pub rows: u32,
    /// Length of a row.
    pub columns: u32,
    /// Added to the variance.
    pub epsilon: f64,
}

impl LayerNormGrad {
    fn sharing(&self, limits: &Limits) -> Sharing {
        Sharing::new(self.rows, self.columns, true, limits)
    }
}

impl Spec for LayerNormGrad {
    fn name(&self) -> &'static str {
        "layer_norm_grad"
    }

    fn bindings(&self) -> Vec<Binding> {
        let count = count(self.rows, self.columns);
        vec![
            Binding::read("x", count),
            Binding::read("moments", 2 * self.rows as usize),
            Binding::read("gamma", self.columns as usize),
            Binding::read("dy", count),
            Binding::write("dx", count),
        ]
    }

    fn parameters(&self) -> Parameters {
        Parameters::new()
            .u32("rows", self.rows)
            .u32("columns", self.columns)
            .f32("epsilon", self.epsilon)
            .f32("factor", 1.0 / f64::from(self.columns))
    }

    fn turns(&self, limits: &Limits) -> u64 {
        self.sharing(limits).turns(self.rows, self.columns, 2)
    }

    fn shader(&self, limits: &Limits) -> Shader {
        self.sharing(limits).shader("layer_norm_grad")
    }

    fn operations(&self) -> u64 {
        10 * count(self.rows, self.columns) as u64
    }
}

/// `mean += momentum (moments[0] - mean)` and `variance += momentum (correction moments[1] - variance)`, in place: the
/// running statistics of batch normalisation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RunningMoments {
    /// Columns.
    pub columns: u32,
    /// How much of the new is taken.
    pub momentum: f64,
    /// `rows / (rows - 1)`, which makes the batch's variance an unbiased estimate.
    pub correction: f64,
}

impl Spec for RunningMoments {
    fn name(&self) -> &'static str {
        "running_moments"
    }

    fn bindings(&self) -> Vec<Binding> {
        let columns = self.columns as usize;
        vec![
            Binding::read("moments", 2 * columns),
            Binding::in_place("mean", columns),
            Binding::in_place("variance", columns),
        ]
    }

    fn parameters(&self) -> Parameters {
        Parameters::new()
            .u32("columns", self.columns)
            .f32("momentum", self.momentum)
            .f32("correction", self.correction)
    }

    fn shader(&self, limits: &Limits) -> Shader {
        Shader::strided("running_moments", self.columns as usize, limits)
    }
}

// y[i, j] = gamma[j] (x[i, j] - mean) / sqrt(variance + epsilon) + beta[j]: x and y are [rows, columns], gamma and beta
// [columns], moments is [2, groups], the means and then the variances. A group is a column, or BY_ROW a row.
//
// An invocation computes every element whose number is its own modulo the size of the grid.
// Reference: `reference::normalize`. Host: `kernel/normalize.rs`.

const WORKGROUP: u32 = 256u;
const BY_ROW: bool = false;

struct Params { rows: u32, columns: u32, epsilon: f32 }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> moments: array<f32>;
@group(0) @binding(2) var<storage, read> gamma: array<f32>;
@group(0) @binding(3) var<storage, read> beta: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    let groups = select(p.columns, p.rows, BY_ROW);
    for (var e = id.x; e < p.rows * p.columns; e += workgroups.x * WORKGROUP) {
        let i = e / p.columns;
        let j = e - i * p.columns;
        let g = select(j, i, BY_ROW);
        let hat = (x[e] - moments[g]) / sqrt(moments[groups + g] + p.epsilon);
        y[e] = gamma[j] * hat + beta[j];
    }
}

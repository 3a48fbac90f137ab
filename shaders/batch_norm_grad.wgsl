// dx[i, j] = gamma[j] (dy[i, j] - factor (sums[0, j] + h sums[1, j])) / s,  s = sqrt(variance[j] + epsilon),
// h = (x[i, j] - mean[j]) / s: x, dy and dx are [rows, columns], gamma is [columns], moments and sums are [2, columns].
//
// An invocation computes every element whose number is its own modulo the size of the grid.
// Reference: `reference::batch_norm_grad`. Host: `kernel/normalize.rs`.

const WORKGROUP: u32 = 256u;

struct Params { rows: u32, columns: u32, epsilon: f32, factor: f32 }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> moments: array<f32>;
@group(0) @binding(2) var<storage, read> gamma: array<f32>;
@group(0) @binding(3) var<storage, read> dy: array<f32>;
@group(0) @binding(4) var<storage, read> sums: array<f32>;
@group(0) @binding(5) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    for (var e = id.x; e < p.rows * p.columns; e += workgroups.x * WORKGROUP) {
        let j = e % p.columns;
        let inverse = 1.0 / sqrt(moments[p.columns + j] + p.epsilon);
        let hat = (x[e] - moments[j]) * inverse;
        let through = p.factor * (sums[j] + hat * sums[p.columns + j]);
        dx[e] = gamma[j] * inverse * (dy[e] - through);
    }
}

// mean[j] += momentum (moments[0, j] - mean[j]),  variance[j] += momentum (correction moments[1, j] - variance[j]), in place:
// mean and variance are [columns], moments is [2, columns].
//
// An invocation computes every column whose number is its own modulo the size of the grid.
// Reference: `reference::running_moments`. Host: `kernel/normalize.rs`.

const WORKGROUP: u32 = 256u;

struct Params { columns: u32, momentum: f32, correction: f32 }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> moments: array<f32>;
@group(0) @binding(1) var<storage, read_write> mean: array<f32>;
@group(0) @binding(2) var<storage, read_write> variance: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    for (var j = id.x; j < p.columns; j += workgroups.x * WORKGROUP) {
        mean[j] += p.momentum * (moments[j] - mean[j]);
        variance[j] += p.momentum * (p.correction * moments[p.columns + j] - variance[j]);
    }
}

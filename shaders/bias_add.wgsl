// y[g, i, j] = x[g, i, j] + b[g, j]: x and y are [groups, rows, columns], b is [groups, columns].
//
// An invocation computes every element whose number is its own modulo the size of the grid.
// Reference: `reference::bias_add`. Host: `kernel/elementwise.rs`.

const WORKGROUP: u32 = 256u;

struct Params { groups: u32, rows: u32, columns: u32 }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    for (var e = id.x; e < p.groups * p.rows * p.columns; e += workgroups.x * WORKGROUP) {
        let j = e % p.columns;
        let g = e / (p.rows * p.columns);
        y[e] = x[e] + b[g * p.columns + j];
    }
}

// y[g, i, j] = x[g, i, j] + b[g, j]: x and y are [groups, rows, columns], b is [groups, columns].
//
// An invocation computes every Value whose number is its own modulo the size of the grid.
// Reference: `reference::bias_add`. Host: `kernel/elementwise.rs`.

const WORKGROUP: u32 = 256u;
const WIDTH: u32 = 1u; // elements of a Value: 4 where a row divides by 4
alias Value = f32;

struct Params { groups: u32, rows: u32, columns: u32 }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> x: array<Value>;
@group(0) @binding(1) var<storage, read> b: array<Value>;
@group(0) @binding(2) var<storage, read_write> y: array<Value>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    let columns = p.columns / WIDTH;
    for (var e = id.x; e < p.groups * p.rows * columns; e += workgroups.x * WORKGROUP) {
        let row = e / columns;
        var g = 0u;
        if p.groups > 1u { g = row / p.rows; }
        y[e] = x[e] + b[g * columns + e - row * columns];
    }
}

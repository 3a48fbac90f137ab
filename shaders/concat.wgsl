// y[o, ·, i] = a[o, ·, i] and then b[o, ·, i]: a is [outer, axis_a, inner], b is [outer, axis_b, inner],
// y is [outer, axis_a + axis_b, inner].
//
// An invocation computes every element whose number is its own modulo the size of the grid.
// Reference: `reference::concat`. Host: `kernel/rows.rs`.

const WORKGROUP: u32 = 256u;

struct Params { outer: u32, axis_a: u32, axis_b: u32, inner: u32 }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    let row_a = p.axis_a * p.inner;
    let row_b = p.axis_b * p.inner;
    let row = row_a + row_b;
    for (var e = id.x; e < p.outer * row; e += workgroups.x * WORKGROUP) {
        let o = e / row;
        let rest = e % row;
        if rest < row_a {
            y[e] = a[o * row_a + rest];
        } else {
            y[e] = b[o * row_b + rest - row_a];
        }
    }
}

// y[o, a, i] = x[o, start + a, i],  a < len: x is [outer, axis, inner], y is [outer, len, inner].
//
// An invocation computes every element whose number is its own modulo the size of the grid.
// Reference: `reference::slice`. Host: `kernel/rows.rs`.

const WORKGROUP: u32 = 256u;

struct Params { outer: u32, axis: u32, inner: u32, start: u32, len: u32 }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    for (var e = id.x; e < p.outer * p.len * p.inner; e += workgroups.x * WORKGROUP) {
        let i = e % p.inner;
        let a = e / p.inner % p.len;
        let o = e / (p.len * p.inner);
        y[e] = x[(o * p.axis + p.start + a) * p.inner + i];
    }
}

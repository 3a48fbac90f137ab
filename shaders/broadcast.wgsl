// y[o, a, i] = factor x[o, i],  a < axis: x is [outer, inner], y is [outer, axis, inner].
//
// An invocation computes every element whose number is its own modulo the size of the grid.
// Reference: `reference::broadcast`. Host: `kernel/reduce.rs`.

const WORKGROUP: u32 = 256u;

struct Params { outer: u32, axis: u32, inner: u32, factor: f32 }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    for (var e = id.x; e < p.outer * p.axis * p.inner; e += workgroups.x * WORKGROUP) {
        let i = e % p.inner;
        let o = e / (p.axis * p.inner);
        y[e] = p.factor * x[o * p.inner + i];
    }
}

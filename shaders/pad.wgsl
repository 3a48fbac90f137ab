// dx[o, a, i] = dy[o, a - start, i] where start <= a < start + len, else 0: dx is [outer, axis, inner], dy is
// [outer, len, inner].
//
// An invocation computes every element whose number is its own modulo the size of the grid.
// Traps: below start, a - start wraps round and is not less than len.
// Reference: `reference::pad`. Host: `kernel/rows.rs`.

const WORKGROUP: u32 = 256u;

struct Params { outer: u32, axis: u32, inner: u32, start: u32, len: u32 }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    for (var e = id.x; e < p.outer * p.axis * p.inner; e += workgroups.x * WORKGROUP) {
        let i = e % p.inner;
        let a = e / p.inner % p.axis;
        let o = e / (p.axis * p.inner);
        let from_start = a - p.start;
        if from_start < p.len {
            dx[e] = dy[(o * p.len + from_start) * p.inner + i];
        } else {
            dx[e] = 0.0;
        }
    }
}

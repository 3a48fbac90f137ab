// y[o, i] = factor Σ_a x[o, a, i],  a < axis: x is [outer, axis, inner], y is [outer, inner].
//
// For few long sums. A workgroup computes every sum whose number is its own modulo the number of workgroups. An
// invocation adds every WORKGROUP-th term, in four sums; then the halves are added until one is left. The order is
// fixed by the axis alone.
// Traps: the loop over sums is uniform, as barriers stand in it. Mesa's software driver ends an invocation's loops
// after 65,535 turns in all, wherever it stands: four at a time it reaches the end of any binding.
// Reference: `reference::sum`. Host: `kernel/reduce.rs`.

const WORKGROUP: u32 = 256u;

struct Params { outer: u32, axis: u32, inner: u32, factor: f32 }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

var<workgroup> sums: array<f32, WORKGROUP>;

// x[o, a, i], or 0 behind the end.
fn term(o: u32, a: u32, i: u32) -> f32 {
    if a >= p.axis { return 0.0; }
    return x[(o * p.axis + a) * p.inner + i];
}

// The terms of one invocation: a = lane, lane + WORKGROUP, and so on.
fn strided_sum(o: u32, i: u32, lane: u32) -> f32 {
    var sum = vec4<f32>();
    for (var a = lane; a < p.axis; a += 4u * WORKGROUP) {
        sum += vec4<f32>(
            term(o, a, i),
            term(o, a + WORKGROUP, i),
            term(o, a + 2u * WORKGROUP, i),
            term(o, a + 3u * WORKGROUP, i),
        );
    }
    return (sum.x + sum.y) + (sum.z + sum.w);
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    for (var r = workgroup.x; r < p.outer * p.inner; r += workgroups.x) {
        sums[lane] = strided_sum(r / p.inner, r % p.inner, lane);
        workgroupBarrier();
        for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
            if lane < half {
                sums[lane] += sums[lane + half];
            }
            workgroupBarrier();
        }
        if lane == 0u { y[r] = p.factor * sums[0]; }
    }
}

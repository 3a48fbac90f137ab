// y[o, i] = factor Σ_a x[o, a, i],  a < axis: x is [outer, axis, inner], y is [outer, inner].
//
// For many sums, or short ones. An invocation computes every sum whose number is its own modulo the size of the grid,
// in blocks of BLOCK terms, each summed by itself: the rounding errors grow as axis / BLOCK + BLOCK.
// Reference: `reference::sum`. Host: `kernel/reduce.rs`.

const WORKGROUP: u32 = 256u;
const BLOCK: u32 = 32u; // terms

struct Params { outer: u32, axis: u32, inner: u32, factor: f32 }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    for (var r = id.x; r < p.outer * p.inner; r += workgroups.x * WORKGROUP) {
        let i = r % p.inner;
        let o = r / p.inner;
        var sum = 0.0;
        for (var block = 0u; block < p.axis; block += BLOCK) {
            let end = min(block + BLOCK, p.axis);
            var part = 0.0;
            for (var a = block; a < end; a++) {
                part += x[(o * p.axis + a) * p.inner + i];
            }
            sum += part;
        }
        y[r] = p.factor * sum;
    }
}

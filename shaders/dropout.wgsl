// y[i] = factor x[i] if the random bits of offset + i are at least threshold, else 0: x and y are [count].
//
// An invocation computes every element whose number is its own modulo the size of the grid.
// Traps: the bits are keyed by seed, stream, step and offset + i alone, so the gradient is this kernel at the same
// step, and no grid changes the mask.
// Reference: `reference::dropout`. Host: `kernel/elementwise.rs`.
// uses: philox

const WORKGROUP: u32 = 256u;

struct Params {
    count: u32,
    offset: u32,
    threshold: u32,
    factor: f32,
    seed_low: u32,
    seed_high: u32,
    stream: u32,
    step: u32,
}
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    for (var i = id.x; i < p.count; i += workgroups.x * WORKGROUP) {
        let bits = random_bits(p.offset + i, p.stream, p.step, vec2<u32>(p.seed_low, p.seed_high));
        y[i] = select(0.0, p.factor * x[i], bits >= p.threshold);
    }
}

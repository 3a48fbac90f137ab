// y[i] = Σ of 12 numbers, each the end of a chain x = a x + b of 16 * rounds links: y is [workgroups * WORKGROUP].
//
// Not a kernel: it measures how fast the device multiplies and adds in registers. The 12 chains of an invocation do not
// depend on each other, which hides the latency. On a driver for the CPU a chain takes a register, of which there are
// 16: 16 chains gave half the rate of 12 there, and 8 chains two thirds. The sum is stored, so that no chain is
// dropped, and a and b are known only at run time.
// Host: `gpu/rate.rs`.

const WORKGROUP: u32 = 64u;

struct Params { rounds: u32, a: f32, b: f32 }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let a = vec4<f32>(p.a);
    let b = vec4<f32>(p.b);
    var x0 = vec4<f32>(f32(id.x), 1.0, 2.0, 3.0);
    var x1 = x0 + 4.0;
    var x2 = x0 + 8.0;
    for (var i = 0u; i < p.rounds; i++) {
        for (var j = 0u; j < 16u; j++) {
            x0 = fma(x0, a, b);
            x1 = fma(x1, a, b);
            x2 = fma(x2, a, b);
        }
    }
    if id.x < arrayLength(&y) {
        y[id.x] = dot(x0 + x1 + x2, vec4<f32>(1.0));
    }
}

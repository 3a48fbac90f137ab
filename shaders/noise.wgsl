// y[i] = x[i] + deviation n[offset + i], with n normal (Box and Muller 1958): x and y are [count].
//
// An invocation computes every element whose number is its own modulo the size of the grid.
// Traps: a driver's cos may be off by 2^-11, and its log by 2^-21 near 1. So the angle, a whole number of 2^-32 turns, is
// brought to an eighth of a turn in whole numbers; and -log((b + 1) / 2^32) is log(1 + (2^32 - 1 - b) / (b + 1)), which
// loses nothing near 1.
// Reference: `reference::noise`. Host: `kernel/layers.rs`.
// uses: functions, philox

const WORKGROUP: u32 = 256u;
const TURN: f32 = 1.46291808e-9; // 2 pi / 2^32

struct Params {
    count: u32,
    offset: u32,
    deviation: f32,
    seed_low: u32,
    seed_high: u32,
    stream: u32,
    step: u32,
}
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

// cos(2 pi a / 2^32)
fn cos_of_turn(a: u32) -> f32 {
    let quarter = (a + 0x20000000u) >> 30u;
    let r = TURN * f32(bitcast<i32>(a - (quarter << 30u)));
    let z = r * r;
    // (sin(r) / r - 1) / z and (cos(r) - 1 + z / 2) / z², |r| <= pi / 4 (Cephes)
    let sine = fma(r * z, fma(z, fma(z, -1.9515295891e-4, 8.3321608736e-3), -1.6666654611e-1), r);
    let cosine = fma(z * z, fma(z, fma(z, 2.443315711809948e-5, -1.388731625493765e-3), 4.166664568298827e-2), 1.0 - 0.5 * z);
    let value = select(cosine, sine, (quarter & 1u) == 1u);
    return select(value, -value, quarter == 1u || quarter == 2u);
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    for (var i = id.x; i < p.count; i += workgroups.x * WORKGROUP) {
        let element = p.offset + i;
        let seed = vec2<u32>(p.seed_low, p.seed_high);
        let block = philox(vec4<u32>(element >> 1u, 0u, p.step, p.stream), seed);
        let bits = select(block.xy, block.zw, (element & 1u) == 1u);
        let radius = sqrt(2.0 * own_log1p(f32(~bits.x) / (f32(bits.x) + 1.0)));
        y[i] = x[i] + p.deviation * (radius * cos_of_turn(bits.y));
    }
}

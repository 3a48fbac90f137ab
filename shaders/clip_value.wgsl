// y = gradient, between -limit and limit times its scale: both are [count].
//
// An invocation computes every element whose number is its own modulo the size of the grid.
// Trap: a driver may make anything of the minimum of NaN and a number, so NaN is found on its bits, and stays.
// Reference: `reference::clip_value`. Host: `kernel/gradient.rs`.

const WORKGROUP: u32 = 256u;

struct Params { count: u32, limit: f32 }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> gradient: array<f32>;
@group(0) @binding(W) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    let limit = p.limit / inverse_scale();
    for (var i = id.x; i < p.count; i += workgroups.x * WORKGROUP) {
        let g = gradient[i];
        let is_nan = (bitcast<u32>(g) & 0x7fffffffu) > 0x7f800000u;
        y[i] = select(clamp(g, -limit, limit), g, is_nan);
    }
}

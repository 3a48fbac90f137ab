// y += t (x - y), in place: both are [count].
//
// An invocation computes every Value whose number is its own modulo the size of the grid.
// Reference: `reference::lerp_update`. Host: `kernel/state.rs`.

const WORKGROUP: u32 = 256u;
const WIDTH: u32 = 1u; // elements of a Value: 4 where the count divides by 4
alias Value = f32;

struct Params { count: u32, t: f32 }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> x: array<Value>;
@group(0) @binding(1) var<storage, read_write> y: array<Value>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    for (var i = id.x; i < p.count / WIDTH; i += workgroups.x * WORKGROUP) {
        y[i] = fma(Value(p.t), x[i] - y[i], y[i]);
    }
}

// g = gradient + weight_decay w,  velocity = momentum velocity + g,  w -= learning_rate velocity, in place; if
// NESTEROV, w -= learning_rate (g + momentum velocity) with the new velocity. All are [count].
//
// An invocation computes every Value whose number is its own modulo the size of the grid.
// Reference: `reference::sgd_update`. Host: `kernel/optimizer/mod.rs`.

const WORKGROUP: u32 = 256u;
const WIDTH: u32 = 1u; // elements of a Value: 4 where the count divides by 4
alias Value = f32;
const NESTEROV: bool = false;

struct Params { count: u32, learning_rate: f32, momentum: f32, weight_decay: f32 }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> gradient: array<Value>;
@group(0) @binding(W) var<storage, read_write> w: array<Value>;
@group(0) @binding(W + 1u) var<storage, read_write> velocity: array<Value>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    if is_skipped() { return; }
    for (var i = id.x; i < p.count / WIDTH; i += workgroups.x * WORKGROUP) {
        let g = fma(Value(p.weight_decay), w[i], inverse_scale() * gradient[i]);
        let v = fma(Value(p.momentum), velocity[i], g);
        velocity[i] = v;
        let direction = select(v, fma(Value(p.momentum), v, g), NESTEROV);
        w[i] = fma(Value(-p.learning_rate), direction, w[i]);
    }
}

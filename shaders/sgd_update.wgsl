// w -= learning_rate (gradient + weight_decay w), in place: both are [count].
//
// An invocation computes every Value whose number is its own modulo the size of the grid.
// Reference: `reference::sgd_update`. Host: `kernel/optimizer/mod.rs`.

const WORKGROUP: u32 = 256u;
const WIDTH: u32 = 1u; // elements of a Value: 4 where the count divides by 4
alias Value = f32;

struct Params { count: u32, learning_rate: f32, momentum: f32, weight_decay: f32 }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> gradient: array<Value>;
@group(0) @binding(W) var<storage, read_write> w: array<Value>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    if is_skipped() { return; }
    for (var i = id.x; i < p.count / WIDTH; i += workgroups.x * WORKGROUP) {
        let g = fma(Value(p.weight_decay), w[i], inverse_scale() * gradient[i]);
        w[i] = fma(Value(-p.learning_rate), g, w[i]);
    }
}

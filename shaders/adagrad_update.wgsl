// Adagrad, in place:  g = gradient + weight_decay w,  total += g²,  w -= rate g / (sqrt(total) + epsilon).
// All are [count]. The rate, which falls with the updates, comes from the host.
//
// An invocation computes every Value whose number is its own modulo the size of the grid.
// Reference: `reference::adagrad_update`. Host: `kernel/optimizer/adaptive.rs`.

const WORKGROUP: u32 = 256u;
const WIDTH: u32 = 1u; // elements of a Value: 4 where the count divides by 4
alias Value = f32;

struct Params {
    count: u32,
    rate: f32,
    epsilon: f32,
    weight_decay: f32,
}
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> gradient: array<Value>;
@group(0) @binding(W) var<storage, read_write> w: array<Value>;
@group(0) @binding(W + 1u) var<storage, read_write> total: array<Value>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    if is_skipped() { return; }
    for (var i = id.x; i < p.count / WIDTH; i += workgroups.x * WORKGROUP) {
        let g = fma(Value(p.weight_decay), w[i], inverse_scale() * gradient[i]);
        let s = fma(g, g, total[i]);
        total[i] = s;
        w[i] = fma(Value(-p.rate), g / (sqrt(s) + p.epsilon), w[i]);
    }
}

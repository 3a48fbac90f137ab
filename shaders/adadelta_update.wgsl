// Adadelta, in place:  g = gradient + weight_decay w,  square = rho square + (1 - rho) g²,
// step = sqrt(delta + epsilon) / sqrt(square + epsilon) g,  delta = rho delta + (1 - rho) step²,
// w -= learning_rate step. All are [count].
//
// An invocation computes every Value whose number is its own modulo the size of the grid.
// Reference: `reference::adadelta_update`. Host: `kernel/optimizer/adaptive.rs`.

const WORKGROUP: u32 = 256u;
const WIDTH: u32 = 1u; // elements of a Value: 4 where the count divides by 4
alias Value = f32;

struct Params {
    count: u32,
    learning_rate: f32,
    rho: f32,
    one_minus_rho: f32,
    epsilon: f32,
    weight_decay: f32,
}
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> gradient: array<Value>;
@group(0) @binding(W) var<storage, read_write> w: array<Value>;
@group(0) @binding(W + 1u) var<storage, read_write> square: array<Value>;
@group(0) @binding(W + 2u) var<storage, read_write> delta: array<Value>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    if is_skipped() { return; }
    for (var i = id.x; i < p.count / WIDTH; i += workgroups.x * WORKGROUP) {
        let g = fma(Value(p.weight_decay), w[i], inverse_scale() * gradient[i]);
        let s = fma(Value(p.rho), square[i], p.one_minus_rho * g * g);
        square[i] = s;
        let step = sqrt(delta[i] + p.epsilon) / sqrt(s + p.epsilon) * g;
        delta[i] = fma(Value(p.rho), delta[i], p.one_minus_rho * step * step);
        w[i] = fma(Value(-p.learning_rate), step, w[i]);
    }
}

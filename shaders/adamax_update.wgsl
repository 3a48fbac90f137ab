// Adamax, in place:  g = gradient + weight_decay w,  mean += (1 - beta1) (g - mean),
// norm = max(beta2 norm, |g| + epsilon),  w -= step_size mean / norm. All are [count].
//
// An invocation computes every Value whose number is its own modulo the size of the grid.
// Reference: `reference::adamax_update`. Host: `kernel/optimizer/moments.rs`.

const WORKGROUP: u32 = 256u;
const WIDTH: u32 = 1u; // elements of a Value: 4 where the count divides by 4
alias Value = f32;

struct Params {
    count: u32,
    step_size: f32,
    one_minus_beta1: f32,
    beta2: f32,
    epsilon: f32,
    weight_decay: f32,
}
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> gradient: array<Value>;
@group(0) @binding(W) var<storage, read_write> w: array<Value>;
@group(0) @binding(W + 1u) var<storage, read_write> mean: array<Value>;
@group(0) @binding(W + 2u) var<storage, read_write> norm: array<Value>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    if is_skipped() { return; }
    let step_size = p.step_size * correct_step();
    for (var i = id.x; i < p.count / WIDTH; i += workgroups.x * WORKGROUP) {
        let g = fma(Value(p.weight_decay), w[i], inverse_scale() * gradient[i]);
        let m = fma(Value(p.one_minus_beta1), g - mean[i], mean[i]);
        let n = max(p.beta2 * norm[i], abs(g) + p.epsilon);
        mean[i] = m;
        norm[i] = n;
        w[i] = fma(Value(-step_size), m / n, w[i]);
    }
}

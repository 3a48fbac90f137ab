// Adam, and AdamW, in place:  g = gradient + l2 w,  mean += (1 - beta1) (g - mean),
// square = beta2 square + (1 - beta2) g²,  w = keep w - step_size mean / (sqrt(square) / square_correction + epsilon).
// All are [count].
//
// An invocation computes every Value whose number is its own modulo the size of the grid.
// Traps: 1 - beta comes from the host, as here it would lose four digits; so do the bias corrections, in f64. AdamW's
// decay is `keep`, the other's is `l2`; the one not used is 1 or 0.
// Reference: `reference::adam_update`. Host: `kernel/optimizer/mod.rs`.

const WORKGROUP: u32 = 256u;
const WIDTH: u32 = 1u; // elements of a Value: 4 where the count divides by 4
alias Value = f32;

struct Params {
    count: u32,
    step_size: f32,
    square_correction: f32,
    one_minus_beta1: f32,
    beta2: f32,
    one_minus_beta2: f32,
    epsilon: f32,
    l2: f32,
    keep: f32,
}
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> gradient: array<Value>;
@group(0) @binding(W) var<storage, read_write> w: array<Value>;
@group(0) @binding(W + 1u) var<storage, read_write> mean: array<Value>;
@group(0) @binding(W + 2u) var<storage, read_write> square: array<Value>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    if is_skipped() { return; }
    let step_size = p.step_size * correct_step();
    let square_correction = p.square_correction * correct_square();
    for (var i = id.x; i < p.count / WIDTH; i += workgroups.x * WORKGROUP) {
        let g = fma(Value(p.l2), w[i], inverse_scale() * gradient[i]);
        let m = fma(Value(p.one_minus_beta1), g - mean[i], mean[i]);
        let s = fma(Value(p.beta2), square[i], p.one_minus_beta2 * g * g);
        mean[i] = m;
        square[i] = s;
        w[i] = fma(Value(p.keep), w[i], -step_size * m / (sqrt(s) / square_correction + p.epsilon));
    }
}

// Lion, in place:  w = keep w - learning_rate sign(beta1 mean + (1 - beta1) g),
// mean = beta2 mean + (1 - beta2) g. All are [count]. The sign of 0 is 0.
//
// An invocation computes every Value whose number is its own modulo the size of the grid.
// Reference: `reference::lion_update`. Host: `kernel/optimizer/moments.rs`.

const WORKGROUP: u32 = 256u;
const WIDTH: u32 = 1u; // elements of a Value: 4 where the count divides by 4
alias Value = f32;

struct Params {
    count: u32,
    learning_rate: f32,
    beta1: f32,
    one_minus_beta1: f32,
    beta2: f32,
    one_minus_beta2: f32,
    keep: f32,
}
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> gradient: array<Value>;
@group(0) @binding(W) var<storage, read_write> w: array<Value>;
@group(0) @binding(W + 1u) var<storage, read_write> mean: array<Value>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    if is_skipped() { return; }
    for (var i = id.x; i < p.count / WIDTH; i += workgroups.x * WORKGROUP) {
        let g = inverse_scale() * gradient[i];
        let direction = sign(fma(Value(p.beta1), mean[i], p.one_minus_beta1 * g));
        mean[i] = fma(Value(p.beta2), mean[i], p.one_minus_beta2 * g);
        w[i] = fma(Value(p.keep), w[i], -p.learning_rate * direction);
    }
}

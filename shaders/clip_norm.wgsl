// y = gradient min(1, limit / (norm + epsilon)), where norm = sqrt(total) without the gradient's scale: gradient and y are
// [count], total is [1].
//
// An invocation computes every Value whose number is its own modulo the size of the grid.
// Reference: `reference::clip_norm`. Host: `kernel/gradient.rs`.

const WORKGROUP: u32 = 256u;
const WIDTH: u32 = 1u; // elements of a Value: 4 where the count divides by 4
alias Value = f32;

struct Params { count: u32, limit: f32, epsilon: f32 }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> gradient: array<Value>;
@group(0) @binding(W) var<storage, read> total: array<f32>;
@group(0) @binding(W + 1u) var<storage, read_write> y: array<Value>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    let norm = inverse_scale() * sqrt(total[0]);
    let factor = min(1.0, p.limit / (norm + p.epsilon));
    for (var i = id.x; i < p.count / WIDTH; i += workgroups.x * WORKGROUP) {
        y[i] = factor * gradient[i];
    }
}

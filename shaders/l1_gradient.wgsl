// y = gradient + l1 scale sign(w): all are [count]. The sign of 0 is 0. The scale is that of the gradient.
//
// An invocation computes every Value whose number is its own modulo the size of the grid.
// Reference: `reference::l1_gradient`. Host: `kernel/gradient.rs`.

const WORKGROUP: u32 = 256u;
const WIDTH: u32 = 1u; // elements of a Value: 4 where the count divides by 4
alias Value = f32;

struct Params { count: u32, l1: f32 }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> gradient: array<Value>;
@group(0) @binding(W) var<storage, read> w: array<Value>;
@group(0) @binding(W + 1u) var<storage, read_write> y: array<Value>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    let l1 = p.l1 / inverse_scale();
    for (var i = id.x; i < p.count / WIDTH; i += workgroups.x * WORKGROUP) {
        y[i] = fma(Value(l1), sign(w[i]), gradient[i]);
    }
}

// dx[i] = f'(x[i]) dy[i],  i < count: all are [count], KIND chooses f.
// `saved` is f(x) for sigmoid, tanh and ReLU, else x.
//
// An invocation computes every element whose number is its own modulo the size of the grid.
// Traps: those of `activations.wgsl`, where f' is.
// Reference: `reference::activation_grad`. Host: `kernel/elementwise.rs`.
// uses: activations

const WORKGROUP: u32 = 256u;

struct Params { count: u32, alpha: f32 }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> saved: array<f32>;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    for (var i = id.x; i < p.count; i += workgroups.x * WORKGROUP) {
        dx[i] = activate_grad(saved[i], dy[i], p.alpha);
    }
}

// dx[i] = f'(x[i]) dy[i]: all are [count], which divides by 4; `saved` is y or x, as the function has it.
//
// As `activation_grad`, four elements at a time. An invocation computes every four whose number is its own modulo the
// size of the grid.
// Reference: `reference::activation_grad`. Host: `kernel/elementwise.rs`.
// uses: activations

const WORKGROUP: u32 = 256u;

struct Params { count: u32, alpha: f32 }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> saved: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> dx: array<vec4<f32>>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    for (var i = id.x; i < p.count / 4u; i += workgroups.x * WORKGROUP) {
        let s = saved[i];
        let d = dy[i];
        dx[i] = vec4<f32>(
            activate_grad(s.x, d.x, p.alpha),
            activate_grad(s.y, d.y, p.alpha),
            activate_grad(s.z, d.z, p.alpha),
            activate_grad(s.w, d.w, p.alpha),
        );
    }
}

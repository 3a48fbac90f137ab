// y[i] = f(x[i]): both are [count], which divides by 4.
//
// As `activation`, four elements at a time. An invocation computes every four whose number is its own modulo the size
// of the grid.
// Reference: `reference::activation`. Host: `kernel/elementwise.rs`.
// uses: activations

const WORKGROUP: u32 = 256u;

struct Params { count: u32, alpha: f32 }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    for (var i = id.x; i < p.count / 4u; i += workgroups.x * WORKGROUP) {
        let v = x[i];
        y[i] = vec4<f32>(
            activate(v.x, p.alpha),
            activate(v.y, p.alpha),
            activate(v.z, p.alpha),
            activate(v.w, p.alpha),
        );
    }
}

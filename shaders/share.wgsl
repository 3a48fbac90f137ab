// y[i] = x[i] / total[0], or 0 where the total is 0: x and y are [count].
//
// An invocation computes every element whose number is its own modulo the size of the grid.
// Reference: `reference::share`. Host: `kernel/classes.rs`.

const WORKGROUP: u32 = 256u;

struct Params { count: u32 }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> total: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    let sum = total[0];
    let divisor = select(sum, 1.0, sum == 0.0);
    for (var i = id.x; i < p.count; i += workgroups.x * WORKGROUP) {
        y[i] = select(x[i] / divisor, 0.0, sum == 0.0);
    }
}

// y[i] = a[i] + b[i], or a[i] - b[i], or a[i] b[i], as KIND says: all are [count].
//
// An invocation computes every element whose number is its own modulo the size of the grid.
// Reference: `reference::binary`. Host: `kernel/elementwise.rs`.

const WORKGROUP: u32 = 256u;
const ADD: u32 = 0u;
const SUB: u32 = 1u;
const MUL: u32 = 2u;
const KIND: u32 = ADD;

struct Params { count: u32 }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    for (var i = id.x; i < p.count; i += workgroups.x * WORKGROUP) {
        switch KIND {
            case ADD: { y[i] = a[i] + b[i]; }
            case SUB: { y[i] = a[i] - b[i]; }
            default: { y[i] = a[i] * b[i]; }
        }
    }
}

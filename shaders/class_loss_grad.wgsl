// dx[i, j] = dloss[i] ∂f/∂x[i, j], with f as in `class_loss`: x and dx are [rows, columns], target and dloss are [rows].
//
// An invocation computes every row whose number is its own modulo the size of the grid.
// Traps: exactly at the margin the gradient of a hinge is 0. A row whose label is no column has gradient 0.
// Reference: `reference::class_loss_grad`. Host: `kernel/classes.rs`.

const WORKGROUP: u32 = 256u;
const HINGE: u32 = 0u;
const NEGATIVE_LOG_LIKELIHOOD: u32 = 1u;
const KIND: u32 = HINGE;

struct Params { rows: u32, columns: u32 }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> target_: array<u32>;
@group(0) @binding(2) var<storage, read> dloss: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    for (var i = id.x; i < p.rows; i += workgroups.x * WORKGROUP) {
        let start = i * p.columns;
        let label = target_[i];
        let known = label < p.columns;
        let chosen = x[start + min(label, p.columns - 1u)];
        let part = dloss[i] / f32(p.columns);
        var lacking = 0.0;
        for (var j = 0u; j < p.columns; j++) {
            let z = 1.0 - chosen + x[start + j];
            let lacks = KIND == HINGE && known && j != label && z > 0.0;
            dx[start + j] = select(0.0, part, lacks);
            lacking += select(0.0, 1.0, lacks);
        }
        if known {
            dx[start + label] = select(-dloss[i], -part * lacking, KIND == HINGE);
        }
    }
}

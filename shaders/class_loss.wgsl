// loss[i] = Σ' max(0, 1 - x[i, t] + x[i, j]) / columns with t = target[i], where Σ' leaves t out, or -x[i, t], as KIND
// says: x is [rows, columns], target and loss are [rows].
//
// An invocation computes every row whose number is its own modulo the size of the grid.
// Traps: NaN is not below 0, and so stays in the sum. A row whose label is no column has loss 0.
// Reference: `reference::class_loss`. Host: `kernel/classes.rs`.

const WORKGROUP: u32 = 256u;
const HINGE: u32 = 0u;
const NEGATIVE_LOG_LIKELIHOOD: u32 = 1u;
const KIND: u32 = HINGE;

struct Params { rows: u32, columns: u32 }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> target_: array<u32>;
@group(0) @binding(2) var<storage, read_write> loss: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    for (var i = id.x; i < p.rows; i += workgroups.x * WORKGROUP) {
        let start = i * p.columns;
        let label = target_[i];
        var found = 0.0;
        if label < p.columns {
            let chosen = x[start + label];
            if KIND == NEGATIVE_LOG_LIKELIHOOD {
                found = -chosen;
            } else {
                for (var j = 0u; j < p.columns; j++) {
                    let z = 1.0 - chosen + x[start + j];
                    if j != label { found += select(z, 0.0, z < 0.0); }
                }
                found /= f32(p.columns);
            }
        }
        loss[i] = found;
    }
}

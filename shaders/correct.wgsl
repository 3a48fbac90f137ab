// y[i] = 1 if the first largest of x[i, ·] is at target[i], else 0: x is [rows, columns], target and y are [rows].
//
// An invocation computes every row whose number is its own modulo the size of the grid.
// Traps: a label that is no column is never right, nor is any in a row with NaN, which is found on the bits.
// Reference: `reference::correct`. Host: `kernel/loss.rs`.
// uses: functions

const WORKGROUP: u32 = 256u;

struct Params { rows: u32, columns: u32 }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> target_: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    for (var i = id.x; i < p.rows; i += workgroups.x * WORKGROUP) {
        let start = i * p.columns;
        let label = target_[i];
        var right = label < p.columns;
        if right {
            let value = x[start + label];
            for (var j = 0u; j < p.columns; j++) {
                let other = x[start + j];
                let before = other > value || (other == value && j < label);
                right = right && !before && !is_nan(other);
            }
        }
        y[i] = select(0.0, 1.0, right);
    }
}

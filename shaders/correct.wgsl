// y[i] = 1 if the first largest of x[i, ·] is at target[i], else 0: x is [rows, columns], target and y are [rows].
//
// An invocation computes every row whose number is its own modulo the size of the grid.
// Traps: a target that is no column is never right. A comparison with NaN is not relied on: a row with NaN gives 0 or 1.
// Reference: `reference::correct`. Host: `kernel/loss.rs`.

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
        var best = 0u;
        var largest = x[start];
        for (var j = 1u; j < p.columns; j++) {
            let value = x[start + j];
            if value > largest {
                largest = value;
                best = j;
            }
        }
        y[i] = select(0.0, 1.0, best == target_[i]);
    }
}

// dx[i, j] = (softmax(x[i, ·])[j] - [j = target[i]]) dloss[i]: x and dx are [rows, columns], target and dloss are
// [rows].
//
// An invocation computes every row whose number is its own modulo the size of the grid.
// Traps: at the label, softmax - 1 is computed as -(sum of the others) / (sum of all): nothing cancels where the
// prediction is right. NaN in a row makes the row NaN, by the subtraction; the maximum may miss it. A row whose label
// is no column has gradient 0.
// Reference: `reference::softmax_cross_entropy_grad`. Host: `kernel/loss.rs`.
// uses: functions

const WORKGROUP: u32 = 256u;

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
        var largest = x[start];
        for (var j = 1u; j < p.columns; j++) {
            largest = max(largest, x[start + j]);
        }
        var others = 0.0; // all but the label
        var right = 0.0;  // the label
        for (var j = 0u; j < p.columns; j++) {
            let e = own_exp(x[start + j] - largest);
            dx[start + j] = e;
            if j == label { right = e; } else { others += e; }
        }
        let sum = others + right;
        for (var j = 0u; j < p.columns; j++) {
            let share = select(dx[start + j], -others, j == label) / sum;
            dx[start + j] = select(0.0, share * dloss[i], label < p.columns);
        }
    }
}

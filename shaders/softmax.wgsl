// y[i, j] = e^(x[i, j] - m) / Σ e^(x[i, ·] - m),  m = max x[i, ·]: x and y are [rows, columns].
//
// An invocation computes every row whose number is its own modulo the size of the grid.
// Traps: NaN in a row makes the row NaN, by the subtraction; the maximum may miss it.
// Reference: `reference::softmax`. Host: `kernel/elementwise.rs`.
// uses: functions

const WORKGROUP: u32 = 256u;

struct Params { rows: u32, columns: u32 }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    for (var i = id.x; i < p.rows; i += workgroups.x * WORKGROUP) {
        let start = i * p.columns;
        var largest = x[start];
        for (var j = 1u; j < p.columns; j++) {
            largest = max(largest, x[start + j]);
        }
        var sum = 0.0;
        for (var j = 0u; j < p.columns; j++) {
            let e = own_exp(x[start + j] - largest);
            y[start + j] = e;
            sum += e;
        }
        for (var j = 0u; j < p.columns; j++) {
            y[start + j] /= sum;
        }
    }
}

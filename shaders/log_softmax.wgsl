// y[i, j] = x[i, j] - log Σ e^(x[i, ·]) = (x[i, j] - m) - log(1 + Σ' e^(x[i, ·] - m)), where m is the largest of the row
// and Σ' leaves the first such out: x and y are [rows, columns].
//
// An invocation computes every row whose number is its own modulo the size of the grid.
// Traps: neither term is positive, so nothing cancels, and a logarithm near 0 keeps its digits.
// Reference: `reference::log_softmax`. Host: `kernel/classes.rs`.
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
        var best = 0u;
        var largest = x[start];
        for (var j = 1u; j < p.columns; j++) {
            let value = x[start + j];
            if value > largest {
                largest = value;
                best = j;
            }
        }
        var others = 0.0;
        for (var j = 0u; j < p.columns; j++) {
            if j != best { others += own_exp(x[start + j] - largest); }
        }
        let log = own_log1p(others);
        for (var j = 0u; j < p.columns; j++) {
            y[start + j] = (x[start + j] - largest) - log;
        }
    }
}

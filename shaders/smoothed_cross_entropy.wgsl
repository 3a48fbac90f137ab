// loss[i] = keep weights[t] n[t] + spread Σ weights[j] n[j], with t = target[i] and n[j] = log Σ e^(x[i, ·]) - x[i, j]:
// x is [rows, columns], weights is [columns], target and loss are [rows].
//
// An invocation computes every row whose number is its own modulo the size of the grid.
// Traps: n[j] = (m - x[i, j]) + log(1 + Σ' e^(x[i, ·] - m)), where m is the largest of the row and Σ' leaves the first such
// out: no term is negative, so nothing cancels. A row whose label is no column has loss 0.
// Reference: `reference::smoothed_cross_entropy`. Host: `kernel/classes.rs`.
// uses: functions

const WORKGROUP: u32 = 256u;

struct Params { rows: u32, columns: u32, keep: f32, spread: f32 }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> target_: array<u32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read_write> loss: array<f32>;

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
        var all = 0.0;
        for (var j = 0u; j < p.columns; j++) {
            all += weights[j] * (log + (largest - x[start + j]));
        }
        let label = target_[i];
        loss[i] = 0.0;
        if label < p.columns {
            let own = weights[label] * (log + (largest - x[start + label]));
            loss[i] = p.keep * own + p.spread * all;
        }
    }
}

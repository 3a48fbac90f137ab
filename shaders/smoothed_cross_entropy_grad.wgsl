// dx[i, j] = (softmax(x[i, ·])[j] (keep weights[t] + spread Σ weights) - keep weights[t] [j = t] - spread weights[j])
// dloss[i], with t = target[i]: x and dx are [rows, columns], weights is [columns], target and dloss are [rows].
//
// An invocation computes every row whose number is its own modulo the size of the grid.
// Traps: a row whose label is no column has gradient 0.
// Reference: `reference::smoothed_cross_entropy_grad`. Host: `kernel/classes.rs`.
// uses: functions

const WORKGROUP: u32 = 256u;

struct Params { rows: u32, columns: u32, keep: f32, spread: f32 }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> target_: array<u32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read> dloss: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    for (var i = id.x; i < p.rows; i += workgroups.x * WORKGROUP) {
        let start = i * p.columns;
        let label = target_[i];
        let known = label < p.columns;
        let kept = p.keep * weights[min(label, p.columns - 1u)];
        var largest = x[start];
        for (var j = 1u; j < p.columns; j++) {
            largest = max(largest, x[start + j]);
        }
        var sum = 0.0;
        var all = 0.0;
        for (var j = 0u; j < p.columns; j++) {
            let e = own_exp(x[start + j] - largest);
            dx[start + j] = e;
            sum += e;
            all += weights[j];
        }
        let factor = (kept + p.spread * all) / sum;
        for (var j = 0u; j < p.columns; j++) {
            let wanted = p.spread * weights[j] + select(0.0, kept, j == label);
            dx[start + j] = select(0.0, (dx[start + j] * factor - wanted) * dloss[i], known);
        }
    }
}

// dx[i, j] = dy[i, j] - e^(y[i, j]) Σ dy[i, ·], from the output y: all are [rows, columns].
//
// An invocation computes every row whose number is its own modulo the size of the grid.
// Reference: `reference::log_softmax_grad`. Host: `kernel/classes.rs`.
// uses: functions

const WORKGROUP: u32 = 256u;

struct Params { rows: u32, columns: u32 }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> y: array<f32>;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    for (var i = id.x; i < p.rows; i += workgroups.x * WORKGROUP) {
        let start = i * p.columns;
        var sum = 0.0;
        for (var j = 0u; j < p.columns; j++) {
            sum += dy[start + j];
        }
        for (var j = 0u; j < p.columns; j++) {
            dx[start + j] = dy[start + j] - own_exp(y[start + j]) * sum;
        }
    }
}

// dx[i, j] = (d - mean(d) - h mean(d h)) / s,  d = gamma[j] dy[i, j],  s = sqrt(variance[i] + epsilon),
// h = (x[i, j] - mean[i]) / s, with means over the row: x, dy and dx are [rows, columns], gamma is [columns], moments is
// [2, rows], factor is 1 over the columns.
//
// LANES invocations share a row, and a workgroup has so many rows: those whose number is its own modulo the number of
// workgroups, in blocks. The order of the sums is fixed by the shape.
// Traps: the loop over blocks is uniform, as barriers stand in it.
// Reference: `reference::layer_norm_grad`. Host: `kernel/normalize.rs`.
// uses: group_total

const WORKGROUP: u32 = 256u;
const LANES: u32 = 32u;

struct Params { rows: u32, columns: u32, epsilon: f32, factor: f32 }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> moments: array<f32>;
@group(0) @binding(2) var<storage, read> gamma: array<f32>;
@group(0) @binding(3) var<storage, read> dy: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) index: u32,
) {
    let own = index / LANES;
    let lane = index % LANES;
    for (var first = workgroup.x * (WORKGROUP / LANES); first < p.rows; first += workgroups.x * (WORKGROUP / LANES)) {
        let i = first + own;
        let start = i * p.columns;
        var end = 0u;
        var mean = 0.0;
        var inverse = 0.0;
        if i < p.rows {
            end = p.columns;
            mean = moments[i];
            inverse = 1.0 / sqrt(moments[p.rows + i] + p.epsilon);
        }
        var plain = 0.0;
        var hats = 0.0;
        for (var j = lane; j < end; j += LANES) {
            let d = gamma[j] * dy[start + j];
            plain += d;
            hats += d * ((x[start + j] - mean) * inverse);
        }
        let mean_d = p.factor * group_total(plain, own, lane, LANES);
        let mean_hats = p.factor * group_total(hats, own, lane, LANES);
        for (var j = lane; j < end; j += LANES) {
            let hat = (x[start + j] - mean) * inverse;
            dx[start + j] = inverse * (gamma[j] * dy[start + j] - mean_d - hat * mean_hats);
        }
    }
}

// sums[0, j] = Σ_i dy[i, j],  sums[1, j] = Σ_i dy[i, j] h[i, j],  h = (x - mean) / sqrt(variance + epsilon): x and dy are
// [rows, columns], sums is [2, columns], moments is [2, groups]. A group is a column, or BY_ROW a row.
//
// LANES invocations share a column, and a workgroup has so many columns: those whose number is its own modulo the number of
// workgroups, in blocks. The order of the sums is fixed by the shape.
// Traps: the loop over blocks is uniform, as barriers stand in it.
// Reference: `reference::normalize_sums`. Host: `kernel/normalize.rs`.
// uses: group_total

const WORKGROUP: u32 = 256u;
const LANES: u32 = 8u;
const BY_ROW: bool = false;

struct Params { rows: u32, columns: u32, epsilon: f32 }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> moments: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> sums: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) index: u32,
) {
    let groups = select(p.columns, p.rows, BY_ROW);
    let own = index % (WORKGROUP / LANES);
    let lane = index / (WORKGROUP / LANES);
    for (var first = workgroup.x * (WORKGROUP / LANES); first < p.columns; first += workgroups.x * (WORKGROUP / LANES)) {
        let j = first + own;
        let end = select(0u, p.rows, j < p.columns);
        var plain = 0.0;
        var hats = 0.0;
        for (var i = lane; i < end; i += LANES) {
            let e = i * p.columns + j;
            let g = select(j, i, BY_ROW);
            let hat = (x[e] - moments[g]) / sqrt(moments[groups + g] + p.epsilon);
            plain += dy[e];
            hats += dy[e] * hat;
        }
        let sum = group_total(plain, own, lane, LANES);
        let sum_of_hats = group_total(hats, own, lane, LANES);
        if lane == 0u && j < p.columns {
            sums[j] = sum;
            sums[p.columns + j] = sum_of_hats;
        }
    }
}

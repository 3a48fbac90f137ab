// moments[0, g] = mean of group g,  moments[1, g] = mean of its squared distances from that: x is [rows, columns],
// moments is [2, groups]. A group is a column, or BY_ROW a row; factor is 1 over its elements.
//
// LANES invocations share a group, and a workgroup has so many groups: those whose number is its own modulo the number of
// workgroups, in blocks. Neighbouring invocations read neighbouring elements. The order of the sums is fixed by the shape.
// Traps: in two passes, as the mean of squares less the square of the mean loses all digits where the mean is large. The
// loop over blocks is uniform, as barriers stand in it.
// Reference: `reference::moments`. Host: `kernel/normalize.rs`.
// uses: group_total

const WORKGROUP: u32 = 256u;
const LANES: u32 = 32u;
const BY_ROW: bool = false;

struct Params { rows: u32, columns: u32, factor: f32 }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> moments: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) index: u32,
) {
    let groups = select(p.columns, p.rows, BY_ROW);
    let terms = select(p.rows, p.columns, BY_ROW);
    let to_group = select(1u, p.columns, BY_ROW);
    let to_term = select(p.columns, 1u, BY_ROW);
    let own = select(index % (WORKGROUP / LANES), index / LANES, BY_ROW);
    let lane = select(index / (WORKGROUP / LANES), index % LANES, BY_ROW);
    for (var first = workgroup.x * (WORKGROUP / LANES); first < groups; first += workgroups.x * (WORKGROUP / LANES)) {
        let g = first + own;
        let start = g * to_group;
        let end = select(0u, terms, g < groups);
        var sum = 0.0;
        for (var a = lane; a < end; a += LANES) {
            sum += x[start + a * to_term];
        }
        let mean = p.factor * group_total(sum, own, lane, LANES);
        var squares = 0.0;
        for (var a = lane; a < end; a += LANES) {
            let d = x[start + a * to_term] - mean;
            squares += d * d;
        }
        let variance = p.factor * group_total(squares, own, lane, LANES);
        if lane == 0u && g < groups {
            moments[g] = mean;
            moments[groups + g] = variance;
        }
    }
}

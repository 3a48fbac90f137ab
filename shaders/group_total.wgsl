// The sum over the invocations that share a group, in a tree: `lanes` of them, a power of two, and 256 / lanes groups in a
// workgroup, of which this invocation's is `own`.
//
// Traps: all invocations of the workgroup call it together, as barriers stand in it.
// Reference: `reference::moments`, `reference::normalize_sums`, `reference::layer_norm_grad`. Host: `kernel/normalize.rs`.

var<workgroup> group_sums: array<f32, 256>;

fn group_total(value: f32, own: u32, lane: u32, lanes: u32) -> f32 {
    let groups = 256u / lanes;
    group_sums[lane * groups + own] = value;
    workgroupBarrier();
    for (var half = lanes / 2u; half > 0u; half /= 2u) {
        if lane < half {
            group_sums[lane * groups + own] += group_sums[(lane + half) * groups + own];
        }
        workgroupBarrier();
    }
    let total = group_sums[own];
    workgroupBarrier();
    return total;
}

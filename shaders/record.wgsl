// log[slot, j] = x[j],  j < columns; the other rows stay: log is [slots, columns], x is [columns].
//
// An invocation computes every element whose number is its own modulo the size of the grid.
// Traps: a slot outside the log is not written.
// Reference: `reference::record`. Host: `kernel/state.rs`.

const WORKGROUP: u32 = 256u;

struct Params { slots: u32, columns: u32, slot: u32 }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> log: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    if p.slot >= p.slots { return; }
    for (var j = id.x; j < p.columns; j += workgroups.x * WORKGROUP) {
        log[p.slot * p.columns + j] = x[j];
    }
}

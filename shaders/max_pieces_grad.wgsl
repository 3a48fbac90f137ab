// dx[i, k] = dy[i] where k is the first of the largest of x[i, ·], else 0: x and dx are [count, pieces], dy is [count].
//
// An invocation computes every row whose number is its own modulo the size of the grid.
// Traps: NaN counts as the largest, and is found on the bits, as a comparison may miss it.
// Reference: `reference::max_pieces_grad`. Host: `kernel/layers.rs`.
// uses: functions

const WORKGROUP: u32 = 256u;

struct Params { count: u32, pieces: u32 }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    for (var i = id.x; i < p.count; i += workgroups.x * WORKGROUP) {
        var largest = x[i * p.pieces];
        var at = 0u;
        for (var k = 1u; k < p.pieces; k++) {
            let next = x[i * p.pieces + k];
            if !is_nan(largest) && (next > largest || is_nan(next)) {
                largest = next;
                at = k;
            }
        }
        for (var k = 0u; k < p.pieces; k++) {
            dx[i * p.pieces + k] = select(0.0, dy[i], k == at);
        }
    }
}

// first[0] = the smallest i < count for which x[i] is NaN or infinite, or 2^32 - 1 if there is none: x is [count].
//
// One workgroup. An invocation looks at every WORKGROUP-th element until it finds one; then the smallest of what they
// found is taken, in halves.
// Traps: a driver may assume that NaN and infinity do not occur, so the test is on the bits.
// Reference: `reference::nonfinite`. Host: `kernel/state.rs`.

const WORKGROUP: u32 = 256u;
const NONE: u32 = 0xffffffffu;

struct Params { count: u32 }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> first: array<u32>;

var<workgroup> found: array<u32, WORKGROUP>;

fn is_nonfinite(value: f32) -> bool {
    return (bitcast<u32>(value) & 0x7fffffffu) >= 0x7f800000u;
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(local_invocation_index) lane: u32) {
    var smallest = NONE;
    for (var i = lane; i < p.count; i += WORKGROUP) {
        if is_nonfinite(x[i]) {
            smallest = i;
            break;
        }
    }
    found[lane] = smallest;
    workgroupBarrier();
    for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
        if lane < half {
            found[lane] = min(found[lane], found[lane + half]);
        }
        workgroupBarrier();
    }
    if lane == 0u { first[0] = found[0]; }
}

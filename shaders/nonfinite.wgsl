// first[0] = offset + the smallest i < count for which x[i] is NaN or infinite, or 2^32 - 1 if there is none: x is
// [count]. Where offset is not 0, what first[0] holds already stays if it is a number.
//
// One workgroup. An invocation looks at every WORKGROUP-th element, four at a time, until it finds one; then the
// smallest of what they found is taken, in halves.
// Traps: a driver may assume that NaN and infinity do not occur, so the test is on the bits. Mesa's software driver
// ends an invocation's loops after 65,535 turns in all, wherever it stands: four at a time it reaches the end of any
// binding.
// Reference: `reference::nonfinite`. Host: `kernel/state.rs`.

const WORKGROUP: u32 = 256u;
const NONE: u32 = 0xffffffffu;

struct Params { count: u32, offset: u32 }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> first: array<u32>;

var<workgroup> found: array<u32, WORKGROUP>;

// i if x[i] is NaN or infinite, else NONE.
fn number_if_nonfinite(i: u32) -> u32 {
    if i >= p.count { return NONE; }
    let magnitude = bitcast<u32>(x[i]) & 0x7fffffffu;
    return select(NONE, i, magnitude >= 0x7f800000u);
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(local_invocation_index) lane: u32) {
    var smallest = NONE;
    for (var i = lane; i < p.count && smallest == NONE; i += 4u * WORKGROUP) {
        let first_two = min(number_if_nonfinite(i), number_if_nonfinite(i + WORKGROUP));
        let last_two = min(number_if_nonfinite(i + 2u * WORKGROUP), number_if_nonfinite(i + 3u * WORKGROUP));
        smallest = min(first_two, last_two);
    }
    found[lane] = smallest;
    workgroupBarrier();
    for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
        if lane < half {
            found[lane] = min(found[lane], found[lane + half]);
        }
        workgroupBarrier();
    }
    if lane == 0u {
        var result = found[0];
        if result != NONE { result += p.offset; }
        if p.offset != 0u { result = min(result, first[0]); }
        first[0] = result;
    }
}

// y[g, i, j] = x[g, i, j] rounded to half precision, 0 in the padding:  x is [groups, rows, columns], rows and
// columns of y are padded to multiples of PAD. Two neighbours of y are one word, the first its lower half.
//
// An invocation computes every 4 neighbours of y whose number is its own modulo the size of the grid.
// Traps: WGSL lets a device round, flush and overflow as it likes when it converts, so this works on the bits: to
// nearest, ties to even, and infinite from 65520 on.
// Reference: `reference::narrow`. Host: `kernel/mixed.rs`.

const WORKGROUP: u32 = 256u;
const PAD: u32 = 16u;
const SMALLEST: u32 = 0x38800000u; // 2^-14, the smallest normal number of half precision
const OVERFLOW: u32 = 0x477ff000u; // 65520, half way from the largest to the next power of two
const INFINITY: u32 = 0x7f800000u;

struct Params { groups: u32, rows: u32, columns: u32 }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<vec2<u32>>;

// The bits of x in half precision.
fn narrowed(x: f32) -> u32 {
    let bits = bitcast<u32>(x);
    let magnitude = bits & 0x7fffffffu;
    var half = 0x7c00u;
    if magnitude > INFINITY {
        half = 0x7e00u;
    } else if magnitude < SMALLEST {
        // Whole numbers of 2^-24: below half of one there is none.
        let exponent = magnitude >> 23u;
        let mantissa = (magnitude & 0x7fffffu) | 0x800000u;
        let shift = min(126u - exponent, 25u);
        let rest = mantissa & ((1u << shift) - 1u);
        half = mantissa >> shift;
        let tie = 1u << (shift - 1u);
        half += select(0u, 1u, rest > tie || (rest == tie && (half & 1u) == 1u));
    } else if magnitude < OVERFLOW {
        // The exponent's bias is 112 less. A carry out of the mantissa goes up into the exponent, as it should.
        half = ((magnitude + 0xfffu + ((magnitude >> 13u) & 1u)) >> 13u) - (112u << 10u);
    }
    return half | ((bits >> 16u) & 0x8000u);
}

fn load(row: u32, i: u32, j: u32) -> u32 {
    if i >= p.rows || j >= p.columns { return 0u; }
    return narrowed(x[row * p.columns + j]);
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    let rows = (p.rows + PAD - 1u) / PAD * PAD;
    let fours = (p.columns + PAD - 1u) / PAD * (PAD / 4u); // in a row
    for (var at = id.x; at < p.groups * rows * fours; at += workgroups.x * WORKGROUP) {
        let j = at % fours * 4u;
        let i = at / fours % rows;
        let row = at / fours / rows * p.rows + i;
        y[at] = vec2<u32>(
            load(row, i, j) | (load(row, i, j + 1u) << 16u),
            load(row, i, j + 2u) | (load(row, i, j + 3u) << 16u),
        );
    }
}

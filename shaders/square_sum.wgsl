// y[r] = Σ_c x[r, c]²: x is [rows, columns], y is [rows].
//
// An invocation computes every sum whose number is its own modulo the size of the grid, in blocks of BLOCK terms, each
// summed by itself: the rounding errors grow as columns / BLOCK + BLOCK.
// Reference: `reference::square_sum`. Host: `kernel/gradient.rs`.

const WORKGROUP: u32 = 256u;
const BLOCK: u32 = 32u; // terms

struct Params { rows: u32, columns: u32 }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    for (var r = id.x; r < p.rows; r += workgroups.x * WORKGROUP) {
        var sum = 0.0;
        for (var block = 0u; block < p.columns; block += BLOCK) {
            let end = min(block + BLOCK, p.columns);
            var part = 0.0;
            for (var c = block; c < end; c++) {
                let value = x[r * p.columns + c];
                part += value * value;
            }
            sum += part;
        }
        y[r] = sum;
    }
}

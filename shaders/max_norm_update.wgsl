// w[r, ·] *= limit / sqrt(squares[r]) where squares[r] > limit², in place: w is [rows, columns], squares is [rows].
//
// An invocation computes every element whose number is its own modulo the size of the grid.
// Reference: `reference::max_norm_update`. Host: `kernel/gradient.rs`.

const WORKGROUP: u32 = 256u;

struct Params { rows: u32, columns: u32, limit: f32, limit_square: f32 }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> squares: array<f32>;
@group(0) @binding(1) var<storage, read_write> w: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    for (var i = id.x; i < p.rows * p.columns; i += workgroups.x * WORKGROUP) {
        let square = squares[i / p.columns];
        if square > p.limit_square {
            w[i] *= p.limit / sqrt(square);
        }
    }
}

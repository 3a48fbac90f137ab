// dtable[r, j] = Σ dy[i, j] over the i < rows with index[i] = first_row + r, in the order of i: dy is
// [rows, columns], index is [rows], dtable is [table_rows, columns].
//
// An invocation computes every element whose number is its own modulo the size of the grid.
// It reads the whole index, so that no two invocations add to one element.
// Reference: `reference::gather_grad`. Host: `kernel/rows.rs`.

const WORKGROUP: u32 = 256u;

struct Params { first_row: u32, table_rows: u32, rows: u32, columns: u32 }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> index: array<u32>;
@group(0) @binding(2) var<storage, read_write> dtable: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    for (var e = id.x; e < p.table_rows * p.columns; e += workgroups.x * WORKGROUP) {
        let r = e / p.columns;
        let j = e % p.columns;
        var sum = 0.0;
        for (var i = 0u; i < p.rows; i++) {
            if index[i] - p.first_row == r { sum += dy[i * p.columns + j]; }
        }
        dtable[e] = sum;
    }
}

// y[i, ·] = factor table[index[start + i] - first_row, ·],  i < rows: table is [table_rows, columns] bytes, y is
// [rows, columns].
//
// An invocation computes every element whose number is its own modulo the size of the grid.
// Traps: four bytes to a word, the first lowest. A row number outside the table gives zeros, as does a position outside
// the index; or y stays there, if KEEP.
// Reference: `reference::gather`. Host: `kernel/rows.rs`.

const WORKGROUP: u32 = 256u;
const KEEP: bool = false; // what the table does not have stays as it is

struct Params { first_row: u32, table_rows: u32, rows: u32, columns: u32, start: u32, factor: f32 }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> table: array<u32>;
@group(0) @binding(1) var<storage, read> index: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    for (var e = id.x; e < p.rows * p.columns; e += workgroups.x * WORKGROUP) {
        let i = e / p.columns;
        let j = e - i * p.columns;
        let at = p.start + i;
        var value = 0u;
        var found = false;
        if at < arrayLength(&index) {
            let row = index[at] - p.first_row; // wraps round below the first
            if row < p.table_rows {
                found = true;
                let byte = row * p.columns + j;
                value = (table[byte >> 2u] >> (8u * (byte & 3u))) & 255u;
            }
        }
        if found || !KEEP { y[e] = p.factor * f32(value); }
    }
}

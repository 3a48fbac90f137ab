// y[i, ·] = table[index[start + i] - first_row, ·],  i < rows: table is [table_rows, columns], y is [rows, columns],
// of Value.
//
// An invocation computes every Value whose number is its own modulo the size of the grid.
// Traps: a row number outside the table gives zeros, as does a position outside the index; or y stays there, if KEEP.
// `factor` is for bytes only.
// Reference: `reference::gather`. Host: `kernel/rows.rs`.

const WORKGROUP: u32 = 256u;
const WIDTH: u32 = 1u; // elements of a Value: 4 where a row divides by 4
alias Value = f32;
const KEEP: bool = false; // what the table does not have stays as it is

struct Params { first_row: u32, table_rows: u32, rows: u32, columns: u32, start: u32, factor: f32 }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> table: array<Value>;
@group(0) @binding(1) var<storage, read> index: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<Value>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    let columns = p.columns / WIDTH;
    for (var e = id.x; e < p.rows * columns; e += workgroups.x * WORKGROUP) {
        let i = e / columns;
        let j = e - i * columns;
        let at = p.start + i;
        var value = Value();
        var found = false;
        if at < arrayLength(&index) {
            let row = index[at] - p.first_row; // wraps round below the first
            if row < p.table_rows {
                found = true;
                value = table[row * columns + j];
            }
        }
        if found || !KEEP { y[e] = value; }
    }
}

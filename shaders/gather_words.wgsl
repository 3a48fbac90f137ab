// y[i, ·] = factor table[index[start + i] - first_row, ·],  i < rows: table is [table_rows, columns] bytes, y is
// [rows, columns].
//
// As `gather_bytes`, for rows that divide by 4: an invocation computes every four elements whose number is its own
// modulo the size of the grid, from one word.
// Traps: a row number outside the table gives zeros, as does a position outside the index.
// Reference: `reference::gather`. Host: `kernel/rows.rs`.

const WORKGROUP: u32 = 256u;
const KEEP: bool = false; // what the table does not have stays as it is

struct Params { first_row: u32, table_rows: u32, rows: u32, columns: u32, start: u32, factor: f32 }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> table: array<u32>;
@group(0) @binding(1) var<storage, read> index: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(global_invocation_id) id: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    let words = p.columns / 4u;
    for (var e = id.x; e < p.rows * words; e += workgroups.x * WORKGROUP) {
        let i = e / words;
        let at = p.start + i;
        var word = 0u;
        var found = false;
        if at < arrayLength(&index) {
            let row = index[at] - p.first_row; // wraps round below the first
            if row < p.table_rows {
                found = true;
                word = table[row * words + e - i * words];
            }
        }
        if found || !KEEP {
            let bytes = (vec4<u32>(word) >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(255u);
            y[e] = p.factor * vec4<f32>(bytes);
        }
    }
}

// y[g] = finish(op(a[g]) op(b[g])),  g < groups,  op(x) = xᵀ if TRANSPOSE_X, else x; every matrix row-major.
//
//   a: [groups, m, k], or [groups, k, m] if TRANSPOSE_A
//   b: [groups, k, n], or [groups, n, k] if TRANSPOSE_B
//   y: [groups, m, n]
//   padded, finish, store_row_sum and part: of the joined files
//
// For real GPUs, any shape. A workgroup computes a TILE_M x TILE_N tile of y. It walks along k in steps of
// TILE_K, each step's part of a and of b in workgroup memory, zeros past the edge; while it multiplies one,
// the next is on its way into registers. An invocation keeps ROWS x COLUMNS results in registers, in blocks of
// 4 x 4 that lie LANES_M * 4 rows and LANES_N * 4 columns apart, so that neighbours read neighbouring vec4s of
// workgroup memory.
//
// Needs TILE_M and TILE_N times TILE_K to be multiples of 4 * LANES, and ROWS, COLUMNS and TILE_K of 4.
// Grid: min(tiles, 65535) workgroups, tiles = groups * ceil(m / TILE_M) * ceil(n / TILE_N).
// Traps: the loop over tiles and the loop along k are uniform, as barriers stand in them.
// Reference: `reference::matmul`. Host: `kernel/matmul.rs`.
// uses: matmul_operands

const TRANSPOSE_A: bool = false;
const TRANSPOSE_B: bool = false;
alias PartY = f32;     // or a vec4 of neighbours in a row, where rows divide by 4
const WIDTH: u32 = 1u; // elements of it
const TILE_M: u32 = 64u;
const TILE_N: u32 = 64u;
const TILE_K: u32 = 16u;
const ROWS: u32 = 4u; // of y, an invocation
const COLUMNS: u32 = 4u;
const LANES_M: u32 = TILE_M / ROWS;
const LANES_N: u32 = TILE_N / COLUMNS;
const LANES: u32 = LANES_M * LANES_N;

struct Params { groups: u32, m: u32, n: u32, k: u32, alpha: f32, learning_rate: f32, weight_decay: f32 }
var<immediate> p: Params;
@group(0) @binding(Y) var<storage, read_write> y: array<PartY>;

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let tiles_m = (p.m + TILE_M - 1u) / TILE_M;
    let tiles_n = (p.n + TILE_N - 1u) / TILE_N;
    let lane_m = lane / LANES_N;
    let lane_n = lane % LANES_N;

    for (var tile = workgroup.x; tile < p.groups * tiles_m * tiles_n; tile += workgroups.x) {
        let group = tile / (tiles_m * tiles_n);
        let row = tile / tiles_n % tiles_m * TILE_M;
        let column = tile % tiles_n * TILE_N;
        var sum = array<array<vec4<f32>, COLUMNS / 4u>, ROWS>();
        var row_sum = array<vec4<f32>, ROWS / 4u>();

        fetch_a(group, row, 0u, lane);
        fetch_b(group, 0u, column, lane);
        for (var depth = 0u; depth < p.k; depth += TILE_K) {
            put_a(lane);
            put_b(lane);
            workgroupBarrier();
            fetch_a(group, row, depth + TILE_K, lane);
            fetch_b(group, depth + TILE_K, column, lane);
            for (var l = 0u; l < TILE_K; l++) {
                for (var i = 0u; i < ROWS; i += 4u) {
                    let a4 = a_tile[l * STRIDE_M + i / 4u * LANES_M + lane_m];
                    if ROW_SUMS { row_sum[i / 4u] += a4; }
                    for (var j = 0u; j < COLUMNS / 4u; j++) {
                        let b4 = b_tile[l * STRIDE_N + j * LANES_N + lane_n];
                        sum[i][j] += a4.x * b4;
                        sum[i + 1u][j] += a4.y * b4;
                        sum[i + 2u][j] += a4.z * b4;
                        sum[i + 3u][j] += a4.w * b4;
                    }
                }
            }
            workgroupBarrier();
        }

        for (var i = 0u; i < ROWS; i++) {
            let y_row = row + (i / 4u * LANES_M + lane_m) * 4u + i % 4u;
            for (var c = 0u; c < COLUMNS; c += WIDTH) {
                let y_column = column + (c / 4u * LANES_N + lane_n) * 4u + c % 4u;
                if y_row < p.m && y_column < p.n {
                    let at = ((group * p.m + y_row) * p.n + y_column) / WIDTH;
                    let term = column_term((group * p.n + y_column) / WIDTH);
                    y[at] = finish(part(sum[i][c / 4u], c % 4u), term, at);
                }
            }
            if ROW_SUMS && lane_n == 0u && column == 0u && y_row < p.m {
                store_row_sum(group * p.m + y_row, row_sum[i / 4u][i % 4u]);
            }
        }
    }
}

// y[g] = finish(op(a[g]) op(b[g])),  g < groups,  op(x) = xᵀ if TRANSPOSE_X, else x; every matrix row-major.
//
//   a: [groups, m, k], or [groups, k, m] if TRANSPOSE_A
//   b: [groups, k, n], or [groups, n, k] if TRANSPOSE_B
//   y: [groups, m, n]
//   Operand, padded, finish and store_row_sum: of the joined files
//
// For operands in half precision, any shape; all arithmetic is in f32. A workgroup computes a TILE_M x TILE_N tile of y. It walks along k in steps of
// TILE_K, and copies each step's part of a and of b into workgroup memory, zeros past the edge. An
// invocation keeps ROWS x COLUMNS results in registers, in blocks of 4 x 4 that lie LANES_M * 4 rows and
// LANES_N * 4 columns apart, so that neighbours read neighbouring vec4s of workgroup memory.
//
// Grid: min(tiles, 65535) workgroups, tiles = groups * ceil(m / TILE_M) * ceil(n / TILE_N).
// Traps: the loop over tiles and the loop along k are uniform, as barriers stand in them.
// Reference: `reference::matmul`. Host: `kernel/matmul.rs`.

const TRANSPOSE_A: bool = false;
const TRANSPOSE_B: bool = false;
const TILE_M: u32 = 64u;
const TILE_N: u32 = 64u;
const TILE_K: u32 = 16u;
const ROWS: u32 = 4u;    // of y, an invocation: a multiple of 4
const COLUMNS: u32 = 4u; // the same
const LANES_M: u32 = TILE_M / ROWS;
const LANES_N: u32 = TILE_N / COLUMNS;
const LANES: u32 = LANES_M * LANES_N;

// A row of a tile in workgroup memory: as vec4s, with one more, so that the columns of a tile that is
// transposed on its way in do not all fall on one memory bank.
const STRIDE_M: u32 = TILE_M / 4u + 1u;
const STRIDE_N: u32 = TILE_N / 4u + 1u;

struct Params { groups: u32, m: u32, n: u32, k: u32, alpha: f32, learning_rate: f32, weight_decay: f32 }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> a: array<Operand>;
@group(0) @binding(1) var<storage, read> b: array<Operand>;
@group(0) @binding(Y) var<storage, read_write> y: array<f32>;

var<workgroup> a_tile: array<vec4<f32>, TILE_K * STRIDE_M>; // [TILE_K, TILE_M]
var<workgroup> b_tile: array<vec4<f32>, TILE_K * STRIDE_N>; // [TILE_K, TILE_N]

// a_tile = op(a[group])[row .. row + TILE_M, depth .. depth + TILE_K]ᵀ. Neighbours read neighbours.
fn copy_a(group: u32, row: u32, depth: u32, lane: u32) {
    for (var e = lane; e < TILE_M * TILE_K; e += LANES) {
        var at = vec2(e / TILE_K, e % TILE_K); // (i, l)
        if TRANSPOSE_A { at = vec2(e % TILE_M, e / TILE_M); }
        let i = row + at.x;
        let l = depth + at.y;
        var value = 0.0;
        if i < p.m && l < p.k {
            if TRANSPOSE_A {
                value = f32(a[(group * padded(p.k) + l) * padded(p.m) + i]);
            } else {
                value = f32(a[(group * padded(p.m) + i) * padded(p.k) + l]);
            }
        }
        a_tile[at.y * STRIDE_M + at.x / 4u][at.x % 4u] = value;
    }
}

// b_tile = op(b[group])[depth .. depth + TILE_K, column .. column + TILE_N].
fn copy_b(group: u32, depth: u32, column: u32, lane: u32) {
    for (var e = lane; e < TILE_N * TILE_K; e += LANES) {
        var at = vec2(e % TILE_N, e / TILE_N); // (j, l)
        if TRANSPOSE_B { at = vec2(e / TILE_K, e % TILE_K); }
        let j = column + at.x;
        let l = depth + at.y;
        var value = 0.0;
        if j < p.n && l < p.k {
            if TRANSPOSE_B {
                value = f32(b[(group * padded(p.n) + j) * padded(p.k) + l]);
            } else {
                value = f32(b[(group * padded(p.k) + l) * padded(p.n) + j]);
            }
        }
        b_tile[at.y * STRIDE_N + at.x / 4u][at.x % 4u] = value;
    }
}

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

        var sum: array<array<vec4<f32>, COLUMNS / 4u>, ROWS>;
        for (var i = 0u; i < ROWS; i++) {
            for (var j = 0u; j < COLUMNS / 4u; j++) { sum[i][j] = vec4<f32>(); }
        }
        var row_sum = array<vec4<f32>, ROWS / 4u>();

        for (var depth = 0u; depth < p.k; depth += TILE_K) {
            copy_a(group, row, depth, lane);
            copy_b(group, depth, column, lane);
            workgroupBarrier();
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
            for (var j = 0u; j < COLUMNS; j++) {
                let y_column = column + (j / 4u * LANES_N + lane_n) * 4u + j % 4u;
                if y_row < p.m && y_column < p.n {
                    let at = (group * p.m + y_row) * p.n + y_column;
                    y[at] = finish(sum[i][j / 4u][j % 4u], column_term(group * p.n + y_column), at);
                }
            }
            if ROW_SUMS && lane_n == 0u && column == 0u && y_row < p.m {
                store_row_sum(group * p.m + y_row, row_sum[i / 4u][i % 4u]);
            }
        }
    }
}

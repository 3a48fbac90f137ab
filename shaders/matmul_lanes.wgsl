// y[g] = finish(op(a[g]) op(b[g])),  g < groups,  op(x) = xᵀ if TRANSPOSE_X, else x; every matrix row-major.
//
//   a: [groups, m, k], or [groups, k, m] if TRANSPOSE_A
//   b: [groups, k, n], or [groups, n, k] if TRANSPOSE_B
//   y: [groups, m, n]
//   Operand, padded, finish and store_row_sum: of the joined files
//
// For drivers that run on the CPU, and shapes that `matmul_broadcast` cannot take: any shape. A workgroup is
// one subgroup of 8 lanes and computes a TILE_M x TILE_N tile of y. The lanes divide k: lane l adds up
// the terms l, l + 8, l + 16 ... of every result of the tile, in registers. So each element of a and b is
// loaded once a tile, one a lane, and nothing is handed round. At the end a butterfly adds the lanes' sums:
// lane l keeps row l of each 8 rows. There is no barrier.
//
// Needs subgroups of exactly 8 lanes.
// Grid: min(tiles, 65535) workgroups, tiles = groups * ceil(m / TILE_M) * ceil(n / TILE_N).
// Traps: a row or column past the edge reads the last one instead, and its results are not stored; past the
// end of k both a and b are zero. The arrays of registers are indexed by loop variables alone, one a
// dimension; the driver unrolls such loops, others it leaves, 10 times slower.
// Reference: `reference::matmul`. Host: `kernel/matmul.rs`.

const TRANSPOSE_A: bool = false;
const TRANSPOSE_B: bool = false;
const BLOCKS: u32 = 2u; // of 8 rows, in a tile
const VECS: u32 = 3u;   // of 4 columns, in a tile
const SUBGROUP: u32 = 8u;
const TILE_M: u32 = 8u * BLOCKS;
const TILE_N: u32 = 4u * VECS;

struct Params { groups: u32, m: u32, n: u32, k: u32, alpha: f32, learning_rate: f32, weight_decay: f32 }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> a: array<Operand>;
@group(0) @binding(1) var<storage, read> b: array<Operand>;
@group(0) @binding(Y) var<storage, read_write> y: array<f32>;

fn load_a(group: u32, row: u32, l: u32) -> f32 {
    let i = min(row, p.m - 1u);
    if TRANSPOSE_A { return f32(a[(group * padded(p.k) + l) * padded(p.m) + i]); }
    return f32(a[(group * padded(p.m) + i) * padded(p.k) + l]);
}

fn load_b(group: u32, l: u32, column: u32) -> f32 {
    let j = min(column, p.n - 1u);
    if TRANSPOSE_B { return f32(b[(group * padded(p.n) + j) * padded(p.k) + l]); }
    return f32(b[(group * padded(p.k) + l) * padded(p.n) + j]);
}

// Two vectors become one: lanes with `bit` set get `odd`, the others `even`, each plus the lane across's part of it.
fn fold(even: vec4<f32>, odd: vec4<f32>, lane: u32, bit: u32) -> vec4<f32> {
    let takes_odd = (lane & bit) != 0u;
    return select(even, odd, takes_odd) + subgroupShuffleXor(select(odd, even, takes_odd), bit);
}

@compute @workgroup_size(SUBGROUP)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let tiles_m = (p.m + TILE_M - 1u) / TILE_M;
    let tiles_n = (p.n + TILE_N - 1u) / TILE_N;
    for (var tile = workgroup.x; tile < p.groups * tiles_m * tiles_n; tile += workgroups.x) {
        let group = tile / (tiles_m * tiles_n);
        let row = tile / tiles_n % tiles_m * TILE_M;
        let column = tile % tiles_n * TILE_N;

        var sum = array<array<array<vec4<f32>, VECS>, 8>, BLOCKS>();
        var row_sum = array<array<f32, 8>, BLOCKS>();
        for (var depth = 0u; depth < p.k; depth += SUBGROUP) {
            let l = min(depth + lane, p.k - 1u);
            let inside = depth + lane < p.k;

            var bs: array<vec4<f32>, VECS>;
            for (var v = 0u; v < VECS; v++) {
                let j = column + 4u * v;
                let terms = vec4<f32>(
                    load_b(group, l, j), load_b(group, l, j + 1u),
                    load_b(group, l, j + 2u), load_b(group, l, j + 3u));
                bs[v] = select(vec4<f32>(), terms, inside);
            }
            for (var block = 0u; block < BLOCKS; block++) {
                for (var r = 0u; r < 8u; r++) {
                    let term = select(0.0, load_a(group, row + 8u * block + r, l), inside);
                    for (var v = 0u; v < VECS; v++) { sum[block][r][v] += term * bs[v]; }
                    if ROW_SUMS { row_sum[block][r] += term; }
                }
            }
        }

        // Loops that are not unrolled, or they would take the driver longer to compile than all else: the registers
        // move up instead, so that they are still indexed by constants.
        for (var block = 0u; block < min(BLOCKS, p.m); block++) {
            let i = row + 8u * block + lane;
            for (var v = 0u; v < min(VECS, p.n); v++) {
                let rows_01 = fold(sum[0][0][0], sum[0][1][0], lane, 1u);
                let rows_23 = fold(sum[0][2][0], sum[0][3][0], lane, 1u);
                let rows_45 = fold(sum[0][4][0], sum[0][5][0], lane, 1u);
                let rows_67 = fold(sum[0][6][0], sum[0][7][0], lane, 1u);
                let rows_0123 = fold(rows_01, rows_23, lane, 2u);
                let rows_4567 = fold(rows_45, rows_67, lane, 2u);
                var total = fold(rows_0123, rows_4567, lane, 4u);

                for (var c = 0u; c < min(4u, p.n); c++) {
                    let j = column + 4u * v + c;
                    let at = (group * p.m + i) * p.n + j;
                    if i < p.m && j < p.n { y[at] = finish(total.x, column_term(group * p.n + j), at); }
                    total = total.yzww;
                }
                for (var r = 0u; r < 8u; r++) {
                    for (var next = 1u; next < VECS; next++) { sum[0][r][next - 1u] = sum[0][r][next]; }
                }
            }
            if ROW_SUMS && tile % tiles_n == 0u {
                for (var r = 0u; r < 8u * min(1u, p.m); r++) {
                    let total = subgroupAdd(row_sum[0][0]);
                    if lane == r && i < p.m { store_row_sum(group * p.m + i, total); }
                    for (var next = 1u; next < 8u; next++) { row_sum[0][next - 1u] = row_sum[0][next]; }
                }
            }
            for (var next = 1u; next < BLOCKS; next++) {
                sum[next - 1u] = sum[next];
                row_sum[next - 1u] = row_sum[next];
            }
        }
    }
}

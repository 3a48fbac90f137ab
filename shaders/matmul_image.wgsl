// y[g] = finish(op(a[g]) op(b[g])),  g < groups,  op(x) = xᵀ if TRANSPOSE_X, else x; every matrix row-major.
//
//   a: [groups, m, k], or [groups, k, m] if TRANSPOSE_A: an image that the executor copies it into
//   b: [groups, k, n], or [groups, n, k] if TRANSPOSE_B: the same
//   y: [groups, m, n]
//   finish and store_row_sum: of the joined files
//
// For drivers that run on the CPU, where a subgroup is one SIMD vector. They load from a buffer lane by lane,
// with a branch each, and from an image by whole vectors without a branch, in an eighth of the time. So a line
// of the image is a row of the matrix, or, where that is no multiple of 64, LINE texels of the matrix as it lies.
//
// A workgroup is one subgroup and computes a TILE_M x TILE_N tile of y, an invocation 4 columns of it, all in
// registers. Along k it goes by 4. Each lane loads its own columns of b, and of a whole rows: of every 8 rows
// one. These are not handed round to all lanes; they turn by one lane at a time, so that in 8 turns each lane
// sees each row, a different one than its neighbour. There is no barrier.
//
// Needs n % 4 == 0, (TRANSPOSE_A ? m : k) % 4 == 0, and if TRANSPOSE_B also k % 4 == 0; BLOCKS is 4 if
// TRANSPOSE_A. Needs subgroups of exactly 8 lanes.
// Grid: min(tiles, 65535) workgroups, tiles = groups * ceil(m / TILE_M) * ceil(n / TILE_N).
// Traps: a row or column past the edge reads the last one instead, and its results are not stored. Only k
// past the edge (a transposed, b not) must add nothing: there a is zero. In a loop the driver gathers even a
// number that all lanes share, so sizes are read before. The arrays of registers are indexed by loop variables
// alone, one a dimension; the driver unrolls such loops, others it leaves, 10 times slower. Code of more than
// about 28 KiB runs at half the speed: so no larger tile.
// Reference: `reference::matmul`. Host: `kernel/matmul.rs`.

const TRANSPOSE_A: bool = false;
const TRANSPOSE_B: bool = false;
const ROWS_A: bool = false; // a line of the image is a row of a
const ROWS_B: bool = false;
const BLOCKS: u32 = 4u; // of 8 rows, in a tile
const SUBGROUP: u32 = 8u;
const TILE_M: u32 = 8u * BLOCKS;
const TILE_N: u32 = 4u * SUBGROUP;
const LINE: u32 = 4096u;

struct Params { groups: u32, m: u32, n: u32, k: u32, alpha: f32, learning_rate: f32, weight_decay: f32 }
var<immediate> p: Params;
@group(0) @binding(0) var a: texture_storage_2d<rgba32float, read>;
@group(0) @binding(1) var b: texture_storage_2d<rgba32float, read>;
@group(0) @binding(Y) var<storage, read_write> y: array<vec4<f32>>;

// Where a row's texel `column` is, if a row has `columns` of them.
fn texel(row: u32, column: u32, columns: u32, is_row: bool) -> vec2<u32> {
    if is_row { return vec2(column, row); }
    let at = row * columns + column;
    return vec2(at % LINE, at / LINE);
}

@compute @workgroup_size(SUBGROUP)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let m = p.m;
    let n = p.n;
    let k = p.k;
    let columns_a = select(k, m, TRANSPOSE_A) / 4u;
    let columns_b = select(n, k, TRANSPOSE_B) / 4u;
    let tiles_m = (m + TILE_M - 1u) / TILE_M;
    let tiles_n = (n + TILE_N - 1u) / TILE_N;
    for (var tile = workgroup.x; tile < p.groups * tiles_m * tiles_n; tile += workgroups.x) {
        let group = tile / (tiles_m * tiles_n);
        let row = tile % tiles_m * TILE_M; // the tiles that share columns of b follow each other
        let j = tile / tiles_m % tiles_n * TILE_N + 4u * lane;
        let own = min(j, n - 4u);
        let own_a = min(row + 4u * lane, m - 4u) / 4u; // if a is transposed

        var sum = array<array<vec4<f32>, SUBGROUP>, BLOCKS>();
        var row_sum = array<vec4<f32>, BLOCKS>();
        for (var depth = 0u; depth < k; depth += 4u) {
            var rows: mat4x4<f32>; // of op(a), by 4 of k
            var bs: mat4x4<f32>;   // rows of op(b), by 4 columns
            for (var l = 0u; l < 4u; l++) {
                if TRANSPOSE_A {
                    let at = texel(group * k + min(depth + l, k - 1u), own_a, columns_a, ROWS_A);
                    rows[l] = select(vec4<f32>(), textureLoad(a, at), depth + l < k);
                } else if l < BLOCKS {
                    let i = min(row + 8u * l + lane, m - 1u);
                    rows[l] = textureLoad(a, texel(group * m + i, depth / 4u, columns_a, ROWS_A));
                }
                if TRANSPOSE_B {
                    bs[l] = textureLoad(b, texel(group * n + own + l, depth / 4u, columns_b, ROWS_B));
                } else {
                    let at = texel(group * k + min(depth + l, k - 1u), own / 4u, columns_b, ROWS_B);
                    bs[l] = textureLoad(b, at);
                }
            }
            if TRANSPOSE_A { rows = transpose(rows); }
            if TRANSPOSE_B { bs = transpose(bs); }

            for (var block = 0u; block < BLOCKS; block++) {
                if ROW_SUMS { row_sum[block] += rows[block]; }
                for (var turn = 0u; turn < SUBGROUP; turn++) {
                    sum[block][turn] += bs * subgroupShuffle(rows[block], (lane + turn) % SUBGROUP);
                }
            }
        }

        let term = column_term((group * n + own) / 4u);
        for (var block = 0u; block < min(BLOCKS, m); block++) {
            for (var turn = 0u; turn < SUBGROUP; turn++) {
                let whose = (lane + turn) % SUBGROUP;
                let i = row + select(8u * block + whose, 4u * whose + block, TRANSPOSE_A);
                let at = ((group * m + i) * n + j) / 4u;
                if i < m && j < n { y[at] = finish(sum[0][turn], term, at); }
            }
            let i = row + select(8u * block + lane, 4u * lane + block, TRANSPOSE_A);
            if ROW_SUMS && j == 4u * lane && i < m {
                store_row_sum(group * m + i, dot(row_sum[0], vec4<f32>(1.0)));
            }
            for (var next = 1u; next < BLOCKS; next++) {
                sum[next - 1u] = sum[next];
                row_sum[next - 1u] = row_sum[next];
            }
        }
    }
}

// y[g] = finish(op(a[g]) op(b[g])),  g < groups,  op(x) = xᵀ if TRANSPOSE_X, else x; every matrix row-major.
//
//   a: [groups, m, k], or [groups, k, m] if TRANSPOSE_A: an image that the executor copies it into
//   b: [groups, k, n], or [groups, n, k] if TRANSPOSE_B: the same
//   y: [groups, m, n]
//   part, finish and store_row_sum: of the joined files
//
// For drivers that run on the CPU, where a subgroup is one SIMD vector. They load from a buffer lane by lane,
// with a branch each, and from an image by whole vectors without a branch, in an eighth of the time. A row in an
// image begins with a whole texel, behind its end are zeros, and a line holds a power of two of rows.
//
// A workgroup is one subgroup and computes a TILE_M x TILE_N tile of y, an invocation 4 columns of it, all in
// registers. Along k it goes by 4. Each lane loads its own columns of b, and of a whole rows: of every 8 rows
// one. These are not handed round to all lanes; they turn by one lane at a time, so that in 8 turns each lane
// sees each row, a different one than its neighbour. There is no barrier.
//
// Takes every shape; BLOCKS is 4 if TRANSPOSE_A. Needs subgroups of exactly 8 lanes.
// Grid: min(tiles, 65535) workgroups, tiles = groups * ceil(m / TILE_M) * ceil(n / TILE_N).
// Traps: a row or column past the edge reads the last one instead, and its results are not stored. Only k
// past the edge must add nothing: if a is transposed it is zero there, else its rows end with zeros. In a loop the
// driver gathers even a number that all lanes share, so sizes are read before. The arrays of registers are indexed by
// loop variables alone, one a dimension; the driver unrolls such loops, others it leaves, 10 times slower. Code of more
// than about 28 KiB runs at half the speed: so no larger tile.
// Reference: `reference::matmul`. Host: `kernel/matmul.rs`.

const TRANSPOSE_A: bool = false;
const TRANSPOSE_B: bool = false;
const BLOCKS: u32 = 4u; // of 8 rows, in a tile
const SUBGROUP: u32 = 8u;
const TILE_M: u32 = 8u * BLOCKS;
const TILE_N: u32 = 4u * SUBGROUP;
const PADDING: u32 = 4u; // texels behind the rows of a line
alias PartY = f32; // or a vec4 of neighbours in a row
const WIDTH: u32 = 1u; // elements of it

struct Params { groups: u32, m: u32, n: u32, k: u32, alpha: f32, learning_rate: f32, weight_decay: f32 }
var<immediate> p: Params;
@group(0) @binding(0) var a: texture_storage_2d<rgba32float, read>;
@group(0) @binding(1) var b: texture_storage_2d<rgba32float, read>;
@group(0) @binding(Y) var<storage, read_write> y: array<PartY>;

// An image's rows: texels in each, and the logarithm of how many a line holds.
struct Rows { texels: u32, shift: u32 }

fn rows_of(elements: u32, width: u32) -> Rows {
    let texels = (elements + 3u) / 4u;
    return Rows(texels, firstTrailingBit((width - PADDING) / texels));
}

// Where a row's texel `column` is.
fn texel(rows: Rows, row: u32, column: u32) -> vec2<u32> {
    let before = row & ((1u << rows.shift) - 1u); // rows before it in its line
    return vec2(before * rows.texels + column, row >> rows.shift);
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
    let rows_a = rows_of(select(k, m, TRANSPOSE_A), textureDimensions(a).x);
    let rows_b = rows_of(select(n, k, TRANSPOSE_B), textureDimensions(b).x);
    let tiles_m = (m + TILE_M - 1u) / TILE_M;
    let tiles_n = (n + TILE_N - 1u) / TILE_N;
    for (var tile = workgroup.x; tile < p.groups * tiles_m * tiles_n; tile += workgroups.x) {
        let group = tile / (tiles_m * tiles_n);
        let row = tile % tiles_m * TILE_M; // the tiles that share columns of b follow each other
        let j = tile / tiles_m % tiles_n * TILE_N + 4u * lane;

        // Where this lane's rows begin if they lie along k, or else its column.
        var from_a: array<vec2<u32>, 4>;
        var from_b: array<vec2<u32>, 4>;
        for (var l = 0u; l < 4u; l++) {
            from_a[l] = texel(rows_a, group * m + min(row + 8u * l + lane, m - 1u), 0u);
            from_b[l] = texel(rows_b, group * n + min(j + l, n - 1u), 0u);
        }
        let column_a = min(row / 4u + lane, rows_a.texels - 1u);
        let column_b = min(j / 4u, rows_b.texels - 1u);

        var sum = array<array<vec4<f32>, SUBGROUP>, BLOCKS>();
        var row_sum = array<vec4<f32>, BLOCKS>();
        for (var depth = 0u; depth < k; depth += 4u) {
            var rows: mat4x4<f32>; // of op(a), by 4 of k
            var bs: mat4x4<f32>;   // rows of op(b), by 4 columns
            for (var l = 0u; l < 4u; l++) {
                if TRANSPOSE_A {
                    let at = texel(rows_a, group * k + min(depth + l, k - 1u), column_a);
                    rows[l] = select(vec4<f32>(), textureLoad(a, at), depth + l < k);
                } else if l < BLOCKS {
                    rows[l] = textureLoad(a, from_a[l] + vec2(depth / 4u, 0u));
                }
                if TRANSPOSE_B {
                    bs[l] = textureLoad(b, from_b[l] + vec2(depth / 4u, 0u));
                } else {
                    bs[l] = textureLoad(b, texel(rows_b, group * k + min(depth + l, k - 1u), column_b));
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

        // Loops that are not unrolled, or they would take the driver long to compile: the registers move up instead.
        var terms: array<PartY, 4u / WIDTH>;
        for (var c = 0u; c < 4u; c += WIDTH) {
            terms[c / WIDTH] = column_term((group * n + min(j + c, n - WIDTH)) / WIDTH);
        }
        for (var block = 0u; block < min(BLOCKS, m); block++) {
            for (var turn = 0u; turn < SUBGROUP * min(1u, m); turn++) {
                let whose = (lane + turn) % SUBGROUP;
                let i = row + select(8u * block + whose, 4u * whose + block, TRANSPOSE_A);
                for (var c = 0u; c < 4u; c += WIDTH) {
                    let at = ((group * m + i) * n + j + c) / WIDTH;
                    if i < m && j + c < n { y[at] = finish(part(sum[0][0], c), terms[c / WIDTH], at); }
                }
                for (var next = 1u; next < SUBGROUP; next++) { sum[0][next - 1u] = sum[0][next]; }
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

// y[g] = finish(op(a[g]) op(b[g])),  g < groups,  op(x) = xᵀ if TRANSPOSE_X, else x; every matrix row-major.
//
//   a: [groups, m, k], or [groups, k, m] if TRANSPOSE_A
//   b: [groups, k, n], or [groups, n, k] if TRANSPOSE_B
//   y: [groups, m, n]
//   Operands, padded, finish and store_row_sum: of the joined files
//
// For drivers that run on the CPU, where a subgroup is one SIMD vector, every load is a loop over its lanes,
// and arithmetic is nearly free. So nothing is loaded twice for a tile: a workgroup is one subgroup and
// computes a TILE_M x TILE_N tile of y, an invocation the columns 4 * VECS of it, all in registers. Along k
// it goes by 4. Each lane loads its own columns of b; the rows of a are shared out, one vec4 a lane and
// block of 8 rows, and `subgroupBroadcast` hands them round. There is no barrier. Tiles follow each other in bands
// of BAND tiles height, down and then to the right: their columns of b and the band's rows of a stay in the cache.
//
// Needs n % 4 == 0, (TRANSPOSE_A ? m : k) % 4 == 0, and if TRANSPOSE_B also k % 4 == 0, in memory: the rows of
// a, b and y are read as vec4s. Needs subgroups of exactly SUBGROUP lanes.
// Grid: min(tiles, 65535) workgroups, tiles = groups * ceil(m / TILE_M) * ceil(n / TILE_N).
// Traps: a row or column past the edge reads the last one instead, and its results are not stored. Only k
// past the edge (a transposed, b not) must add nothing: there a is zero. The arrays of registers are indexed
// by loop variables alone, one a dimension; the driver unrolls such loops, others it leaves, 10 times slower.
// Reference: `reference::matmul`. Host: `kernel/matmul.rs`.

const TRANSPOSE_A: bool = false;
const TRANSPOSE_B: bool = false;
const BLOCKS: u32 = 4u; // of 8 rows, in a tile
const VECS: u32 = 2u;   // of 4 columns, an invocation
const ROLLED: bool = false; // the loop over rows at the end
const BAND: u32 = 8u; // tiles above each other that follow each other
const SUBGROUP: u32 = 8u;
const TILE_M: u32 = 8u * BLOCKS;
const TILE_N: u32 = 4u * VECS * SUBGROUP;

struct Params { groups: u32, m: u32, n: u32, k: u32, alpha: f32, learning_rate: f32, weight_decay: f32 }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> a: array<Operands>;
@group(0) @binding(1) var<storage, read> b: array<Operands>;
@group(0) @binding(Y) var<storage, read_write> y: array<vec4<f32>>;

// The lane's share of 8 rows of op(a), from `row`, by 4 of k, from `depth`: row `lane`, or if a is
// transposed, the half (lane / 4) of column (lane % 4).
fn load_a(group: u32, row: u32, depth: u32, lane: u32) -> vec4<f32> {
    if TRANSPOSE_A {
        let l = depth + lane % 4u;
        let stride = padded(p.m);
        let i = min(row + lane / 4u * 4u, stride - 4u);
        let rows = vec4<f32>(a[((group * padded(p.k) + min(l, p.k - 1u)) * stride + i) / 4u]);
        return select(vec4<f32>(), rows, l < p.k);
    }
    let i = min(row + lane, p.m - 1u);
    return vec4<f32>(a[((group * padded(p.m) + i) * padded(p.k) + depth) / 4u]);
}

// The sum of row `lane` of 8 from the lanes' shares of them.
fn total_of_row(shares: vec4<f32>, lane: u32) -> f32 {
    if TRANSPOSE_A {
        let pairs = shares + subgroupShuffleXor(shares, 1u);
        return (pairs + subgroupShuffleXor(pairs, 2u))[lane % 4u];
    }
    return (shares.x + shares.y) + (shares.z + shares.w);
}

// Four rows of op(b), from `depth`, by 4 columns, from `column`: [l] is a row.
fn load_b(group: u32, depth: u32, column: u32) -> mat4x4<f32> {
    var block: mat4x4<f32>;
    if TRANSPOSE_B {
        let j = min(column, p.n - 4u);
        let stride = padded(p.k) / 4u;
        let at = (group * padded(p.n) + j) * stride + depth / 4u;
        block = transpose(mat4x4<f32>(
            vec4<f32>(b[at]), vec4<f32>(b[at + stride]),
            vec4<f32>(b[at + 2u * stride]), vec4<f32>(b[at + 3u * stride])));
    } else {
        let j = min(column, p.n - 4u);
        for (var l = 0u; l < 4u; l++) {
            block[l] = vec4<f32>(b[((group * padded(p.k) + min(depth + l, p.k - 1u)) * padded(p.n) + j) / 4u]);
        }
    }
    return block;
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
        let inside = tile % (tiles_m * tiles_n);
        let first = inside / (BAND * tiles_n) * BAND;
        let high = min(BAND, tiles_m - first); // of this band
        let within = inside - first * tiles_n;
        let row = (first + within % high) * TILE_M;
        let column = within / high * TILE_N + 4u * VECS * lane;

        var sum = array<array<array<vec4<f32>, VECS>, 8>, BLOCKS>();
        var row_sum = array<vec4<f32>, BLOCKS>(); // of the lane's shares of a
        for (var depth = 0u; depth < p.k; depth += 4u) {
            var bs: array<mat4x4<f32>, VECS>;
            for (var v = 0u; v < VECS; v++) { bs[v] = load_b(group, depth, column + 4u * v); }

            for (var block = 0u; block < BLOCKS; block++) {
                let share = load_a(group, row + 8u * block, depth, lane);
                if ROW_SUMS { row_sum[block] += share; }
                var upper = mat4x4<f32>( // rows 0 to 3 of the block: [i] is a row, by 4 of k
                    subgroupBroadcast(share, 0u), subgroupBroadcast(share, 1u),
                    subgroupBroadcast(share, 2u), subgroupBroadcast(share, 3u));
                var lower = mat4x4<f32>( // rows 4 to 7
                    subgroupBroadcast(share, 4u), subgroupBroadcast(share, 5u),
                    subgroupBroadcast(share, 6u), subgroupBroadcast(share, 7u));
                if TRANSPOSE_A {
                    upper = transpose(upper);
                    lower = transpose(lower);
                }
                for (var v = 0u; v < VECS; v++) {
                    sum[block][0][v] += bs[v] * upper[0];
                    sum[block][1][v] += bs[v] * upper[1];
                    sum[block][2][v] += bs[v] * upper[2];
                    sum[block][3][v] += bs[v] * upper[3];
                    sum[block][4][v] += bs[v] * lower[0];
                    sum[block][5][v] += bs[v] * lower[1];
                    sum[block][6][v] += bs[v] * lower[2];
                    sum[block][7][v] += bs[v] * lower[3];
                }
            }
        }

        var terms: array<vec4<f32>, VECS>;
        for (var v = 0u; v < VECS; v++) {
            terms[v] = column_term((group * p.n + min(column + 4u * v, p.n - 4u)) / 4u);
        }
        if ROLLED {
            // By one index, which the sums above must not have. The driver would unroll the loop if it saw its end, or an
            // index that ends it.
            var results: array<vec4<f32>, 8u * BLOCKS * VECS>;
            for (var block = 0u; block < BLOCKS; block++) {
                for (var r = 0u; r < 8u; r++) {
                    for (var v = 0u; v < VECS; v++) { results[(8u * block + r) * VECS + v] = sum[block][r][v]; }
                }
            }
            let last = 8u * BLOCKS * VECS * min(1u, p.m) - 1u;
            for (var r = 0u; r < 8u * BLOCKS * min(1u, p.m); r++) {
                for (var v = 0u; v < VECS; v++) {
                    let j = column + 4u * v;
                    let at = ((group * p.m + row + r) * p.n + j) / 4u;
                    let result = results[min(r * VECS + v, last)];
                    if row + r < p.m && j < p.n { y[at] = finish(result, terms[v], at); }
                }
            }
        } else {
            for (var v = 0u; v < VECS; v++) {
                let j = column + 4u * v;
                for (var block = 0u; block < BLOCKS; block++) {
                    for (var r = 0u; r < 8u; r++) {
                        let i = row + 8u * block + r;
                        let at = ((group * p.m + i) * p.n + j) / 4u;
                        if i < p.m && j < p.n { y[at] = finish(sum[block][r][v], terms[v], at); }
                    }
                }
            }
        }
        if ROW_SUMS && within < high {
            for (var block = 0u; block < BLOCKS; block++) {
                let i = row + 8u * block + lane;
                let total = total_of_row(row_sum[block], lane);
                if i < p.m { store_row_sum(group * p.m + i, total); }
            }
        }
    }
}

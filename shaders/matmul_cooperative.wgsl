// y[g] = finish(op(a[g]) op(b[g])),  g < groups,  op(x) = xᵀ if TRANSPOSE_X, else x; every matrix row-major.
//
//   a: [groups, m, k], or [groups, k, m] if TRANSPOSE_A
//   b: [groups, k, n], or [groups, n, k] if TRANSPOSE_B
//   y: [groups, m, n]
//   rows and columns of a and b are padded with zeros to multiples of 16
//   padded, finish and store_row_sum: of the joined files
//
// For GPUs with cooperative matrices of 16 x 16, f16 in and f32 out. A workgroup is one subgroup and computes a tile
// of y of 32 x 32, as 2 x 2 fragments, with k in steps of 16. Fragments of a and b are loaded straight from the
// operands; a tile past the edge loads the last fragment instead, and its results are not stored. A fragment cannot
// be indexed, so the sums go through workgroup memory to be finished and stored.
//
// Needs subgroups of exactly SUBGROUP lanes.
// Grid: min(tiles, 65535) workgroups, tiles = groups * ceil(m / 32) * ceil(n / 32).
// Traps: every load, multiplication and store of a fragment stands in uniform control flow, which naga does not
// check. The Vulkan memory model promises nothing of fragments that are read through workgroup memory behind a
// barrier (wgpu #8805): so this kernel is chosen only on an adapter on which it has just passed the self-test, see
// gpu/cooperative.rs.
// Reference: `reference::matmul`. Host: `kernel/matmul.rs`.

enable f16;
enable wgpu_cooperative_matrix;

const TRANSPOSE_A: bool = false;
const TRANSPOSE_B: bool = false;
const SUBGROUP: u32 = 32u;
const FRAGMENT: u32 = 16u;
const TILE: u32 = 32u;

struct Params { groups: u32, m: u32, n: u32, k: u32, alpha: f32, learning_rate: f32, weight_decay: f32 }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> a: array<Operand>;
@group(0) @binding(1) var<storage, read> b: array<Operand>;
@group(0) @binding(Y) var<storage, read_write> y: array<f32>;

var<workgroup> sums_of_tile: array<f32, TILE * TILE>;

// op(a[group])[i .. i + 16, l .. l + 16]
fn load_a(group: u32, i: u32, l: u32) -> coop_mat16x16<f16, A> {
    let m = padded(p.m);
    let k = padded(p.k);
    if TRANSPOSE_A { return coopLoad<coop_mat16x16<f16, A>>(&a[(group * k + l) * m + i], m); }
    return coopLoadT<coop_mat16x16<f16, A>>(&a[(group * m + i) * k + l], k);
}

// op(b[group])[l .. l + 16, j .. j + 16]
fn load_b(group: u32, l: u32, j: u32) -> coop_mat16x16<f16, B> {
    let n = padded(p.n);
    let k = padded(p.k);
    if TRANSPOSE_B { return coopLoad<coop_mat16x16<f16, B>>(&b[(group * n + j) * k + l], k); }
    return coopLoadT<coop_mat16x16<f16, B>>(&b[(group * k + l) * n + j], n);
}

// The sum of row i of op(a[group]).
fn row_sum(group: u32, i: u32) -> f32 {
    let m = padded(p.m);
    let k = padded(p.k);
    var sum = 0.0;
    for (var l = 0u; l < p.k; l++) {
        var at = (group * m + i) * k + l;
        if TRANSPOSE_A { at = (group * k + l) * m + i; }
        sum += f32(a[at]);
    }
    return sum;
}

@compute @workgroup_size(SUBGROUP)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let tiles_m = (p.m + TILE - 1u) / TILE;
    let tiles_n = (p.n + TILE - 1u) / TILE;
    for (var tile = workgroup.x; tile < p.groups * tiles_m * tiles_n; tile += workgroups.x) {
        let group = tile / (tiles_m * tiles_n);
        let row = tile / tiles_n % tiles_m * TILE;
        let column = tile % tiles_n * TILE;
        let lower = min(row + FRAGMENT, padded(p.m) - FRAGMENT);
        let right = min(column + FRAGMENT, padded(p.n) - FRAGMENT);

        var sum_00: coop_mat16x16<f32, C>;
        var sum_01: coop_mat16x16<f32, C>;
        var sum_10: coop_mat16x16<f32, C>;
        var sum_11: coop_mat16x16<f32, C>;
        for (var l = 0u; l < p.k; l += FRAGMENT) {
            let a_0 = load_a(group, row, l);
            let a_1 = load_a(group, lower, l);
            let b_0 = load_b(group, l, column);
            let b_1 = load_b(group, l, right);
            sum_00 = coopMultiplyAdd(a_0, b_0, sum_00);
            sum_01 = coopMultiplyAdd(a_0, b_1, sum_01);
            sum_10 = coopMultiplyAdd(a_1, b_0, sum_10);
            sum_11 = coopMultiplyAdd(a_1, b_1, sum_11);
        }
        coopStoreT(sum_00, &sums_of_tile[0], TILE);
        coopStoreT(sum_01, &sums_of_tile[FRAGMENT], TILE);
        coopStoreT(sum_10, &sums_of_tile[FRAGMENT * TILE], TILE);
        coopStoreT(sum_11, &sums_of_tile[FRAGMENT * TILE + FRAGMENT], TILE);
        workgroupBarrier();

        for (var e = lane; e < TILE * TILE; e += SUBGROUP) {
            let i = row + e / TILE;
            let j = column + e % TILE;
            if i < p.m && j < p.n {
                let at = (group * p.m + i) * p.n + j;
                y[at] = finish(sums_of_tile[e], column_term(group * p.n + j), at);
            }
        }
        if ROW_SUMS && column == 0u && row + lane < p.m {
            store_row_sum(group * p.m + row + lane, row_sum(group, row + lane));
        }
        workgroupBarrier();
    }
}

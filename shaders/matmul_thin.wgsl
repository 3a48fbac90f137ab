// y[g] = finish(op(a[g]) op(b[g])),  g < groups,  op(x) = xᵀ if TRANSPOSE_X, else x; every matrix row-major.
//
//   a: [groups, m, k], or [groups, k, m] if TRANSPOSE_A
//   b: [groups, k, n], or [groups, n, k] if TRANSPOSE_B
//   y: [groups, m, n]
//   Operand, padded and finish: of the joined files
//
// For real GPUs, where y has few rows (a prediction), or few columns (SWAP: ten classes). Then one operand is thin
// and the other long, and all that counts is to read the long one once. A workgroup takes ROWS rows of the thin
// one and LANES_N * COLUMNS columns of the long one, and its LANES_K lanes beside each other divide k. Each adds
// up its terms in registers; then the parts of each sum are added in order, in workgroup memory.
//
// LANES_N = 1 is for a long operand whose columns lie along k, so that neighbours read neighbours; LANES_N = 16
// for one whose columns lie side by side.
// Grid: min(tiles, 65535) workgroups, tiles = groups * ceil(rows / ROWS) * ceil(columns / (LANES_N * COLUMNS)).
// Traps: the loop over tiles is uniform, as barriers stand in it. Past an edge the last row or column is read
// instead, and its sums are not stored. There are no row sums.
// Reference: `reference::matmul`. Host: `kernel/matmul.rs`.

const TRANSPOSE_A: bool = false;
const TRANSPOSE_B: bool = false;
const SWAP: bool = false; // b is the thin one
const ROWS: u32 = 8u;
const COLUMNS: u32 = 4u;
const LANES_N: u32 = 1u;
const LANES_K: u32 = 64u;
const LANES: u32 = LANES_N * LANES_K;
const SUMS: u32 = ROWS * COLUMNS;

struct Params { groups: u32, m: u32, n: u32, k: u32, alpha: f32, learning_rate: f32, weight_decay: f32 }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> a: array<Operand>;
@group(0) @binding(1) var<storage, read> b: array<Operand>;
@group(0) @binding(Y) var<storage, read_write> y: array<f32>;
var<workgroup> parts: array<f32, LANES * SUMS>; // [LANES_K, LANES_N, ROWS, COLUMNS]

fn of_a(group: u32, i: u32, l: u32) -> f32 {
    if TRANSPOSE_A { return f32(a[(group * padded(p.k) + l) * padded(p.m) + i]); }
    return f32(a[(group * padded(p.m) + i) * padded(p.k) + l]);
}

fn of_b(group: u32, l: u32, j: u32) -> f32 {
    if TRANSPOSE_B { return f32(b[(group * padded(p.n) + j) * padded(p.k) + l]); }
    return f32(b[(group * padded(p.k) + l) * padded(p.n) + j]);
}

fn thin(group: u32, i: u32, l: u32) -> f32 {
    if SWAP { return of_b(group, l, i); }
    return of_a(group, i, l);
}

fn long(group: u32, l: u32, j: u32) -> f32 {
    if SWAP { return of_a(group, j, l); }
    return of_b(group, l, j);
}

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let size = select(vec2(p.m, p.n), vec2(p.n, p.m), SWAP); // of y, if the thin operand has its rows
    let tiles = (size + vec2(ROWS, LANES_N * COLUMNS) - 1u) / vec2(ROWS, LANES_N * COLUMNS);
    for (var tile = workgroup.x; tile < p.groups * tiles.x * tiles.y; tile += workgroups.x) {
        let group = tile / (tiles.x * tiles.y);
        let corner = vec2(tile % tiles.x * ROWS, tile / tiles.x % tiles.y * LANES_N * COLUMNS);

        var sum = array<array<f32, COLUMNS>, ROWS>();
        for (var l = lane / LANES_N; l < p.k; l += LANES_K) {
            var terms: array<f32, ROWS>;
            for (var i = 0u; i < ROWS; i++) { terms[i] = thin(group, min(corner.x + i, size.x - 1u), l); }
            for (var j = 0u; j < COLUMNS; j++) {
                let factor = long(group, l, min(corner.y + j * LANES_N + lane % LANES_N, size.y - 1u));
                for (var i = 0u; i < ROWS; i++) { sum[i][j] += terms[i] * factor; }
            }
        }

        for (var i = 0u; i < ROWS; i++) {
            for (var j = 0u; j < COLUMNS; j++) { parts[lane * SUMS + i * COLUMNS + j] = sum[i][j]; }
        }
        workgroupBarrier();
        for (var e = lane; e < LANES_N * SUMS; e += LANES) {
            var total = 0.0;
            for (var q = 0u; q < LANES_K; q++) { total += parts[q * LANES_N * SUMS + e]; }
            let at = corner + vec2(e / COLUMNS % ROWS, e % COLUMNS * LANES_N + e / SUMS);
            let place = select(at, at.yx, SWAP); // row and column of y
            if all(at < size) {
                let to = (group * p.m + place.x) * p.n + place.y;
                y[to] = finish(total, column_term(group * p.n + place.y), to);
            }
        }
        workgroupBarrier();
    }
}

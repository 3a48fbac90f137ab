// The parts of a and b that a step of `matmul_tile` multiplies: from the buffers into registers, and from there
// into workgroup memory. An invocation takes every LANES-th vec4 of a part, so that neighbours read neighbours. What an
// operand in half precision is padded with is zeros as well, so it counts as inside; sums are of f32 either way.

alias PartA = f32; // or f16, or a vec4 of neighbours in a row where rows divide by 4
alias PartB = f32;
const WIDE_A: bool = false; // whether it is
const WIDE_B: bool = false;
const ALONG_A: u32 = select(TILE_K, TILE_M, TRANSPOSE_A); // a part's width, as it is stored
const ALONG_B: u32 = select(TILE_N, TILE_K, TRANSPOSE_B);
const LOADS_A: u32 = TILE_M * TILE_K / 4u / LANES; // vec4s of a part that an invocation takes
const LOADS_B: u32 = TILE_N * TILE_K / 4u / LANES;
// A row of a tile in workgroup memory: as vec4s, with one more, so that the columns of a tile that is
// transposed on its way in do not all fall on one memory bank.
const STRIDE_M: u32 = TILE_M / 4u + 1u;
const STRIDE_N: u32 = TILE_N / 4u + 1u;

@group(0) @binding(0) var<storage, read> a: array<PartA>;
@group(0) @binding(1) var<storage, read> b: array<PartB>;
var<workgroup> a_tile: array<vec4<f32>, TILE_K * STRIDE_M>; // [TILE_K, TILE_M]
var<workgroup> b_tile: array<vec4<f32>, TILE_K * STRIDE_N>; // [TILE_K, TILE_N]
var<private> next_a: array<vec4<f32>, LOADS_A>;
var<private> next_b: array<vec4<f32>, LOADS_B>;

// Row and column of vec4 number e of a part that is `along` wide.
fn place(e: u32, along: u32) -> vec2<u32> {
    return vec2(e / (along / 4u), e % (along / 4u) * 4u);
}

// Loads op(a[group])[row .. row + TILE_M, depth .. depth + TILE_K], zeros outside of it.
fn fetch_a(group: u32, row: u32, depth: u32, lane: u32) {
    let size = select(vec2(padded(p.m), padded(p.k)), vec2(padded(p.k), padded(p.m)), TRANSPOSE_A);
    let corner = select(vec2(row, depth), vec2(depth, row), TRANSPOSE_A);
    for (var e = 0u; e < LOADS_A; e++) {
        let at = corner + place(lane + e * LANES, ALONG_A);
        let first = (group * size.x + at.x) * size.y + at.y;
        var four = vec4<f32>();
        if WIDE_A {
            if all(at < size) { four = vec4<f32>(a[first / 4u]); }
        } else {
            for (var c = 0u; c < 4u; c++) {
                if at.x < size.x && at.y + c < size.y { four[c] = vec4<f32>(a[first + c]).x; }
            }
        }
        next_a[e] = four;
    }
}

// Loads op(b[group])[depth .. depth + TILE_K, column .. column + TILE_N], zeros outside of it.
fn fetch_b(group: u32, depth: u32, column: u32, lane: u32) {
    let size = select(vec2(padded(p.k), padded(p.n)), vec2(padded(p.n), padded(p.k)), TRANSPOSE_B);
    let corner = select(vec2(depth, column), vec2(column, depth), TRANSPOSE_B);
    for (var e = 0u; e < LOADS_B; e++) {
        let at = corner + place(lane + e * LANES, ALONG_B);
        let first = (group * size.x + at.x) * size.y + at.y;
        var four = vec4<f32>();
        if WIDE_B {
            if all(at < size) { four = vec4<f32>(b[first / 4u]); }
        } else {
            for (var c = 0u; c < 4u; c++) {
                if at.x < size.x && at.y + c < size.y { four[c] = vec4<f32>(b[first + c]).x; }
            }
        }
        next_b[e] = four;
    }
}

fn put_a(lane: u32) {
    for (var e = 0u; e < LOADS_A; e++) {
        let at = place(lane + e * LANES, ALONG_A);
        if TRANSPOSE_A {
            a_tile[at.x * STRIDE_M + at.y / 4u] = next_a[e];
        } else {
            for (var c = 0u; c < 4u; c++) { a_tile[(at.y + c) * STRIDE_M + at.x / 4u][at.x % 4u] = next_a[e][c]; }
        }
    }
}

fn put_b(lane: u32) {
    for (var e = 0u; e < LOADS_B; e++) {
        let at = place(lane + e * LANES, ALONG_B);
        if !TRANSPOSE_B {
            b_tile[at.x * STRIDE_N + at.y / 4u] = next_b[e];
        } else {
            for (var c = 0u; c < 4u; c++) { b_tile[(at.y + c) * STRIDE_N + at.x / 4u][at.x % 4u] = next_b[e][c]; }
        }
    }
}

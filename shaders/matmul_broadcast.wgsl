const TRANSPOSE_A: bool = false;
const TRANSPOSE_B: bool = false;
const SUBGROUP: u32 = 8u;
const BLOCKS: u32 = 2u;                     // rows of a tile, in blocks of SUBGROUP
const TILE_M: u32 = SUBGROUP * BLOCKS;
const TILE_N: u32 = 4u * SUBGROUP;

struct Params { groups: u32, m: u32, n: u32, k: u32 }
var<immediate> p: Params;
@group(0) @binding(0) var<storage, read> a: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> b: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

// Lane's share of block `block` of a
fn load_a(group: u32, row: u32, depth: u32, block: u32, lane: u32) -> vec4<f32> {
    if TRANSPOSE_A {
        let column4 = min(row / 4u + block * (SUBGROUP / 4u) + lane / 4u, p.m / 4u - 1u);
        let l = depth + lane % 4u;
        if l >= p.k { return vec4<f32>(); }
        return a[(group * p.k + l) * (p.m / 4u) + column4];
    }
    let i = min(row + block * SUBGROUP + lane, p.m - 1u);
    return a[(group * p.m + i) * (p.k / 4u) + depth / 4u];
}

fn load_b(group: u32, depth: u32, column: u32) -> mat4x4<f32> {
    if TRANSPOSE_B {
        let last = p.n - 1u;
        let base = group * p.n;
        let k4 = p.k / 4u;
        let d4 = depth / 4u;
        return transpose(mat4x4<f32>(
            b[(base + min(column, last)) * k4 + d4],
            b[(base + min(column + 1u, last)) * k4 + d4],
            b[(base + min(column + 2u, last)) * k4 + d4],
            b[(base + min(column + 3u, last)) * k4 + d4],
        ));
    }
    let n4 = p.n / 4u;
    let c4 = min(column / 4u, n4 - 1u);
    let base = group * p.k;
    let last = p.k - 1u;
    return mat4x4<f32>(
        b[(base + min(depth, last)) * n4 + c4],
        b[(base + min(depth + 1u, last)) * n4 + c4],
        b[(base + min(depth + 2u, last)) * n4 + c4],
        b[(base + min(depth + 3u, last)) * n4 + c4],
    );
}

@compute @workgroup_size(SUBGROUP)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let tiles_n = (p.n + TILE_N - 1u) / TILE_N;
    let tiles_m = (p.m + TILE_M - 1u) / TILE_M;
    let tiles = p.groups * tiles_m * tiles_n;
    for (var tile = workgroup.x; tile < tiles; tile += workgroups.x) {
        let column = (tile % tiles_n) * TILE_N + 4u * lane;
        let row = (tile / tiles_n % tiles_m) * TILE_M;
        let group = tile / (tiles_n * tiles_m);

        var sum: array<vec4<f32>, TILE_M>;
        for (var depth = 0u; depth < p.k; depth += 4u) {
            let bs = load_b(group, depth, column);
            for (var block = 0u; block < BLOCKS; block++) {
                let as_ = load_a(group, row, depth, block, lane);
                let i = block * SUBGROUP;
                if TRANSPOSE_A {
                    for (var h = 0u; h < 2u; h++) {
                    let lo = subgroupBroadcast(as_, 0u); 
                    let l1 = subgroupBroadcast(as_, 1u); 
                    let l2 = subgroupBroadcast(as_, 2u); 
                    let l3 = subgroupBroadcast(as_, 3u); 
                    let h0 = subgroupBroadcast(as_, 4u); 
                    let h1 = subgroupBroadcast(as_, 5u); 
                    let h2 = subgroupBroadcast(as_, 6u); 
                    let h3 = subgroupBroadcast(as_, 7u); 
                    if h == 0u {
                    sum[i] += bs * vec4<f32>(lo.x, l1.x, l2.x, l3.x);
                    sum[i + 1u] += bs * vec4<f32>(lo.y, l1.y, l2.y, l3.y);
                    sum[i + 2u] += bs * vec4<f32>(lo.z, l1.z, l2.z, l3.z);
                    sum[i + 3u] += bs * vec4<f32>(lo.w, l1.w, l2.w, l3.w);
                    } else {
                    sum[i + 4u] += bs * vec4<f32>(h0.x, h1.x, h2.x, h3.x);
                    sum[i + 5u] += bs * vec4<f32>(h0.y, h1.y, h2.y, h3.y);
                    sum[i + 6u] += bs * vec4<f32>(h0.z, h1.z, h2.z, h3.z);
                    sum[i + 7u] += bs * vec4<f32>(h0.w, h1.w, h2.w, h3.w);
                    }
                    }
                } else {
                    sum[i] += bs * subgroupBroadcast(as_, 0u);
                    sum[i + 1u] += bs * subgroupBroadcast(as_, 1u);
                    sum[i + 2u] += bs * subgroupBroadcast(as_, 2u);
                    sum[i + 3u] += bs * subgroupBroadcast(as_, 3u);
                    sum[i + 4u] += bs * subgroupBroadcast(as_, 4u);
                    sum[i + 5u] += bs * subgroupBroadcast(as_, 5u);
                    sum[i + 6u] += bs * subgroupBroadcast(as_, 6u);
                    sum[i + 7u] += bs * subgroupBroadcast(as_, 7u);
                }
            }
        }
        for (var i = 0u; i < TILE_M; i++) {
            if row + i < p.m {
                let at = (group * p.m + row + i) * p.n + column;
                if column < p.n { y[at] = sum[i].x; }
                if column + 1u < p.n { y[at + 1u] = sum[i].y; }
                if column + 2u < p.n { y[at + 2u] = sum[i].z; }
                if column + 3u < p.n { y[at + 3u] = sum[i].w; }
            }
        }
    }
}
